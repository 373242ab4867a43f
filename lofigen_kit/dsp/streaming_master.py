"""The last stage of a sound without an end: one gain, and peaks held down as they come.

`mastering` hears a piece twice, and can look at all of it before it settles on anything. Here the
gain is given, and a few milliseconds are all that the limiter hears ahead. Direct current is
blocked by a filter that runs forwards alone.
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
"""Stretches in a block: what is heard is this much late, some 80 ms."""
_MARGIN_DB = 0.2
"""What no piece is measured for again: another meter's reading, and what the gain bends."""


def remove_dc(blocks: Iterable[np.ndarray], sound: AudioFormat) -> Blocks:
    """Yield a sound without what lies below 20 Hz (-3 dB there, 24 dB an octave)."""
    sections = butterworth(4, DC_BLOCK_HZ, sound.sample_rate_hz, high=True)
    highpass = BiquadCascade(sound.channels)
    for block in blocks:
        yield highpass(block, sections)


def limit_peaks(
    blocks: Iterable[np.ndarray], sound: AudioFormat, *, gain_db: float, true_peak_dbtp: float
) -> Blocks:
    """Yield a sound at a gain, its true peaks held under a ceiling, all channels alike.

    Args:
        blocks: The sound, in pieces of any size [shape=(channels, frames), dtype=float32].
        sound: What it is. As it has no end, the last tenth of a second of one that ends is not
            given out.
        gain_db: The gain before the limiter.
        true_peak_dbtp: The ceiling.
    """
    stretch = compute_stretch_frames(sound)
    curve = _GainCurve(sound, gain_db, true_peak_dbtp - _MARGIN_DB)
    late = MARGIN + curve.late
    heard = np.zeros((sound.channels, late), np.float32)
    skip = late
    for block in rechunk(blocks, _POINTS * stretch):
        heard = np.concatenate([heard, block], axis=1)
        count = block.shape[1] - block.shape[1] % stretch
        window = heard[:, late - 2 * MARGIN : late + count]
        louder = heard[:, :count] * curve(stretch_peaks(window, stretch, curve.floor))
        heard = heard[:, count:]
        yield louder[:, skip:]
        skip = max(0, skip - count)


class _GainCurve:
    """The gain at every frame: that before the limiter, and what the limiter takes away.

    Args:
        sound: What is limited.
        gain_db: The gain before the limiter.
        ceiling_dbtp: What no peak may pass.

    Attributes:
        late: How many frames later a gain comes out than the peak goes in that it is for.
        floor: Peaks lower than this need no reduction.
    """

    def __init__(self, sound: AudioFormat, gain_db: float, ceiling_dbtp: float) -> None:
        self._stretch = compute_stretch_frames(sound)
        self._limiter = Limiter(outline_rate_hz(sound))
        self._gain_db = gain_db
        self.floor = db_to_gain(ceiling_dbtp - gain_db)
        # Between the middles of two stretches the gain goes in a straight line.
        self.late = (self._limiter.late + 1) * self._stretch
        self._last = np.full(2, db_to_gain(gain_db))

    def __call__(self, peaks: np.ndarray) -> np.ndarray:
        """Return the gain in as many stretches [shape=(frames,), dtype=float32]."""
        excess_db = 20.0 * np.log10(np.maximum(peaks / self.floor, 1.0))
        reduction_db = self._limiter(excess_db)
        points = np.concatenate([self._last, 10.0 ** ((self._gain_db - reduction_db) / 20.0)])
        self._last = points[-2:]
        frames = np.arange(len(peaks) * self._stretch)
        middles = np.arange(-1, len(peaks) + 1) * self._stretch + (self._stretch - 1) / 2
        return np.asarray(np.interp(frames, middles, points), np.float32)
