"""The reference says what the code says, on whatever machine it is made."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from lofigen_kit import api
from lofigen_kit.api import dsp
from lofigen_kit.plugins import hookspecs
from lofigen_kit.plugins.loader import load_plugins

DOCS = Path(__file__).parents[2] / "docs"
REFERENCE = DOCS / "reference"


def run(docs: Path, *options: str, **environment: str) -> int:
    command = [sys.executable, str(docs / "make_reference.py"), *options]
    return subprocess.run(command, check=False, env={**os.environ, **environment}).returncode


def headings(page: str, level: int) -> list[str]:
    text = (REFERENCE / page).read_text()
    return re.findall(rf"^{'#' * level} (.+)$", text, flags=re.MULTILINE)


def test_the_pages_are_those_of_the_code() -> None:
    assert run(DOCS, "--check") == 0, "run docs/make_reference.py"


def test_nothing_in_them_depends_on_the_terminal_or_the_home(tmp_path: Path) -> None:
    elsewhere = {"COLUMNS": "40", "HOME": str(tmp_path), "LOFIGEN_PLUGIN_DIR": str(tmp_path)}
    assert run(DOCS, "--check", **elsewhere) == 0


def test_another_text_is_noticed_and_put_right(tmp_path: Path) -> None:
    shutil.copytree(DOCS, tmp_path / "docs", ignore=shutil.ignore_patterns("*.ogg", "*.png"))
    page = tmp_path / "docs" / "reference" / "cli.md"
    page.write_text(page.read_text().replace("--seed", "--sead"))
    assert run(tmp_path / "docs", "--check") == 1
    assert run(tmp_path / "docs") == 0
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
    assert "- `--workers <int range>`: Processes. [default: 1; 1<=x<=256]" in text
    assert "chain preset" in headings("cli.md", 3)
