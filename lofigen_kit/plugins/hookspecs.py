"""The hooks of a plugin, which return the classes and commands that it provides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    import typer

    from lofigen_kit.components.contracts import Effect, Instrument, Model, Sampler, Source

PROJECT = "lofigen_kit"
API_VERSION = 2
"""The version of the plugin API. It increases when a hook or a name in `api` is added. A plugin
that needs the addition declares `LOFIGEN_API = 3`, and an older toolkit asks for an update."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a plugin's function as one of the hooks below."""


@hookspec
def lofigen_sources() -> list[type[Source]]:  # type: ignore[empty-body]
    """Return the sources that this plugin provides."""


@hookspec
def lofigen_instruments() -> list[type[Instrument]]:  # type: ignore[empty-body]
    """Return the instruments that this plugin provides."""


@hookspec
def lofigen_models() -> list[type[Model]]:  # type: ignore[empty-body]
    """Return the model variants that this plugin provides."""


@hookspec
def lofigen_samplers() -> list[type[Sampler]]:  # type: ignore[empty-body]
    """Return the samplers that this plugin provides."""


@hookspec
def lofigen_effects() -> list[type[Effect]]:  # type: ignore[empty-body]
    """Return the effects that this plugin provides."""


@hookspec
def lofigen_commands() -> dict[str, typer.Typer]:  # type: ignore[empty-body]
    """Return command groups by name, which are added beside `chain` and `plugins`."""
