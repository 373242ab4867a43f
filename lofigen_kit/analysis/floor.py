"""The noise floor between the notes of a piece.

A ringing note hides the noise behind it, and a piece is seldom silent in all bands at once. But
every band is silent at times, and a reference rendering tells when. In each frequency bin, the
floor is measured in the frames in which the reference is quietest. The frames are chosen from the
reference and not from the audio, so the estimate is unbiased; a minimum statistic over the audio
itself would be too low (Martin, IEEE TSAP 9, 2001). The median over these frames ignores a note
that is released a little late.
"""

from __future__ import annotations

import numpy as np

from lofigen_kit.analysis._mono import RATE_HZ, mono_8k
from lofigen_kit.audio.buffer import AudioBuffer

WINDOW, HOP = 512, 128
"""64 ms and 16 ms at 8 kHz."""
LOWEST_HZ = 250.0
"""Below it, bass and kick drum leave too little silence."""
QUIET_SHARE = 0.05
"""The share of frames of a bin in which the reference is taken as silent."""
MEDIAN_OF_EXPONENTIAL = np.log(2.0)
"""The median of an exponential distribution of mean 1: the power of noise in a bin has this
form."""
SILENCE_DBFS = -120.0


def noise_floor_dbfs(audio: AudioBuffer, reference: AudioBuffer) -> float:
    """Return the level between 250 Hz and 4 kHz where the reference is silent, in dBFS.

    Args:
        audio: The sound to measure, at least 64 ms; any rate and number of channels.
        reference: The same piece without noise, in time with it; the end of the longer one is
            ignored. Pass `audio` itself to measure the floor of a reference.

    Returns:
        At least -120; 0 dBFS is a mean square of 1. White noise gives 0.3 dB less than its own
        level, because a sixteenth of its band is left out.
    """
    power, reference_power = _power(mono_8k(audio)), _power(mono_8k(reference))
    frames = min(len(power), len(reference_power))
    count = max(1, round(QUIET_SHARE * frames))
    quietest = np.argpartition(reference_power[:frames], count - 1, axis=0)[:count]
    floors = np.median(np.take_along_axis(power, quietest, axis=0), axis=0)
    return float(max(10.0 * np.log10(floors.sum() / MEDIAN_OF_EXPONENTIAL + 1e-20), SILENCE_DBFS))


def _power(samples: np.ndarray) -> np.ndarray:
    """Return a power spectrogram from `LOWEST_HZ` up [shape=(frames, bins)].

    The bins of a frame sum to the mean square of the band.
    """
    padded = np.pad(samples, (0, max(0, WINDOW - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    window = np.hanning(WINDOW + 1)[:-1]
    spectrum = np.fft.rfft(frames * window)[:, round(LOWEST_HZ * WINDOW / RATE_HZ) :]
    return np.asarray(np.abs(spectrum) ** 2 * 2.0 / (WINDOW * np.sum(window**2)))
