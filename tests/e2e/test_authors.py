"""Packages for authors of plugins, as they come out: installed, tested, linted, typed and heard."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from lofigen_kit.audio.files import read_audio
from lofigen_kit.scaffold.package import ComponentKind

EXAMPLE = Path(__file__).parents[2] / "examples" / "lofigen-kit-example"
TOOLS = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


def succeed(*command: object, cwd: Path, target: Path | None = None) -> str:
    """Run a command, with what is installed in a folder to be found, and return what it says."""
    folders = [str(target)] if target else []
    ran = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**os.environ, "PATH": TOOLS, "PYTHONPATH": os.pathsep.join(folders)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, f"{command}\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout


def kit(*arguments: object, cwd: Path, target: Path | None = None) -> str:
    return succeed(sys.executable, "-m", "lofigen_kit", *arguments, cwd=cwd, target=target)


def installed(package: Path, target: Path) -> Path:
    """Install a package as a wheel into a folder, without network; return the folder."""
    succeed(
        sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation",
        "--no-index", "--disable-pip-version-check", "--target", target, package,
        cwd=package.parent,
    )  # fmt: skip
    return target


@pytest.fixture(scope="module")
def types(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which mypy keeps what it knows of the toolkit's types."""
    return tmp_path_factory.mktemp("types")


@pytest.mark.parametrize("kind", get_args(ComponentKind))
def test_a_new_package_is_whole_as_it_comes(
    kind: ComponentKind, tmp_path: Path, types: Path
) -> None:
    kit("plugins", "new", f"a-{kind}-of-my-own-making", "--kind", kind, cwd=tmp_path)
    package = tmp_path / f"lofigen-a-{kind}-of-my-own-making"
    target = installed(package, tmp_path / "site")
    assert (target / package.name.replace("-", "_") / "py.typed").exists()

    python = sys.executable
    assert " passed" in succeed(python, "-m", "pytest", "-q", cwd=package, target=target)
    ruff = shutil.which("ruff", path=TOOLS)
    succeed(ruff, "check", "--no-cache", ".", cwd=package)
    succeed(ruff, "format", "--no-cache", "--check", ".", cwd=package)
    succeed(python, "-m", "mypy", "--cache-dir", types, cwd=package, target=target)

    kit("chain", "preset", "example.yaml", "-o", "beat.wav", cwd=package, target=target)
    beat = read_audio(package / "beat.wav")
    assert beat.duration_s == pytest.approx(3.0, abs=0.01)
    assert np.sqrt((beat.samples**2).mean()) > 0.02


def test_the_example_package_is_built_installed_and_heard(tmp_path: Path, types: Path) -> None:
    package = tmp_path / EXAMPLE.name
    shutil.copytree(EXAMPLE, package)
    python = sys.executable
    succeed(
        python, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
        "--no-index", "--disable-pip-version-check", "--wheel-dir", tmp_path, package,
        cwd=tmp_path,
    )  # fmt: skip
    target = installed(tmp_path / "lofigen_kit_example-0.1.0-py3-none-any.whl", tmp_path / "site")

    listed = json.loads(kit("plugins", "list", "--json", cwd=tmp_path, target=target))
    mine = {p["name"]: p["provides"] for p in listed if p["distribution"] == EXAMPLE.name}
    assert mine == {
        "calm": {"sampler": ["calm"]},
        "dilated": {"model": ["dilated"]},
        "glass": {"instrument": ["glass"]},
        "timekeeper": {"source": ["timekeeper"]},
        "trembling": {"effect": ["trembling"]},
    }
    succeed(python, "-m", "pytest", "-q", cwd=package, target=target)
    for name in mine:
        kit("plugins", "check", name, cwd=tmp_path, target=target)
    ruff = shutil.which("ruff", path=TOOLS)
    succeed(ruff, "check", "--no-cache", ".", cwd=package)
    succeed(ruff, "format", "--no-cache", "--check", ".", cwd=package)
    succeed(python, "-m", "mypy", "--cache-dir", types, cwd=package, target=target)

    kit("chain", "preset", "example.yaml", "-o", "beat.wav", cwd=package, target=target)
    kit("chain", "replay", "beat.wav", cwd=package, target=target)
    recipe = json.loads((package / "beat.json").read_text())
    used = mine.keys() - {"glass"}
    assert all(recipe["plugins"][name] == f"{EXAMPLE.name} 0.1.0" for name in used)
    # The effect keeps to the beat: the level at its dips is 12 dB below that between them.
    beats = read_audio(package / "beat.wav").samples[0].astype(float).reshape(4, 75, 441)
    level_db = 10.0 * np.log10((beats**2).mean(axis=(0, 2)))
    assert level_db[[0, -1]].mean() - level_db[37] == pytest.approx(12.0, abs=2.0)
