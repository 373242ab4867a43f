"""All-pass filters with moving corner frequencies, processed block by block."""

from __future__ import annotations

import numba
import numpy as np


class AllpassCascade:
    """A cascade of first-order all-pass filters, with feedback around the whole cascade.

    Each filter turns the phase by 90 degrees at its corner frequency and leaves all levels alone.
    The filters have the normalised lattice form (Gray and Markel, IEEE TASSP 23(3), 1975): each
    step is a rotation of the input and the state. So no energy is created however fast the corners
    move, and a feedback below 1 decays.

    Args:
        channels: Number of channels.
        stages: Number of filters.
    """

    def __init__(self, channels: int, stages: int) -> None:
        self._state = np.zeros((channels, stages))
        self._last = np.zeros(channels)

    def __call__(
        self, block: np.ndarray, corner_angles: np.ndarray, feedback: np.ndarray
    ) -> np.ndarray:
        """Return the output of the last filter [shape=(channels, frames), dtype=float32].

        Args:
            block: The input [shape=(channels, frames), dtype=float32].
            corner_angles: The corner frequency at each frame, in radians per frame, from 0 to below
                pi [shape=(channels, frames)].
            feedback: The gain, below 1, with which the previous output frame is added to the input,
                at each frame [shape=(frames,)].
        """
        tangent = np.tan(corner_angles / 2.0)
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
