"""What every picture of a score shows: its heading, its span of bars, its parts and its chords.

`roll_svg` draws it for a page, `roll_text` for a terminal.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lofigen_kit.music.keys import Key, NotationError, name_tonic, parse_key
from lofigen_kit.music.score import DRUM_PART, DRUMS, Drum, Note, Score

if TYPE_CHECKING:
    from lofigen_kit.music.chords import Bar

MAX_BARS = 10_000
DRUM_ROWS: tuple[Drum, ...] = tuple(reversed(DRUMS))
"""The drums from the top row down: cymbals above, the kick at the bottom."""
_EARLY_BARS = 1 / 32
"""What is played that little before the first bar belongs to it."""
_FLATS = {"C#": "Db", "D#": "Eb", "F#": "Gb", "G#": "Ab", "A#": "Bb"}
_SHARPS = {flat: sharp for sharp, flat in _FLATS.items()}


@dataclass(frozen=True)
class RollPart:
    """A part as it is drawn.

    Attributes:
        name: Its name, `keys`.
        instrument: Its instrument; empty where unknown.
        notes: What it plays, by onset; empty for drums.
    """

    name: str
    instrument: str
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class Label:
    """A text at a place in the piece, in bars from 0."""

    bar: float
    text: str


def find_span(score: Score) -> tuple[int, int]:
    """Return the first bar that is drawn and the one after the last.

    That is every bar of the score, and those before or after in which something begins.
    """
    times_s = [note.onset_s for note in score.notes] + [hit.onset_s for hit in score.hits]
    onsets = [bar_of(score, time_s) for time_s in times_s]
    first = math.floor(max(min(onsets, default=0.0), -MAX_BARS) + _EARLY_BARS)
    last = math.floor(min(max(onsets, default=0.0), MAX_BARS - 1)) + 1
    return min(first, 0), max(last, score.bars, 1)


def bar_of(score: Score, time_s: float) -> float:
    """Return a time in bars from the beginning of bar 1."""
    return (time_s - score.start_s) / (4.0 * score.grid.beat_s)


def list_pitched_parts(score: Score) -> list[RollPart]:
    """Return the parts that play notes, from the highest to the lowest; silent ones come last."""
    instruments = {part.name: part.instrument for part in score.parts}
    found = []
    for name in score.part_names:
        if name == DRUM_PART:
            continue
        notes = sorted((n for n in score.notes if n.part == name), key=lambda n: n.onset_s)
        found.append(RollPart(name, instruments.get(name, ""), tuple(notes)))
    return sorted(found, key=_get_height, reverse=True)


def list_drums(score: Score) -> list[Drum]:
    """Return the drums that are struck, from the top row down."""
    struck = {hit.drum for hit in score.hits}
    return [drum for drum in DRUM_ROWS if drum in struck]


def get_kit(score: Score) -> str:
    """Return the name of the drum kit; empty where it is unknown."""
    return next((part.instrument for part in score.parts if part.name == DRUM_PART), "")


def name_pitch(midi: float, key: str = "") -> str:
    """Return a note's name, spelt as a key has it: 60 is C4."""
    pitch = round(midi)
    tonic, parsed = name_tonic(pitch), _parse(key)
    if parsed is not None:
        if (pitch + 1 - parsed.pitch_class) % 12 == 0:  # the leading note
            tonic = _SHARPS.get(tonic, tonic)
        elif pitch % 12 in parsed.scale:
            spelling = _SHARPS if parsed.has_sharps else _FLATS
            tonic = spelling.get(tonic, tonic)
    return f"{tonic}{pitch // 12 - 1}"


def name_chords(chords: Sequence[Bar], key: str = "") -> Iterator[Label]:
    """Yield the name of each chord where it begins; one that goes on is not named again."""
    spelt = _parse(key)
    before = None
    for bar, spans in enumerate(chords):
        beat = 0
        for span in spans:
            text = "N.C." if span.chord is None else span.chord.spell(spelt)
            if text != before:
                yield Label(bar + beat / 4, text)
            before = text
            beat += span.beats


def list_facts(score: Score) -> list[str]:
    """Return what is said of a score in a line: key, tempo, swing, length."""
    swing = f"swing {score.swing_pct:.3g} %" if score.swing_pct > 50.0 else "straight"
    bars = "1 bar" if score.bars == 1 else f"{score.bars} bars"
    seconds = round(score.duration_s)
    length = f"{seconds // 60}:{seconds % 60:02d}"
    facts = [score.key, f"{score.tempo_bpm:.4g} BPM", swing, bars if score.bars else "", length]
    return [fact for fact in (*facts, "loop" if score.loop else "") if fact]


def describe(score: Score) -> str:
    """Return the picture in words, for those who do not see it."""
    parts = [_describe_part(part, score.key) for part in list_pitched_parts(score)]
    if DRUM_PART in score.part_names:
        parts.append(f"drums, {_count(len(score.hits), 'stroke')}")
    sections = [f"{s.name} from bar {s.first_bar + 1}" for s in score.sections]
    sentences = [", ".join(list_facts(score)), "; ".join(parts), ", ".join(sections)]
    return " ".join(f"{sentence}." for sentence in sentences if sentence)


def _describe_part(part: RollPart, key: str) -> str:
    if not part.notes:
        return f"{part.name}, silent"
    pitches = [note.midi for note in part.notes]
    low, high = name_pitch(min(pitches), key), name_pitch(max(pitches), key)
    within = low if low == high else f"{low} to {high}"
    return f"{part.name}, {_count(len(part.notes), 'note')}, {within}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _get_height(part: RollPart) -> float:
    if not part.notes:
        return -1.0
    return sum(note.midi for note in part.notes) / len(part.notes)


def _parse(key: str) -> Key | None:
    try:
        return parse_key(key) if key else None
    except NotationError:
        return None
