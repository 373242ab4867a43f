"""Pictures of scores: everything that is played is drawn once, where it is played."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from lofigen_kit.music.chords import parse_chart
from lofigen_kit.music.roll import describe, find_span, name_chords, name_pitch
from lofigen_kit.music.roll_svg import LEFT, RIGHT, WIDTH, draw_svg
from lofigen_kit.music.roll_text import ASCII, GUTTER, UNICODE, draw_text
from lofigen_kit.music.score import DRUMS, Hit, Note, Part, Score, Section

SVG = "{http://www.w3.org/2000/svg}"
BOX = re.compile(r"M([\d.-]+) ([\d.-]+)h([\d.]+)v([\d.]+)h-[\d.]+z")


def make_score(seed: int = 0, *, bars: int = 8, notes: int = 60, **fields: Any) -> Score:
    """Return a score of notes and strokes on random sixteenths at 60 BPM."""
    rng = np.random.default_rng(seed)
    names = fields.pop("names", ("keys", "bass", "lead"))
    chosen = rng.permutation(bars * 16 * 12)[:notes]
    made = {
        "tempo_bpm": 60.0,
        "bars": bars,
        "duration_s": 4.0 * bars,
        "notes": tuple(
            Note(
                part=names[n % len(names)],
                midi=48 + int(place % 12),
                onset_s=float(place // 12) / 4,
                duration_s=0.25,
                velocity=float(rng.uniform()),
            )
            for n, place in enumerate(chosen)
        ),
        "hits": tuple(
            Hit(drum=DRUMS[place % 6], onset_s=float(place // 6) / 4, velocity=rng.uniform())
            for place in rng.permutation(bars * 16 * 6)[:notes]
        ),
    }
    return Score(**{**made, **fields})


def parse(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)  # noqa: S314 - made here


def read_boxes(svg: str) -> dict[str, list[tuple[float, ...]]]:
    """Return the boxes of each part and drum: left, top, width and height."""
    boxes = {}
    for group in parse(svg).iter(f"{SVG}g"):
        title = group.find(f"{SVG}title")
        assert title is not None
        paths = "".join(path.get("d", "") for path in group.iter(f"{SVG}path"))
        boxes[str(title.text)] = [tuple(map(float, found)) for found in BOX.findall(paths)]
    return boxes


def read_texts(svg: str, kind: str) -> list[tuple[float, str]]:
    texts = parse(svg).iter(f"{SVG}text")
    return [(float(t.get("x", "")), str(t.text)) for t in texts if kind in t.get("class", "")]


@pytest.mark.parametrize("seed", range(5))
def test_every_note_and_stroke_is_drawn_once_in_its_place(seed: int) -> None:
    score = make_score(seed)
    boxes = read_boxes(draw_svg(score))
    bar_px = (WIDTH - LEFT - RIGHT) / 8
    for name in ("keys", "bass", "lead"):
        notes = [note for note in score.notes if note.part == name]
        lefts = sorted(LEFT + note.onset_s / 4 * bar_px for note in notes)
        assert sorted(box[0] for box in boxes[name]) == pytest.approx(lefts, abs=0.06)
    for drum in DRUMS:
        lefts = sorted(LEFT + h.onset_s / 4 * bar_px for h in score.hits if h.drum == drum)
        assert sorted(box[0] for box in boxes.get(drum, [])) == pytest.approx(lefts, abs=0.06)
    # Higher notes stand higher, and a semitone is as high everywhere.
    by_pitch = {}
    for name in ("keys", "bass", "lead"):
        ordered = sorted((n for n in score.notes if n.part == name), key=lambda n: n.onset_s)
        for note in ordered:
            near = [b for b in boxes[name] if abs(b[0] - LEFT - note.onset_s / 4 * bar_px) < 0.06]
            if len(near) == 1:
                by_pitch[note.midi] = near[0][1]
    steps = {
        round((y - y_above) / (above - midi), 1)
        for (midi, y), (above, y_above) in pairwise(sorted(by_pitch.items()))
    }
    assert len(steps) == 1
    assert steps.pop() > 2


def test_louder_is_more_opaque() -> None:
    notes = [
        Note(part="keys", midi=60, onset_s=n, duration_s=0.5, velocity=v)
        for n, v in enumerate((0.1, 0.5, 1.0))
    ]
    svg = draw_svg(Score(tempo_bpm=60, bars=1, duration_s=4, notes=tuple(notes)))
    found = {}
    for path in parse(svg).iter(f"{SVG}path"):
        for box in BOX.findall(path.get("d", "")):
            found[float(box[0])] = float(path.get("opacity", ""))
    quiet, middle, loud = (found[x] for x in sorted(found))
    assert 0.2 < quiet < middle < loud == 1.0


def test_sections_stand_at_their_bars() -> None:
    sections = (
        Section(name="intro", first_bar=0, bars=2),
        Section(name="<A> & B", first_bar=2, bars=4),
        Section(name="C", first_bar=6, bars=2),
    )
    svg = draw_svg(make_score(sections=sections), title="a <b>\x00")
    bar_px = (WIDTH - LEFT - RIGHT) / 8
    named = read_texts(svg, "section")
    assert [text for _, text in named] == ["intro", "<A> & B", "C"]
    for (x, _), section in zip(named, sections, strict=True):
        assert 0 < x - LEFT - section.first_bar * bar_px < 6
    cuts = re.search(r'class="cut" d="([^"]*)"', svg)
    assert cuts is not None
    lines = [float(x) for x in re.findall(r"M([\d.]+)", cuts[1])]
    assert lines == pytest.approx([LEFT + s.first_bar * bar_px for s in sections], abs=0.06)
    text = [line.text for line in draw_text(make_score(sections=sections), 150)]
    strip = next(line for line in text if "intro" in line)
    assert [strip.index(s.name) for s in sections] == [
        GUTTER + 1 + s.first_bar * 17 for s in sections
    ]


def test_a_section_that_goes_on_is_in_brackets() -> None:
    sections = (Section(name="A", first_bar=0, bars=8),)
    lines = [line.text.strip() for line in draw_text(make_score(sections=sections), 80)]
    assert [line[:5].rstrip(" \u2550") for line in lines if "\u2550" in line] == ["A", "(A)"]


@pytest.mark.parametrize("swing_pct", [50.0, 58.0, 66.7, 75.0])
def test_each_stroke_stands_in_the_column_of_its_sixteenth(swing_pct: float) -> None:
    rng = np.random.default_rng(3)
    straight = [n for n in range(8 * 16) if rng.uniform() < 0.4]
    swing = swing_pct / 100
    eighths = [(n // 2) + (swing if n % 2 else 0.0) for n in straight]
    jitter_s = rng.uniform(-0.02, 0.02, len(straight))
    times_s = [max(0.0, e * 0.5 + j) for e, j in zip(eighths, jitter_s, strict=True)]
    hits = tuple(Hit(drum="hat", onset_s=t, velocity=0.9) for t in times_s)
    score = Score(tempo_bpm=60, swing_pct=swing_pct, bars=8, duration_s=32, hits=hits)
    for width, signs in ((80, UNICODE), (150, ASCII)):
        rows = [
            line.text[GUTTER:].replace(signs.bar, "")
            for line in draw_text(score, width, signs=signs)
            if line.text.lstrip().startswith("hat ")
        ]
        row = "".join(rows)
        assert [n for n, sign in enumerate(row) if sign == signs.strokes[0]] == straight


def test_notes_begin_in_their_column_and_row_and_are_held() -> None:
    score = make_score(7, notes=40, hits=())
    found: Counter[tuple[str, int]] = Counter()
    start, part = 0, ""
    for line in draw_text(score, 80, signs=ASCII):
        cells = line.text[GUTTER:].replace("|", "")
        if not line.part:
            first = line.text.split()[:1]
            start = 16 * (int(first[0]) - 1) if first and first[0].isdigit() else start
        elif line.text.startswith(line.part):
            part = line.part
        else:
            for column, sign in enumerate(cells):
                if sign in ASCII.strokes:
                    found[f"{part} {line.text.split()[0]}", start + column] += 1
    expected = Counter(
        (f"{n.part} {name_pitch(n.midi)}", round(n.onset_s * 4)) for n in score.notes
    )
    assert found == expected
    long = Note(part="keys", midi=60, onset_s=1, duration_s=2, velocity=0.9)
    lines = [line.text for line in draw_text(replace_notes(score, long), 80, signs=ASCII)]
    assert any("|.   X-------.   |" in line for line in lines)


def replace_notes(score: Score, *notes: Note) -> Score:
    return score.model_copy(update={"notes": notes})


def test_what_is_early_in_a_loop_stands_at_its_beginning() -> None:
    hit = Hit(drum="kick", onset_s=7.99, velocity=0.9)
    score = Score(tempo_bpm=60, bars=2, duration_s=8, loop=True, hits=(hit,))
    row = next(line.text for line in draw_text(score, 80, signs=ASCII) if "kick" in line.text)
    assert row == f"{'kick':>8} |X   .   .   .   |.   .   .   .   |"


@pytest.mark.parametrize("width", [13, 20, 40, 80, 81, 120, 200])
@pytest.mark.parametrize("bars", [1, 3, 8, 33, 200])
def test_no_line_is_wider_than_the_terminal(width: int, bars: int) -> None:
    sections = tuple(Section(name="a long name", first_bar=n, bars=1) for n in range(bars))
    parts = (Part(name="keys", instrument="an instrument with a long name" * 2),)
    score = make_score(bars=bars, sections=sections, parts=parts)
    chords = parse_chart("Cmaj9#11 F#m7b5 | " * bars)
    lines = list(draw_text(score, width, title="a title " * 20, chords=chords, signs=ASCII))
    assert max(len(line.text) for line in lines) <= width
    assert all(line.text.isascii() for line in lines)


def test_an_hour_stays_bounded() -> None:
    score = make_score(bars=1200, notes=40_000, duration_s=4800.0)
    svg = draw_svg(score)
    assert len(svg) < 1_500_000
    boxes = read_boxes(svg)
    assert max(box[0] for part in boxes.values() for box in part) > WIDTH - RIGHT - 2
    assert len(list(draw_text(score))) < 500


@pytest.mark.parametrize("seed", range(3))
def test_sixteen_parts_over_all_keys(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = [f"part-{n}" for n in range(15)]
    notes = tuple(
        Note(part=name, midi=pitch, onset_s=rng.uniform(0, 7), duration_s=1.0)
        for name in names
        for pitch in range(128)
    )
    score = Score(tempo_bpm=120, bars=4, duration_s=8, notes=notes, hits=make_score().hits[:9])
    svg = draw_svg(score)
    height = float(re.findall(r'viewBox="0 0 960 ([\d.]+)"', svg)[0])
    boxes = read_boxes(svg)
    assert all(len(boxes[name]) == 128 for name in names)
    assert all(0 < y < height and 0 <= x <= WIDTH for part in boxes.values() for x, y, *_ in part)
    assert {text for _, text in read_texts(svg, "e dim")} >= {"C-1", "C4", "C9"}
    assert len(list(draw_text(score))) < 16 * (16 + 2) + 20


def test_little_or_nothing_can_be_drawn() -> None:
    nothing = Score(tempo_bpm=90, bars=0, duration_s=1.0, parts=(Part(name="lead"),))
    assert read_boxes(draw_svg(nothing)) == {}
    assert [line.text for line in draw_text(nothing)][1] == "silent: lead"
    assert "lead, silent" in describe(nothing)
    hit = Hit(drum="ride", onset_s=0.0, velocity=0.0)
    only = nothing.model_copy(update={"hits": (hit,)})
    assert len(read_boxes(draw_svg(only))["ride"]) == 1
    # A recording may have notes before its first beat, and after the bars that it says it has.
    early = Note(part="lead", midi=60, onset_s=0.0, duration_s=9.0)
    recording = Score(tempo_bpm=60, bars=1, start_s=3.0, duration_s=9.0, notes=(early,))
    assert find_span(recording) == (-1, 1)
    ((left, _, width, _),) = read_boxes(draw_svg(recording))["lead"]
    assert left == pytest.approx(LEFT + (WIDTH - LEFT - RIGHT) / 8, abs=0.06)
    assert left + width <= WIDTH - RIGHT


def test_pitches_and_chords_are_spelt_as_the_key_has_them() -> None:
    assert name_pitch(60) == "C4"
    assert [name_pitch(61, key) for key in ("D minor", "Ab major", "E major", "no key")] == [
        "C#4", "Db4", "C#4", "C#4",
    ]  # fmt: skip
    assert name_pitch(63, "E minor") == "D#4"
    assert name_pitch(127.0) == "G9"
    labels = list(name_chords(parse_chart("Dbm7 Gb7 | % | Bmaj7"), "B major"))
    assert [(label.bar, label.text) for label in labels] == [
        (0.0, "C#m7"), (0.5, "F#7"), (1.0, "C#m7"), (1.5, "F#7"), (2.0, "Bmaj7"),
    ]  # fmt: skip
    svg = draw_svg(make_score(bars=3, key="B major"), chords=parse_chart("Dbm7 Gb7 | % | Bmaj7"))
    bar_px = (WIDTH - LEFT - RIGHT) / 3
    shown = {text: x for x, text in read_texts(svg, "ink") if x > LEFT}
    assert shown["Bmaj7"] == pytest.approx(LEFT + 2 * bar_px + 1, abs=0.06)


def test_the_picture_has_words_for_those_who_do_not_see_it() -> None:
    sections = (Section(name="A", first_bar=0, bars=2),)
    score = make_score(bars=2, notes=3, key="D minor", sections=sections)
    root = parse(draw_svg(score, title="My take"))
    assert root.get("role") == "img"
    assert [str(root[n].text) for n in range(2)] == ["My take", describe(score)]
    assert describe(score).startswith("D minor, 60 BPM, straight, 2 bars, 0:08. ")
    assert "drums, 3 strokes" in describe(score)
    assert describe(score).endswith("A from bar 1.")
