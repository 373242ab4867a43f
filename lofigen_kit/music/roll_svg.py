"""A score as a picture: a piano roll as SVG, which needs no library.

All colours are in its style, light and dark, so that it follows the page or the viewer.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple
from xml.sax.saxutils import escape

from lofigen_kit.music.roll import (
    Label,
    RollPart,
    bar_of,
    describe,
    find_span,
    get_kit,
    list_drums,
    list_facts,
    list_pitched_parts,
    name_chords,
    name_pitch,
)
from lofigen_kit.music.score import DRUM_PART, Score

if TYPE_CHECKING:
    from lofigen_kit.music.chords import Bar

WIDTH, LEFT, RIGHT = 960, 66, 18
MARGIN = 18
PITCH_ROW_PX, PITCHES_PX = (3.0, 9.0), 300.0
"""The least and the greatest height of a semitone, and how high all of them together should be."""
LEAST_SEMITONES = 18
DRUM_ROW_PX = 14
LEVELS = 8
"""How many steps of velocity can be told apart."""
FAINTEST = 0.3
MAX_EXACT = 12_000
"""Up to so many events each one is drawn; of more, those that fall on one pixel are one."""
_LETTER = 0.59
"""The mean width of a letter, by its size."""
_KNOWN = {"bass": 0, "keys": 1, "lead": 2}
_LIGHT = (
    "#8a4b1f", "#2f7391", "#c33c1c", "#5d7a1f", "#7a4ba0", "#b0772a", "#1f8070", "#a33c72",
    "#4456b0", "#87791a", "#6b6660", "#3d8a3f",
)  # fmt: skip
_DARK = (
    "#d99a63", "#6fbbd9", "#ff8463", "#a8c95c", "#bf97e0", "#e8b964", "#5cc9b5", "#ea8fbd",
    "#98a7f5", "#d6cb6a", "#b3aca4", "#83d186",
)  # fmt: skip
_STYLE = """
text{{font:11px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}}
.t{{font-size:15px;font-weight:600}}.s{{font-weight:600}}.e{{text-anchor:end}}.m{{text-anchor:middle}}
.paper{{fill:#fffdfa}}.black{{fill:#f5f1ea}}.strip{{fill:#efe8dd}}.alt{{fill:#e2d8c8}}.ink{{fill:#1f1b17}}
.dim{{fill:#665e55}}.drum{{fill:#3a332c}}
.beat{{stroke:#efe9df}}.bar{{stroke:#d9d0c3}}.cut{{stroke:#857a6d}}
path{{fill:none}}{light}
@media (prefers-color-scheme:dark){{
.paper{{fill:#171513}}.black{{fill:#1f1c1a}}.strip{{fill:#2b2723}}
.alt{{fill:#3a342e}}.ink{{fill:#f1ebe3}}.dim{{fill:#a89f94}}.drum{{fill:#e5ddd2}}.beat{{stroke:#25211e}}
.bar{{stroke:#39342e}}.cut{{stroke:#8b8175}}{dark}}}
"""


class _Box(NamedTuple):
    """One note or stroke on the page, in pixels, and how loud it is, 0 to `LEVELS`."""

    x: float
    y: float
    width: float
    height: float
    level: int


class _Panel(NamedTuple):
    """What lies under the grid, what lies over it, and where it ends."""

    ground: list[str]
    events: list[str]
    bottom: float


@dataclass(frozen=True)
class _Axis:
    """From bars to pixels."""

    first: int
    last: int

    @property
    def bar_px(self) -> float:
        return (WIDTH - LEFT - RIGHT) / (self.last - self.first)

    def x(self, bar: float) -> float:
        inside = min(max(bar, self.first - 0.25), self.last)
        return LEFT + (inside - self.first) * self.bar_px


def draw_svg(score: Score, *, title: str = "", chords: Sequence[Bar] = ()) -> str:
    """Return the piano roll of a score as an SVG document.

    Notes are coloured by their part and fainter where they are softer; drum strokes stand below,
    the higher the louder. It is as wide for an hour as for a bar.

    Args:
        score: What to draw.
        title: What it is called; the heading otherwise begins with the key.
        chords: The chords of every bar, where they are known. They are named where there is room.
    """
    axis = _Axis(*find_span(score))
    parts = list_pitched_parts(score)
    y = MARGIN + 12.0
    body = []
    if title:
        body.append(_text(MARGIN, y, title, "t ink", room=WIDTH - 2 * MARGIN, size=15))
        y += 20
    body.append(
        _text(MARGIN, y, " \u00b7 ".join(list_facts(score)), "dim", room=WIDTH - 2 * MARGIN)
    )
    legend, y = _draw_legend(score, parts, y + 20)
    body += legend
    top = y
    if score.sections:
        body += _draw_sections(score, axis, y)
        y += 22
    named = _place_chords(chords, score.key, axis)
    body += [_text(axis.x(label.bar) + 1, y + 11, label.text, "ink") for label in named]
    y += 18 if named else 2
    notes = _draw_notes(score, parts, axis, y)
    strokes = _draw_drums(score, axis, notes.bottom + 12 if notes.events else y)
    bottom = strokes.bottom if strokes.events else notes.bottom
    grid = _draw_grid(axis, y, bottom)
    cuts = _draw_cuts(score, axis, top, bottom)
    body += [*notes.ground, *strokes.ground, *grid, *cuts, *notes.events, *strokes.events]
    body += _draw_numbers(axis, bottom + 14)
    return _wrap(title or "Piano roll", describe(score), bottom + 14 + MARGIN, body)


def _wrap(title: str, description: str, height: float, body: Iterable[str]) -> str:
    """Return the document, with its words for those who do not see it."""
    style = _STYLE.format(light=_make_colours(_LIGHT), dark=_make_colours(_DARK))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {_px(height)}" '
            f'width="{WIDTH}" height="{_px(height)}" role="img" aria-labelledby="title desc">',
            f'<title id="title">{_clean(title)}</title>',
            f'<desc id="desc">{_clean(description)}</desc>',
            f"<style>{style}</style>",
            f'<rect class="paper" width="{WIDTH}" height="{_px(height)}"/>',
            *filter(None, body),
            "</svg>",
            "",
        ]
    )


def _make_colours(colours: Sequence[str]) -> str:
    return "".join(f".p{n}{{fill:{colour}}}" for n, colour in enumerate(colours))


def _draw_legend(score: Score, parts: Sequence[RollPart], y: float) -> tuple[list[str], float]:
    """Return who plays in which colour, and where the next thing begins."""
    entries = [(part.name, part.instrument, f"p{n}") for part, n in _colour(parts)]
    if DRUM_PART in score.part_names:
        entries.append((DRUM_PART, get_kit(score), "drum"))
    drawn, x = [], float(MARGIN)
    for name, instrument, colour in entries:
        text = f"{name}: {instrument}" if instrument and instrument != name else name
        width = 16 + _measure(text) + 16
        if x > MARGIN and x + width > WIDTH - MARGIN:
            x, y = float(MARGIN), y + 17
        drawn.append(
            f'<rect class="{colour}" x="{_px(x)}" y="{_px(y - 9)}" width="10" height="10"/>'
        )
        drawn.append(_text(x + 16, y, text, "ink", room=WIDTH - MARGIN - x - 16))
        x += width
    return drawn, y + 14 if entries else y - 6


def _colour(parts: Sequence[RollPart]) -> list[tuple[RollPart, int]]:
    """Return each part with the number of its colour: those that are known keep theirs."""
    taken = {part.name for part in parts} & set(_KNOWN)
    free = [n for n in range(len(_LIGHT)) if n not in {_KNOWN[name] for name in taken}]
    others = [part.name for part in parts if part.name not in _KNOWN]
    numbers = {name: free[n % len(free)] for n, name in enumerate(others)} | _KNOWN
    return [(part, numbers[part.name]) for part in parts]


def _draw_sections(score: Score, axis: _Axis, y: float) -> Iterator[str]:
    """Yield the strip of sections, each named where it begins."""
    for number, section in enumerate(score.sections):
        left, right = axis.x(section.first_bar), axis.x(section.first_bar + section.bars)
        if right <= left:
            continue
        yield (
            f'<rect class="{"alt" if number % 2 else "strip"}" x="{_px(left)}" y="{_px(y)}" '
            f'width="{_px(right - left)}" height="17"/>'
        )
        yield _text(left + 4, y + 12.5, section.name, "s ink section", room=right - left - 5)


def _place_chords(chords: Sequence[Bar], key: str, axis: _Axis) -> list[Label]:
    """Return the names of the chords if there is room for nearly all of them, else none."""
    labels = [label for label in name_chords(chords, key) if label.bar < axis.last]
    if not labels:
        return []
    ends = [*(axis.x(label.bar) for label in labels[1:]), float(WIDTH)]
    fits = [
        label
        for label, end in zip(labels, ends, strict=True)
        if axis.x(label.bar) + _measure(label.text) + 3 <= end
    ]
    return fits if len(fits) >= 0.9 * len(labels) else []


def _draw_notes(score: Score, parts: Sequence[RollPart], axis: _Axis, top: float) -> _Panel:
    """Return the notes of all parts over their keys."""
    pitches = [round(note.midi) for part in parts for note in part.notes]
    if not pitches:
        return _Panel([], [], top)
    low, high = min(pitches) - 2, max(pitches) + 2
    spare = max(0, LEAST_SEMITONES - (high - low + 1))
    low, high = low - spare // 2, high + (spare + 1) // 2
    row = min(max(PITCHES_PX / (high - low + 1), PITCH_ROW_PX[0]), PITCH_ROW_PX[1])
    bottom = top + row * (high - low + 1)

    def y(midi: float) -> float:
        return top + (high - midi) * row

    right = WIDTH - RIGHT
    ground: list[str] = []
    events: list[str] = []
    for pitch in range(low, high + 1):
        if pitch % 12 in (1, 3, 6, 8, 10):
            ground.append(
                f'<rect class="black" x="{LEFT}" y="{_px(y(pitch))}" width="{right - LEFT}" '
                f'height="{_px(row)}"/>'
            )
        if pitch % 12 == 0 and 0 <= pitch <= 127:
            ground.append(_text(LEFT - 8, y(pitch) + row / 2 + 4, name_pitch(pitch), "e dim"))
    exact = len(pitches) <= MAX_EXACT
    for part, number in _colour(parts):
        boxes = []
        for note in part.notes:
            left = axis.x(bar_of(score, note.onset_s))
            end = axis.x(bar_of(score, note.onset_s + note.duration_s))
            width = max(end - left - min(0.8, axis.bar_px / 32), 1.2)
            edge = min(0.5, row / 8)
            boxes.append(
                _Box(left, y(note.midi) + edge, width, row - 2 * edge, _level(note.velocity))
            )
        events += _draw_boxes(boxes, part.name, f"p{number}", exact=exact)
    return _Panel(ground, events, bottom)


def _draw_drums(score: Score, axis: _Axis, top: float) -> _Panel:
    """Return a row for each drum that is struck."""
    rows = {drum: top + DRUM_ROW_PX * row for row, drum in enumerate(list_drums(score))}
    ground = [_text(LEFT - 8, y + DRUM_ROW_PX - 3.5, drum, "e dim") for drum, y in rows.items()]
    width = min(max(axis.bar_px / 16 * 0.6, 1.0), 4.5)
    ground += [
        f'<path class="bar" d="M{LEFT} {_px(y + DRUM_ROW_PX - 0.5)}H{WIDTH - RIGHT}"/>'
        for y in rows.values()
    ]
    events: list[str] = []
    exact = len(score.hits) <= MAX_EXACT
    for drum, y in rows.items():
        boxes = []
        for hit in score.hits:
            if hit.drum == drum:
                tall = (DRUM_ROW_PX - 3) * (0.25 + 0.75 * hit.velocity)
                left = axis.x(bar_of(score, hit.onset_s))
                boxes.append(
                    _Box(left, y + DRUM_ROW_PX - 1 - tall, width, tall, _level(hit.velocity))
                )
        events += _draw_boxes(boxes, drum, "drum", exact=exact)
    return _Panel(ground, events, top + DRUM_ROW_PX * len(rows))


def _draw_boxes(boxes: Iterable[_Box], name: str, colour: str, *, exact: bool) -> Iterator[str]:
    """Yield a path for each level of loudness, so that a note costs a few bytes."""
    if not exact:
        boxes = _merge(boxes)
    by_level = defaultdict(list)
    for box in boxes:
        by_level[box.level].append(box)
    if not by_level:
        return
    yield f'<g class="{colour}"><title>{_clean(name)}</title>'
    for level in sorted(by_level):
        path = "".join(
            f"M{_px(x)} {_px(y)}h{_px(width)}v{_px(height)}h-{_px(width)}z"
            for x, y, width, height, _ in by_level[level]
        )
        opacity = FAINTEST + (1.0 - FAINTEST) * level / LEVELS
        yield f'<path class="{colour}" opacity="{opacity:.2f}" d="{path}"/>'
    yield "</g>"


def _merge(boxes: Iterable[_Box]) -> Iterator[_Box]:
    """Yield one of those boxes that begin on the same pixel of a row: the loudest, then longest."""
    merged: dict[tuple[int, int], _Box] = {}
    for box in boxes:
        place = round(box.x), round(box.y + box.height)
        other = merged.get(place)
        if other is None or (box.level, box.width) > (other.level, other.width):
            merged[place] = box
    yield from merged.values()


def _draw_grid(axis: _Axis, top: float, bottom: float) -> list[str]:
    """Return lines at bars, and at beats where there is room."""
    step = _find_step(axis, 10)
    bars = range(axis.first + -axis.first % step, axis.last + 1, step)
    lines = [_vertical("bar", (axis.x(bar) for bar in bars), top, bottom)]
    if axis.bar_px >= 60:
        beats = (n for n in range(4 * axis.first, 4 * axis.last) if n % 4)
        lines.insert(0, _vertical("beat", (axis.x(beat / 4) for beat in beats), top, bottom))
    return lines


def _draw_cuts(score: Score, axis: _Axis, top: float, bottom: float) -> list[str]:
    """Return a line where each section begins."""
    starts = {section.first_bar for section in score.sections if section.first_bar < axis.last}
    return (
        [_vertical("cut", (axis.x(bar) for bar in sorted(starts)), top, bottom)] if starts else []
    )


def _vertical(kind: str, places: Iterable[float], top: float, bottom: float) -> str:
    path = "".join(f"M{_px(x)} {_px(top)}V{_px(bottom)}" for x in places)
    return f'<path class="{kind}" d="{path}"/>'


def _draw_numbers(axis: _Axis, y: float) -> Iterator[str]:
    """Yield the numbers of the bars, from 1, as far apart as they need."""
    step = _find_step(axis, 34)
    for bar in range(axis.first + -axis.first % step, axis.last, step):
        yield _text(axis.x(bar) + 1, y, str(bar + 1), "dim")


def _find_step(axis: _Axis, least_px: float) -> int:
    """Return how many bars there are from one line to the next: 1, 2, 4, 8, ..."""
    return 1 << max(0, math.ceil(math.log2(least_px / axis.bar_px)))


def _level(velocity: float) -> int:
    return round(LEVELS * velocity)


def _measure(text: str, size: float = 11) -> float:
    return _LETTER * size * len(text)


def _text(
    x: float, y: float, text: str, kind: str, *, room: float = math.inf, size: float = 11
) -> str:
    """Return a text, cut to the room that there is; empty where there is none."""
    if _measure(text, size) > room:
        letters = int(room / (_LETTER * size)) - 1
        if letters < 1:
            return ""
        text = f"{text[:letters]}\u2026"
    return f'<text class="{kind}" x="{_px(x)}" y="{_px(y)}">{_clean(text)}</text>'


def _clean(text: str) -> str:
    """Return untrusted text for XML, which holds no control characters."""
    return escape("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text))


def _px(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
