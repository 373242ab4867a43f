"""The page of the instruments says what the code says, and shows and plays each."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lofigen_kit.audio.files import read_audio
from lofigen_kit.plugins.loader import load_plugins
from tools.pages import DOCS

Make = Callable[..., int]
INSTRUMENTS = DOCS / "instruments"
NAMES = [
    name
    for name, cls in load_plugins().classes("instrument").items()
    if not any(field.is_required() for field in cls.model_fields.values())
]
MAX_PICTURE_BYTES, MAX_BYTES = 40_000, 1_500_000


def test_the_text_is_that_of_the_code(make: Make) -> None:
    assert make("make_instruments", "--check") == 0, "run python -m tools.make_instruments"


def test_another_text_is_noticed(make: Make, tmp_path: Path) -> None:
    shutil.copytree(DOCS, tmp_path / "docs", ignore=shutil.ignore_patterns("*.ogg", "*.png"))
    page = tmp_path / "docs" / "instruments" / "index.md"
    page.write_text(page.read_text().replace("0.1 to 12", "0.1 to 13"))
    assert make("make_instruments", "--check", "--docs", tmp_path / "docs") == 1


def test_every_instrument_has_its_part_picture_and_sound() -> None:
    page = (INSTRUMENTS / "index.md").read_text()
    assert sorted(re.findall(r"^## (.+)$", page, flags=re.MULTILINE)) == NAMES
    for folder in ("pictures", "sounds"):
        assert sorted(path.stem for path in (INSTRUMENTS / folder).iterdir()) == NAMES
    for target in re.findall(r"\]\(([^)#]+)\)", page):
        assert (INSTRUMENTS / target).exists(), target


@pytest.mark.parametrize("name", NAMES)
def test_the_instrument_is_heard(name: str) -> None:
    audio = read_audio(INSTRUMENTS / "sounds" / f"{name}.ogg")
    assert 3 < audio.duration_s < 6
    assert 0.3 < np.abs(audio.samples).max() <= 1.0
    assert audio.samples.std() > 0.02


def test_files_are_small() -> None:
    sizes = {path: path.stat().st_size for path in INSTRUMENTS.rglob("*") if path.is_file()}
    assert sum(sizes.values()) < MAX_BYTES
    assert max(size for path, size in sizes.items() if path.suffix == ".png") < MAX_PICTURE_BYTES
