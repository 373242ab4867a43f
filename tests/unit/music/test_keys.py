from __future__ import annotations

import pytest
from mido import MetaMessage
from mutagen.id3 import TKEY

from lofigen_kit.music.keys import (
    MODES,
    Mode,
    NotationError,
    abbreviate_key,
    expand_key,
    find_pitch_class,
    name_key,
    name_tonic,
    parse_key,
)
from tests.unit.music.texts import read_random_texts

TONICS = [letter + accidental for letter in "CDEFGAB" for accidental in ("", "#", "b")]


@pytest.mark.parametrize("mode", ["major", "minor"])
@pytest.mark.parametrize("tonic", TONICS)
def test_every_key_is_one_that_midi_and_id3_take(tonic: str, mode: str) -> None:
    short = abbreviate_key(f"{tonic} {mode}")
    MetaMessage("key_signature", key=short)
    assert TKEY(text=short).text == [short]
    again = expand_key(short)
    assert find_pitch_class(again) == find_pitch_class(tonic)
    assert again.endswith(mode)


@pytest.mark.parametrize("key", ["", "H minor", "D dorian", "D", "minor", "Dbb major"])
def test_what_is_no_key(key: str) -> None:
    assert abbreviate_key(key) == ""


def test_pitch_classes() -> None:
    assert [find_pitch_class(name_tonic(pitch)) for pitch in range(12)] == list(range(12))
    assert (find_pitch_class("Cb major"), find_pitch_class("B# minor"), find_pitch_class("")) == (
        11,
        0,
        None,
    )
    assert expand_key("off") == "off"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Am", "A minor"),
        ("F#m", "F# minor"),
        ("d minor", "D minor"),
        ("D minor", "D minor"),
        ("Bb", "Bb major"),
        ("bb minor", "Bb minor"),
        ("b minor", "B minor"),
        ("C dorian", "C dorian"),
        ("c\u266f Phrygian", "C# phrygian"),
        ("Eb-", "Eb minor"),
        ("CM", "C major"),
        ("e flat major", "Eb major"),
        (" G  mixolydian ", "G mixolydian"),
    ],
)
def test_keys_are_read_as_musicians_write_them(text: str, key: str) -> None:
    assert str(parse_key(text)) == key


@pytest.mark.parametrize(
    ("text", "help_given"),
    [
        ("H minor", "did you mean 'B minor'"),
        ("C dorain", "did you mean 'C dorian'"),
        ("a", "write 'Am' for minor or 'A' for major"),
        ("", "such as 'D minor'"),
        ("C blues", "modes are major, minor"),
    ],
)
def test_what_is_no_key_is_refused_with_what_is_near(text: str, help_given: str) -> None:
    with pytest.raises(NotationError) as refused:
        parse_key(text)
    assert help_given in str(refused.value)


@pytest.mark.parametrize("mode", MODES)
def test_every_key_reads_back_and_its_pentatonic_lies_within_its_scale(mode: Mode) -> None:
    for tonic in range(12):
        key = name_key(tonic, mode)
        assert parse_key(str(key)) == key
        assert key.pitch_class == tonic
        assert len(set(key.scale)) == 7
        assert set(key.pentatonic) < set(key.scale)


def test_random_texts_are_keys_or_refused() -> None:
    letters = "ABCDEFGHabcdefg #b\u266f-mMajorindl0\n\t"
    for key in read_random_texts(parse_key, letters, longest=8, seed=3):
        assert parse_key(str(key)) == key


def test_sharps_and_flats_are_those_of_the_signature() -> None:
    sharps = ("C", "G", "Am", "Em", "F#m", "D dorian", "E lydian", "F#")
    flats = ("F", "Bb", "Dm", "Cm", "G dorian", "Gb", "C mixolydian")
    assert all(parse_key(key).has_sharps for key in sharps)
    assert not any(parse_key(key).has_sharps for key in flats)
