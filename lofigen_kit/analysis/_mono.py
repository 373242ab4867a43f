"""The common input of all analyses: one channel at the network's sample rate."""

from __future__ import annotations

import numpy as np

from lofigen_kit.audio.buffer import AudioBuffer

RATE_HZ = 8_000


def mono_8k(audio: AudioBuffer) -> np.ndarray:
    """Return the mean of all channels at 8 kHz [shape=(frames,), dtype=float64].

    So a recording and the output of a network at 8 kHz are analysed at the same bandwidth.

    Args:
        audio: Any rate and number of channels.
    """
    from lofigen_kit.dsp.resample import resample

    return np.asarray(resample(audio.mono(), RATE_HZ).samples[0], dtype=np.float64)
