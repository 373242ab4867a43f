from __future__ import annotations

import pytest
from mido import MetaMessage
from mutagen.id3 import TKEY

from lofigen_kit.music.keys import long_key, pitch_class, short_key, tonic_name

TONICS = [letter + accidental for letter in "CDEFGAB" for accidental in ("", "#", "b")]


@pytest.mark.parametrize("mode", ["major", "minor"])
@pytest.mark.parametrize("tonic", TONICS)
def test_every_key_is_one_that_midi_and_id3_take(tonic: str, mode: str) -> None:
    short = short_key(f"{tonic} {mode}")
    MetaMessage("key_signature", key=short)
    assert TKEY(text=short).text == [short]
    again = long_key(short)
    assert pitch_class(again) == pitch_class(tonic)
    assert again.endswith(mode)


@pytest.mark.parametrize("key", ["", "H minor", "D dorian", "D", "minor", "Dbb major"])
def test_what_is_no_key(key: str) -> None:
    assert short_key(key) == ""


def test_pitch_classes() -> None:
    assert [pitch_class(tonic_name(pitch)) for pitch in range(12)] == list(range(12))
    assert (pitch_class("Cb major"), pitch_class("B# minor"), pitch_class("")) == (11, 0, None)
    assert long_key("off") == "off"
