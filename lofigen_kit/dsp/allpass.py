"""All-pass filters whose corners move, on from block to block."""

from __future__ import annotations

import numba
import numpy as np


class AllpassCascade:
    """All-pass filters of order 1, one after another, in a loop of feedback.

    Each turns the phase by a quarter of a circle at the corner; none changes a level. In the
    normalised form (Gray and Markel, IEEE TASSP 23(3), 1975) a step is a rotation of what comes in
    and what is remembered, so that no energy is made however fast the corners move, and a feedback
    below 1 dies away.

    Args:
        channels: How many there are.
        stages: How many filters.
    """

    def __init__(self, channels: int, stages: int) -> None:
        self._state = np.zeros((channels, stages))
        self._last = np.zeros(channels)

    def __call__(self, block: np.ndarray, turns: np.ndarray, feedback: np.ndarray) -> np.ndarray:
        """Return a block from the last filter [shape=(channels, frames), dtype=float32].

        Args:
            block: What goes in [shape=(channels, frames), dtype=float32].
            turns: The corner at each frame, in radians a frame [shape=(channels, frames)].
            feedback: How much of the last frame is added at each [shape=(frames,)].
        """
        tangent = np.tan(turns / 2.0)
        out = np.empty_like(block)
        _run(block, (tangent - 1.0) / (tangent + 1.0), feedback, self._state, self._last, out)
        return out


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _run(  # noqa: PLR0917 - compiled kernels take plain positional arguments
    block: np.ndarray,
    coefficients: np.ndarray,
    feedback: np.ndarray,
    state: np.ndarray,
    last: np.ndarray,
    out: np.ndarray,
) -> None:
    for channel in range(block.shape[0]):
        for n in range(block.shape[1]):
            sample = block[channel, n] + feedback[n] * last[channel]
            sine = coefficients[channel, n]
            cosine = np.sqrt(1.0 - sine * sine)
            for stage in range(state.shape[1]):
                turned = sine * sample + cosine * state[channel, stage]
                kept = cosine * sample - sine * state[channel, stage]
                state[channel, stage] = kept if abs(kept) > 1e-20 else 0.0  # no denormal numbers
                sample = turned
            last[channel] = sample
            out[channel, n] = sample
