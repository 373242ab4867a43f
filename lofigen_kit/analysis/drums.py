"""Drum onset detection in a finished mix.

A drum stroke is a short peak in its frequency band; other sounds there (a bass note, an electric
piano, hiss) are steps or a constant level. The white top-hat of mathematical morphology keeps
exactly the peaks shorter than a given time (Serra, Image Analysis and Mathematical Morphology,
1982): the magnitude of each bin less its opening along time. It resembles harmonic-percussive
separation by median filters (Fitzgerald, 2010) with sharper limits: a step leaves no trace, however
high it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lofigen_kit.analysis._mono import RATE_HZ, mono_8k
from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.music.score import Drum

HOP_S = 0.005
LEAD_IN_S = 0.1
"""Silence put before the audio, so that a stroke on the first sample has a rising edge."""


@dataclass(frozen=True)
class DrumTraits:
    """What separates one drum from other sounds, at 8 kHz.

    Attributes:
        low_hz: Lower edge of its band.
        high_hz: Upper edge of its band.
        window_s: Window of the spectrum.
        shortest_s: A shorter peak is a click of something else.
        longest_s: A longer peak is a note.
        median: Whether the level of the band is the median of its bins, which ignores partials, as
            they are loud in few bins. Else it is the mean, for a band without partials.
        threshold: The least height, relative to a typical loud stroke.
        audible: If a typical loud stroke is below this part of the piece's RMS level, the piece is
            without the drum.
        apart_s: The least time between two strokes.
        shadow_s: For this long after a stroke, a lower peak belongs to that stroke: it beats with a
            note.
    """

    low_hz: float
    high_hz: float
    window_s: float
    shortest_s: float
    longest_s: float
    median: bool
    threshold: float
    audible: float
    apart_s: float
    shadow_s: float


TRAITS: dict[Drum, DrumTraits] = {
    "kick": DrumTraits(
        low_hz=35,
        high_hz=140,
        window_s=0.064,
        shortest_s=0.0,
        longest_s=0.12,
        median=False,
        threshold=0.32,
        audible=0.2,
        apart_s=0.10,
        shadow_s=0.22,
    ),
    "snare": DrumTraits(
        low_hz=800,
        high_hz=3000,
        window_s=0.032,
        shortest_s=0.03,
        longest_s=0.20,
        median=True,
        threshold=0.5,
        audible=0.0025,
        apart_s=0.10,
        shadow_s=0.0,
    ),
    "hat": DrumTraits(
        low_hz=3200,
        high_hz=3950,
        window_s=0.032,
        shortest_s=0.0,
        longest_s=0.12,
        median=False,
        threshold=0.06,
        audible=0.003,
        apart_s=0.08,
        shadow_s=0.15,
    ),
}
"""Found by a grid search on renderings of the beatmaker with noise at -40 dB."""
SHADOW = 0.7
"""A peak below this part of the previous stroke is in its shadow."""
RISE = 0.15
"""An onset is where the activation has risen by this part of its height."""


def drum_onsets(audio: AudioBuffer, drum: Drum) -> np.ndarray:
    """Return the onsets of a drum.

    The thresholds for kick and snare are tuned to plain strokes; ghost notes are found if they are
    loud enough.

    Args:
        audio: Any rate and number of channels. Nothing above 4 kHz is used, so a recording and the
            output of a network at 8 kHz are treated alike.
        drum: `kick`, `snare` or `hat`.

    Returns:
        np.ndarray [shape=(strokes,)], seconds, ascending.
    """
    return drum_strokes(audio, drum)[0]


def drum_strokes(audio: AudioBuffer, drum: Drum) -> tuple[np.ndarray, np.ndarray]:
    """Return the onsets of a drum and the heights of its strokes.

    Args:
        audio: Any rate and number of channels.
        drum: `kick`, `snare` or `hat`.

    Returns:
        Onsets in seconds, ascending [shape=(strokes,)], and heights, relative to a typical loud
        stroke of the piece [shape=(strokes,)].
    """
    from scipy.signal import find_peaks

    traits, samples = TRAITS[drum], mono_8k(audio)
    no_strokes = np.zeros(0), np.zeros(0)
    if not samples.any():
        return no_strokes
    activation = _activation(samples, traits)
    loud = _typical_loud(activation)
    if loud <= traits.audible * np.sqrt(np.mean(samples**2)):
        return no_strokes
    activation = activation / loud
    peaks, _ = find_peaks(
        activation,
        height=traits.threshold,
        prominence=traits.threshold,
        distance=round(traits.apart_s / HOP_S),
    )
    peaks = _drop_shadowed_peaks(peaks, activation, round(traits.shadow_s / HOP_S))
    onset_frames = np.array([_find_onset(activation, peak) for peak in peaks])
    return np.maximum(onset_frames * HOP_S - LEAD_IN_S, 0.0), activation[peaks]


def _drop_shadowed_peaks(peaks: np.ndarray, activation: np.ndarray, shadow: int) -> np.ndarray:
    """Return the peaks without those in the shadow of a higher one that was kept before."""
    kept: list[int] = []
    for peak in peaks:
        recent = (k for k in kept[-3:] if peak - k <= shadow)
        if all(activation[peak] >= SHADOW * activation[k] for k in recent):
            kept.append(int(peak))
    return np.asarray(kept, dtype=int)


def _activation(samples: np.ndarray, traits: DrumTraits) -> np.ndarray:
    """Return the drum's activation every 5 ms, starting `LEAD_IN_S` before the audio."""
    from scipy.ndimage import grey_opening

    magnitude = _band_magnitude(samples, traits)
    if traits.shortest_s:
        magnitude = grey_opening(magnitude, size=(1, _odd_frames(traits.shortest_s)))
    top_hat = magnitude - grey_opening(magnitude, size=(1, _odd_frames(traits.longest_s)))
    return np.asarray(np.median(top_hat, axis=0) if traits.median else top_hat.mean(axis=0))


def _band_magnitude(samples: np.ndarray, traits: DrumTraits) -> np.ndarray:
    """Return the magnitude spectrum within a drum's band [shape=(bins, frames)]."""
    size, hop = round(traits.window_s * RATE_HZ), round(HOP_S * RATE_HZ)
    lead_in = round(LEAD_IN_S * RATE_HZ)
    padded = np.concatenate([np.zeros(size // 2 + lead_in), samples, np.zeros(size // 2 + hop)])
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    frequency_hz = np.fft.rfftfreq(size, 1.0 / RATE_HZ)
    band = (frequency_hz >= traits.low_hz) & (frequency_hz <= traits.high_hz)
    window = np.hanning(size)
    # In pieces: the frames of an hour at once take 3 GB.
    pieces = np.array_split(frames, 1 + len(frames) // 8192)
    spectra = [np.abs(np.fft.rfft(piece * window, axis=1)[:, band]) for piece in pieces]
    return np.asarray(np.concatenate(spectra).T / window.sum())


def _typical_loud(activation: np.ndarray) -> float:
    """Return the median of the maxima of 3 s stretches, which ignores a single loud stroke."""
    stretch = round(3.0 / HOP_S)
    starts = range(0, max(1, len(activation) - stretch // 2), stretch)
    return float(np.median([activation[start : start + stretch].max() for start in starts]))


def _find_onset(activation: np.ndarray, peak: int) -> int:
    """Return the frame at which a peak has risen by `RISE` from the lowest point before it."""
    rise = activation[max(0, peak - round(0.1 / HOP_S)) : peak + 1]
    level = rise.min() + RISE * (rise[-1] - rise.min())
    return peak - int(np.argmax(rise[::-1] <= level))


def _odd_frames(duration_s: float) -> int:
    return round(duration_s / HOP_S) | 1
