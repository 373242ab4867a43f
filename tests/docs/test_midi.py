"""The page on MIDI and samples says what the code takes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
import yaml

from lofigen_kit.preset.schema import parse_preset
from lofigen_kit.preset.yaml_loader import load
from lofigen_kit_plugins.instruments.kit import KitName
from lofigen_kit_plugins.instruments.sample_kit import find_drum

PAGE = (Path(__file__).parents[2] / "docs" / "midi.md").read_text()
WHOLE, *PIECES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def test_the_preset_of_the_page_is_one() -> None:
    preset = parse_preset(load(WHOLE.encode(), "my-song.yaml"), root=Path("nowhere"))
    assert preset.source.use == "midi-file"


@pytest.mark.parametrize("piece", PIECES)
def test_each_piece_of_the_page_fits_into_the_preset(piece: str) -> None:
    data = yaml.safe_load(WHOLE)
    fields = yaml.safe_load(f"source:\n{piece}")["source"]
    data["source"] |= fields
    preset = parse_preset(load(yaml.safe_dump(data).encode(), "my-song.yaml"), root=Path("nowhere"))
    for name in fields:
        assert getattr(preset.source, name)


def test_the_words_of_drums_are_those_that_are_known() -> None:
    rows = {"kick": "kick", "snare": "snare", "rim": "rim", "closed hat": "hat",
            "open hat": "open-hat", "ride": "ride"}  # fmt: skip
    for row, drum in rows.items():
        [words] = re.findall(rf"^\| {row} \| (.*) \|$", PAGE, re.MULTILINE)
        for word in re.findall(r"`(.*?)`", words):
            assert find_drum(word) == drum, word


def test_all_kits_are_named() -> None:
    assert set(get_args(KitName)) <= set(re.findall(r"`(.*?)`", PAGE))
