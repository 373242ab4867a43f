"""Load the preset in a rendered file's recipe, with the limits for untrusted input."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lofigen_kit.audio.metadata import AUDIO_SUFFIXES
from lofigen_kit.errors import PresetError
from lofigen_kit.plugins.registry import Registry
from lofigen_kit.preset.schema import Preset, load_preset, parse_preset
from lofigen_kit.preset.yaml_loader import Document
from lofigen_kit.provenance import recipe
from lofigen_kit.provenance.recipe import all_effects

MAX_TAKE = 1 << 32
"""A recipe's take with a higher number is none."""


def find_preset(
    name: str, registry: Registry, overrides: Sequence[str] = (), *, native: bool = False
) -> tuple[Preset, int, dict[str, Any]]:
    """Return the preset of a name, a preset file, a rendered file or its sidecar; see `load`.

    Raises:
        PresetError: if there is none, or it is not valid.
        AudioError: if it is an audio file that cannot be read.
    """
    path = Path(name)
    if path.suffix.lower() in AUDIO_SUFFIXES or recipe.read_sidecar(path) is not None:
        return load(path, registry, overrides, native=native)
    return load_preset(name, registry=registry, overrides=overrides), 0, {}


def load(
    path: Path, registry: Registry, overrides: Sequence[str] = (), *, native: bool = False
) -> tuple[Preset, int, dict[str, Any]]:
    """Return the preset that made a file, the number of its take, and the whole recipe.

    The recipe is untrusted: its preset is validated like any other, and files that it names must be
    in the file's own folder.

    Args:
        path: The audio file, or the recipe beside it.
        registry: The components to choose from.
        overrides: `KEY=VALUE` texts.
        native: Accept plugins of machine code (VST3): the user trusts the file, or nothing is run.

    Raises:
        PresetError: if there is no recipe, its preset is not valid, or a plugin is missing.
        AudioError: if the file is not readable audio.
    """
    facts = recipe.read_sidecar(path) or recipe.read(path)
    if facts is None:
        raise PresetError(
            "the file has no recipe", where=path, remedy="give a preset, or a rendered file"
        )
    document = Document(facts.get("preset"), str(path))
    try:
        preset = parse_preset(
            document,
            root=path.parent,
            registry=registry,
            overrides=overrides,
            is_strangers=True,
        )
    except PresetError:
        _check_components(path, facts, registry)
        raise
    if not native:
        check_native(
            path,
            preset,
            remedy="if you trust the file, print its preset with `chain show` and render that, or "
            "use `chain replay --native`",
        )
    take = facts.get("take")
    return preset, take if isinstance(take, int) and 0 <= take < MAX_TAKE else 0, facts


def _check_components(path: Path, facts: dict[str, Any], registry: Registry) -> None:
    """Check that the components of a recipe are installed.

    Raises:
        PresetError: for a missing one; the message names its package.
    """
    data, owners = facts.get("preset"), facts.get("plugins")
    if not isinstance(data, dict) or not isinstance(owners, dict):
        return
    effects = data.get("effects")
    parts = [(kind, data.get(kind)) for kind in ("source", "model", "sampler")]
    parts += [("effect", effect) for effect in effects] if isinstance(effects, list) else []
    for kind, part in parts:
        use = part.get("use") if isinstance(part, dict) else None
        if isinstance(use, str) and use in owners and use not in registry.classes(kind):
            raise PresetError(
                f"it was made with the {kind} {use!r} of {owners[use]!r}, which is not installed",
                where=path,
                remedy="install it, or name its folder with --plugin-dir",
            )


def check_native(path: Path, preset: Preset, *, remedy: str) -> None:
    """Refuse to run plugins of machine code that an untrusted preset names.

    Raises:
        PresetError: if the preset names one.
    """
    native = [effect.use for effect in all_effects(preset.effects) if effect.native]
    if native:
        raise PresetError(
            f"its recipe runs a plugin of machine code ({native[0]})",
            where=path,
            remedy=remedy,
        )
