"""Recursive filters on whole sounds."""

from __future__ import annotations

import numpy as np
from scipy import signal

from lofigen_kit.audio import AudioBuffer


def filtered(audio: AudioBuffer, sections: np.ndarray) -> AudioBuffer:
    """Run second-order sections over every channel, from rest, in double precision.

    In single precision a filter whose corner lies far below the sample rate is noisy or unstable.

    Args:
        audio: Any number of channels.
        sections: As `scipy.signal.butter(..., output="sos")` gives them [shape=(sections, 6)].
    """
    if audio.frames == 0:  # which scipy refuses
        return audio
    return audio.with_samples(signal.sosfilt(sections, audio.samples.astype(np.float64)))
