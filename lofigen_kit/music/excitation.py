"""The waveforms that guide a network: what a note and a stroke look like on a channel."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lofigen_kit.music.score import Hit, Note

ATTACK_S, RELEASE_S = 0.004, 0.05
GAIN = 0.4
PULSE_LEVEL = 4.0
"""High: one sample has to say as much as a decay of hundreds."""

RING = 7.0
"""For how many of its decays a stroke is heard."""

SHORT_TONE_WIDTHS = 3.0
"""For how many of its widths a short tone is heard."""

HARMONIC_DECAY_S = 0.5
"""The higher a harmonic, the sooner it fades: harmonic k in a (k - 1)th of this time."""
HIGHEST = 0.45
"""The highest pitch on a channel, of the sample rate."""

Event = tuple[int, np.ndarray]
"""The first sample of an event on a channel, and its waveform."""

_WAVES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "sin": np.sin,
    "cos": np.cos,
    "env": np.ones_like,
}


def envelope(elapsed_s: np.ndarray, duration_s: float, decay_s: float) -> np.ndarray:
    """Return a plucked note's level: a short attack, exponential decay, and a short release.

    Args:
        elapsed_s: Time since the note began [shape=(frames,)]; not negative.
        duration_s: How long the key is held; the release follows.
        decay_s: The time in which a held note falls by a factor of e; infinite where it does not.
    """
    attack = np.minimum(elapsed_s / ATTACK_S, 1.0)
    release = np.clip(1.0 - (elapsed_s - duration_s) / RELEASE_S, 0.0, 1.0)
    return np.asarray(attack * release * np.exp(-elapsed_s / decay_s))


def make_note_wave(note: Note, wave: str, decay_s: float, rate: int, *, harmonic: int = 1) -> Event:
    """Return a note's harmonic, or its level.

    Args:
        note: The note.
        wave: `sin`, `cos` or `env`.
        decay_s: How fast a held note fades.
        rate: Frames a second.
        harmonic: Which harmonic, from 1; one above `HIGHEST` is silent.
    """
    first, elapsed = _measure_time(note.onset_s, note.duration_s + RELEASE_S, rate)
    pitch_hz = harmonic * note.frequency_hz
    if pitch_hz > HIGHEST * rate:
        return first, np.zeros_like(elapsed)
    level = GAIN * note.velocity * envelope(elapsed, note.duration_s, decay_s)
    level = level * np.exp(-(harmonic - 1) * elapsed / HARMONIC_DECAY_S)
    return first, np.asarray(level * _WAVES[wave](2.0 * np.pi * pitch_hz * elapsed))


def make_pulse(onset_s: float, velocity: float, rate: int) -> Event:
    """Return a pulse that the two samples around an onset share, the nearer more of it."""
    late = onset_s * rate % 1.0
    wave = np.asarray(PULSE_LEVEL * velocity * np.array([1.0 - late, late]))
    return int(onset_s * rate), wave


def make_decay(hit: Hit, decay_s: float, rate: int) -> Event:
    """Return how long ago a stroke fell, as a decay."""
    first, elapsed = _measure_time(hit.onset_s, RING * decay_s, rate)
    return first, np.asarray(hit.velocity * np.exp(-elapsed / decay_s))


def make_drum_tone(
    hit: Hit, wave: str, decay_s: float, rate: int, *, pitch_hz: float, fall: tuple[float, float]
) -> Event:
    """Return the tone of a drum's body.

    Args:
        hit: The stroke.
        wave: `sin` or `cos`.
        decay_s: How fast it fades.
        rate: Frames a second.
        pitch_hz: Its pitch, in the end.
        fall: By how many Hz it begins higher, and the time in which that falls by a factor of e.
    """
    first, elapsed = _measure_time(hit.onset_s, RING * decay_s, rate)
    fall_hz, fall_s = fall
    cycles = pitch_hz * elapsed + fall_hz * fall_s * (1.0 - np.exp(-elapsed / fall_s))
    level = GAIN * hit.velocity * np.exp(-elapsed / decay_s)
    return first, np.asarray(level * _WAVES[wave](2.0 * np.pi * cycles))


def make_short_tone(
    hit: Hit, wave: str, rate: int, *, pitch_hz: float, centre_s: float, width_s: float
) -> Event:
    """Return a tone under a Gaussian, which is loudest some time after a stroke.

    Args:
        hit: The stroke, at which the tone's phase is 0.
        wave: `sin` or `cos`.
        rate: Frames a second.
        pitch_hz: Its pitch.
        centre_s: When it is loudest.
        width_s: How long after that it is at 1/e.
    """
    first, elapsed = _measure_time(hit.onset_s, centre_s + SHORT_TONE_WIDTHS * width_s, rate)
    level = GAIN * hit.velocity * np.exp(-(((elapsed - centre_s) / width_s) ** 2))
    return first, np.asarray(level * _WAVES[wave](2.0 * np.pi * pitch_hz * elapsed))


def _measure_time(onset_s: float, duration_s: float, rate: int) -> tuple[int, np.ndarray]:
    """Return the first whole sample that is not before an onset, and the time since the onset.

    Onsets fall between samples.
    """
    first = int(np.ceil(onset_s * rate))
    return first, np.asarray((first + np.arange(round(duration_s * rate))) / rate - onset_s)
