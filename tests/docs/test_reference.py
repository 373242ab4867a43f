"""The reference says what the code says, on whatever machine it is made."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from lofigen_kit import api
from lofigen_kit.api import dsp
from lofigen_kit.plugins import hookspecs
from lofigen_kit.plugins.loader import load_plugins
from tools.pages import DOCS, ROOT

Make = Callable[..., int]

REFERENCE = DOCS / "reference"


def headings(page: str, level: int) -> list[str]:
    text = (REFERENCE / page).read_text()
    return re.findall(rf"^{'#' * level} (.+)$", text, flags=re.MULTILINE)


def test_the_pages_are_those_of_the_code(make: Make) -> None:
    assert make("make_reference", "--check") == 0, "run python -m tools.make_reference"


def test_nothing_in_them_depends_on_the_terminal_or_the_home(tmp_path: Path) -> None:
    elsewhere = {"COLUMNS": "40", "HOME": str(tmp_path), "LOFIGEN_PLUGIN_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "tools.make_reference", "--check"]
    assert not subprocess.run(command, check=False, cwd=ROOT, env=os.environ | elsewhere).returncode


def test_another_text_is_noticed_and_put_right(make: Make, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    shutil.copytree(REFERENCE, docs / "reference")
    page = docs / "reference" / "cli.md"
    page.write_text(page.read_text().replace("--seed", "--sead"))
    assert make("make_reference", "--check", "--docs", docs) == 1
    assert make("make_reference", "--docs", docs) == 0
    assert page.read_text() == (REFERENCE / "cli.md").read_text()


def test_every_name_and_hook_has_its_part() -> None:
    hooks = [name for name in vars(hookspecs) if name.startswith("lofigen_")]
    assert headings("api.md", 3) == [*hooks, *api.__all__, *dsp.__all__]


def test_every_component_but_the_effects_has_its_part() -> None:
    registry = load_plugins()
    names = [
        name
        for kind in ("source", "instrument", "model", "sampler")
        for name in registry.classes(kind)
        if registry.owner(kind, name).origin == "builtin"
    ]
    assert headings("components.md", 3) == names


def test_options_are_told_with_types_defaults_and_bounds() -> None:
    text = (REFERENCE / "cli.md").read_text()
    assert "- `--workers <int range>`: Number of processes. [default: 1; 1<=x<=256]" in text
    assert "chain preset" in headings("cli.md", 3)
