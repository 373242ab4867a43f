"""Chords and keys of one's own, sections and songs of the band."""

from __future__ import annotations

from itertools import pairwise

import pytest

from lofigen_kit.music.chords import parse_chart
from lofigen_kit.music.keys import parse_key
from lofigen_kit.music.midi import to_midi
from lofigen_kit_plugins import band
from lofigen_kit_plugins.band import choices
from lofigen_kit_plugins.band.arranger import Arrangement
from lofigen_kit_plugins.band.form import fit_plan
from lofigen_kit_plugins.band.sections import PLANS, parse_sections
from tests.plugins.band_scores import (
    LATE_S,
    count_strokes,
    find_step,
    make,
    part,
    write,
)

# Chords and keys of one's own


def test_chords_of_ones_own_repeat_to_fill_the_bars() -> None:
    chart = parse_chart("Dm9 G13 | Cmaj9 | N.C.")
    arrangement = write(4, chords="Dm9 G13 | Cmaj9 | N.C.", bars=8)
    assert arrangement.chords == (*chart, *chart, *chart[:2])
    assert arrangement.score.key == "C major"
    bar_s = arrangement.score.duration_s / 8
    silent = [
        n for n in arrangement.score.notes if n.part != "lead" and 2 < n.onset_s / bar_s < 2.9
    ]
    assert silent == []


def test_a_section_plays_its_own_chords() -> None:
    charts = {"a": "Dm9 | G13", "bridge": "Fmaj7 | Em7 A7"}
    arrangement = write(4, chords=charts, sections="intro 2, a 4, b 2, c 4, outro 2")
    a, c = (parse_chart(text) for text in charts.values())
    assert arrangement.chords[:-1] == (*a, *a, *a, *a, *c, *c, a[0])  # the last bar is the end
    score, heard = arrangement.score, {}
    for section in score.sections:
        span = (section.first_bar, section.first_bar + section.bars)
        bar_s = score.duration_s / score.bars
        heard[section.name.lower()] = {
            round(n.midi) % 12
            for n in part(score, "keys")
            if span[0] * bar_s + 0.1 < n.onset_s < span[1] * bar_s - 0.1
        }
    assert 11 in heard["c"] | heard["a"]
    assert {4, 9, 1} <= heard["c"]  # E and A7 with its C sharp
    assert 1 not in heard["a"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "the chords of bridge and b: a loop plays those of a; for more, set form: song"),
        ({"sections": "a 8, b 4"}, "the chords of bridge: it has A, B"),
        ({"sections": "b 4, c 4"}, None),
    ],
)
def test_chords_that_nothing_plays_are_named_once(
    fields: dict[str, str], said: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    band._warn_once.cache_clear()
    for seed in (1, 2):
        make(seed, bars=None if fields else 1, chords={"a": "C", "bridge": "F", "b": "G"}, **fields)
    messages = [f"source.chords: nothing plays {said}"] if said else []
    assert caplog.messages == messages


def test_the_chords_of_sections_are_played_as_they_are_too() -> None:
    chart = "Dm9 | G13 | Cmaj9 | Am7"
    bars = parse_chart(chart)
    for seed in range(12):
        by_section = write(seed, chords={"a": chart, "b": chart}, sections="a 8, b 8, a 8")
        assert by_section.chords[:-1] == (bars * 6)[:-1]
        assert by_section.chords == write(seed, chords=chart, sections="a 8, b 8, a 8").chords


@pytest.mark.parametrize("last", ["A7alt", "N.C.", "Dm7 / / G7"])
def test_a_song_on_chords_of_ones_own_ends_on_the_tonic(last: str) -> None:
    score = write(4, chords=f"Dm9 | {last}", sections="a 4", key="C").score
    bar_s = score.duration_s / 4
    end = [n for n in part(score, "bass") if n.onset_s > 3 * bar_s - LATE_S and n.duration_s > 0.2]
    assert {round(n.midi) % 12 for n in end} == {0}
    assert all(n.onset_s + n.duration_s <= score.duration_s for n in score.notes)


def test_a_piece_may_have_no_bass_at_all() -> None:
    assert part(write(4, chords="N.C. | N.C.", bars=2).score, "bass") == []
    intros = [write(seed, sections="intro 4").score for seed in range(12)]
    assert [] in [part(score, "bass") for score in intros]


def test_the_bass_plays_the_note_after_the_slash() -> None:
    score = write(4, chords="Dm7/G | Cmaj7/E", bars=2).score
    bar_s = score.duration_s / 2
    for bar, bass in ((0, 7), (1, 4)):
        first = [n for n in part(score, "bass") if abs(n.onset_s - bar * bar_s) < 0.035]
        assert bass in {round(n.midi) % 12 for n in first}


@pytest.mark.parametrize(
    ("key", "written"),
    [("Am", "A minor"), ("F#m", "F# minor"), ("d minor", "D minor"), ("C dorian", "C dorian"),
     ("Bb lydian", "Bb lydian"), ("E mixolydian", "E mixolydian"), ("e phrygian", "E phrygian")],
)  # fmt: skip
def test_a_key_in_musicians_words_is_played(key: str, written: str) -> None:
    assert write(1, key=key).score.key == written


# Form


@pytest.mark.parametrize("plan", choices.PLAN_NAMES)
@pytest.mark.parametrize("tempo_bpm", [50, 62.5, 75, 92, 140])
def test_a_plan_lasts_from_two_to_four_minutes(plan: str, tempo_bpm: float) -> None:
    items = fit_plan(plan, tempo_bpm)  # type: ignore[arg-type]
    bars = sum(bars for _, bars in items)
    assert 120 <= bars * 240 / tempo_bpm <= 240


@pytest.mark.parametrize("bars", [8, 17, 36, 60, 101])
def test_a_song_is_as_long_as_asked_to_a_bar(bars: int) -> None:
    for plan in PLANS:
        score = write(1, form="song", plan=plan, bars=bars).score
        assert score.bars == bars
        assert score.duration_s == pytest.approx(bars * 240 / score.tempo_bpm)
        assert not score.loop
        assert sum(section.bars for section in score.sections) == bars
        for section, following in pairwise(score.sections):
            assert section.first_bar + section.bars == following.first_bar


def test_sections_of_ones_own_are_played_as_they_are_written() -> None:
    for sections in ("intro 4, a 8, b 8, break 4, verse 8, outro 3",
                     ("intro 4", "a 8", "b 8", "break 4", "a 8 bars", "outro 3")):  # fmt: skip
        score = write(2, sections=sections).score
        names = [(section.name, section.bars) for section in score.sections]
        assert names == [("intro", 4), ("A", 8), ("B", 8), ("break", 4), ("A'", 8), ("outro", 3)]
        assert score.bars == 35


def test_the_second_a_differs_from_the_first() -> None:
    for seed in range(10):
        score = write(seed, form="song", sections="a 8, a 8").score
        half_s = score.duration_s / 2
        first, second = (
            {
                (n.part, round(n.midi), round(find_step(score, n.onset_s)) % 128)
                for n in score.notes
                if (n.onset_s + LATE_S) // half_s == number
            }
            for number in range(2)
        )
        assert 0.1 < len(first ^ second) / len(first | second) < 1


def test_a_song_ends(songs: list[Arrangement]) -> None:
    for arrangement in songs:
        score = arrangement.score
        bar_s = score.duration_s / score.bars
        start_s = score.duration_s - bar_s
        last = [n for n in score.notes if n.onset_s > start_s - LATE_S and n.duration_s > 0.2]
        assert all(n.onset_s < start_s + LATE_S + 0.02 for n in last)
        assert all(n.onset_s + n.duration_s < score.duration_s - 0.1 for n in last)
        tonic = parse_key(score.key).pitch_class
        assert {round(n.midi) % 12 for n in last if n.part == "bass"} == {tonic}
        assert count_strokes(score, start_s + LATE_S, score.duration_s) == 0


def test_sections_are_markers_in_the_midi() -> None:
    midi = to_midi(write(1, form="song", plan="short").score)
    assert b"intro" in midi
    assert b"outro" in midi


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ("intro 4, brek 4", "item 2.*did you mean 'break'"),
        ("a 8, b", "item 2.*as in 'a 8'"),
        ("a 0", "item 1.*at least one bar"),
        ("a 200, b 200", "limit is 256"),
        ("", "no section"),
    ],
)
def test_a_section_that_is_none_is_refused_by_its_item(sections: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_sections(sections)
