"""How loud it is where a piece is silent: the noise floor between its notes.

A note that rings hides the noise behind it, and a piece is seldom silent in all bands at once.
But every band is silent at times, and the reference rendering says when: in each bin of its
spectrogram, the floor is measured in the frames in which that bin is quietest. Since the frames
are chosen by the reference and not by what is judged, noise is read without bias (a minimum
statistic over the judged sound itself would read it too low: Martin, IEEE TSAP 9, 2001), and the
median over these frames is deaf to a note that is let go a little late.
"""

from __future__ import annotations

import numpy as np

from lofigen_kit.analysis._mono import RATE_HZ, mono_8k
from lofigen_kit.audio.buffer import AudioBuffer

WINDOW, HOP = 512, 128
"""64 ms and 16 ms."""
LOWEST_HZ = 250.0
"""Below, a bass and its drum leave too little time in which nothing sounds."""
QUIET_SHARE = 0.05
"""The frames of a bin in which the reference is taken to be silent."""
MEDIAN_OF_EXPONENTIAL = np.log(2.0)
"""The power of noise in one bin is exponentially distributed: this is its median, 1 its mean."""
SILENCE_DBFS = -120.0


def noise_floor_dbfs(audio: AudioBuffer, reference: AudioBuffer) -> float:
    """Return the level of what sounds between 250 Hz and 4 kHz where a reference is silent.

    Args:
        audio: What is judged, at least 64 ms; any rate and number of channels.
        reference: The same piece as it should be, in time with it; what one has more than the
            other at the end is not compared. The audio itself, for the floor of the reference.

    Returns:
        0 dB is a mean square of 1; white noise reads 0.3 dB less than its own level, as a
        sixteenth of its band is not heard. At least -120.
    """
    heard, silent = _power(mono_8k(audio)), _power(mono_8k(reference))
    frames = min(len(heard), len(silent))
    count = max(1, round(QUIET_SHARE * frames))
    quietest = np.argpartition(silent[:frames], count - 1, axis=0)[:count]
    floors = np.median(np.take_along_axis(heard, quietest, axis=0), axis=0)
    return float(max(10.0 * np.log10(floors.sum() / MEDIAN_OF_EXPONENTIAL + 1e-20), SILENCE_DBFS))


def _power(samples: np.ndarray) -> np.ndarray:
    """Return a power spectrogram from `LOWEST_HZ` up [shape=(frames, bins)].

    A frame's bins sum to the mean square of what it holds in the band.
    """
    padded = np.pad(samples, (0, max(0, WINDOW - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    window = np.hanning(WINDOW + 1)[:-1]
    spectrum = np.fft.rfft(frames * window)[:, round(LOWEST_HZ * WINDOW / RATE_HZ) :]
    return np.asarray(np.abs(spectrum) ** 2 * 2.0 / (WINDOW * np.sum(window**2)))
