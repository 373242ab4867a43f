"""Keys in words: `D minor`, `Dm`, `C dorian`; their scales, and a key some semitones higher."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Literal, get_args

from lofigen_kit.errors import InputError

Mode = Literal["major", "minor", "dorian", "mixolydian", "phrygian", "lydian"]
MODES: tuple[Mode, ...] = get_args(Mode)

SCALES: dict[Mode, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
}
"""The seven notes of each mode, in semitones above its tonic."""

PENTATONICS: dict[Mode, tuple[int, ...]] = {
    "major": (0, 2, 4, 7, 9),
    "minor": (0, 3, 5, 7, 10),
    "dorian": (0, 3, 5, 7, 9),
    "mixolydian": (0, 2, 4, 7, 10),
    "phrygian": (0, 1, 3, 7, 10),
    "lydian": (0, 2, 4, 6, 9),
}
"""Five notes of each mode, among them the one that it is known by."""

KEY_EXAMPLES = "'D minor', 'F#m', 'Bb' or 'C dorian'"

_TONICS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}

_NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")

MAX_DETUNE = 0.25
"""Semitones from where people do not call it that key any more."""

_MODES = {"major": "", "minor": "m"}

_ENHARMONIC = {
    "D#": "Eb", "E#": "F", "Fb": "E", "G#": "Ab", "A#": "Bb", "B#": "C",
    "Cbm": "B", "Dbm": "C#", "E#m": "F", "Fbm": "E", "Gbm": "F#", "B#m": "C",
}  # fmt: skip


_ABOVE_MAJOR: dict[Mode, int] = {
    "major": 0, "minor": 9, "dorian": 2, "mixolydian": 7, "phrygian": 4, "lydian": 5,
}  # fmt: skip
"""On which degree of the major scale with the same notes each mode stands, in semitones."""

_MODE_WORDS: dict[str, Mode] = {
    **{mode: mode for mode in MODES},
    "": "major", "maj": "major", "ma": "major", "ionian": "major", "dur": "major",
    "m": "minor", "min": "minor", "mi": "minor", "-": "minor", "aeolian": "minor", "moll": "minor",
    "dor": "dorian", "mixo": "mixolydian", "mix": "mixolydian", "phryg": "phrygian",
    "phr": "phrygian", "lyd": "lydian",
}  # fmt: skip
_KEY = re.compile(r"([A-Ga-g])( ?sharp\b| ?flat\b|[#b\u266f\u266d]?)[ _-]*(\S*)")
_SIGNS = {"": "", "#": "#", "b": "b", "\u266f": "#", "\u266d": "b", "sharp": "#", "flat": "b"}


class NotationError(InputError, ValueError):
    """A key or a chord that cannot be read. It is a ValueError, so that a field may be checked."""


@dataclass(frozen=True)
class Key:
    """A key: its text is `D minor`, and `parse_key` reads it back.

    Attributes:
        tonic: The tonic as it is spelt, `Eb` for instance.
        mode: One of `MODES`.
    """

    tonic: str
    mode: Mode

    @property
    def pitch_class(self) -> int:
        """The tonic in semitones above C."""
        return find_pitch_class(self.tonic) or 0

    @property
    def scale(self) -> tuple[int, ...]:
        """The pitch classes of its seven notes, from the tonic up."""
        return tuple((self.pitch_class + step) % 12 for step in SCALES[self.mode])

    @property
    def pentatonic(self) -> tuple[int, ...]:
        """The pitch classes of its five notes, from the tonic up."""
        return tuple((self.pitch_class + step) % 12 for step in PENTATONICS[self.mode])

    @property
    def has_sharps(self) -> bool:
        """Whether its signature has sharps, or none at all."""
        if self.tonic[1:]:
            return self.tonic.endswith("#")
        return (self.pitch_class - _ABOVE_MAJOR[self.mode]) % 12 in (0, 7, 2, 9, 4, 11, 6)

    def __str__(self) -> str:
        return f"{self.tonic} {self.mode}"


def parse_key(text: str) -> Key:
    """Return the key that a text names: `Am`, `F#m`, `d minor`, `Bb`, `C dorian`.

    A tonic alone is major where it is a capital. A small letter alone could mean either, and is
    refused.

    Raises:
        NotationError: saying what was expected, and the nearest key if one is near.
    """
    stripped = text.strip()
    match = _KEY.fullmatch(stripped)
    if match is None:
        raise _make_key_error(text, _suggest_key(stripped))
    letter, sign, word = match.groups()
    tonic = letter.upper() + _SIGNS[sign.strip()]
    if letter.islower() and not word and stripped == letter + sign:
        raise _make_key_error(text, f"write '{tonic}m' for minor or '{tonic}' for major")
    mode = "major" if word == "M" else _MODE_WORDS.get(word.lower())
    if stripped.endswith("-") and not word:
        mode = "minor"
    if mode is None:
        near = difflib.get_close_matches(word.lower(), MODES, n=1, cutoff=0.5)
        remedy = f"did you mean '{tonic} {near[0]}'?" if near else f"modes are {', '.join(MODES)}"
        raise _make_key_error(text, remedy)
    return Key(tonic, mode)


def name_key(pitch_class: int, mode: Mode) -> Key:
    """Return the key of a tonic in semitones above C, spelt with the fewer accidentals."""
    tonic = name_tonic(pitch_class)
    majors = {"C#": "Db", "F#": "Gb"} if mode in ("major", "mixolydian") else {}
    minors = {"Ab": "G#"} if mode in ("minor", "dorian", "phrygian") else {}
    return Key(majors.get(tonic, minors.get(tonic, tonic)), mode)


def _suggest_key(text: str) -> str:
    """Return what to write instead of a text that begins with no tonic."""
    if text[:1] in ("H", "h"):
        rest = _MODE_WORDS.get(text[1:].strip().lower(), "minor")
        return f"the note H is written B: did you mean 'B {rest}'?"
    return f"write a tonic and one of the modes {', '.join(MODES)}"


def _make_key_error(text: str, remedy: str) -> NotationError:
    return NotationError(f"{text[:40]!r} is no key such as {KEY_EXAMPLES}", remedy=remedy)


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
    if pitch is None or abs(semitones - round(semitones)) > MAX_DETUNE:
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
