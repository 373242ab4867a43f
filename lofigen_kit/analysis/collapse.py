"""Collapse detection: whether an autoregressive network has stopped making music.

Such networks fail in a few well-known ways: they fall silent, settle on a constant or a hum, drift
into noise, lock into a short period, or clip. Each fault is tested in short windows, so a take that
collapses in its last ten seconds is found.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lofigen_kit.audio.buffer import AudioBuffer

WINDOW_S = 2.0
"""Longer than any rest at 65 BPM, so that every window of music contains a stroke."""


@dataclass(frozen=True)
class Finding:
    """A fault and the time in which it occurs.

    Attributes:
        fault: A key of `FAULTS`.
        start_s: Its start in seconds.
        end_s: Its end in seconds.
    """

    fault: str
    start_s: float
    end_s: float


def examine(audio: AudioBuffer) -> list[Finding]:
    """Return every stretch in which the sound has collapsed.

    Adjacent windows with the same fault are joined.

    Args:
        audio: The output of a network, before any effect; any rate and number of channels.
    """
    samples = audio.mono().samples[0].astype(np.float64)
    findings: list[Finding] = []
    if not len(samples):
        return findings
    size = min(round(WINDOW_S * audio.sample_rate_hz), len(samples))
    for start in range(0, len(samples) - size + 1, size):
        window = samples[start : start + size]
        for fault, is_present in FAULTS.items():
            if is_present(window, audio.sample_rate_hz):
                begin_s = start / audio.sample_rate_hz
                _append(findings, Finding(fault, begin_s, begin_s + size / audio.sample_rate_hz))
                break
    return findings


def _append(findings: list[Finding], new: Finding) -> None:
    """Append a finding, or extend the last one if it is of the same fault and adjacent."""
    last = findings[-1] if findings else None
    if last and last.fault == new.fault and abs(last.end_s - new.start_s) < 1e-6:
        findings[-1] = Finding(new.fault, last.start_s, new.end_s)
    else:
        findings.append(new)


def _is_silent(window: np.ndarray, _rate: int) -> bool:
    """Return whether the level is below -55 dBFS, that of room noise."""
    return bool(np.sqrt(np.mean(window**2)) < 10 ** (-55 / 20))


def _is_constant(window: np.ndarray, _rate: int) -> bool:
    """Return whether the mean is larger than the standard deviation."""
    return bool(abs(window.mean()) > window.std())


def _is_clipping(window: np.ndarray, _rate: int) -> bool:
    """Return whether one sample in fifty is at full scale."""
    return bool(np.mean(np.abs(window) > 0.99) > 0.02)


def _is_hum(window: np.ndarray, rate: int) -> bool:
    """Return whether 90 % of the energy is within 6 Hz of one frequency, at a constant level."""
    if _level_spread_db(window, rate) >= 1.0:  # tested first, since it is cheap
        return False
    power = np.abs(np.fft.rfft(window * np.hanning(len(window)))) ** 2
    reach = max(1, round(6.0 * len(window) / rate))
    peak = int(power[reach:].argmax()) + reach
    around = power[max(peak - reach, 0) : peak + reach + 1].sum()
    return bool(around > 0.9 * power[1:].sum())


def _is_noise(window: np.ndarray, rate: int) -> bool:
    """Return whether the spectrum is flat (Wiener entropy over 0.25), at a constant level.

    White noise has a Wiener entropy of 0.56.
    """
    if _level_spread_db(window, rate) >= 3.0:
        return False
    frames = _frames(window, max(rate // 16, 2))
    power = np.abs(np.fft.rfft(frames * np.hanning(frames.shape[1]))) ** 2 + 1e-20
    flatness = np.exp(np.log(power).mean(axis=1)) / power.mean(axis=1)
    return bool(np.median(flatness) > 0.25)


def _is_locked(window: np.ndarray, rate: int) -> bool:
    """Return whether the sound repeats within 50 ms, exact to -30 dB, at a constant level."""
    if _level_spread_db(window, rate) >= 0.5:
        return False
    centred = window - window.mean()
    padded = np.fft.rfft(centred, 2 * len(window))
    correlation = np.fft.irfft(np.abs(padded) ** 2)[: len(window)]
    correlation /= correlation[0] * (1.0 - np.arange(len(window)) / len(window)) + 1e-20
    shortest, longest = max(rate // 400, 1), max(rate // 20, 2)
    return bool(correlation[shortest:longest].max() > 0.999)


FAULTS: dict[str, Callable[[np.ndarray, int], bool]] = {
    "silence": _is_silent,
    "DC": _is_constant,
    "clipping": _is_clipping,
    "hum": _is_hum,
    "noise": _is_noise,
    "periodic lock": _is_locked,
}
"""Each fault and its test, in order of precedence."""


def _frames(window: np.ndarray, size: int) -> np.ndarray:
    count = max(len(window) // size, 1)
    return window[: count * size].reshape(count, -1)


def _level_spread_db(window: np.ndarray, rate: int) -> float:
    """Return the standard deviation of the level of 60 ms frames in dB; music has over 2."""
    levels = np.sqrt((_frames(window, max(rate * 6 // 100, 1)) ** 2).mean(axis=1)) + 1e-9
    return float(np.std(20.0 * np.log10(levels)))
