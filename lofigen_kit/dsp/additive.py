"""Tones as sums of sines: modes that ring by themselves, and harmonics that are driven."""

from __future__ import annotations

import math

import numba
import numpy as np

CONTROL_FRAMES = 64
"""How many frames lie between two points at which harmonics are set."""
HIGHEST_OF_RATE = 0.45
"""Above this share of the sample rate nothing is made."""

_FALL_60_DB = math.log(1000.0)


def render_modes(
    frequencies_hz: np.ndarray,
    decays_s: np.ndarray,
    amplitudes: np.ndarray,
    sample_rate_hz: int,
    *,
    phase: float | np.ndarray = 0.0,
    held_s: float | None = None,
    release_s: float = 0.2,
    floor_db: float = 80.0,
) -> np.ndarray:
    """Return what a struck or plucked body sounds like: a sum of sines that die away.

    Modal synthesis (J.-M. Adrien, "The missing link: modal synthesis", 1991). A mode is
    run no longer than it is heard.

    Args:
        frequencies_hz: The modes [shape=(modes,)]. Those too high for the rate are left out.
        decays_s: How long each takes to fall by 60 dB [shape=(modes,)].
        amplitudes: Where each begins [shape=(modes,) or (channels, modes)].
        sample_rate_hz: Frames a second.
        phase: Where in its turn each begins, in radians: 0 for a body that is struck at rest,
            pi / 2 for one that is let go. One for all, or one each [shape=(modes,)].
        held_s: When dampers fall; None for a body that has none.
        release_s: How long they take to stop a mode by 60 dB.
        floor_db: How far below the loudest amplitude a mode ends.

    Returns:
        np.ndarray [shape=(channels, frames)]; as long as its longest mode.
    """
    weights = np.atleast_2d(np.asarray(amplitudes, np.float64))
    angles = 2.0 * np.pi * np.asarray(frequencies_hz, np.float64) / sample_rate_hz
    falls = _FALL_60_DB / (np.asarray(decays_s, np.float64) * sample_rate_hz)
    phases = np.broadcast_to(np.asarray(phase, np.float64), angles.shape)
    strengths = np.abs(weights).max(axis=0) * (angles < 2.0 * np.pi * HIGHEST_OF_RATE)
    floor = strengths.max(initial=1e-12) * 10.0 ** (-floor_db / 20.0)
    depths = np.log(np.maximum(strengths / floor, 1.0))
    ends = np.ceil(depths / falls).astype(np.int64)
    if held_s is None:
        out = np.zeros((len(weights), int(ends.max(initial=0))))
        _run_modes(out, ends, np.stack([angles, np.exp(-falls), phases]), weights)
        return out
    held = round(held_s * sample_rate_hz)
    damped = np.maximum(falls, _FALL_60_DB / (release_s * sample_rate_hz))
    after = np.ceil(np.maximum(depths - falls * held, 0.0) / damped).astype(np.int64)
    ends = np.minimum(ends, held)
    longest = held + int(after.max(initial=0)) if after.any() else int(ends.max(initial=0))
    out = np.zeros((len(weights), longest))
    _run_modes(out, ends, np.stack([angles, np.exp(-falls), phases]), weights)
    late = np.stack([angles, np.exp(-damped), phases + angles * held])
    _run_modes(out[:, held:], after, late, weights * np.exp(-falls * held))
    return out


def render_harmonics(
    pitch_hz: np.ndarray, levels: np.ndarray, frames: int, sample_rate_hz: int
) -> np.ndarray:
    """Return a tone whose pitch and harmonics move: a driven string, pipe or oscillator.

    The sum of sines is Clenshaw's recurrence ("A note on the summation of Chebyshev series",
    1955), so that a harmonic costs two multiplications, and there is no aliasing.

    Args:
        pitch_hz: The fundamental at each point, `CONTROL_FRAMES` apart [shape=(points,)].
        levels: The amplitude of each harmonic there, from the fundamental up, in straight lines
            from point to point [shape=(harmonics, points)].
        frames: How long the tone is; there is a point at its end too.
        sample_rate_hz: Frames a second.

    Returns:
        np.ndarray [shape=(frames,)].
    """
    numbers = np.arange(1, len(levels) + 1)[:, None]
    audible = numbers * pitch_hz < HIGHEST_OF_RATE * sample_rate_hz
    heard = np.where(audible, levels, 0.0)
    loud = np.flatnonzero(np.abs(heard).max(axis=1, initial=0.0) > 1e-5 * np.abs(heard).max())
    count = loud[-1] + 1 if len(loud) else 1
    steps = 2.0 * np.pi * 0.5 * (pitch_hz[:-1] + pitch_hz[1:]) / sample_rate_hz
    out = np.zeros(len(steps) * CONTROL_FRAMES)
    _sum_sines(out, steps, np.ascontiguousarray(heard[:count]))
    return out[:frames]


@numba.njit(cache=True, nogil=True, fastmath={"contract"})
def _run_modes(out: np.ndarray, ends: np.ndarray, modes: np.ndarray, weights: np.ndarray) -> None:
    """Add decaying sines, each up to its own end.

    A mode's first block is a pair of tables; each later one is the pair, turned and weaker.

    Args:
        out: [shape=(channels, frames)].
        ends: In frames [shape=(modes,)].
        modes: Radians a frame, what a frame leaves of it, phase [shape=(3, modes)].
        weights: [shape=(channels, modes)].
    """
    size = CONTROL_FRAMES
    cosine, sine = np.empty(size), np.empty(size)
    for mode in range(len(ends)):
        angle, radius, phase = modes[:, mode]
        turn_c, turn_s = radius * math.cos(angle), radius * math.sin(angle)
        c, s = 1.0, 0.0
        for j in range(size):
            cosine[j], sine[j] = c, s
            c, s = c * turn_c - s * turn_s, c * turn_s + s * turn_c
        real, imaginary = math.cos(phase), math.sin(phase)
        for first in range(0, ends[mode], size):
            for channel in range(len(out)):
                on_sine = weights[channel, mode] * real
                on_cosine = weights[channel, mode] * imaginary
                heard = out[channel, first : min(first + size, ends[mode])]
                for j in range(len(heard)):
                    heard[j] += on_cosine * cosine[j] + on_sine * sine[j]
            real, imaginary = real * c - imaginary * s, real * s + imaginary * c


@numba.njit(cache=True, nogil=True, fastmath={"contract"})
def _sum_sines(out: np.ndarray, steps: np.ndarray, levels: np.ndarray) -> None:
    """Fill in the sum of the harmonics' sines, block by block."""
    size = CONTROL_FRAMES
    cosine, sine = np.empty(size), np.empty(size)
    near, far = np.empty(size), np.empty(size)
    phase = 0.0
    for block in range(len(steps)):
        c, s = math.cos(phase), math.sin(phase)
        turn_c, turn_s = math.cos(steps[block]), math.sin(steps[block])
        for j in range(size):
            cosine[j], sine[j] = 2.0 * c, s
            near[j], far[j] = 0.0, 0.0
            c, s = c * turn_c - s * turn_s, c * turn_s + s * turn_c
        phase = (phase + size * steps[block]) % (2.0 * math.pi)
        for k in range(len(levels) - 1, -1, -1):
            here = levels[k, block]
            slope = (levels[k, block + 1] - here) / size
            for j in range(size):
                latest = here + slope * j + cosine[j] * near[j] - far[j]
                far[j] = near[j]
                near[j] = latest
        heard = out[block * size : (block + 1) * size]
        for j in range(size):
            heard[j] = sine[j] * near[j]
