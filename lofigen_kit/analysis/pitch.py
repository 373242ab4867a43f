"""Pitch analysis: a constant-Q spectrum, its chroma, and the similarity of two chromas."""

from __future__ import annotations

from contextlib import suppress
from functools import cache

import numpy as np

from lofigen_kit.analysis._mono import RATE_HZ, mono_8k
from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.music.conditioning import render_conditioning
from lofigen_kit.music.score import Score
from lofigen_kit.runtime.caches import get_cache_dir

HOP_S = 0.064
LOWEST_MIDI, PITCHES = 24, 72
"""From C1 (32.7 Hz), the lowest string of any bass, to B6 (1976 Hz), half the bandwidth at 8
kHz."""
CHROMA_LOWEST_MIDI = 36
"""Below C2 a kick drum is as loud as any note."""
SMOOTH_S = 0.45
"""Length of the running median: a drum stroke is shorter than half of it, a chord is longer."""

_BASS_LEVEL = 2.5
"""Level of a bass note relative to a chord note in the tones that stand for a score."""


def tuning_st(audio: AudioBuffer) -> float:
    """Return the tuning of a piece relative to A4 = 440 Hz, -0.5 to 0.5 semitones.

    Args:
        audio: Any rate and number of channels; 0 is returned if it has no pitch.
    """
    import librosa

    _compile_alone()
    pitches_hz, magnitudes = librosa.piptrack(
        y=_pad_to_minimum(mono_8k(audio)), sr=RATE_HZ, fmin=110.0, fmax=2000.0
    )
    if not (magnitudes > 0).any():
        return 0.0
    loud = magnitudes > np.quantile(magnitudes[magnitudes > 0], 0.8)
    return float(librosa.pitch_tuning(pitches_hz[loud], resolution=0.02))


@cache
def _compile_alone() -> None:
    """Let librosa compile its pitch tracker while no other process does.

    Two processes that write numba's cache at the same time can leave a file that crashes.
    """
    import librosa
    from filelock import FileLock

    folder = get_cache_dir()
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / "librosa.lock"):
            librosa.piptrack(y=np.zeros(4096), sr=RATE_HZ)


def constant_q(audio: AudioBuffer, *, tuning_st: float = 0.0) -> np.ndarray:
    """Return the constant-Q magnitude of every semitone every 64 ms (Brown, JASA 89, 1991).

    Args:
        audio: Any rate and number of channels.
        tuning_st: Tuning of the piece in semitones relative to A4 = 440 Hz.

    Returns:
        np.ndarray [shape=(72, frames)], from MIDI note 24 up.
    """
    import librosa

    samples = mono_8k(audio)
    spectrum = librosa.cqt(
        _pad_to_minimum(samples),
        sr=RATE_HZ,
        hop_length=round(HOP_S * RATE_HZ),
        fmin=librosa.midi_to_hz(LOWEST_MIDI),
        n_bins=PITCHES,
        tuning=tuning_st,
    )
    frames = 1 + len(samples) // round(HOP_S * RATE_HZ)
    return np.asarray(np.abs(spectrum[:, :frames]))


def _pad_to_minimum(samples: np.ndarray) -> np.ndarray:
    """Pad with silence to at least two seconds: librosa warns for less, six octaves down."""
    return np.pad(samples, (0, max(0, 2 * RATE_HZ - len(samples))))


def frame_times_s(frames: int) -> np.ndarray:
    """Return the centre of each frame of `constant_q` and `chroma` in seconds [shape=(frames,)]."""
    return np.arange(frames) * HOP_S


def find_held_partials(magnitude: np.ndarray) -> np.ndarray:
    """Return the partials of held notes: all magnitudes that are no local maximum become 0.

    The filter of a semitone also passes the neighbouring semitones, and a drum appears in all of
    them. So only a local maximum along pitch that lasts longer than a stroke is a partial.

    Args:
        magnitude: As `constant_q` returns it [shape=(pitches, frames)].

    Returns:
        np.ndarray [shape=(pitches, frames)].
    """
    from scipy.ndimage import median_filter

    held = median_filter(magnitude, size=(1, round(SMOOTH_S / HOP_S)))
    edge = np.zeros((1, held.shape[1]))
    below, above = np.vstack([edge, held[:-1]]), np.vstack([held[1:], edge])
    return np.where((held >= below) & (held >= above), held, 0.0)


def chroma(audio: AudioBuffer) -> np.ndarray:
    """Return the magnitude of each held pitch class every 64 ms, summed over octaves from C2 up.

    Args:
        audio: Any rate and number of channels.

    Returns:
        np.ndarray [shape=(12, frames)], from C; frame n is at n * 0.064 s.
    """
    partials = find_held_partials(constant_q(audio))[CHROMA_LOWEST_MIDI - LOWEST_MIDI :]
    return np.asarray(partials.reshape(-1, 12, partials.shape[1]).sum(axis=0))


def chroma_similarity(estimated: np.ndarray, reference: np.ndarray) -> float:
    """Return the mean cosine similarity of two chromas over the frames in which both sound.

    Args:
        estimated: Chroma of the audio [shape=(12, frames)].
        reference: Chroma of the score [shape=(12, frames)]; the end of the longer one is ignored.
            Each frame is weighted by its level in the reference, so the fading end of a chord
            counts little.

    Returns:
        0 to 1: 1 for the same harmony throughout; 0 if no frame sounds in both.
    """
    frames = min(estimated.shape[1], reference.shape[1])
    estimated, reference = estimated[:, :frames], reference[:, :frames]
    level = np.linalg.norm(reference, axis=0)
    norms = np.linalg.norm(estimated, axis=0) * level
    sounding = norms > 1e-9
    if not sounding.any():
        return 0.0
    cosines = (estimated * reference).sum(axis=0)[sounding] / norms[sounding]
    return float(np.average(cosines, weights=level[sounding]))


def render_score_tones(score: Score, frames: int, sample_rate_hz: int) -> AudioBuffer:
    """Return the notes of a score as decaying sines, whose chroma is that of the score.

    Args:
        score: The score.
        frames: Length of the result.
        sample_rate_hz: Sample rate of the result.

    Returns:
        One channel.
    """
    notes = (n if n.part == "bass" else n.model_copy(update={"part": "keys"}) for n in score.notes)
    chords, bass = render_conditioning(
        score.model_copy(update={"notes": tuple(notes)}),
        ("chords.sin", "bass.sin"),
        start=0,
        frames=frames,
        sample_rate_hz=sample_rate_hz,
    )
    return AudioBuffer((chords + _BASS_LEVEL * bass)[None], sample_rate_hz)
