"""Mastering of an endless sound: one fixed gain, and a look-ahead limiter.

`mastering` makes two passes and knows the whole piece before it sets the gain. Here the gain is
given, and the limiter looks ahead only a few milliseconds. DC is blocked by a filter that runs only
forwards.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from lofigen_kit.audio.blocks import Blocks, rechunk
from lofigen_kit.audio.buffer import AudioFormat
from lofigen_kit.dsp.decibels import db_to_gain
from lofigen_kit.dsp.filters import BiquadCascade, butterworth
from lofigen_kit.dsp.limiter import Limiter
from lofigen_kit.dsp.loudness import compute_stretch_frames, outline_rate_hz
from lofigen_kit.dsp.mastering import DC_BLOCK_HZ
from lofigen_kit.dsp.meters import MARGIN, stretch_peaks

_POINTS = 256
"""Stretches per block; this adds a latency of some 80 ms."""
_MARGIN_DB = 0.2
"""Margin for what is not measured again: the reading of other meters, and the effect of the moving
gain."""


def remove_dc(blocks: Iterable[np.ndarray], sound: AudioFormat) -> Blocks:
    """Yield a sound without DC: a high-pass at 20 Hz (-3 dB; 24 dB per octave).

    The filter is a Butterworth of order 4.

    Args:
        blocks: The sound, in pieces of any size [shape=(channels, frames), dtype=float32].
        sound: Format of the sound.
    """
    sections = butterworth(4, DC_BLOCK_HZ, sound.sample_rate_hz, high=True)
    highpass = BiquadCascade(sound.channels)
    for block in blocks:
        yield highpass(block, sections)


def limit_peaks(
    blocks: Iterable[np.ndarray], sound: AudioFormat, *, gain_db: float, true_peak_dbtp: float
) -> Blocks:
    """Yield a sound with a gain, its true peaks limited to a ceiling, all channels alike.

    Args:
        blocks: The sound, in pieces of any size [shape=(channels, frames), dtype=float32].
        sound: Format of the sound. It is taken as endless: of a sound that ends, the last tenth of
            a second is not returned.
        gain_db: The gain before the limiter.
        true_peak_dbtp: The ceiling.

    Yields:
        np.ndarray [shape=(channels, frames), dtype=float32].
    """
    stretch = compute_stretch_frames(sound)
    curve = _GainCurve(sound, gain_db, true_peak_dbtp - _MARGIN_DB)
    latency = MARGIN + curve.latency_frames
    pending = np.zeros((sound.channels, latency), np.float32)
    skip = latency
    for block in rechunk(blocks, _POINTS * stretch):
        pending = np.concatenate([pending, block], axis=1)
        count = block.shape[1] - block.shape[1] % stretch
        window = pending[:, latency - 2 * MARGIN : latency + count]
        limited = pending[:, :count] * curve(stretch_peaks(window, stretch, curve.floor))
        pending = pending[:, count:]
        yield limited[:, skip:]
        skip = max(0, skip - count)


class _GainCurve:
    """The gain of every frame: the gain before the limiter, less the limiter's reduction.

    Args:
        sound: Format of the sound.
        gain_db: The gain before the limiter.
        ceiling_dbtp: The ceiling of true peaks.

    Attributes:
        latency_frames: Number of frames by which a gain comes later than its peak.
        floor: Peaks below this amplitude need no reduction.
    """

    def __init__(self, sound: AudioFormat, gain_db: float, ceiling_dbtp: float) -> None:
        self._stretch = compute_stretch_frames(sound)
        self._limiter = Limiter(outline_rate_hz(sound))
        self._gain_db = gain_db
        self.floor = db_to_gain(ceiling_dbtp - gain_db)
        # Between the centres of two stretches the gain is interpolated linearly.
        self.latency_frames = (self._limiter.latency_points + 1) * self._stretch
        self._last = np.full(2, db_to_gain(gain_db))

    def __call__(self, peaks: np.ndarray) -> np.ndarray:
        """Return the gain in one stretch for each peak [shape=(frames,), dtype=float32]."""
        excess_db = 20.0 * np.log10(np.maximum(peaks / self.floor, 1.0))
        reduction_db = self._limiter(excess_db)
        points = np.concatenate([self._last, 10.0 ** ((self._gain_db - reduction_db) / 20.0)])
        self._last = points[-2:]
        frames = np.arange(len(peaks) * self._stretch)
        centres = np.arange(-1, len(peaks) + 1) * self._stretch + (self._stretch - 1) / 2
        return np.asarray(np.interp(frames, centres, points), np.float32)
