"""Every guide works as it stands, from nothing to a component in a chain."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from lofigen_kit.io import read_audio
from lofigen_kit.plugins import load_plugins
from lofigen_kit.testing import check_component

GUIDES = Path(__file__).parents[2] / "docs" / "guides"
KINDS = sorted(path.stem for path in GUIDES.glob("*.md"))
PLUGINS = "plugins-of-mine"
BLOCK = re.compile(
    r"(?:`(?P<file>[\w/.-]+)`:\n\n)?```(?P<language>\w+)\n(?P<text>.*?)```", re.DOTALL
)
LONG = {"--minutes 10": "--minutes 1", "--steps 2000": "--steps 2"}
"""What takes a person's time, and what a test gives it."""


@pytest.fixture(scope="module", params=KINDS)
def followed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder, named after the kind, in which its guide was followed to the end."""
    folder = tmp_path_factory.mktemp("guide") / str(request.param)
    (folder / PLUGINS).mkdir(parents=True)
    for block in BLOCK.finditer((GUIDES / f"{request.param}.md").read_text()):
        if block["language"] == "sh":
            for line in block["text"].splitlines():
                run(line, folder)
        elif block["language"] in ("python", "yaml"):
            (folder / block["file"]).write_text(block["text"])
        else:
            assert block["language"] == "toml"
    return folder


def run(line: str, folder: Path) -> None:
    for long, short in LONG.items():
        line = line.replace(long, short)
    program, *words = shlex.split(line)
    assert program in ("lofigen-kit", "pytest")
    command = [str(Path(sys.executable).with_name(program)), *words]
    if program == "pytest":
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"


def test_there_is_a_guide_for_each_kind() -> None:
    assert KINDS == ["effect", "model", "sampler", "source"]


def test_the_chain_is_heard(followed: Path) -> None:
    (made,) = followed.glob("*.wav")
    audio = read_audio(made)
    assert audio.duration_s == pytest.approx(4 * 60 / 90, abs=0.01)
    assert audio.samples.std() > 0.01


def test_the_component_keeps_the_contract(followed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(followed)  # where the model's checkpoint lies
    registry = load_plugins(followed / PLUGINS)
    (name,) = (path.stem for path in (followed / PLUGINS).glob("*.py"))
    check_component(registry.find(followed.name, name))
