from __future__ import annotations

import pytest
from mido import MetaMessage
from mutagen.id3 import TKEY

from lofigen_kit.music.keys import abbreviate_key, expand_key, find_pitch_class, name_tonic

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
