"""Endless band-limited noise."""

from __future__ import annotations

import math

import numpy as np
from scipy import signal

from lofigen_kit.dsp.filters import run_sections

_RESPONSE_POINTS = 1 << 16
_SETTLING_S = 0.5
_MAX_OF_SAMPLE_RATE = 0.45


class NoiseBand:
    """Gaussian noise in a frequency band, with an RMS of 1, generated block by block.

    The band is cut out by Butterworth filters, which have settled before the first frame.

    Args:
        lowest_hz: The lower -3 dB frequency.
        highest_hz: The upper -3 dB frequency, limited to 0.45 of the sample rate.
        order: Order of each filter: 6 dB per octave each.
        channels: Number of channels.
        rate_hz: Sample rate.
        rng: The random generator.
        common: Share of the power that is the same in all channels, 0 to 1.
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
        highest_hz = min(highest_hz, _MAX_OF_SAMPLE_RATE * rate_hz)
        low = signal.butter(order, lowest_hz, "highpass", fs=rate_hz, output="sos")
        high = signal.butter(order, highest_hz, "lowpass", fs=rate_hz, output="sos")
        self._sections = np.concatenate([low, high])
        self._channels = channels
        self._rng = rng
        _, response = signal.sosfreqz(self._sections, _RESPONSE_POINTS)
        gain = 1.0 / math.sqrt(np.mean(np.abs(response) ** 2))
        self._independent_gain, self._common_gain = (
            gain * math.sqrt(1.0 - common),
            gain * math.sqrt(common),
        )
        self._state = np.zeros((len(self._sections), channels, 2))
        self(round(_SETTLING_S * rate_hz))

    def __call__(self, frames: int) -> np.ndarray:
        """Return the next frames [shape=(channels, frames)].

        Args:
            frames: Number of frames, at least one.
        """
        white = self._independent_gain * self._rng.standard_normal((self._channels, frames))
        if self._common_gain:
            white += self._common_gain * self._rng.standard_normal(frames)
        run_sections(white, self._sections, self._state)
        return np.asarray(white)
