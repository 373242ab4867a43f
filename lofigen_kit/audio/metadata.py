"""What a sound file says of its music to other programs: tempo, key, loop and bars."""

from __future__ import annotations

from dataclasses import dataclass

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")
"""Files that carry labels, and that we write."""

MAX_CUES = 10_000

_TONICS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_OUT_OF_TUNE = 0.25
"""Semitones from where people do not call it that key any more."""

_MODES = {"major": "", "minor": "m"}


@dataclass(frozen=True)
class Loop:
    """A part of a sound that goes round, by its first and last frame."""

    first: int
    last: int


@dataclass(frozen=True)
class Cue:
    """A place in a sound, with a name."""

    frame: int
    name: str


@dataclass(frozen=True)
class Labels:
    """What is written into a file beside its sound, and what can be read back.

    Attributes:
        title: A few words.
        description: One line for people and search fields.
        tempo_bpm: Quarter notes a minute; None where unknown.
        beats: How many there are; None where unknown.
        key: Tonic and mode, as in `D minor`; the tonic alone where a file keeps no more.
        loop: What of it goes round; None for what has an end.
        cues: Where the bars begin.
        loudness_lufs: Integrated loudness; None where unmeasured or silent.
        true_peak_dbtp: True peak, likewise.
    """

    title: str = ""
    description: str = ""
    tempo_bpm: float | None = None
    beats: int | None = None
    key: str = ""
    loop: Loop | None = None
    cues: tuple[Cue, ...] = ()
    loudness_lufs: float | None = None
    true_peak_dbtp: float | None = None


def pitch_class(key: str) -> int | None:
    """Return the tonic of a key as semitones above C, or None where it is no key."""
    tonic = key.partition(" ")[0]
    natural = _TONICS.get(tonic[:1])
    shift = {"": 0, "#": 1, "b": -1}.get(tonic[1:])
    return None if natural is None or shift is None else (natural + shift) % 12


def tonic_name(pitch: int) -> str:
    """Return a pitch class as it is mostly spelt."""
    return _NAMES[pitch % 12]


def transposed_key(key: str, semitones: float) -> str:
    """Return a key some semitones higher; empty where it is none, or lies between two."""
    pitch, (_, _, mode) = pitch_class(key), key.partition(" ")
    if pitch is None or abs(semitones - round(semitones)) > _OUT_OF_TUNE:
        return ""
    return f"{tonic_name(pitch + round(semitones))} {mode}".strip()


def short_key(key: str) -> str:
    """Return a key as tags and MIDI spell it, `Dm` for `D minor`; empty where it is none.

    What would take more than seven accidentals, as G# major, is spelt the other way.
    """
    pitch, mode = pitch_class(key), _MODES.get(key.partition(" ")[2])
    if pitch is None or mode is None:
        return ""
    tonic = key.partition(" ")[0]
    if tonic + mode in _BEYOND_SEVEN:
        tonic = _BEYOND_SEVEN[tonic + mode]
    return tonic + mode


_BEYOND_SEVEN = {
    "D#": "Eb", "E#": "F", "Fb": "E", "G#": "Ab", "A#": "Bb", "B#": "C",
    "Cbm": "B", "Dbm": "C#", "E#m": "F", "Fbm": "E", "Gbm": "F#", "B#m": "C",
}  # fmt: skip


def long_key(short: str) -> str:
    """Return `D minor` for `Dm`; what is no such key stays as it is."""
    tonic, mode = (short[:-1], "minor") if short.endswith("m") else (short, "major")
    return f"{tonic} {mode}" if pitch_class(tonic) is not None else short
