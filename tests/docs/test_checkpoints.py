"""The page of figures is what the evaluations say."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from tools.pages import DOCS

Make = Callable[..., int]


def test_the_figures_are_those_of_the_evaluations(make: Make) -> None:
    assert make("make_checkpoints", "--check") == 0, "run python -m tools.make_checkpoints"


def test_another_figure_is_noticed(make: Make, tmp_path: Path) -> None:
    shutil.copytree(DOCS / "checkpoints", tmp_path / "checkpoints")
    page = tmp_path / "checkpoints.md"
    text = (DOCS / "checkpoints.md").read_text()
    begin = text.index("<!-- figures: ")
    page.write_text(text[:begin] + re.sub(r"\d\.\d", "7.7", text[begin:], count=1))
    assert make("make_checkpoints", "--check", "--docs", tmp_path) == 1
