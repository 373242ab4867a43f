"""Tempo and beat positions of a piece with constant tempo."""

from __future__ import annotations

import numpy as np

from lofigen_kit.analysis._mono import RATE_HZ, mono_8k
from lofigen_kit.audio.buffer import AudioBuffer

HOP_S = 0.016
FLUX_LAG_S = 0.025
"""Delay of the spectral flux peak after an onset: the analysis window must first reach the
sound."""

SLOWEST_BPM, FASTEST_BPM = 55.0, 112.0
"""A range of a little over an octave, so that of a tempo, its half and its double one is found."""
LIKELY_BPM, PRIOR_OCTAVES = 80.0, 0.6
COMB_BEATS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""The periods of repetition within a bar, from a sixteenth to the bar, in beats."""

LONGEST_LOOP_S = 40.0
"""A longer recording is not treated as a loop of whole bars."""
LOOP_FIT = 0.9


def beat_track(audio: AudioBuffer) -> tuple[float, float]:
    """Return the tempo and the first beat.

    The tempo is the one at whose sixteenths, eighths, beats, half bars and bars the onset strength
    correlates best with itself (a comb over the autocorrelation: Davies and Plumbley, IEEE TASLP
    15, 2007), weighted by a log-normal prior around 80 BPM (Ellis, JNMR 36, 2007). For a short
    recording, a tempo that makes it whole bars long is preferred if it fits almost as well; it is
    exact.

    Args:
        audio: Any rate and number of channels; a longer recording gives a more reliable result.

    Returns:
        tempo_bpm: 55 to 112; `LIKELY_BPM` if there are no onsets or the recording is shorter than 1
            s.
        start_s: Position of the first beat, from 0 to less than one beat.
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
    """Return the autocorrelation, 1 at lag 0, corrected for the shorter overlap at long lags."""
    frames = len(strength)
    spectrum = np.fft.rfft(strength - strength.mean(), 2 * frames)
    products = np.fft.irfft(np.abs(spectrum) ** 2)[:frames]
    overlap = np.maximum(frames - np.arange(frames), frames / 4) / frames
    return np.asarray(products / products[0] / overlap)


def _tempo_bpm(autocorrelation: np.ndarray, duration_s: float) -> float:
    """Return the tempo with the best fit, or one of whole bars if it fits almost as well."""
    octaves = np.log2(FASTEST_BPM / SLOWEST_BPM)
    candidates_bpm = SLOWEST_BPM * 2.0 ** np.arange(0.0, octaves, 0.001)
    fit = _fit(autocorrelation, candidates_bpm)
    if duration_s <= LONGEST_LOOP_S:
        loop_bpm = 60.0 * np.arange(4, 80, 4) / duration_s
        loop_bpm = loop_bpm[(loop_bpm >= SLOWEST_BPM) & (loop_bpm <= FASTEST_BPM)]
        loop_fit = _fit(autocorrelation, loop_bpm)
        if loop_fit.size and loop_fit.max() >= LOOP_FIT * fit.max():
            return float(loop_bpm[loop_fit.argmax()])
    return float(candidates_bpm[fit.argmax()])


def _fit(autocorrelation: np.ndarray, tempo_bpm: np.ndarray) -> np.ndarray:
    """Return how well each tempo explains the autocorrelation [shape=(len(tempo_bpm),)]."""
    lags = np.arange(len(autocorrelation))
    comb_lags = np.outer(COMB_BEATS, 60.0 / tempo_bpm / HOP_S)
    correlations = np.interp(comb_lags, lags, autocorrelation)
    # The longest lags are averages over too few frames.
    reliable = comb_lags < 0.8 * len(autocorrelation)
    comb = (correlations * reliable).sum(axis=0) / np.maximum(reliable.sum(axis=0), 1)
    prior = np.exp(-0.5 * (np.log2(tempo_bpm / LIKELY_BPM) / PRIOR_OCTAVES) ** 2)
    return np.asarray(comb * prior)


def _refine_tempo_bpm(strength: np.ndarray, tempo_bpm: float) -> float:
    """Return the tempo within 0.5 % at whose beats, eighths and sixteenths the spectrum peaks.

    The autocorrelation of a few bars has a low resolution; over many minutes its error grows to
    whole beats.
    """
    frames = len(strength)
    spectrum = np.abs(np.fft.rfft(strength - strength.mean(), 4 * frames))
    candidates = tempo_bpm * np.linspace(0.995, 1.005, 2001)
    cycles = np.outer((1, 2, 4), candidates / 60.0 * HOP_S * 4 * frames)
    magnitudes = np.interp(cycles, np.arange(len(spectrum)), spectrum)
    return float(candidates[magnitudes.sum(axis=0).argmax()])


def _phase_s(strength: np.ndarray, beat_s: float) -> float:
    """Return the first beat in seconds: the peak of the onset strength folded by the period."""
    bin_count = round(beat_s / HOP_S)
    phase = (np.arange(len(strength)) * HOP_S / beat_s) % 1.0
    bins = np.minimum((phase * bin_count).astype(int), bin_count - 1)
    profile = np.bincount(bins, strength, bin_count) / np.bincount(bins, minlength=bin_count).clip(
        1
    )
    # The sum over three bins keeps a peak between two bins in one piece.
    smoothed = profile + np.roll(profile, 1) + np.roll(profile, -1)
    start_s = (int(smoothed.argmax()) + 0.5) * beat_s / bin_count - HOP_S / 2 - FLUX_LAG_S
    # A beat just before the recording is placed at its start, not one beat later.
    return max(start_s, 0.0)
