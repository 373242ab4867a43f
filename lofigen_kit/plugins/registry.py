"""Look up components by name, and the plugins that provide them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from lofigen_kit.components.base import Component
from lofigen_kit.components.contracts import Effect, Instrument, Model, Sampler, Source
from lofigen_kit.errors import InputError, PluginError

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


def _reads(cls: type[Source], path: Path) -> bool:
    """Return whether a source plays a file by its content; not what is no file or unreadable."""
    try:
        return path.is_file() and cls.reads_file(path)
    except (OSError, ValueError):
        return False


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

    def make_file_source(self, path: Path, *, like: Path | None = None) -> Source:
        """Return the source that plays a file which a user names; see `find_file_source`.

        Args:
            path: The file.
            like: Choose the source by this name instead.
        """
        cls = self.find_file_source(like or path)
        return cls.model_validate({cls.file_parameter: str(path.absolute())})

    def find_file_source(self, path: Path) -> type[Source]:
        """Return the source that plays a file which a user names; it has a `file_parameter`.

        It is chosen by the suffix; where no source names that, by the file's content; else it is
        one that plays any file. Of several, a built-in one is taken before others, and then the
        first by name.

        Raises:
            PluginError: if no source plays a file.
            InputError: if none plays this one, or it is not there.
        """
        sources = cast("dict[str, type[Source]]", self.classes("source"))
        found = [
            sources[name]
            for name in sorted(sources, key=lambda n: self.owner("source", n).origin != "builtin")
            if sources[name].file_parameter
        ]
        if not found:
            raise PluginError(
                "no source that is installed plays a file",
                remedy="enable or install a plugin that brings one: see `lofigen-kit plugins list`",
            )
        suffix = path.suffix.lower()
        named = (cls for cls in found if suffix in cls.file_suffixes)
        heard = (cls for cls in found if _reads(cls, path))
        others = (cls for cls in found if not cls.file_suffixes)
        if chosen := next(chain(named, heard, others), None):
            return chosen
        if not path.exists():
            raise InputError("there is no such file", where=path, remedy="check the path")
        known = ", ".join(sorted({suffix for cls in found for suffix in cls.file_suffixes}))
        raise InputError("no source plays such a file", where=path, remedy=f"name one of {known}")

    def owner(self, kind: str, name: str) -> Plugin:
        """Return the record of the plugin that provides a component."""
        owner = self._owners[kind, name]
        return next(p for p in self.plugins if p.name == owner and p.status == "loaded")
