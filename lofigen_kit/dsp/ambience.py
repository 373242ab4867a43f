"""What makes a part wide and puts it into a room: two short impulse responses."""

from __future__ import annotations

from functools import cache

import numpy as np

_SIDE_DECAY_S, _SIDE_LOW_HZ, _SIDE_DB = 0.008, 300.0, -8.0
_ROOM_DECAY_S, _ROOM_DELAY_S = 0.14, 0.011
_ROOM_LOW_HZ, _ROOM_HIGH_HZ = 180.0, 6_000.0


@cache
def make_decorrelator(rate_hz: int, length_s: float) -> np.ndarray:
    """Return what makes a side signal of a middle [shape=(1, frames), dtype=float32].

    It scatters the middle in time by some milliseconds of decaying noise (Kendall, "The
    decorrelation of audio signals and its impact on spatial imagery", 1995), without its bass.
    """
    [noise] = _draw_decay(rate_hz, length_s, _SIDE_DECAY_S, seed=1995, channels=1)
    shaped = _filter_response(noise[None], rate_hz, low_hz=_SIDE_LOW_HZ, high_hz=0.5 * rate_hz)
    return _normalise(shaped) * np.float32(10.0 ** (_SIDE_DB / 20.0))


@cache
def make_room(rate_hz: int, length_s: float) -> np.ndarray:
    """Return a small room's response: decaying noise, apart on both sides (Moorer, 1979).

    Returns:
        np.ndarray [shape=(2, frames), dtype=float32], its energy 1 on each side.
    """
    noise = _draw_decay(rate_hz, length_s, _ROOM_DECAY_S, seed=1979, channels=2)
    shaped = _filter_response(noise, rate_hz, low_hz=_ROOM_LOW_HZ, high_hz=_ROOM_HIGH_HZ)
    late = round(_ROOM_DELAY_S * rate_hz)
    delayed = np.roll(shaped, late, axis=1)
    delayed[:, :late] = 0.0
    return _normalise(delayed)


def _draw_decay(
    rate_hz: int, length_s: float, decay_s: float, *, seed: int, channels: int
) -> np.ndarray:
    frames = round(length_s * rate_hz)
    fading = np.exp(-np.arange(frames) / rate_hz / decay_s)
    return np.asarray(np.random.default_rng(seed).normal(size=(channels, frames)) * fading)


def _filter_response(
    response: np.ndarray, rate_hz: int, *, low_hz: float, high_hz: float
) -> np.ndarray:
    """Return a response without what is far below one pitch and above another."""
    from scipy.fft import irfft, rfft, rfftfreq

    frames = response.shape[1]
    frequency_hz = rfftfreq(frames, 1.0 / rate_hz)
    low = (frequency_hz / low_hz) ** 2
    kept = low / (1.0 + low) / (1.0 + (frequency_hz / high_hz) ** 2)
    return np.asarray(irfft(rfft(response, axis=1) * kept, frames, axis=1))


def _normalise(response: np.ndarray) -> np.ndarray:
    energy = np.sqrt((response**2).sum(axis=1, keepdims=True))
    normal = np.asarray(response / energy, np.float32)
    normal.flags.writeable = False
    return normal
