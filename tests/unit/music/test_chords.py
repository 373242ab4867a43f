from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lofigen_kit.music.chords import (
    Chord,
    Span,
    format_chart,
    infer_key,
    parse_chart,
    parse_chord,
)
from lofigen_kit.music.keys import NotationError, parse_key
from tests.unit.music.texts import read_random_texts

SYLLABLES = (
    "m", "min", "-", "maj", "M", "\u0394", "\u00f8", "o", "dim", "aug", "+", "5", "6", "6/9", "7",
    "9", "11", "13", "sus2", "sus4", "add9", "add11", "no3", "no5", "b5", "#5", "b9", "#9", "#11",
    "b13", "alt", "(", ")", ",", "/Eb", "/G",
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "intervals"),
    [
        ("C", (0, 4, 7)),
        ("Cmaj", (0, 4, 7)),
        ("Cm", (0, 3, 7)),
        ("C-7", (0, 3, 7, 10)),
        ("Cmin7", (0, 3, 7, 10)),
        ("Cmaj7", (0, 4, 7, 11)),
        ("CM7", (0, 4, 7, 11)),
        ("C\u0394", (0, 4, 7, 11)),
        ("CmMaj7", (0, 3, 7, 11)),
        ("Cm(maj7)", (0, 3, 7, 11)),
        ("C-\u03947", (0, 3, 7, 11)),
        ("Cm7b5", (0, 3, 6, 10)),
        ("C\u00f8", (0, 3, 6, 10)),
        ("Co", (0, 3, 6)),
        ("Cdim7", (0, 3, 6, 9)),
        ("C\u00b07", (0, 3, 6, 9)),
        ("Caug", (0, 4, 8)),
        ("C+7", (0, 4, 8, 10)),
        ("C5", (0, 7)),
        ("C6", (0, 4, 7, 9)),
        ("C6/9", (0, 4, 7, 9, 14)),
        ("C69", (0, 4, 7, 9, 14)),
        ("C9", (0, 4, 7, 10, 14)),
        ("Cm11", (0, 3, 7, 10, 14, 17)),
        ("C13", (0, 4, 7, 10, 14, 21)),
        ("Csus", (0, 5, 7)),
        ("C9sus4", (0, 5, 7, 10, 14)),
        ("C11", (0, 5, 7, 10, 14)),
        ("Cadd9", (0, 4, 7, 14)),
        ("C7#9", (0, 4, 7, 10, 15)),
        ("C7(b9,#5)", (0, 4, 8, 10, 13)),
        ("C9#11", (0, 4, 7, 10, 14, 18)),
        ("C7alt", (0, 4, 8, 10, 13, 15)),
        ("Calt", (0, 4, 8, 10, 13, 15)),
    ],
)
def test_common_spellings_mean_what_musicians_mean(text: str, intervals: tuple[int, ...]) -> None:
    assert parse_chord(text).intervals == intervals


def test_roots_and_bass_notes_have_their_accidentals() -> None:
    assert parse_chord("F#m7/C#") == Chord(6, third="minor", seventh=10, bass=1)
    assert parse_chord("B\u266dmaj7/D").lowest == 2
    assert parse_chord("C/C") == parse_chord("C")
    assert parse_chord("Ab7").spell(parse_key("E major")) == "G#7"
    assert parse_chord("C#maj7").spell(parse_key("Ab")) == "Dbmaj7"


def test_a_bar_shares_its_beats() -> None:
    bars = parse_chart("| Dm7 G7 | C / / A7 | % |\nN.C. | C Dm Em |")
    beats = [[span.beats for span in bar] for bar in bars]
    assert beats == [[2, 2], [3, 1], [3, 1], [4], [2, 1, 1]]
    assert bars[3] == (Span(None, 4),)
    assert bars[1] == bars[2]


@pytest.mark.parametrize(
    ("text", "column", "expected"),
    [
        ("Dm9 | H13", 7, "a root (A to G)"),
        ("Dm9 | G7xx", 9, "a quality such as"),
        ("Dm9 | | C", 6, "a chord, % or N.C."),
        ("C / G", 5, "a bar has four"),
        ("C D E F G", 9, "expected |"),
        ("%", 1, "nothing to repeat"),
        ("Dm7/H", 5, "a bass note"),
        ("", 1, "such as Dm7"),
        ("Cm(maj7", 8, "expected )"),
    ],
)
def test_what_cannot_be_read_is_refused_at_its_column(
    text: str, column: int, expected: str
) -> None:
    with pytest.raises(NotationError) as refused:
        parse_chart(text)
    assert f"column {column}:" in refused.value.message
    assert expected in refused.value.message


@settings(max_examples=300, deadline=None)
@given(
    roots=st.lists(st.sampled_from("CDEFGAB"), min_size=1, max_size=8),
    words=st.lists(st.lists(st.sampled_from(SYLLABLES), max_size=4), min_size=8, max_size=8),
)
def test_what_is_printed_parses_back(roots: list[str], words: list[list[str]]) -> None:
    chords = []
    for root, word in zip(roots, words, strict=False):
        try:
            chords.append(parse_chord(root + "".join(word)))
        except NotationError:
            continue
    for chord in chords:
        assert parse_chord(str(chord)) == chord
    bars = tuple((Span(chord, 3), Span(None, 1)) for chord in chords)
    if bars:
        assert parse_chart(format_chart(bars)) == bars


def test_random_texts_raise_nothing_but_the_error() -> None:
    letters = "ABCDEFGHabdgijmous#\u266d\u0394\u00f8\u00b0-+()/|%, .NC0123456789\n\t\0\U0001f3b9"
    for bars in read_random_texts(parse_chart, letters, longest=16, seed=5):
        assert all(sum(span.beats for span in bar) == 4 for bar in bars)
        assert parse_chart(format_chart(bars)) == bars


def test_a_chart_has_a_limit() -> None:
    with pytest.raises(NotationError, match="limit is 256"):
        parse_chart("C | " * 300)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Dm9 | G13 | Cmaj9 | A7alt", "C major"),
        ("Am7 | D7 | Gmaj7 | Cmaj7 | F#m7b5 | B7 | Em", "E minor"),
        ("Cm9 | Abmaj7 | Fm7 | G7b9", "C minor"),
        ("Fmaj7 | G9 | Em7 | Am9", "A minor"),
        ("Ebmaj7 | Cm7 | Fm7 | Bb7", "Eb major"),
        ("N.C.", "C major"),
    ],
)
def test_a_chart_has_the_key_that_it_fits(text: str, key: str) -> None:
    assert str(infer_key(parse_chart(text))) == key


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("C(", "column 3: expected \\)"),
        ("C()", "column 3: nothing in the brackets"),
        ("C)", "column 2: '\\)' without a bracket"),
        ("C7((b9))", "column 4: a bracket within"),
        ("C7,b9", "column 3: ',' without"),
        ("C7(,b9)", "column 4: nothing"),
        ("dm7", "did you mean Dm7"),
        ("Dm7 | H7", "column 7: .*H is B here"),
    ],
)
def test_brackets_and_roots_that_are_wrong_are_told(text: str, message: str) -> None:
    with pytest.raises(NotationError, match=message):
        parse_chart(text)
