"""Look up components by name, and the plugins that provide them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from lofigen_kit.components.base import Component
from lofigen_kit.components.contracts import Effect, Instrument, Model, Sampler, Source
from lofigen_kit.errors import PluginError

if TYPE_CHECKING:
    import typer


KINDS: tuple[type[Component], ...] = (Source, Instrument, Model, Sampler, Effect)


Origin = Literal["builtin", "package", "directory"]
Status = Literal["loaded", "disabled", "failed"]


def did_you_mean(name: str, known: Iterable[str], *, otherwise: str | None = None) -> str | None:
    """Return a remedy that suggests the nearest known name, or `otherwise` if none is near."""
    import difflib

    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else otherwise


@dataclass(frozen=True)
class Plugin:
    """The record of one plugin.

    Attributes:
        name: The name of its entry point or file.
        version: The version of its distribution; empty for a file.
        distribution: The package that contains it, or the file's path.
        origin: `builtin`, `package` or `directory`.
        status: `loaded`, `disabled` or `failed`.
        provides: Names of its components and commands, by kind.
        error: Why it failed, in one line.
        remedy: What to do about it.
        traceback: The traceback, for `plugins doctor`.
    """

    name: str
    version: str
    distribution: str
    origin: Origin
    status: Status
    provides: dict[str, tuple[str, ...]]
    error: str = ""
    remedy: str = ""
    traceback: str = ""


class Registry:
    """The components of every loaded plugin, by kind and name.

    Attributes:
        plugins: A record of each plugin that was found, loaded or not.
        commands: The command groups of plugins, by name.
    """

    def __init__(self) -> None:
        self.plugins: list[Plugin] = []
        self.commands: dict[str, typer.Typer] = {}
        self._classes: dict[str, dict[str, type[Component]]] = {k.kind: {} for k in KINDS}
        self._owners: dict[tuple[str, str], str] = {}

    def add(
        self,
        plugin: str,
        components: Iterable[type[Component]],
        commands: dict[str, typer.Typer] | None = None,
    ) -> None:
        """Add what a plugin provides: all of it or, if a name is taken, nothing.

        Raises:
            PluginError: if a name is taken; the message names both plugins.
        """
        classes = {(cls.kind, cls.name()): cls for cls in components}
        groups = commands or {}
        for kind, name in [*classes, *(("command", name) for name in groups)]:
            if owner := self._owners.get((kind, name)):
                raise PluginError(
                    f"{kind} {name!r} of plugin {plugin!r} is already provided by {owner!r}",
                    remedy=f"disable one: LOFIGEN_DISABLE_PLUGINS={plugin}",
                )
        for (kind, name), cls in classes.items():
            self._classes[kind][name] = cls
            self._owners[kind, name] = plugin
        for name, group in groups.items():
            self.commands[name] = group
            self._owners["command", name] = plugin

    def classes(self, kind: str) -> dict[str, type[Component]]:
        """Return the components of one kind by name, sorted."""
        return dict(sorted(self._classes[kind].items()))

    def find(self, kind: str, name: str) -> type[Component]:
        """Return the component with a name.

        Raises:
            PluginError: if no plugin provides it; the message suggests the nearest name.
        """
        if name not in self._classes[kind]:
            raise PluginError(
                f"there is no {kind} {name!r}",
                remedy=did_you_mean(
                    name, self._classes[kind], otherwise="see `lofigen-kit plugins list`"
                ),
            )
        return self._classes[kind][name]

    def make_file_source(self, path: Path) -> Source:
        """Return the source that plays a recording which a user names.

        Of several that could, a built-in one is taken before others, and then the first by name.

        Raises:
            PluginError: if no source plays a file.
        """
        sources = cast("dict[str, type[Source]]", self.classes("source"))
        found = {name: cls.file_parameter for name, cls in sources.items() if cls.file_parameter}
        if not found:
            raise PluginError(
                "no source that is installed plays a file",
                remedy="enable or install a plugin that brings one: see `lofigen-kit plugins list`",
            )
        name = min(found, key=lambda name: self.owner("source", name).origin != "builtin")
        return sources[name].model_validate({found[name]: str(path.absolute())})

    def owner(self, kind: str, name: str) -> Plugin:
        """Return the record of the plugin that provides a component."""
        owner = self._owners[kind, name]
        return next(p for p in self.plugins if p.name == owner and p.status == "loaded")
