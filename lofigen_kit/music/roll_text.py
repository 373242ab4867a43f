"""A score as lines of text: a piano roll for a terminal, in Unicode or in ASCII.

A part has a row for each pitch that it plays there, high above low, and the drums have a row each.
A stroke stands in the column of the sixteenth that it belongs to, however it swings; a longer piece
is drawn coarser, so that it has a few lines more and not many.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from lofigen_kit.music.roll import (
    Label,
    bar_of,
    find_span,
    get_kit,
    list_drums,
    list_facts,
    list_pitched_parts,
    name_chords,
    name_pitch,
)
from lofigen_kit.music.score import DRUM_PART, Drum, Hit, Note, Score

if TYPE_CHECKING:
    from lofigen_kit.music.chords import Bar

GUTTER = 9
MOST_SYSTEMS = 8
"""Into how many stretches, one below the other, a piece is broken at most."""
MOST_ROWS = 16
"""How many rows a part has at most; beyond, neighbouring pitches share one."""
RESOLUTIONS = ((1, 16), (1, 8), (1, 4), (1, 2), (4, 4), *((1 << n, 4) for n in range(3, 13)))
"""From fine to coarse: the bars between two bar lines, and the columns between them."""
_LOUD, _MIDDLE = 0.6, 0.35


class Line(NamedTuple):
    """A line, and the part that plays in it; empty for what is no part's."""

    text: str
    part: str = ""


class Signs(NamedTuple):
    """What a roll is drawn with.

    Attributes:
        strokes: A loud, a middle and a soft beginning of a note or stroke.
        held: Where a note goes on.
        beat: A beat in which nothing plays.
        bar: A bar line.
        section: What a section's strip is drawn with.
        separator: What stands between two facts of the heading.
    """

    strokes: tuple[str, str, str]
    held: str
    beat: str
    bar: str
    section: str
    separator: str


UNICODE = Signs(
    ("\u2588", "\u2593", "\u2592"), "\u2500", "\u00b7", "\u2502", "\u2550", " \u00b7 "
)  # fmt: skip
ASCII = Signs(("X", "x", "o"), "-", ".", "|", "=", ", ")


class _Event(NamedTuple):
    """One note or stroke: its pitch or drum, its columns up to `end`, and its velocity."""

    row: int | Drum
    first: int
    end: int
    velocity: float


@dataclass(frozen=True)
class _Grid:
    """From times to columns.

    Attributes:
        score: What is drawn.
        first: Its first bar.
        unit_bars: The bars from one bar line to the next.
        unit_columns: The columns between them.
        units: How many of them there are.
        units_per_system: How many stand beside each other.
    """

    score: Score
    first: int
    unit_bars: int
    unit_columns: int
    units: int
    units_per_system: int

    @property
    def columns(self) -> int:
        return self.units * self.unit_columns

    @property
    def bar_columns(self) -> float:
        return self.unit_columns / self.unit_bars

    def place(self, time_s: float) -> int:
        """Return the column of a time, by the sixteenth that it is nearest to without its swing."""
        eighths = 8.0 * (bar_of(self.score, time_s) - self.first)
        whole = math.floor(eighths)
        within, turn = eighths - whole, self.score.swing_pct / 100.0
        even = within / (2 * turn) if within < turn else 1 - (1 - within) / (2 * (1 - turn))
        return math.floor((whole + even) / 8 * self.bar_columns + self.bar_columns / 32 + 1e-9)

    def place_bar(self, bar: float) -> int:
        """Return the column of a place in bars."""
        return math.floor((bar - self.first) * self.bar_columns + 1e-9)


def draw_text(
    score: Score,
    width: int = 80,
    *,
    title: str = "",
    chords: Sequence[Bar] = (),
    signs: Signs = UNICODE,
) -> Iterator[Line]:
    """Yield the lines of a score's piano roll.

    Args:
        score: What to draw.
        width: How many columns the terminal has. Below 13 lines are longer than it.
        title: What it is called.
        chords: The chords of every bar, where they are known.
        signs: What it is drawn with: `UNICODE` or `ASCII`.
    """
    if title:
        yield Line(_cut(title, width))
    yield from (Line(line) for line in _wrap_facts(list_facts(score), width, signs))
    grid = _choose_grid(score, width)
    parts = list_pitched_parts(score)
    if silent := [part.name for part in parts if not part.notes]:
        yield Line(_cut(f"silent: {', '.join(silent)}", width))
    played = {part: [_place_note(grid, note) for note in part.notes] for part in parts}
    strokes = [_place_hit(grid, hit) for hit in score.hits]
    system = grid.units_per_system * grid.unit_columns
    for first in range(0, grid.columns, system):
        columns = range(first, min(first + system, grid.columns))
        yield Line("")
        yield from (Line(line) for line in _draw_rulers(grid, chords, columns, signs))
        for part, notes in played.items():
            heard = [note for note in notes if note.first < columns.stop and note.end > first]
            if heard:
                yield Line(_cut(f"{part.name} {part.instrument}", width), part.name)
                rows = _lay_rows({note.row for note in heard}, score.key)
                for line in _draw_rows(grid, heard, rows, columns, signs):
                    yield Line(line, part.name)
        if strokes:
            yield Line(_cut(f"{DRUM_PART} {get_kit(score)}", width), DRUM_PART)
            drums: dict[int | Drum, str] = {drum: drum for drum in list_drums(score)}
            for line in _draw_rows(grid, strokes, drums, columns, signs):
                yield Line(line, DRUM_PART)


def _choose_grid(score: Score, width: int) -> _Grid:
    """Return the finest grid with which a piece has few systems, or the coarsest."""
    first, last = find_span(score)
    room = width - GUTTER - 1
    for unit_bars, columns in RESOLUTIONS:
        units = math.ceil((last - first) / unit_bars)
        fitting = room // (columns + 1)
        if fitting < 1 and (unit_bars, columns) != (1, 2):
            continue
        beside = 1 << (max(fitting, 1).bit_length() - 1)
        grid = _Grid(score, first, unit_bars, columns, units, min(beside, units))
        if units <= MOST_SYSTEMS * beside:
            break
    return grid


def _place_note(grid: _Grid, note: Note) -> _Event:
    first, end = grid.place(note.onset_s), grid.place(note.onset_s + note.duration_s)
    return _Event(round(note.midi), *_bring_inside(grid, first, end), note.velocity)


def _place_hit(grid: _Grid, hit: Hit) -> _Event:
    first = grid.place(hit.onset_s)
    return _Event(hit.drum, *_bring_inside(grid, first, first), hit.velocity)


def _bring_inside(grid: _Grid, first: int, end: int) -> tuple[int, int]:
    """Return columns that exist: what is early for the end of a loop is at its beginning."""
    if grid.score.loop and first >= grid.columns:
        first, end = first - grid.columns, end - grid.columns
    first = min(max(first, 0), grid.columns - 1)
    return first, max(min(end, grid.columns), first + 1)


def _lay_rows(pitches: Iterable[int | Drum], key: str) -> dict[int | Drum, str]:
    """Return the row of each pitch, the highest first; a row of several is named by its lowest."""
    distinct = sorted((pitch for pitch in pitches if isinstance(pitch, int)), reverse=True)
    share = math.ceil(len(distinct) / MOST_ROWS)
    groups = [distinct[n : n + share] for n in range(0, len(distinct), max(share, 1))]
    return {
        pitch: f"{name_pitch(group[-1], key)}{'+' if len(group) > 1 else ''}"
        for group in groups
        for pitch in group
    }


def _draw_rows(
    grid: _Grid,
    events: Iterable[_Event],
    rows: Mapping[int | Drum, str],
    columns: range,
    signs: Signs,
) -> Iterator[str]:
    """Yield the rows of one system; of what falls into one cell, the loudest is seen."""
    cells: dict[str, dict[int, str]] = {row: {} for row in rows.values()}
    softest_first = sorted(events, key=lambda event: event.velocity)
    for event in softest_first:
        for column in range(max(event.first + 1, columns.start), min(event.end, columns.stop)):
            cells[rows[event.row]][column] = signs.held
    for event in softest_first:
        if event.first in columns:
            cells[rows[event.row]][event.first] = _choose_stroke(signs, event.velocity)
    for row, played in cells.items():
        marks = [
            played.get(column, signs.beat if _is_beat(grid, column) else " ") for column in columns
        ]
        yield f"{row:>{GUTTER - 1}} {_add_bars(grid, ''.join(marks), signs.bar)}"


def _is_beat(grid: _Grid, column: int) -> bool:
    return grid.bar_columns >= 8 and column % (grid.unit_columns // 4) == 0


def _choose_stroke(signs: Signs, velocity: float) -> str:
    return signs.strokes[0 if velocity >= _LOUD else 1 if velocity >= _MIDDLE else 2]


def _add_bars(grid: _Grid, marks: str, bar: str) -> str:
    size = grid.unit_columns
    pieces = [marks[n : n + size] for n in range(0, len(marks), size)]
    return bar + bar.join(pieces) + bar


def _draw_rulers(grid: _Grid, chords: Sequence[Bar], columns: range, signs: Signs) -> Iterator[str]:
    """Yield sections, bar numbers and chords over one system."""
    if grid.score.sections:
        yield _draw_sections(grid, columns, signs)
    numbers = (
        Label(bar, str(bar + 1))
        for bar in range(grid.first, grid.first + grid.units * grid.unit_bars, grid.unit_bars)
    )
    yield _set_labels(grid, numbers, columns)
    if grid.bar_columns >= 8:
        line = _set_labels(grid, name_chords(chords, grid.score.key), columns)
        if line.strip():
            yield line


def _draw_sections(grid: _Grid, columns: range, signs: Signs) -> str:
    """Return the strip of sections: a name where one begins, in brackets where it goes on."""
    line = [" "] * _offset(grid, len(columns))
    for section in grid.score.sections:
        start = grid.place_bar(section.first_bar)
        stop = grid.place_bar(section.first_bar + section.bars)
        left, right = max(start, columns.start), min(stop, columns.stop)
        if left >= right:
            continue
        at, to = (_offset(grid, column - columns.start) for column in (left, right))
        name = _printable(section.name)
        shown = name if start in columns else f"({name})"
        strip = f"{shown} ".ljust(to - at - 1, signs.section)[: to - at - 1]
        line[at : at + len(strip)] = strip
    return "".join(line).rstrip()


def _set_labels(grid: _Grid, labels: Iterable[Label], columns: range) -> str:
    """Return a line with labels at their columns; those that find no room are left out."""
    line = ""
    for label in labels:
        column = grid.place_bar(label.bar)
        if column not in columns:
            continue
        at = _offset(grid, column - columns.start)
        if len(line) > at + 2 or at + len(label.text) > _offset(grid, len(columns)):
            continue
        line = f"{line:<{at}}{label.text} "
    return line.rstrip()


def _offset(grid: _Grid, column: int) -> int:
    """Return where a column of a system stands in its line."""
    return GUTTER + 1 + column + column // grid.unit_columns


def _wrap_facts(facts: Sequence[str], width: int, signs: Signs) -> Iterator[str]:
    line = ""
    for fact in facts:
        longer = f"{line}{signs.separator}{fact}" if line else fact
        if line and len(longer) > width:
            yield line
            longer = fact
        line = longer
    yield _cut(line, width)


def _cut(text: str, width: int) -> str:
    return _printable(text)[:width]


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text).rstrip()
