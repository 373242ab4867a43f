"""What CONTRIBUTING.md says of the code is so, and the code keeps the measure that it promises."""

from __future__ import annotations

import importlib
import re
import subprocess
import tomllib
from functools import reduce
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = ROOT / "lofigen_kit"
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
MOST_MODULES, MOST_LINES = 5, 700


def section(title: str) -> str:
    return TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


LISTED = re.findall(r"^ {4}( {4})?(\w+)(/|\.py) {2,}\S", section("Where things are"), re.MULTILINE)
ROOMS = [name for inner, name, ending in LISTED if inner and ending == "/"]
MODULES = [name for inner, name, ending in LISTED if inner and ending == ".py"]
FILES = re.findall(r"^\d+\. `([^`]+)`: ", section("The files of an evening"), re.MULTILINE)
NAMES = re.findall(r"`(\w+(?:\.\w+)+)`", section("A walk"))


def folders(place: Path) -> set[str]:
    """Return the folders in a place that hold more than what Python has compiled."""
    return {
        path.name
        for path in place.iterdir()
        if any(file.is_file() and "__pycache__" not in file.parts for file in path.rglob("*"))
    }


def test_every_room_is_named_and_none_that_is_gone() -> None:
    assert len(ROOMS) == len(set(ROOMS))
    assert set(ROOMS) == folders(CORE)
    assert set(MODULES) == {path.stem for path in CORE.glob("[!_]*.py")}


def test_every_folder_beside_the_core_is_named() -> None:
    told = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if told.returncode:
        pytest.skip("this is no checkout: what else lies here is not known")
    kept = {line.partition("/")[0] for line in told.stdout.splitlines() if "/" in line}
    beside = {name for inner, name, _ in LISTED if not inner}
    assert beside == {name for name in kept if not name.startswith(".")}


def test_the_rooms_stand_in_the_order_of_their_layers() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (layers,) = (one["layers"] for one in settings["contracts"] if one["type"] == "layers")
    place = {
        name: number
        for number, layer in enumerate(layers)
        for name in re.split(r"\s*[|:]\s*", layer)
    }
    listed = [name for inner, name, _ in LISTED if inner and name in place]
    assert set(listed) == set(place)
    assert listed == sorted(listed, key=place.__getitem__)


def test_the_files_of_an_evening_are_there() -> None:
    assert len(FILES) == len(set(FILES)) == 12
    for file in FILES:
        assert (ROOT / file).is_file(), file


def test_there_are_functions_on_the_walk() -> None:
    assert len(NAMES) > 20
    assert {name.partition(".")[0] for name in NAMES} <= set(ROOMS)


@pytest.mark.parametrize("name", NAMES)
def test_each_function_of_the_walk_is_there(name: str) -> None:
    words = ["lofigen_kit", *name.split(".")]
    count = max(n for n in range(1, len(words)) if _is_module(words[:n]))
    module = importlib.import_module(".".join(words[:count]))
    assert callable(reduce(getattr, words[count:], module))


def _is_module(words: list[str]) -> bool:
    place = ROOT.joinpath(*words)
    return place.is_dir() or place.with_suffix(".py").is_file()


def test_each_step_of_the_walk_names_a_room() -> None:
    steps = re.findall(r"^\d+\. (.*)$", section("A walk"), re.MULTILINE)
    assert len(steps) > 10
    for step in steps:
        (room,) = re.findall(r"^\*\*(\w+)\*\*: ", step)
        assert room in ROOMS


def test_few_modules_stand_outside_of_the_rooms() -> None:
    assert len(list(CORE.glob("*.py"))) <= MOST_MODULES


def test_a_module_is_read_at_one_sitting() -> None:
    sources = [path for folder in (CORE, ROOT / "plugins") for path in folder.rglob("*.py")]
    lines = {path: len(path.read_text().splitlines()) for path in sources}
    assert {path: count for path, count in lines.items() if count > MOST_LINES} == {}


def test_unit_tests_are_in_the_rooms_of_what_they_test() -> None:
    assert folders(ROOT / "tests" / "unit") <= set(ROOMS)
