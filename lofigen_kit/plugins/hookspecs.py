"""What a plugin may provide: hooks that return classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    import typer

    from lofigen_kit.components.contracts import Effect, Instrument, Model, Sampler, Source

PROJECT = "lofigen_kit"
API_VERSION = 2
"""Counted up where a plugin could need what was not there before: a hook, or a name in `api`. A
plugin that does says so, `LOFIGEN_API = 2`, and an older toolkit then says what is the matter."""

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
    """Return groups of commands, by name, to stand beside `chain` and `plugins`."""
