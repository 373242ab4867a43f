from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from lofigen_kit.runtime.names import MAX_NAME_BYTES, fold_name, make_free_name, make_safe_name

NAMES = st.text(st.characters(), max_size=60) | st.text("a.- é\u0301/\\夜\udce9\n", max_size=200)


@given(NAMES)
def test_a_safe_name_is_one_anywhere(text: str) -> None:
    name = make_safe_name(text)
    assert name
    assert len(name.encode("utf-8", "surrogateescape")) <= MAX_NAME_BYTES
    assert not set(name) & set('/\\:*?"<>|\0\n\r\u202e')
    assert name[0] not in ".- "
    assert name[-1] not in ". "
    assert make_safe_name(name) == name or len(text) > 30  # but for the end of what was cut


@given(st.text(st.characters(categories=("L", "N")), min_size=1, max_size=20))
def test_letters_and_digits_stay(text: str) -> None:
    assert make_safe_name(text) in (unicodedata.normalize("NFC", text), f"_{text}")


def test_long_names_stay_apart() -> None:
    names = {make_safe_name("x" * 200 + end) for end in "abc"}
    assert len(names) == 3


def test_a_taken_name_gets_the_first_free_number() -> None:
    taken = {fold_name(name) for name in ("Song", "song-2", "STRASSE")}
    assert make_free_name("song", taken) == "song-3"
    assert make_free_name("straße", taken) == "straße-2"
    assert make_free_name("other", taken) == "other"
