"""Drums without a recording: the TR-808's circuits, a cross-stick and a brush, in numpy.

The 808 follows two models of its circuits: Werner, Abel and Smith, "A physically-informed,
circuit-bendable, digital model of the Roland TR-808 bass drum circuit" (DAFx 2014) and "The TR-808
cymbal" (ICMC 2014). The cross-stick is modal synthesis: a sum of decaying partials (Adrien, 1991).
The modes of a snare drum are those of Fletcher and Rossing, "The Physics of Musical Instruments".
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

RATE_HZ = 44_100
_OVERSAMPLING = 4
"""The square waves are made at so many times the rate: what aliases lies 60 dB down."""

_BRIDGED_T_HZ = 49.5
"""The 808 kick's resonance; its attack is an octave and more above, and gone after 6 ms."""
_ATTACK_HZ, _ATTACK_S = 130.0, 0.006
_SNARE_HZ, _RIM_HZ = (238.0, 476.0), (1667.0, 455.0)
_SQUARES_HZ = (205.3, 304.4, 369.6, 522.7, 540.0, 800.0)
"""The six oscillators of the 808's hats and cymbal."""
_STICK = ((420.0, 0.018, 0.5), (1060.0, 0.014, 1.0), (1740.0, 0.010, 0.8), (2650.0, 0.007, 0.5),
          (3900.0, 0.005, 0.35), (6200.0, 0.003, 0.25))  # fmt: skip
"""Pitch, decay and level of each mode of a stick on the rim."""
_SNARE_HEAD = ((182.0, 0.060, 1.0), (330.0, 0.035, 0.5))
"""The same of a snare drum's head, (0, 1) and (1, 1)."""


def synthesise(name: str, variant: int) -> np.ndarray:
    """Return a stroke at `RATE_HZ`.

    Args:
        name: One of `DRUMS`.
        variant: Which one of those that differ as strokes of a drummer do.

    Returns:
        np.ndarray [shape=(frames,), dtype=float64], of any level.
    """
    return DRUMS[name](np.random.default_rng(variant))


def _kick_808(_rng: np.random.Generator) -> np.ndarray:
    t = _times_s(0.9)
    sweep = (_ATTACK_HZ - _BRIDGED_T_HZ) * _ATTACK_S * (1.0 - np.exp(-t / _ATTACK_S))
    body = np.sin(2.0 * np.pi * (_BRIDGED_T_HZ * t + sweep)) * np.exp(-t / 0.22)
    click = 0.25 * np.exp(-t / 0.0008) * np.sin(2.0 * np.pi * 1800.0 * t)
    return np.asarray(np.tanh(1.3 * body) + click)


def _snare_808(rng: np.random.Generator) -> np.ndarray:
    t = _times_s(0.45)
    low, high = _SNARE_HZ
    shell = np.sin(2 * np.pi * low * t) * np.exp(-t / 0.06)
    shell += 0.6 * np.sin(2 * np.pi * high * t) * np.exp(-t / 0.035)
    snappy = _filter(rng.normal(size=len(t)), 1800.0, high=True) * np.exp(-t / 0.075)
    return np.asarray(shell + 0.45 * snappy)


def _rim_808(_rng: np.random.Generator) -> np.ndarray:
    t = _times_s(0.12)
    tones = sum(np.sin(2 * np.pi * hz * t) for hz in _RIM_HZ) * np.exp(-t / 0.009)
    return np.asarray(_filter(np.tanh(3.0 * tones), 300.0, high=True))


def _hat_808(_rng: np.random.Generator) -> np.ndarray:
    return _metal(0.3, 7100.0) * np.exp(-_times_s(0.3) / 0.03)


def _open_hat_808(_rng: np.random.Generator) -> np.ndarray:
    return _metal(1.0, 7100.0) * np.exp(-_times_s(1.0) / 0.2)


def _cymbal_808(_rng: np.random.Generator) -> np.ndarray:
    t = _times_s(1.8)
    low, high = _metal(1.8, 3440.0), _metal(1.8, 7100.0)
    attack = 0.6 * np.exp(-t / 0.02) + 0.4 * np.exp(-t / 0.45)
    return np.asarray(0.5 * low * attack + high * np.exp(-t / 0.35))


def _cross_stick(rng: np.random.Generator) -> np.ndarray:
    t = _times_s(0.15)
    knock = _filter(rng.normal(size=len(t)), 2500.0, high=True) * np.exp(-t / 0.002)
    return _modes(_STICK, t) + 0.3 * knock


def _brush(rng: np.random.Generator) -> np.ndarray:
    """Wires that sweep over the head: noise that swells and dies away, over a soft tap."""
    t = _times_s(0.5)
    noise = _filter(_filter(rng.normal(size=len(t)), 1200.0, high=True), 11_000.0, high=False)
    swell = np.minimum(t / 0.02, 1.0) * np.exp(-t / 0.11)
    tap = _filter(rng.normal(size=len(t)), 3000.0, high=True) * np.exp(-t / 0.012)
    return np.asarray(0.35 * noise * swell + 0.25 * tap + 0.35 * _modes(_SNARE_HEAD, t))


DRUMS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "808-kick": _kick_808,
    "808-snare": _snare_808,
    "808-rim": _rim_808,
    "808-hat": _hat_808,
    "808-open-hat": _open_hat_808,
    "808-cymbal": _cymbal_808,
    "cross-stick": _cross_stick,
    "brush": _brush,
}


def _times_s(duration_s: float) -> np.ndarray:
    return np.arange(round(duration_s * RATE_HZ)) / RATE_HZ


def _modes(modes: tuple[tuple[float, float, float], ...], t: np.ndarray) -> np.ndarray:
    return np.asarray(
        sum(level * np.sin(2 * np.pi * hz * t) * np.exp(-t / decay) for hz, decay, level in modes)
    )


def _metal(duration_s: float, centre_hz: float) -> np.ndarray:
    """Return the sum of the six square waves about a centre [shape=(frames,)]."""
    from scipy import signal

    from lofigen_kit.api.dsp import resample_samples

    rate_hz = _OVERSAMPLING * RATE_HZ
    frames = round(duration_s * RATE_HZ)
    t = np.arange(_OVERSAMPLING * frames) / rate_hz
    squares = sum(np.sign(np.sin(2 * np.pi * hz * t + hz)) for hz in _SQUARES_HZ)
    band = signal.butter(2, (centre_hz * 0.8, centre_hz * 1.9), "band", fs=rate_hz, output="sos")
    heard = signal.sosfilt(band, squares)[None].astype(np.float32)
    return np.asarray(resample_samples(heard, rate_hz, RATE_HZ, frames)[0], np.float64)


def _filter(wave: np.ndarray, corner_hz: float, *, high: bool) -> np.ndarray:
    from scipy import signal

    from lofigen_kit.api.dsp import butterworth

    return np.asarray(signal.sosfilt(butterworth(2, corner_hz, RATE_HZ, high=high), wave))
