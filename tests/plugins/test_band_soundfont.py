from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from lofigen_kit.analysis import chroma, chroma_similarity, drum_f_measure
from lofigen_kit.components.base import Context, Take
from lofigen_kit.errors import InputError
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit_plugins.band import Band
from lofigen_kit_plugins.band.fonts import list_font_instruments

FONT = Path("/usr/share/sounds/sf3/FluidR3Mono_GM.sf3")
"""Where Debian's fluidr3mono-gm-soundfont puts it."""


def make(seed: int, **fields: object) -> Take:
    return Band.model_validate(fields).make_take(Context(rng_for(seed, 0, "source")))


def test_only_what_a_font_has_is_chosen(font: Path) -> None:
    kits, keys, basses = list_font_instruments(font, 44_100)
    assert "gm-brush" not in kits  # number 40
    assert {"gm-jazz", "rhodes", "upright"} <= {*kits, *keys, *basses}


def test_its_instruments_play_beside_the_plugins_own(font: Path) -> None:
    takes = [make(n, soundfont=str(font), soundfont_licence="MIT", bars=1) for n in range(24)]
    played = {name for take in takes for name in take.score.instruments}
    assert {"kit:gm-jazz", "keys:rhodes", "bass:upright", "kit:dusty", "keys:vibraphone"} <= played
    assert {"CC0-1.0", "MIT"} == {term for take in takes for term in take.licence.split(" AND ")}
    again = make(3, soundfont=str(font), bars=1)
    np.testing.assert_array_equal(again.audio.samples, takes[3].audio.samples)


def test_without_one_nothing_changes_and_its_kits_are_unknown() -> None:
    assert make(3, bars=1).licence == "CC0-1.0"
    with pytest.raises(ValidationError, match="gm-jazz"):
        Band(kit="gm-jazz")


def test_what_is_no_font_is_refused_in_a_line(font: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = font.with_name("text.sf2")
    text.write_text("hello")
    with pytest.raises(InputError, match="no soundfont"):
        make(0, soundfont=str(text))
    with pytest.raises(InputError, match="cannot be read"):
        make(0, soundfont=str(font.with_name("missing.sf2")))
    monkeypatch.setitem(sys.modules, "tinysoundfont", None)
    other = font.with_name("other.sf2")
    with pytest.raises(InputError, match="not installed") as refused:
        make(0, soundfont=str(other))
    assert "--no-deps" in str(refused.value)


@pytest.mark.skipif(not FONT.is_file(), reason="fluidr3mono-gm-soundfont is not installed")
def test_a_real_font_plays_what_is_written() -> None:
    pytest.importorskip("tinysoundfont", reason="tinysoundfont is not installed")
    for seed in (4, 6):  # a guitar and a tine piano, with kits of the font
        take = make(seed, soundfont=str(FONT), bars=4)
        assert drum_f_measure(take.audio, take.score, "kick") > 0.9
        heard = chroma(take.audio)
        written = take.score.chroma((np.arange(heard.shape[1]) + 0.5) * 0.064)
        assert chroma_similarity(heard, written) > 0.7
