"""Keys in words: `D minor`, `Dm`, a pitch class, and a key some semitones higher."""

from __future__ import annotations

_TONICS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}

_NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")

_MAX_DETUNE = 0.25
"""Semitones from where people do not call it that key any more."""

_MODES = {"major": "", "minor": "m"}

_ENHARMONIC = {
    "D#": "Eb", "E#": "F", "Fb": "E", "G#": "Ab", "A#": "Bb", "B#": "C",
    "Cbm": "B", "Dbm": "C#", "E#m": "F", "Fbm": "E", "Gbm": "F#", "B#m": "C",
}  # fmt: skip


def find_pitch_class(key: str) -> int | None:
    """Return the tonic of a key as semitones above C, or None where it is no key."""
    tonic = key.partition(" ")[0]
    natural = _TONICS.get(tonic[:1])
    shift = {"": 0, "#": 1, "b": -1}.get(tonic[1:])
    return None if natural is None or shift is None else (natural + shift) % 12


def name_tonic(pitch: int) -> str:
    """Return a pitch class as it is mostly spelt."""
    return _NAMES[pitch % 12]


def transpose_key(key: str, semitones: float) -> str:
    """Return a key some semitones higher; empty where it is none, or lies between two."""
    pitch, (_, _, mode) = find_pitch_class(key), key.partition(" ")
    if pitch is None or abs(semitones - round(semitones)) > _MAX_DETUNE:
        return ""
    return f"{name_tonic(pitch + round(semitones))} {mode}".strip()


def abbreviate_key(key: str) -> str:
    """Return a key as tags and MIDI spell it, `Dm` for `D minor`; empty where it is none.

    What would take more than seven accidentals, as G# major, is spelt the other way.
    """
    pitch, mode = find_pitch_class(key), _MODES.get(key.partition(" ")[2])
    if pitch is None or mode is None:
        return ""
    tonic = key.partition(" ")[0]
    if tonic + mode in _ENHARMONIC:
        tonic = _ENHARMONIC[tonic + mode]
    return tonic + mode


def expand_key(short: str) -> str:
    """Return `D minor` for `Dm`; what is no such key stays as it is."""
    tonic, mode = (short[:-1], "minor") if short.endswith("m") else (short, "major")
    return f"{tonic} {mode}" if find_pitch_class(tonic) is not None else short
