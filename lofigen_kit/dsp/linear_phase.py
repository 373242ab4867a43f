"""Filters of linear phase: all pitches come out equally late, so that none is out of time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import fft, signal

from lofigen_kit.dsp.variable_rate import Lookback

_KAISER_BETA = 6.0


def design_linear_phase(
    response: Callable[[np.ndarray], np.ndarray], reach: int, sample_rate_hz: int
) -> np.ndarray:
    """Return the filter whose gain at each frequency is nearest to a response, `reach` frames late.

    Args:
        response: From frequencies in Hz to gains; a gain may be negative.
        reach: How far the filter looks either way, in frames.
        sample_rate_hz: Frames a second.

    Returns:
        np.ndarray [shape=(2 * reach + 1,)].
    """
    size = fft.next_fast_len(16 * reach, real=True)
    ideal = fft.irfft(response(fft.rfftfreq(size, 1.0 / sample_rate_hz)), size)
    middle = np.concatenate([ideal[-reach:], ideal[: reach + 1]])
    return np.asarray(middle * signal.windows.kaiser(2 * reach + 1, _KAISER_BETA))


class LinearPhaseFilter:
    """A filter of linear phase that goes on from block to block, `reach` frames late.

    Its taps may change between two blocks: within the second it fades from the old to the new.

    Args:
        channels: How many channels each block has.
        reach: How far it looks either way, in frames.
    """

    def __init__(self, channels: int, reach: int) -> None:
        self._recent = Lookback(channels, 2 * reach)
        self._taps: np.ndarray | None = None

    def __call__(self, block: np.ndarray, taps: np.ndarray) -> np.ndarray:
        """Return a block, filtered [shape=(channels, frames), dtype=float32].

        Args:
            block: [shape=(channels, frames)].
            taps: [shape=(2 * reach + 1,)].
        """
        heard = self._recent(block).astype(np.float64)
        before, self._taps = self._taps, taps
        filtered = _convolve_taps(heard, taps)
        if before is not None and not np.array_equal(before, taps):
            old = _convolve_taps(heard, before)
            filtered = old + np.linspace(0.0, 1.0, block.shape[1]) * (filtered - old)
        return filtered.astype(np.float32)

    def skip(self, block: np.ndarray) -> None:
        """Hear a block that nobody wants to have filtered."""
        self._recent(block)
        self._taps = None


def _convolve_taps(heard: np.ndarray, taps: np.ndarray) -> np.ndarray:
    return np.asarray(signal.oaconvolve(heard, taps[None], mode="valid", axes=1))
