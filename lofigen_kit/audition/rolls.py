"""Compute the data of a take's piano roll, from its score.

The page draws it, so that it follows its theme. 200 songs take less than 1 MB: what is too long for
its share is drawn coarser.
"""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from lofigen_kit.errors import InputError
from lofigen_kit.music.midi import from_midi
from lofigen_kit.music.midi_reader import MAX_BYTES
from lofigen_kit.music.roll import DRUM_ROWS, describe, list_drums
from lofigen_kit.music.score import Score
from lofigen_kit.runtime.places import resolve_place

COLUMNS, FEWEST_COLUMNS = 2048, 64
MAX_PACKED_BYTES = 3600
PARTS = ("bass", "keys", "lead")
"""The parts with a colour of their own; all others share the next one."""
FIRST_DRUM = 128
"""The row of the first drum; those below are pitches."""
VELOCITIES = 15
MAX_SECTIONS = 64

_Event = tuple[int, int, int, int, int]
"""Its column, how many it lasts, its row, the number of its part, its velocity up to 15."""


@dataclass(frozen=True)
class SheetRoll:
    """The piano roll of a take.

    Attributes:
        about: The roll in words.
        columns: How many columns the take has.
        count: How many events.
        events: In base64, compressed by deflate, byte by byte for all events: the columns since the
            last event (two bytes, high and low), the columns that it lasts (two), its row (the MIDI
            note, or the drum from `FIRST_DRUM` on), and its part (upper bits) and velocity.
        low: The lowest note.
        high: The highest.
        drums: The rows of the drums that are struck, from the top.
        bar: The length of a bar, as a share of the take.
        sections: Where each begins, as a share of the take, and its name.
    """

    about: str
    columns: int
    count: int
    events: str
    low: int
    high: int
    drums: tuple[int, ...]
    bar: float
    sections: tuple[tuple[float, str], ...]


def read_roll(
    folder: Path, place: str, duration_s: float, facts: Mapping[str, Any]
) -> SheetRoll | None:
    """Return the roll of a take from the MIDI file beside it, or the score in its recipe.

    Args:
        folder: The folder of the takes.
        place: The take's place in it.
        duration_s: How long the take is.
        facts: Its recipe.

    Returns:
        None where there is no score, or it is damaged.
    """
    beside = str(PurePosixPath(place).with_suffix(".mid"))
    path = resolve_place(folder, beside)
    if duration_s <= 0.0:
        return None
    try:
        if path is None:
            midi = b64decode(str(facts["midi"])[: 2 * MAX_BYTES], validate=True)
        else:
            with path.open("rb") as file:
                midi = file.read(MAX_BYTES + 1)
        return make_roll(from_midi(midi, path or folder / place), duration_s)
    except (InputError, OSError, KeyError, ValueError):
        return None


def make_roll(score: Score, duration_s: float) -> SheetRoll:
    """Return the roll of a score, as coarse as it has to be to be small."""
    columns = COLUMNS
    while True:
        events = _list_events(score, columns / duration_s, columns)
        packed = _pack(events)
        if len(packed) <= MAX_PACKED_BYTES or columns <= FEWEST_COLUMNS:
            break
        columns //= 2
    pitches = [row for _, _, row, _, _ in events if row < FIRST_DRUM]
    bar_s = 4.0 * score.grid.beat_s
    return SheetRoll(
        about=describe(score),
        columns=columns,
        count=len(events),
        events=b64encode(packed).decode(),
        low=min(pitches, default=60),
        high=max(pitches, default=60),
        drums=tuple(FIRST_DRUM + DRUM_ROWS.index(drum) for drum in list_drums(score)),
        bar=round(bar_s / duration_s, 6),
        sections=tuple(_place_sections(score, bar_s, duration_s)),
    )


def _place_sections(score: Score, bar_s: float, duration_s: float) -> Iterator[tuple[float, str]]:
    for section in score.sections[:MAX_SECTIONS]:
        share = (score.start_s + section.first_bar * bar_s) / duration_s
        if share < 1.0:
            yield round(share, 5), section.name


def _list_events(score: Score, columns_per_s: float, columns: int) -> list[_Event]:
    """Return what is drawn, in order; of what falls on one place, the loudest."""
    drawn: dict[tuple[int, int], _Event] = {}

    def add(onset_s: float, duration_s: float, row: int, part: int, velocity: float) -> None:
        column = round(onset_s * columns_per_s)
        if column >= columns:
            return
        length = min(max(round(duration_s * columns_per_s), 1), columns - column)
        event = column, length, row, part, round(VELOCITIES * velocity)
        other = drawn.get((column, row))
        if other is None or event[4] > other[4]:
            drawn[column, row] = event

    for note in score.notes:
        part = PARTS.index(note.part) if note.part in PARTS else len(PARTS)
        add(note.onset_s, note.duration_s, round(note.midi), part, note.velocity)
    for hit in score.hits:
        add(hit.onset_s, 0.0, FIRST_DRUM + DRUM_ROWS.index(hit.drum), len(PARTS), hit.velocity)
    return sorted(drawn.values())


def _pack(events: Iterable[_Event]) -> bytes:
    table = np.array(list(events), dtype=np.int64).reshape(-1, 5)
    column, length, row, part, velocity = table.T
    since = np.diff(column, prepend=0)
    looks = part << 4 | velocity
    rows = (since >> 8, since & 255, length >> 8, length & 255, row, looks)
    return zlib.compress(np.concatenate(rows).astype(np.uint8).tobytes(), 9)
