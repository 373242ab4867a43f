"""Keys and progressions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mode = Literal["major", "minor"]

TONICS = {
    "C": 0, "C#": 1, "Db": 1, "D": 2, "D#": 3, "Eb": 3, "E": 4, "F": 5, "F#": 6, "Gb": 6,
    "G": 7, "G#": 8, "Ab": 8, "A": 9, "A#": 10, "Bb": 10, "B": 11,
}  # fmt: skip

# Semitones above the root, from the notes that name the chord to those that colour it.
QUALITIES: dict[str, tuple[int, ...]] = {
    "maj7": (0, 4, 7, 11),
    "maj9": (4, 7, 11, 14),
    "6/9": (4, 7, 9, 14),
    "7": (0, 4, 7, 10),
    "9": (4, 7, 10, 14),
    "13": (4, 10, 14, 21),
    "7b9": (4, 7, 10, 13),
    "7alt": (4, 8, 10, 15),
    "9sus": (5, 7, 10, 14),
    "m7": (0, 3, 7, 10),
    "m9": (3, 7, 10, 14),
    "m11": (3, 10, 14, 17),
    "m6": (0, 3, 7, 9),
    "mM7": (0, 3, 7, 11),
    "m7b5": (0, 3, 6, 10),
    "dim7": (0, 3, 6, 9),
}


@dataclass(frozen=True)
class Chord:
    """A root in semitones above the tonic, and a quality of `QUALITIES`."""

    root: int
    quality: str


def _chords(text: str) -> tuple[Chord, ...]:
    """Read `2 m9 | 7 13 | ...`."""
    pairs = (bar.split() for bar in text.split("|"))
    return tuple(Chord(int(root), quality) for root, quality in pairs)


# Four bars each, a chord a bar.
PROGRESSIONS: dict[Mode, dict[str, tuple[Chord, ...]]] = {
    "major": {
        "two-five-one": _chords("2 m9 | 7 13 | 0 maj9 | 9 m7"),
        "turnaround": _chords("0 maj9 | 9 m9 | 2 m9 | 7 13"),
        "stepping-down": _chords("5 maj7 | 4 m7 | 2 m9 | 0 maj9"),
        "royal-road": _chords("5 maj7 | 7 9 | 4 m7 | 9 m9"),
        "minor-four": _chords("0 maj7 | 4 m7 | 5 maj9 | 5 m6"),
        "daydream": _chords("9 m9 | 5 maj7 | 0 maj9 | 7 9sus"),
        "secondary": _chords("0 maj9 | 5 maj7 | 4 m7 | 9 7b9"),
        "bittersweet": _chords("5 maj9 | 5 m7 | 4 m7 | 9 m9"),
        "long-way-home": _chords("2 m9 | 7 13 | 4 m7 | 9 7alt"),
        "backdoor": _chords("0 maj7 | 10 maj7 | 5 maj9 | 7 9sus"),
        "passing": _chords("0 maj7 | 1 dim7 | 2 m9 | 7 13"),
        "porch": _chords("5 maj9 | 0 6/9 | 2 m11 | 9 m7"),
    },
    "minor": {
        "cycle": _chords("0 m9 | 5 m9 | 10 13 | 3 maj9"),
        "night-bus": _chords("0 m9 | 8 maj7 | 3 maj9 | 10 9"),
        "noir": _chords("0 m9 | 8 maj7 | 5 m7 | 7 7b9"),
        "half-light": _chords("2 m7b5 | 7 7alt | 0 m9 | 0 m7"),
        "blue-hour": _chords("0 m9 | 5 m7 | 0 m9 | 7 7alt"),
        "rooftop": _chords("8 maj7 | 7 m7 | 0 m9 | 0 m11"),
        "rising": _chords("8 maj9 | 10 9 | 0 m9 | 3 maj7"),
        "neapolitan": _chords("0 m7 | 3 maj7 | 8 maj9 | 1 maj7"),
        "drifting": _chords("0 m9 | 7 m7 | 5 m9 | 8 maj7"),
        "window-seat": _chords("5 m9 | 10 13 | 3 maj9 | 8 maj7"),
        "line-cliche": _chords("0 m9 | 0 mM7 | 0 m7 | 5 9"),
        "last-train": _chords("0 m11 | 10 9sus | 8 maj9 | 7 7b9"),
    },
}
PROGRESSION_NAMES = tuple(name for table in PROGRESSIONS.values() for name in table)
PROGRESSION_MODES: dict[str, Mode] = {
    name: mode for mode, table in PROGRESSIONS.items() for name in table
}


def parse_key(key: str) -> tuple[int, Mode]:
    """Return the tonic's pitch class and the mode of a key such as `D minor` or `F# major`.

    Raises:
        ValueError: saying what a key looks like.
    """
    tonic, _, mode = key.strip().partition(" ")
    if tonic not in TONICS or mode not in ("major", "minor"):
        raise ValueError("a key is a tonic and a mode, such as 'D minor' or 'Bb major'")
    return TONICS[tonic], "major" if mode == "major" else "minor"
