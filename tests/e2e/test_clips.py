"""Varied clips through `process`, measured by a meter that is not ours: ffmpeg's."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy import signal

Run = Callable[..., tuple[int, str, str]]

RATE_HZ = 44_100
PRESET = "version: 1\nname: plain\nsource: {use: bursts}\n"


def seconds(duration_s: float, rate_hz: int = RATE_HZ) -> np.ndarray:
    return np.arange(round(duration_s * rate_hz)) / rate_hz


def noise(duration_s: float, seed: int, rate_hz: int = RATE_HZ) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((2, round(duration_s * rate_hz)))


def pink(duration_s: float) -> np.ndarray:
    spectrum = np.fft.rfft(noise(duration_s, 4))
    spectrum /= np.sqrt(np.maximum(np.arange(spectrum.shape[1]), 1.0))
    samples = np.fft.irfft(spectrum)
    return np.asarray(0.2 * samples / samples.std())


def drums(hat_s: float) -> np.ndarray:
    t = seconds(6)
    kick = np.exp(-(t % 0.75) / 0.12) * np.sin(2 * np.pi * 55 * (t % 0.75))
    hiss = signal.sosfilt(
        signal.butter(4, 6000, "highpass", fs=RATE_HZ, output="sos"), noise(6, 5)[0]
    )
    hat = np.exp(-(t % 0.1875) / hat_s) * hiss
    return np.stack([0.6 * kick + 0.2 * hat, 0.6 * kick - 0.2 * hat])


def chords(duration_s: float = 5.0, rate_hz: int = RATE_HZ) -> np.ndarray:
    t = seconds(duration_s, rate_hz)
    swell = 1.0 + 0.4 * np.sin(2 * np.pi * 0.7 * t)
    tones = [np.sin(2 * np.pi * f * t + side) for f in (146.8, 174.6, 220.0) for side in (0, 1)]
    return np.asarray(0.1 * swell * np.array([sum(tones[0::2]), sum(tones[1::2])]))


CLIPS: dict[str, tuple[np.ndarray, int]] = {
    "drums of 20 dB crest": (drums(0.004) + 0.002 * noise(6, 1), RATE_HZ),
    "soft drums": (drums(0.08), RATE_HZ),
    "whisper": (10 ** (-60 / 20) * chords(), RATE_HZ),
    "silence": (np.zeros((2, 2 * RATE_HZ)), RATE_HZ),
    "direct current": (np.full((2, 2 * RATE_HZ), 0.5), RATE_HZ),
    "music on direct current": (chords() + 0.4, RATE_HZ),
    "full-scale square": (np.sign(np.sin(2 * np.pi * 110.3 * seconds(4)))[None], RATE_HZ),
    "50 ms": (chords(0.05), RATE_HZ),
    "one sample": (np.ones((1, 1)), RATE_HZ),
    "pink noise": (pink(5), RATE_HZ),
    "white noise": (0.2 * noise(5, 2), RATE_HZ),
    "sine": (0.5 * np.sin(2 * np.pi * 997 * seconds(4))[None], RATE_HZ),
    "high sine": (0.5 * np.sin(2 * np.pi * 15_001 * seconds(4))[None], RATE_HZ),
    "sub-bass": (0.7 * np.sin(2 * np.pi * 38 * seconds(5))[None], RATE_HZ),
    "clicks": (np.where(np.arange(4 * RATE_HZ) % 22_050 == 0, 1.0, 0.0)[None], RATE_HZ),
    "alternating bursts": (
        np.where(np.arange(4 * RATE_HZ) % 2, 0.8, -0.8) * (seconds(4) % 0.5 < 0.25), RATE_HZ
    ),
    "ramp": (np.linspace(-1, 1, 3 * RATE_HZ)[None], RATE_HZ),
    "swell": (np.linspace(0, 1, 5 * RATE_HZ) * chords(), RATE_HZ),
    "mono at 8 kHz": (chords(5, 8000)[:1], 8000),
    "192 kHz": (chords(4, 192_000), 192_000),
    "overloaded": (4 * chords() + noise(5, 3), 48_000),
    "one loud hit": (np.pad(drums(0.02)[:, :6000], ((0, 0), (0, 4 * RATE_HZ))), RATE_HZ),
}  # fmt: skip


OUT_OF_REACH = {
    "drums of 20 dB crest", "silence", "direct current", "one sample", "clicks", "ramp",
    "one loud hit",
}  # fmt: skip
"""Silent without direct current, or with peaks more than 8 dB too high."""


def by_ffmpeg(path: Path) -> tuple[float, float]:
    """Return integrated loudness and true peak as ffmpeg measures them, to a tenth."""
    found = subprocess.run(
        ["ffmpeg", "-nostdin", "-hide_banner", "-protocol_whitelist", "file",
         "-i", str(path), "-af", "ebur128=peak=true", "-f", "null", "-"],
        capture_output=True, text=True, check=True,
    ).stderr  # fmt: skip
    summary = found[found.rindex("Summary:") :]
    loudness = re.search(r"I:\s+(-?[\d.]+|-inf|nan) LUFS", summary)
    peak = re.search(r"Peak:\s+(-?[\d.]+|-inf) dBFS", summary)
    assert loudness, found
    assert peak, found
    return float(loudness[1]), float(peak[1])


needs_ffmpeg = pytest.mark.skipif(
    shutil.which("ffmpeg") is None, reason="ffmpeg is not installed: there is no other meter"
)


def mastered(run: Run, tmp_path: Path, name: str, loudness_lufs: float = -14) -> dict[str, object]:
    (tmp_path / "plain.yaml").write_text(PRESET)
    code, out, err = run(
        "process", tmp_path / name, "--preset", tmp_path / "plain.yaml", "-o", "out.wav", "--json",
        "--set", f"master.loudness_lufs={loudness_lufs}",
    )  # fmt: skip
    assert code == 0, err
    facts: dict[str, object] = json.loads(out)["files"][0]["recipe"]
    return facts


@needs_ffmpeg
@pytest.mark.parametrize("name", CLIPS)
def test_a_clip_is_as_loud_as_it_says(run: Run, tmp_path: Path, name: str) -> None:
    samples, rate_hz = CLIPS[name]
    soundfile.write(tmp_path / "clip.wav", np.atleast_2d(samples).T, rate_hz, "FLOAT")
    facts = mastered(run, tmp_path, "clip.wav")
    loudness_lufs, peak_dbtp = by_ffmpeg(Path("out.wav"))
    assert peak_dbtp <= -1.0
    assert (facts["target_unreached"] is not None) == (name in OUT_OF_REACH)
    if name not in OUT_OF_REACH:
        assert facts["loudness_lufs"] == pytest.approx(-14, abs=0.1)
        if samples.shape[-1] > 0.4 * rate_hz:  # ffmpeg knows no shorter blocks
            assert loudness_lufs == pytest.approx(-14, abs=0.15)
    else:
        assert loudness_lufs < -14.1


@needs_ffmpeg
@pytest.mark.parametrize("name", ["white noise", "overloaded", "pink noise", "soft drums"])
def test_limited_as_far_as_it_goes_a_clip_stays_under_its_ceiling(
    run: Run, tmp_path: Path, name: str
) -> None:
    samples, rate_hz = CLIPS[name]
    soundfile.write(tmp_path / "clip.wav", samples.T, rate_hz, "FLOAT")
    facts = mastered(run, tmp_path, "clip.wav", loudness_lufs=-6)
    loudness_lufs, peak_dbtp = by_ffmpeg(Path("out.wav"))
    assert "8 dB of limiting" in str(facts["target_unreached"])
    assert loudness_lufs == pytest.approx(facts["loudness_lufs"], abs=0.1)
    assert -1.2 <= peak_dbtp <= -1.0


@needs_ffmpeg
@pytest.mark.slow
def test_an_hour_is_as_loud_as_it_says(run: Run, tmp_path: Path) -> None:
    with soundfile.SoundFile(tmp_path / "hour.flac", "w", RATE_HZ, 2) as file:
        for block in an_hour():
            file.write(block.T)
    facts = mastered(run, tmp_path, "hour.flac")
    assert facts["target_unreached"] is None
    loudness_lufs, peak_dbtp = by_ffmpeg(Path("out.wav"))
    assert loudness_lufs == pytest.approx(-14, abs=0.15)
    assert peak_dbtp <= -1.0


def an_hour() -> Iterator[np.ndarray]:
    piece = 0.3 * (drums(0.05) + 0.5 * chords(6))
    for number in range(600):
        yield (0.3 + 0.7 * abs(np.sin(number / 40))) * piece
