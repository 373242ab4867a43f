"""Wow and flutter: measured as a wow-and-flutter meter does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from lofigen_kit.api import AudioBuffer, Context
from lofigen_kit_plugins.wow_flutter import WowFlutter

RATE_HZ = 44_100
TEST_TONE_HZ = 3150
WEIGHTING_HZ = (0.1, 0.2, 0.4, 0.8, 1, 2, 4, 10, 20, 100, 200)
WEIGHTING_DB = (-48, -30.6, -15, -6, -4.2, -0.9, 0, -2.1, -5.9, -17.3, -23)
STILL = {"wow_depth_pct": 0.0, "flutter_depth_pct": 0.0, "drift_pct": 0.0}


def played(
    effect: WowFlutter, samples: np.ndarray, rate_hz: int = RATE_HZ, seed: int = 0
) -> np.ndarray:
    context = Context(rng=np.random.default_rng(seed))
    return effect.apply(AudioBuffer(samples, rate_hz), context).samples


def speed_deviation(effect: WowFlutter, duration_s: float = 30.0) -> np.ndarray:
    """Return the deviation of speed, demodulated from the 3150 Hz tone, at 1470 Hz."""
    t = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    tone = played(effect, 0.5 * np.sin(2 * np.pi * TEST_TONE_HZ * t)[None])[0].astype(np.float64)
    carrier = signal.hilbert(tone)
    speed = np.diff(np.unwrap(np.angle(carrier))) * RATE_HZ / (2 * np.pi * TEST_TONE_HZ) - 1
    slow = signal.resample_poly(speed, 1, 30)
    return np.asarray(slow[3675:-3675])  # 2.5 s off each end: whole cycles remain


def weighting_db(frequency_hz: float | np.ndarray) -> np.ndarray:
    """Return AES6 / IEC 60386, between its table's points over log frequency."""
    f = np.clip(frequency_hz, WEIGHTING_HZ[0], WEIGHTING_HZ[-1])
    return np.asarray(np.interp(np.log(f), np.log(WEIGHTING_HZ), WEIGHTING_DB))


def two_sigma_pct(deviation: np.ndarray) -> float:
    """Return the weighted reading in per cent: twice its standard deviation."""
    spectrum = np.fft.rfft(deviation - deviation.mean())
    frequencies_hz = np.fft.rfftfreq(len(deviation), 1 / 1470)
    weighted = np.fft.irfft(spectrum * 10 ** (weighting_db(frequencies_hz) / 20), len(deviation))
    return float(200 * np.std(weighted))


@pytest.mark.parametrize(
    ("rate_name", "depth_name", "rate_hz", "depth_pct"),
    [
        ("wow_rate_hz", "wow_depth_pct", 0.4, 1.0),
        ("wow_rate_hz", "wow_depth_pct", 0.8, 0.3),
        ("wow_rate_hz", "wow_depth_pct", 4.0, 2.0),
        ("flutter_rate_hz", "flutter_depth_pct", 9.0, 0.1),
        ("flutter_rate_hz", "flutter_depth_pct", 25.0, 0.5),
    ],
)
def test_weighted_reading(
    rate_name: str, depth_name: str, rate_hz: float, depth_pct: float
) -> None:
    effect = WowFlutter.model_validate({**STILL, rate_name: rate_hz, depth_name: depth_pct})
    theory_pct = np.sqrt(2) * depth_pct * 10 ** (float(weighting_db(rate_hz)) / 20)
    assert two_sigma_pct(speed_deviation(effect)) == pytest.approx(theory_pct, rel=0.02)


def test_drift_is_slow_and_as_deep_as_asked() -> None:
    effect = WowFlutter.model_validate({**STILL, "drift_pct": 0.5})
    deviation = speed_deviation(effect, 60)
    assert 100 * np.std(deviation) == pytest.approx(0.5, rel=0.1)
    spectrum = np.abs(np.fft.rfft(deviation * np.hanning(len(deviation)))) ** 2
    slow = np.fft.rfftfreq(len(deviation), 1 / 1470) < 0.4
    assert spectrum[slow].sum() > 0.99 * spectrum.sum()


def test_a_still_tape_changes_nothing() -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, (2, 5000))
    assert played(WowFlutter.model_validate(STILL), noise) == pytest.approx(noise, abs=1e-6)


@pytest.mark.parametrize("duration_s", [0.05, 1.0, 7.3])
def test_starts_and_ends_on_time(duration_s: float) -> None:
    t = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    tone = 0.9 * np.cos(2 * np.pi * 440 * t)[None]
    out = played(WowFlutter(wow_depth_pct=3, flutter_depth_pct=1), tone)
    assert out[0, [0, -1]] == pytest.approx(tone[0, [0, -1]], abs=1e-4)
    assert np.abs(np.diff(out[0])).max() < 1.1 * np.abs(np.diff(tone[0])).max()  # no click


def test_a_loop_stays_in_step_over_its_seam() -> None:
    frames = 6 * RATE_HZ
    loop = np.sin(2 * np.pi * 220 * np.arange(frames) / RATE_HZ)[None]
    out = played(WowFlutter(wow_depth_pct=1), loop)[0].astype(np.float64)
    seam = np.concatenate([out[-2000:], out[:2000]])
    speed = np.diff(np.unwrap(np.angle(signal.hilbert(seam))))[500:-500]
    assert np.abs(np.diff(speed)).max() < 0.02 * speed.mean()


def test_high_notes_keep_their_level() -> None:
    t = np.arange(2 * RATE_HZ) / RATE_HZ
    tone = np.sin(2 * np.pi * 15_000 * t)[None]
    out = played(WowFlutter(), tone)[0, 1000:-1000]
    assert 20 * np.log10(np.sqrt(2) * np.std(out)) == pytest.approx(0, abs=0.01)


def test_each_take_has_its_own_motion() -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, (1, RATE_HZ))
    first, again, other = (played(WowFlutter(), noise, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.allclose(first, other, atol=0.1)


@settings(deadline=None, max_examples=30)
@given(
    st.builds(
        WowFlutter,
        wow_rate_hz=st.floats(0.1, 4),
        wow_depth_pct=st.floats(0, 3),
        flutter_rate_hz=st.floats(4, 30),
        flutter_depth_pct=st.floats(0, 1),
        drift_pct=st.floats(0, 1),
    ),
    st.sampled_from((8000, 22_050, 44_100, 96_000)),
    st.integers(1, 2),
    st.integers(0, 40_000),
)
def test_any_parameters(effect: WowFlutter, rate_hz: int, channels: int, frames: int) -> None:
    noise = np.random.default_rng(1).uniform(-1, 1, (channels, frames))
    out = played(effect, noise, rate_hz)
    assert out.shape == noise.shape
    assert np.abs(out).max(initial=0) < 3
    assert np.array_equal(out, played(effect, noise, rate_hz))
    if channels == 2:
        mono = played(effect, noise[:1], rate_hz)
        assert np.array_equal(mono[0], out[0])  # both channels run past the same head
