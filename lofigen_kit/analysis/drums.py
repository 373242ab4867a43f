"""Which drum was struck when, heard from a finished mix.

A drum stroke is a short hill in its band; what else sounds there (a bass note, an electric piano,
hiss) is a step or a floor. The white top-hat of mathematical morphology keeps exactly the hills
shorter than a given time (Serra, Image Analysis and Mathematical Morphology, 1982): each bin's
magnitude less its opening along time. It is the idea of harmonic-percussive separation by median
filters (Fitzgerald, 2010) with a sharper edge: a step leaves no trace, however high it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lofigen_kit.analysis._mono import RATE_HZ, mono_8k
from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.music.score import Drum

HOP_S = 0.005
LEAD_IN_S = 0.1
"""Silence put before the audio, so that a stroke on its first sample rises from somewhere."""


@dataclass(frozen=True)
class DrumTraits:
    """How one drum differs from all that sounds with it, at 8 kHz.

    Attributes:
        low_hz: The lower edge of the band where it stands out.
        high_hz: The upper edge.
        window_s: The spectrum's window.
        shortest_s: A hill shorter than this is a click of something else.
        longest_s: One longer than this is a note.
        median: Whether the median over the band's bins is its level: it is deaf to partials,
            which are loud in few bins. Else the mean, for a band with no partials in it.
        threshold: The least height, in parts of a typical loud stroke's.
        audible: A piece whose typical loud stroke is less than this part of its RMS level is
            without the drum.
        apart_s: The least time between two strokes.
        shadow_s: How long after a stroke a lower hill is its own, beating with a note.
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
"""A hill lower than this part of the stroke before is in its shadow."""
RISE = 0.15
"""An onset is where the hill has risen by this part of its height."""


def drum_onsets(audio: AudioBuffer, drum: Drum) -> np.ndarray:
    """Return when a drum was struck.

    Kick and snare are tuned to plain strokes; ghost notes are found where they are loud enough.

    Args:
        audio: Any rate and number of channels; what lies above 4 kHz is not used, so that a
            recording and what a network at 8 kHz makes of it are heard alike.
        drum: `kick`, `snare` or `hat`.

    Returns:
        np.ndarray [shape=(strokes,)], seconds, ascending.
    """
    return drum_strokes(audio, drum)[0]


def drum_strokes(audio: AudioBuffer, drum: Drum) -> tuple[np.ndarray, np.ndarray]:
    """Return when a drum was struck, and how hard.

    Returns:
        Seconds, ascending [shape=(strokes,)], and heights, 1 for a typical loud stroke of the
        piece [shape=(strokes,)].
    """
    from scipy.signal import find_peaks

    traits, samples = TRAITS[drum], mono_8k(audio)
    nothing = np.zeros(0), np.zeros(0)
    if not samples.any():
        return nothing
    hills = _activation(samples, traits)
    loud = _typical_loud(hills)
    if loud <= traits.audible * np.sqrt(np.mean(samples**2)):
        return nothing
    hills = hills / loud
    peaks, _ = find_peaks(
        hills,
        height=traits.threshold,
        prominence=traits.threshold,
        distance=round(traits.apart_s / HOP_S),
    )
    peaks = _drop_shadowed_peaks(peaks, hills, round(traits.shadow_s / HOP_S))
    feet = np.array([_foot(hills, peak) for peak in peaks])
    return np.maximum(feet * HOP_S - LEAD_IN_S, 0.0), hills[peaks]


def _drop_shadowed_peaks(peaks: np.ndarray, hills: np.ndarray, shadow: int) -> np.ndarray:
    """Return the peaks without those that are low beside one that was kept just before."""
    kept: list[int] = []
    for peak in peaks:
        recent = (k for k in kept[-3:] if peak - k <= shadow)
        if all(hills[peak] >= SHADOW * hills[k] for k in recent):
            kept.append(int(peak))
    return np.asarray(kept, dtype=int)


def _activation(samples: np.ndarray, traits: DrumTraits) -> np.ndarray:
    """Return how much of a drum sounds every 5 ms, from `LEAD_IN_S` before the audio on."""
    from scipy.ndimage import grey_opening

    magnitude = _band_magnitude(samples, traits)
    if traits.shortest_s:
        magnitude = grey_opening(magnitude, size=(1, _odd_frames(traits.shortest_s)))
    hills = magnitude - grey_opening(magnitude, size=(1, _odd_frames(traits.longest_s)))
    return np.asarray(np.median(hills, axis=0) if traits.median else hills.mean(axis=0))


def _band_magnitude(samples: np.ndarray, traits: DrumTraits) -> np.ndarray:
    """Return the magnitude spectrum within a drum's band [shape=(bins, frames)]."""
    size, hop = round(traits.window_s * RATE_HZ), round(HOP_S * RATE_HZ)
    lead_in = round(LEAD_IN_S * RATE_HZ)
    padded = np.concatenate([np.zeros(size // 2 + lead_in), samples, np.zeros(size // 2 + hop)])
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    frequency_hz = np.fft.rfftfreq(size, 1.0 / RATE_HZ)
    band = (frequency_hz >= traits.low_hz) & (frequency_hz <= traits.high_hz)
    window = np.hanning(size)
    # In pieces: an hour's frames at once are 3 GB.
    pieces = np.array_split(frames, 1 + len(frames) // 8192)
    spectra = [np.abs(np.fft.rfft(piece * window, axis=1)[:, band]) for piece in pieces]
    return np.asarray(np.concatenate(spectra).T / window.sum())


def _typical_loud(hills: np.ndarray) -> float:
    """Return the median over three-second stretches of the highest hill: no single bang rules."""
    stretch = round(3.0 / HOP_S)
    starts = range(0, max(1, len(hills) - stretch // 2), stretch)
    return float(np.median([hills[start : start + stretch].max() for start in starts]))


def _foot(hills: np.ndarray, peak: int) -> int:
    """Return the frame where a hill begins: `RISE` of the way up from its lowest point before."""
    before = hills[max(0, peak - round(0.1 / HOP_S)) : peak + 1]
    level = before.min() + RISE * (before[-1] - before.min())
    return peak - int(np.argmax(before[::-1] <= level))


def _odd_frames(duration_s: float) -> int:
    return round(duration_s / HOP_S) | 1
