"""Endless noise of any colour."""

from __future__ import annotations

import math

import numpy as np
from scipy import signal

from lofigen_kit.dsp.filters import run_sections

_RESPONSE_POINTS = 1 << 16
_SETTLING_S = 0.5
_HIGHEST_OF_RATE = 0.45


class NoiseBand:
    """Gaussian noise between two pitches, with an RMS of 1, block after block.

    It sounds as if it had always done: its filter has settled before the first frame.

    Args:
        lowest_hz: Where it is 3 dB down.
        highest_hz: Where it is 3 dB down again.
        order: How steeply it falls beyond: 6 dB an octave each.
        channels: How many channels it has.
        rate_hz: Frames a second.
        rng: What it is drawn from.
        common: The share of its power that is alike in all channels.
    """

    def __init__(
        self,
        lowest_hz: float,
        highest_hz: float,
        order: int,
        *,
        channels: int,
        rate_hz: int,
        rng: np.random.Generator,
        common: float = 0.0,
    ) -> None:
        highest_hz = min(highest_hz, _HIGHEST_OF_RATE * rate_hz)
        low = signal.butter(order, lowest_hz, "highpass", fs=rate_hz, output="sos")
        high = signal.butter(order, highest_hz, "lowpass", fs=rate_hz, output="sos")
        self._sections = np.concatenate([low, high])
        self._channels = channels
        self._rng = rng
        _, response = signal.sosfreqz(self._sections, _RESPONSE_POINTS)
        gain = 1.0 / math.sqrt(np.mean(np.abs(response) ** 2))
        self._own, self._shared = gain * math.sqrt(1.0 - common), gain * math.sqrt(common)
        self._state = np.zeros((len(self._sections), channels, 2))
        self(round(_SETTLING_S * rate_hz))

    def __call__(self, frames: int) -> np.ndarray:
        """Return the next frames, at least one [shape=(channels, frames)]."""
        white = self._own * self._rng.standard_normal((self._channels, frames))
        if self._shared:
            white += self._shared * self._rng.standard_normal(frames)
        run_sections(white, self._sections, self._state)
        return np.asarray(white)
