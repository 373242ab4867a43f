"""Ambience: its loudness, its seam, its places, and files that a preset may name."""

from pathlib import Path

import numpy as np
import pytest
from scipy import signal

from lofigen_kit.api import AudioBuffer, AudioError, Context, InputError
from lofigen_kit.audio.files import write_audio
from lofigen_kit.dsp.loudness import integrated_lufs
from lofigen_kit_plugins.ambience_bed import AmbienceBed

RATE_HZ = 44_100


def bed(
    effect: AmbienceBed,
    duration_s: float = 20.0,
    *,
    rate_hz: int = RATE_HZ,
    channels: int = 2,
    seed: int = 0,
    root: Path | None = None,
) -> AudioBuffer:
    silence = AudioBuffer(np.zeros((channels, round(duration_s * rate_hz))), rate_hz)
    return effect.apply(silence, Context(rng=np.random.default_rng(seed), root=root))


def write(path: Path, samples: np.ndarray, rate_hz: int) -> None:
    write_audio(path, AudioBuffer(samples, rate_hz), format="wav", bit_depth=32, comment="",
                rng=np.random.default_rng(0))  # fmt: skip


@pytest.mark.parametrize("name", ["rain", "vinyl", "room"])
@pytest.mark.parametrize(
    ("seed", "rate_hz", "channels", "level_lufs"),
    [(1, 44_100, 2, -38), (2, 48_000, 2, -30), (3, 44_100, 1, -38), (4, 44_100, 2, -50)],
)
def test_as_loud_as_asked(
    name: str, seed: int, rate_hz: int, channels: int, level_lufs: float
) -> None:
    effect = AmbienceBed.model_validate({"bed": name, "level_lufs": level_lufs})
    heard = bed(effect, seed=seed, rate_hz=rate_hz, channels=channels)
    assert integrated_lufs(heard) == pytest.approx(level_lufs, abs=0.5)


def kurtosis(samples: np.ndarray) -> float:
    return float(np.mean(samples**4) / np.mean(samples**2) ** 2)


def test_rain_is_drops_over_a_rush() -> None:
    rain = bed(AmbienceBed(bed="rain")).samples.astype(np.float64)
    frequencies_hz, power = signal.welch(rain[0], RATE_HZ, nperseg=4096)
    assert power[(frequencies_hz > 300) & (frequencies_hz < 9000)].sum() > 0.8 * power.sum()
    assert kurtosis(rain[0]) > 3.3  # steady noise has 3
    assert np.corrcoef(rain[0], rain[1])[0, 1] < 0.5


def test_a_room_murmurs_and_hums() -> None:
    room = bed(AmbienceBed(bed="room")).samples[0]
    frequencies_hz, power = signal.welch(room, RATE_HZ, nperseg=1 << 17)
    assert power[frequencies_hz < 500].sum() > 0.8 * power.sum()
    for hum_hz in (50, 100, 150):
        line = power[np.abs(frequencies_hz - hum_hz) < 2].max()
        around = np.median(power[np.abs(frequencies_hz - hum_hz) < 20])
        assert line > 3 * around


def test_a_record_crackles() -> None:
    vinyl = bed(AmbienceBed(bed="vinyl")).samples[0].astype(np.float64)
    assert kurtosis(vinyl) > 4


@pytest.mark.parametrize("name", ["rain", "vinyl", "room"])
def test_it_goes_on_over_the_seam_of_a_loop(name: str) -> None:
    effect = AmbienceBed.model_validate({"bed": name, "level_lufs": -20})
    once = bed(effect, 5).samples[0].astype(np.float64)
    twice = np.tile(once, 2)
    step, seam = np.abs(np.diff(twice)), len(once)
    assert step[seam - 1] < step[: seam - 1].max()
    # Below 200 Hz there are no drops, and any step would stand out.
    slow = signal.sosfiltfilt(signal.butter(2, 200, fs=RATE_HZ, output="sos"), twice)
    bend = np.abs(np.diff(slow, 2))[seam // 2 : -seam // 2]
    middle = len(bend) // 2
    assert (
        bend[middle - 200 : middle + 200].max()
        < 1.5 * np.delete(bend, slice(middle - 200, middle + 200)).max()
    )


def test_each_take_has_rain_of_its_own() -> None:
    first, again, other = (bed(AmbienceBed(), 1, seed=seed).samples for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert abs(np.corrcoef(first[0], other[0])[0, 1]) < 0.1


@pytest.mark.parametrize("channels", [1, 2])
def test_a_recording_is_repeated_at_the_loudness_asked_for(tmp_path: Path, channels: int) -> None:
    noise = np.random.default_rng(0).normal(0, 0.05, (channels, 3 * 22_050))
    write(tmp_path / "street.wav", noise, 22_050)
    effect = AmbienceBed(file="street.wav", level_lufs=-30)
    heard = bed(effect, 20, root=tmp_path)
    assert integrated_lufs(heard) == pytest.approx(-30, abs=0.5)
    period = 2 * RATE_HZ  # three seconds, of which one overlaps
    middle = heard.samples[:, RATE_HZ : 9 * RATE_HZ]
    later = heard.samples[:, RATE_HZ + period : 9 * RATE_HZ + period]
    assert np.abs(later - middle).max() < 1e-6
    powers = np.mean(middle[0].reshape(-1, RATE_HZ // 2) ** 2, axis=1)
    assert 10 * np.log10(powers.max() / powers.min()) < 1  # the crossfade is not heard as a dip


def test_a_recording_has_no_seam_where_it_is_repeated(tmp_path: Path) -> None:
    t = np.arange(RATE_HZ * 5 // 2) / RATE_HZ
    write(tmp_path / "drone.wav", 0.1 * np.sin(2 * np.pi * 97.3 * t)[None], RATE_HZ)
    heard = bed(AmbienceBed(file="drone.wav", level_lufs=-20), 10, root=tmp_path).samples[0]
    slope = np.abs(np.diff(heard.astype(np.float64)))
    steepest = 2 * np.pi * 97.3 / RATE_HZ * np.abs(heard).max()
    assert slope.max() < 1.1 * steepest


def test_a_file_may_not_leave_the_presets_folder(tmp_path: Path) -> None:
    root = tmp_path / "presets"
    root.mkdir()
    write(tmp_path / "street.wav", np.zeros((1, 4000)), 8000)
    for file in ("../street.wav", str(tmp_path / "street.wav")):
        with pytest.raises(InputError, match="outside"):
            bed(AmbienceBed(file=file), 1, root=root)
    with pytest.raises(AudioError):
        bed(AmbienceBed(file="missing.wav"), 1, root=root)


def test_a_silent_recording_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "nothing.wav", np.zeros((1, 40_000)), 8000)
    with pytest.raises(InputError, match="the recording is silent"):
        bed(AmbienceBed(file="nothing.wav"), 1, root=tmp_path)
