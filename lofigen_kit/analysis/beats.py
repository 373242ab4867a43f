"""Tempo and the place of the beats, in a piece of constant tempo."""

from __future__ import annotations

import numpy as np

from lofigen_kit.analysis._mono import RATE_HZ, mono_8k
from lofigen_kit.audio.buffer import AudioBuffer

HOP_S = 0.016
FLUX_LAG_S = 0.025
"""How far the spectral flux peaks behind an onset: the window hears it before it is in full."""

SLOWEST_BPM, FASTEST_BPM = 55.0, 112.0
"""A little over an octave, so that of a tempo, its half and its double one is found."""
LIKELY_BPM, PRIOR_OCTAVES = 80.0, 0.6
COMB_BEATS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""The periods at which a bar repeats itself, from a sixteenth to the bar."""

LONGEST_LOOP_S = 40.0
"""A longer recording is not taken for a loop that was cut to whole bars."""
LOOP_FIT = 0.9


def beat_track(audio: AudioBuffer) -> tuple[float, float]:
    """Return the tempo and the first beat.

    The tempo is the one at whose sixteenths, eighths, beats, half bars and bars the onset
    strength is most like itself (a comb over the autocorrelation: Davies and Plumbley, IEEE
    TASLP 15, 2007), weighted by a log-normal prior around 80 BPM (Ellis, JNMR 36, 2007). Where a
    tempo fits almost as well that makes a short recording whole bars long, it is that one, and
    exact.

    Args:
        audio: Any rate and number of channels; the longer, the surer.

    Returns:
        tempo_bpm: 55 to 112; `LIKELY_BPM` where nothing is struck.
        start_s: The first beat's place, from 0 to less than one beat.
    """
    import librosa

    samples, hop = mono_8k(audio), round(HOP_S * RATE_HZ)
    if len(samples) < RATE_HZ:
        return LIKELY_BPM, 0.0
    strength = librosa.onset.onset_strength(y=samples, sr=RATE_HZ, hop_length=hop, n_fft=512)
    if strength.max() <= 0:
        return LIKELY_BPM, 0.0
    tempo_bpm = _tempo_bpm(_autocorrelation(strength), audio.duration_s)
    if audio.duration_s > LONGEST_LOOP_S:
        tempo_bpm = _refine_tempo_bpm(strength, tempo_bpm)
    return tempo_bpm, _phase_s(strength, 60.0 / tempo_bpm)


def _autocorrelation(strength: np.ndarray) -> np.ndarray:
    """Return the autocorrelation, 1 at lag 0, as if the piece went on for ever."""
    frames = len(strength)
    spectrum = np.fft.rfft(strength - strength.mean(), 2 * frames)
    products = np.fft.irfft(np.abs(spectrum) ** 2)[:frames]
    overlap = np.maximum(frames - np.arange(frames), frames / 4) / frames
    return np.asarray(products / products[0] / overlap)


def _tempo_bpm(autocorrelation: np.ndarray, duration_s: float) -> float:
    octaves = np.log2(FASTEST_BPM / SLOWEST_BPM)
    free_bpm = SLOWEST_BPM * 2.0 ** np.arange(0.0, octaves, 0.001)
    free_fit = _fit(autocorrelation, free_bpm)
    if duration_s <= LONGEST_LOOP_S:
        loop_bpm = 60.0 * np.arange(4, 80, 4) / duration_s
        loop_bpm = loop_bpm[(loop_bpm >= SLOWEST_BPM) & (loop_bpm <= FASTEST_BPM)]
        loop_fit = _fit(autocorrelation, loop_bpm)
        if loop_fit.size and loop_fit.max() >= LOOP_FIT * free_fit.max():
            return float(loop_bpm[loop_fit.argmax()])
    return float(free_bpm[free_fit.argmax()])


def _fit(autocorrelation: np.ndarray, tempo_bpm: np.ndarray) -> np.ndarray:
    """Return how well each tempo explains the autocorrelation [shape=(len(tempo_bpm),)]."""
    lags = np.arange(len(autocorrelation))
    wanted = np.outer(COMB_BEATS, 60.0 / tempo_bpm / HOP_S)
    likeness = np.interp(wanted, lags, autocorrelation)
    # The last lags are means over too little.
    known = wanted < 0.8 * len(autocorrelation)
    comb = (likeness * known).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    prior = np.exp(-0.5 * (np.log2(tempo_bpm / LIKELY_BPM) / PRIOR_OCTAVES) ** 2)
    return np.asarray(comb * prior)


def _refine_tempo_bpm(strength: np.ndarray, tempo_bpm: float) -> float:
    """Return the tempo within 0.5 % at whose beats, eighths and sixteenths the spectrum peaks.

    The autocorrelation of a few bars is blunt; over many minutes its error adds up to beats.
    """
    frames = len(strength)
    spectrum = np.abs(np.fft.rfft(strength - strength.mean(), 4 * frames))
    candidates = tempo_bpm * np.linspace(0.995, 1.005, 2001)
    cycles = np.outer((1, 2, 4), candidates / 60.0 * HOP_S * 4 * frames)
    lines = np.interp(cycles, np.arange(len(spectrum)), spectrum)
    return float(candidates[lines.sum(axis=0).argmax()])


def _phase_s(strength: np.ndarray, beat_s: float) -> float:
    """Return where in its period a beat falls: the strongest place of all beats laid together."""
    places = round(beat_s / HOP_S)
    phase = (np.arange(len(strength)) * HOP_S / beat_s) % 1.0
    bins = np.minimum((phase * places).astype(int), places - 1)
    profile = np.bincount(bins, strength, places) / np.bincount(bins, minlength=places).clip(1)
    # The place is the middle of three, so that a peak between two is not torn.
    rounded = profile + np.roll(profile, 1) + np.roll(profile, -1)
    start_s = (int(rounded.argmax()) + 0.5) * beat_s / places - HOP_S / 2 - FLUX_LAG_S
    # Just before the recording begins is its very start, not a beat later.
    return max(start_s, 0.0)
