"""Magnetisation of tape: the Jiles-Atherton model of hysteresis."""

from __future__ import annotations

import math
from functools import cache

import numba
import numpy as np

SHAPE = 1.0 / 3.0
COERCIVITY = 0.47875
REVERSIBILITY = 0.697
COUPLING = 1.6e-3

_TABLE_END = 16.0
_TABLE_STEPS = 2048  # the part that music uses fits into the L1 cache
_MAX_FIELD_STEP = COERCIVITY / 8.0
_MAX_SUBSTEPS = 512  # reached only by a step of 30 times full saturation
_LOOSENING = COUPLING / ((1.0 - REVERSIBILITY) * COERCIVITY)


def magnetise(field: np.ndarray, bias: float = 0.0) -> np.ndarray:
    """Return the magnetisation that a field leaves on tape that starts at rest; see `Tape`.

    Args:
        field: The field [shape=(channels, frames), dtype=float32].
        bias: A constant field added to it.

    Returns:
        np.ndarray [shape=(channels, frames), dtype=float32], within [-1, 1].
    """
    return Tape(field.shape[0], bias)(field, bias)


class Tape:
    """Moving tape that is magnetised block by block.

    The model is D. C. Jiles and D. L. Atherton's ("Theory of ferromagnetic hysteresis", JMMM 61,
    1986) in the normalised form and with the tape parameters of J. Chowdhury ("Real-time physical
    modelling for analog tape machines", DAFx 2019): saturation 1, shape a = 1/3, coercivity k =
    0.479, reversibility c = 0.697, coupling alpha = 0.0016.

    The magnetisation depends on the path of the field and not on its speed, so the model is
    integrated over the field itself. The field moves in a straight line from sample to sample, in
    equal steps that are small compared to the coercivity. Each step uses the trapezoidal rule
    (order 2). That rule is implicit, but the coupling is weak, so the step has a closed-form
    solution. It is stable at any drive.

    Args:
        channels: Number of tracks.
        bias: A constant field; the tape starts at rest on it (on the anhysteretic curve).
    """

    def __init__(self, channels: int, bias: float) -> None:
        self._table = _langevin_table()
        self._tracks = np.array([[bias] * channels, [self.rest(bias)] * channels])

    @staticmethod
    def rest(bias: float) -> float:
        """Return the magnetisation of tape at rest under a constant field alone."""
        return float(_langevin(bias / SHAPE, _langevin_table())[0])

    def __call__(self, field: np.ndarray, bias: float) -> np.ndarray:
        """Return the magnetisation that a field leaves, within [-1, 1].

        Args:
            field: The field; the tape saturates near 1 [shape=(channels, frames), dtype=float32].
            bias: The constant field added to it.

        Returns:
            np.ndarray [shape=(channels, frames), dtype=float32].
        """
        out = np.empty_like(field)
        _magnetise(field, bias, self._table, self._tracks, out)
        return out


@cache
def _langevin_table() -> np.ndarray:
    """Return coth(x) - 1/x and its derivative at equal steps from 0 [shape=(steps + 1, 2)]."""
    x = np.linspace(0.0, _TABLE_END, _TABLE_STEPS + 1)
    small = x < 1e-2
    safe = np.where(small, 1.0, x)
    langevin = np.where(small, x / 3.0 - x**3 / 45.0, 1.0 / np.tanh(safe) - 1.0 / safe)
    slope = np.where(small, 1.0 / 3.0 - x**2 / 15.0, 1.0 / safe**2 - 1.0 / np.sinh(safe) ** 2)
    return np.stack([langevin, slope], axis=1)


@numba.njit(cache=True, nogil=True, inline="always", error_model="numpy")
def _langevin(x: float, table: np.ndarray) -> tuple[float, float]:
    """Return coth(x) - 1/x and its derivative."""
    size = abs(x)
    if size >= _TABLE_END:  # coth(16) is 1 within 3e-14
        value = 1.0 - 1.0 / size
        slope = 1.0 / (size * size)
    else:
        place = size * (_TABLE_STEPS / _TABLE_END)
        row = np.uint32(place)
        blend = place - row
        value = table[row, 0] + blend * (table[row + np.uint32(1), 0] - table[row, 0])
        slope = table[row, 1] + blend * (table[row + np.uint32(1), 1] - table[row, 1])
    return math.copysign(value, x), slope


@numba.njit(cache=True, nogil=True, inline="always", error_model="numpy")
def _step(m: float, dh: float, before: tuple[float, float], after: tuple[float, float]) -> float:
    """Return the magnetisation after one step of the field.

    dM/dH is the mean of its values before and after the step. Each is (reversible + irreversible) /
    (1 - coupling * reversible). Pinned domain walls move only towards the anhysteretic curve: the
    irreversible part is the distance to that curve over the coercivity, or zero.

    Args:
        m: The magnetisation before the step.
        dh: The step of the field.
        before: `_langevin` of the field before the step, over the shape.
        after: The same after the step.
    """
    direction = math.copysign(1.0, dh)
    # The coupling changes the effective field very little: linearise it along the tangent.
    felt = COUPLING / SHAPE * m
    reversible_before, reversible_after = (
        REVERSIBILITY / SHAPE * before[1],
        REVERSIBILITY / SHAPE * after[1],
    )
    # 1 / (1 - coupling * reversible), to first order: the square is below a millionth.
    lift_before, lift_after = 1.0 + COUPLING * reversible_before, 1.0 + COUPLING * reversible_after
    lag_before = max(direction * (before[0] + before[1] * felt - m), 0.0)
    # 1 / (coercivity - coupling / (1 - reversibility) * lag), likewise
    looser = _LOOSENING * lag_before
    pull = abs(dh) * (0.5 / COERCIVITY) * (1.0 + looser * (1.0 + looser))
    moved = m + 0.5 * dh * (reversible_before * lift_before + reversible_after * lift_after)
    left = direction * (after[0] + after[1] * felt - moved) - pull * lag_before
    lag_after = max(left / (1.0 + abs(dh) * (0.5 / COERCIVITY)), 0.0)
    return moved + direction * pull * (lag_before * lift_before + lag_after * lift_after)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _magnetise(
    field: np.ndarray, bias: float, table: np.ndarray, tracks: np.ndarray, out: np.ndarray
) -> None:
    """Process all tracks in one loop, so that their computations overlap in the processor."""
    channels, frames = field.shape
    fields, states = tracks
    curve = np.empty((channels, 2))
    for channel in range(channels):
        curve[channel, 0], curve[channel, 1] = _langevin(fields[channel] / SHAPE, table)
    for n in range(frames):
        for channel in range(channels):
            h, m = fields[channel], states[channel]
            target = field[channel, n] + bias
            before = (curve[channel, 0], curve[channel, 1])
            dh = target - h
            if abs(dh) > _MAX_FIELD_STEP:
                steps = min(math.ceil(abs(dh) / _MAX_FIELD_STEP), _MAX_SUBSTEPS)
                dh /= steps
                for _ in range(1, steps):
                    h += dh
                    after = _langevin(h * (1.0 / SHAPE), table)
                    m = _step(m, dh, before, after)
                    before = after
            after = _langevin(target * (1.0 / SHAPE), table)
            m = min(1.0, max(-1.0, _step(m, dh, before, after)))
            fields[channel], states[channel] = target, m
            curve[channel, 0], curve[channel, 1] = after
            out[channel, n] = m
