"""The pages of effects and presets say what the code says, and lack nothing."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from lofigen_kit.audio.files import read_audio
from lofigen_kit.plugins.loader import load_plugins
from lofigen_kit.preset.schema import parse_preset
from lofigen_kit.preset.yaml_loader import load
from lofigen_kit.runtime.resources import presets_dir
from tools.pages import DOCS

Make = Callable[..., int]
EFFECTS, PRESETS = DOCS / "effects", DOCS / "presets"
REGISTRY = load_plugins()
NAMES = [n for n in REGISTRY.classes("effect") if REGISTRY.owner("effect", n).origin == "builtin"]
HEARD = [n for n in NAMES if not REGISTRY.classes("effect")[n].native]  # type: ignore[attr-defined]
"""What brings a sound of its own, and does not run what the user has."""
PRESET_NAMES = sorted(path.stem for path in presets_dir().glob("*.yaml"))
PAGES = [*sorted(EFFECTS.glob("*.md")), DOCS / "presets.md"]
MAX_PICTURE_BYTES, MAX_BYTES = 60_000, 6_000_000


def stems(folder: Path) -> set[str]:
    return {path.stem for path in folder.iterdir()}


def test_the_texts_are_those_of_the_code(make: Make) -> None:
    assert make("make_effects", "--check") == 0, "run python -m tools.make_effects"


def test_another_text_is_noticed(make: Make, tmp_path: Path) -> None:
    shutil.copytree(DOCS, tmp_path / "docs", ignore=shutil.ignore_patterns("*.ogg", "*.png"))
    page = tmp_path / "docs" / "effects" / "lowpass.md"
    page.write_text(page.read_text().replace("20 to 20000", "20 to 18000"))
    assert make("make_effects", "--check", "--docs", tmp_path / "docs") == 1


def test_every_effect_has_its_page_picture_and_sound_and_none_is_of_one_that_is_gone() -> None:
    assert stems(EFFECTS) - {"README", "figures", "pictures", "sounds"} == set(NAMES)
    assert stems(EFFECTS / "pictures") == set(HEARD)
    before = {stem for stem in stems(EFFECTS / "sounds") if stem.endswith("-before")}
    assert stems(EFFECTS / "sounds") - before == {"dry", *HEARD}
    assert before <= {f"{name}-before" for name in NAMES}


def test_every_preset_has_its_part_picture_and_sounds() -> None:
    parts = re.findall(r"^## (.+)$", (DOCS / "presets.md").read_text(), flags=re.MULTILINE)
    assert parts == PRESET_NAMES
    assert stems(PRESETS / "pictures") == set(PRESET_NAMES)
    both = {f"{name}{when}" for name in PRESET_NAMES for when in ("", "-before")}
    assert stems(PRESETS / "sounds") == both


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", page.read_text())
    assert targets
    for target in targets:
        assert (page.parent / target).exists(), target


def test_every_file_is_shown() -> None:
    shown = {
        (page.parent / target).resolve()
        for page in PAGES
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text())
    }
    files = [path for folder in (EFFECTS, PRESETS) for path in folder.glob("*/*")]
    assert {path.resolve() for path in files} <= shown


@pytest.mark.parametrize("name", NAMES)
def test_the_line_to_copy_is_valid(name: str) -> None:
    (lines,) = re.findall(r"```yaml\n(.*?)```", (EFFECTS / f"{name}.md").read_text(), re.DOTALL)
    preset = "version: 1\nname: copied\nsource: {use: beatmaker}\n" + lines
    (effect,) = parse_preset(load(preset.encode(), "copied"), root=None, registry=REGISTRY).effects
    assert effect.use == name
    (told,) = yaml.safe_load(lines)["effects"]
    assert len(told) > 1


@pytest.mark.parametrize("name", HEARD)
def test_the_effect_is_heard(name: str) -> None:
    page = (EFFECTS / f"{name}.md").read_text()
    before, after = (
        read_audio(EFFECTS / sound) for sound in re.findall(r"\]\((sounds/[^)]+)\)", page)
    )
    assert 3 < after.duration_s < 6
    frames = min(before.frames, after.frames)
    change = after.samples[:, :frames] - before.samples[:, :frames]
    assert 20 * np.log10(change.std() / before.samples.std()) > -30
    assert np.abs(after.samples).max() <= 1.05


def test_files_are_small() -> None:
    files = [path for folder in (EFFECTS, PRESETS) for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < MAX_BYTES
    for path in files:
        if path.suffix == ".png":
            assert path.stat().st_size < MAX_PICTURE_BYTES, path.name
