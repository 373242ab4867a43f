"""Linear-phase filters: they delay all frequencies equally."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import fft, signal

from lofigen_kit.dsp.variable_rate import Lookback

_KAISER_BETA = 6.0


def design_linear_phase(
    response: Callable[[np.ndarray], np.ndarray], reach: int, sample_rate_hz: int
) -> np.ndarray:
    """Return the taps of a linear-phase FIR filter with a given frequency response.

    The filter is designed by the window method, with a Kaiser window (beta 6), and delays by
    `reach` frames.

    Args:
        response: Takes frequencies in Hz and returns gains, which may be negative.
        reach: Half the length of the filter, in frames.
        sample_rate_hz: Sample rate.

    Returns:
        np.ndarray [shape=(2 * reach + 1,)].
    """
    size = fft.next_fast_len(16 * reach, real=True)
    ideal = fft.irfft(response(fft.rfftfreq(size, 1.0 / sample_rate_hz)), size)
    middle = np.concatenate([ideal[-reach:], ideal[: reach + 1]])
    return np.asarray(middle * signal.windows.kaiser(2 * reach + 1, _KAISER_BETA))


class LinearPhaseFilter:
    """A linear-phase FIR filter that runs block by block, with a latency of `reach` frames.

    The taps may change between two blocks: within the second block the output crossfades linearly
    from the old taps to the new ones.

    Args:
        channels: Number of channels.
        reach: Half the length of the filter, in frames.
    """

    def __init__(self, channels: int, reach: int) -> None:
        self._lookback = Lookback(channels, 2 * reach)
        self._taps: np.ndarray | None = None

    def __call__(self, block: np.ndarray, taps: np.ndarray) -> np.ndarray:
        """Return a filtered block [shape=(channels, frames), dtype=float32].

        Args:
            block: The input [shape=(channels, frames)].
            taps: As `design_linear_phase` returns them [shape=(2 * reach + 1,)].
        """
        padded = self._lookback(block).astype(np.float64)
        old_taps, self._taps = self._taps, taps
        filtered = _convolve_taps(padded, taps)
        if old_taps is not None and not np.array_equal(old_taps, taps):
            old = _convolve_taps(padded, old_taps)
            filtered = old + np.linspace(0.0, 1.0, block.shape[1]) * (filtered - old)
        return filtered.astype(np.float32)

    def skip(self, block: np.ndarray) -> None:
        """Take in a block whose output is not needed, so that the next one has its past.

        Args:
            block: The input [shape=(channels, frames)].
        """
        self._lookback(block)
        self._taps = None


def _convolve_taps(padded: np.ndarray, taps: np.ndarray) -> np.ndarray:
    return np.asarray(signal.oaconvolve(padded, taps[None], mode="valid", axes=1))
