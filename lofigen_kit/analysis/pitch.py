"""Which pitches sound: a constant-Q spectrum, its chroma, and how alike two chromas are."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np

from lofigen_kit.analysis._mono import RATE_HZ, mono_8k
from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.music.conditioning import render_conditioning
from lofigen_kit.music.score import Score

HOP_S = 0.064
LOWEST_MIDI, PITCHES = 24, 72
"""From C1 (32.7 Hz), the lowest string of any bass, to B6 (1976 Hz), half of what 8 kHz holds."""
CHROMA_LOWEST_MIDI = 36
"""Below C2 a kick drum sounds as loud as any note."""
SMOOTH_S = 0.45
"""A drum stroke is shorter than half of this, a chord is longer: a running median parts them."""

_BASS_LEVEL = 2.5
"""How much louder than a chord's note a bass note is, in the tones that stand for a score."""


def tuning_st(audio: AudioBuffer) -> float:
    """Return how far the piece is tuned above A4 = 440 Hz, -0.5 to 0.5 semitones."""
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
    """Let librosa compile what finds pitches while no other process does.

    Two that write that cache at the same time leave one behind that crashes.
    """
    import librosa
    import platformdirs
    from filelock import FileLock

    folder = Path(platformdirs.user_cache_dir("lofigen-kit", appauthor=False))
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / "librosa.lock"):
            librosa.piptrack(y=np.zeros(4096), sr=RATE_HZ)


def constant_q(audio: AudioBuffer, *, tuning_st: float = 0.0) -> np.ndarray:
    """Return the magnitude at every semitone every 64 ms (Brown, JASA 89, 1991).

    Args:
        audio: Any rate and number of channels.
        tuning_st: By how many semitones all pitches are above A4 = 440 Hz.

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
    """Return at least two seconds: librosa warns of less, six octaves down."""
    return np.pad(samples, (0, max(0, 2 * RATE_HZ - len(samples))))


def frame_times_s(frames: int) -> np.ndarray:
    """Return the middle of each frame of `constant_q` and `chroma` in seconds."""
    return np.arange(frames) * HOP_S


def find_held_partials(magnitude: np.ndarray) -> np.ndarray:
    """Return what is held and stands above both its neighbours in pitch; all else becomes 0.

    A semitone's filter also hears the semitones beside it, and a drum is heard in all of them:
    only a local maximum that outlasts a stroke is a partial.

    Args:
        magnitude: What `constant_q` gives [shape=(pitches, frames)].
    """
    from scipy.ndimage import median_filter

    held = median_filter(magnitude, size=(1, round(SMOOTH_S / HOP_S)))
    edge = np.zeros((1, held.shape[1]))
    below, above = np.vstack([edge, held[:-1]]), np.vstack([held[1:], edge])
    return np.where((held >= below) & (held >= above), held, 0.0)


def chroma(audio: AudioBuffer) -> np.ndarray:
    """Return how much of each pitch class is held every 64 ms, the octaves from C2 up summed.

    Returns:
        np.ndarray [shape=(12, frames)], from C; frame n is at n * 0.064 s.
    """
    partials = find_held_partials(constant_q(audio))[CHROMA_LOWEST_MIDI - LOWEST_MIDI :]
    return np.asarray(partials.reshape(-1, 12, partials.shape[1]).sum(axis=0))


def chroma_similarity(heard: np.ndarray, written: np.ndarray) -> float:
    """Return the mean cosine of two chromas over the frames in which both sound, 0 to 1.

    Args:
        heard: np.ndarray [shape=(12, frames)].
        written: Likewise; the longer one's end is not compared. Each frame counts by how loud it
            is here: in a chord's last breath there is little to be right or wrong about.

    Returns:
        1 for the same harmony throughout; 0 where no frame of one sounds with one of the other.
    """
    frames = min(heard.shape[1], written.shape[1])
    heard, written = heard[:, :frames], written[:, :frames]
    level = np.linalg.norm(written, axis=0)
    norms = np.linalg.norm(heard, axis=0) * level
    sounding = norms > 1e-9
    if not sounding.any():
        return 0.0
    cosines = (heard * written).sum(axis=0)[sounding] / norms[sounding]
    return float(np.average(cosines, weights=level[sounding]))


def render_score_tones(score: Score, frames: int, sample_rate_hz: int) -> AudioBuffer:
    """Return a score's notes as plain decaying sines, which have the chroma that is written."""
    chords, bass = render_conditioning(
        score, ("chords.sin", "bass.sin"), start=0, frames=frames, sample_rate_hz=sample_rate_hz
    )
    return AudioBuffer((chords + _BASS_LEVEL * bass)[None], sample_rate_hz)
