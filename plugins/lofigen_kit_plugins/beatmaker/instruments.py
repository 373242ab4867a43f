"""Instruments: the CC0 one-shots, and an electric piano and a bass in numpy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from lofigen_kit.api import PART_DECAY_S, RELEASE_S, Note, envelope

SAMPLE_RATE_HZ = 22_050
"""The rate of the one-shots, and so of the rendering."""


@dataclass(frozen=True)
class KeysVoice:
    """A two-operator FM electric piano (Chowning, 1973): carrier and modulator at one pitch.

    Attributes:
        index: Modulation depth of a note of velocity 1: how much it barks.
        index_decay_s: How fast the bark goes.
        tine_ratio: The bell's partial, in multiples of the fundamental.
        tine_level: Its level beside the fundamental.
    """

    index: float
    index_decay_s: float
    tine_ratio: float
    tine_level: float


KEYS: dict[str, KeysVoice] = {
    "suitcase": KeysVoice(index=1.2, index_decay_s=0.45, tine_ratio=4.0, tine_level=0.12),
    "mellow": KeysVoice(index=0.6, index_decay_s=0.6, tine_ratio=2.0, tine_level=0.08),
    "bell": KeysVoice(index=0.9, index_decay_s=0.3, tine_ratio=5.0, tine_level=0.2),
    "reed": KeysVoice(index=1.7, index_decay_s=0.7, tine_ratio=3.0, tine_level=0.06),
}

# Levels of the harmonics of a bass string, from the fundamental up.
BASSES: dict[str, tuple[float, ...]] = {
    "round": (1.0, 0.25, 0.06),
    "finger": (1.0, 0.45, 0.2, 0.08),
    "sub": (1.0, 0.1),
    "flatwound": (1.0, 0.6, 0.15, 0.1, 0.05),
}
KEYS_GAIN, BASS_GAIN = 0.13, 0.32


def play_keys(voice: KeysVoice, note: Note, elapsed_s: np.ndarray) -> np.ndarray:
    """Return a note of the electric piano at the given times since its onset."""
    phase = 2.0 * np.pi * note.frequency_hz * elapsed_s
    bark = voice.index * note.velocity * np.exp(-elapsed_s / voice.index_decay_s)
    tone = np.sin(phase + bark * np.sin(phase))
    tine = voice.tine_level * np.exp(-elapsed_s / 0.09) * np.sin(voice.tine_ratio * phase)
    level = envelope(elapsed_s, note.duration_s, PART_DECAY_S["chords"])
    return np.asarray(KEYS_GAIN * note.velocity * level * (tone + tine))


def play_bass(harmonics: tuple[float, ...], note: Note, elapsed_s: np.ndarray) -> np.ndarray:
    """Return a note of the bass; the higher a harmonic, the sooner it fades."""
    phase = 2.0 * np.pi * note.frequency_hz * elapsed_s
    tone = sum(
        level * np.exp(-elapsed_s * k / 0.5) * np.sin((k + 1) * phase)
        for k, level in enumerate(harmonics)
    )
    level = envelope(elapsed_s, note.duration_s, PART_DECAY_S["bass"])
    return np.asarray(BASS_GAIN * note.velocity * level * tone)


def note_tail_s() -> float:
    """Return how long a note sounds after its key is let go."""
    return RELEASE_S


@cache
def one_shot(name: str) -> np.ndarray:
    """Return a drum sample, mono at `SAMPLE_RATE_HZ`, its onset at the start, its peak at 1."""
    import soundfile

    with (files(__package__) / "samples" / f"{name}.flac").open("rb") as file:
        samples, rate = soundfile.read(file, dtype="float64")
    if rate != SAMPLE_RATE_HZ:
        raise ValueError(f"{name}.flac is at {rate} Hz, not {SAMPLE_RATE_HZ}")
    loud = np.flatnonzero(np.abs(samples) > 0.02 * np.abs(samples).max())
    samples = samples[loud[0] :] / np.abs(samples).max()
    samples.flags.writeable = False
    return np.asarray(samples)
