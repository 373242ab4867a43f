"""Find plugins and load each one separately, so that a broken plugin does not affect others.

Plugins are the entry points of the group `lofigen_kit` and the Python files in a folder that the
user names. pluggy checks the names of a plugin's functions. This module calls them one by one,
because a hook call of pluggy loses all results if one implementation raises.
"""

from __future__ import annotations

import inspect
import io
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Any

import pluggy

from lofigen_kit.components.base import Component
from lofigen_kit.errors import LofigenError, PluginError, shorten, to_one_line
from lofigen_kit.plugins import hookspecs
from lofigen_kit.plugins.registry import KINDS, Origin, Plugin, Registry

if TYPE_CHECKING:
    import typer

GROUP = hookspecs.PROJECT
OWN_DISTRIBUTION = "lofigen-kit"
PLUGIN_DIR_VARIABLE = "LOFIGEN_PLUGIN_DIR"
DISABLE_VARIABLE = "LOFIGEN_DISABLE_PLUGINS"
SLOW_S = 3.0
"""Seconds of import time after which a plugin is reported as slow."""
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True)
class _Candidate:
    """A plugin that was found and not yet imported."""

    name: str
    version: str
    distribution: str
    origin: Origin
    load: Callable[[], object]


def list_component_names(kind: str) -> tuple[str, ...]:
    """Return the names of all installed components of a kind, such as `instrument`.

    It loads every plugin: a component calls it where it has to check a name, never on import.
    """
    return tuple(sorted(load_plugins().classes(kind)))


def load_plugins(
    directory: Path | None = None, *, strict: bool = False, builtin: bool = True
) -> Registry:
    """Find and load every plugin.

    A plugin that fails is recorded in `Registry.plugins` with its traceback, and its components
    are left out. Plugins named in `LOFIGEN_DISABLE_PLUGINS` (separated by commas) are not imported.

    Args:
        directory: A folder of `.py` files, one plugin each; by default `LOFIGEN_PLUGIN_DIR`, never
            the current directory.
        strict: Raise at the first plugin that fails.
        builtin: Load the toolkit's own plugins too.

    Raises:
        PluginError: if the folder does not exist or, with `strict`, for a broken plugin.
    """
    disabled = {n.strip() for n in os.environ.get(DISABLE_VARIABLE, "").split(",")}
    if directory is None and (variable := os.environ.get(PLUGIN_DIR_VARIABLE)):
        directory = Path(variable)
    registry = Registry()
    for candidate in [*_entry_points(builtin=builtin), *_find_plugin_files(directory)]:
        record = (
            _record(candidate, "disabled")
            if candidate.name in disabled
            else _load(candidate, registry, strict=strict)
        )
        registry.plugins.append(record)
    return registry


def _entry_points(*, builtin: bool) -> list[_Candidate]:
    """Return the installed plugins, the toolkit's own first, so that others cannot replace them."""
    from importlib.metadata import entry_points

    points = entry_points(group=GROUP)
    # `dist.metadata` parses a file at each access: read it once for each distribution.
    parsed = {dist: dist.metadata for dist in {point.dist for point in points} if dist}
    candidates = []
    for point in points:
        metadata = parsed[point.dist] if point.dist else {"Name": "", "Version": ""}
        distribution, version = metadata["Name"], metadata["Version"]
        own = distribution == OWN_DISTRIBUTION
        if builtin or not own:
            origin: Origin = "builtin" if own else "package"
            candidates.append(_Candidate(point.name, version, distribution, origin, point.load))
    return sorted(candidates, key=lambda c: (c.origin != "builtin", c.distribution, c.name))


def _find_plugin_files(directory: Path | None) -> Iterator[_Candidate]:
    if directory is None:
        return
    if not os.path.isdir(directory):  # noqa: PTH112 - pathlib raises for too long a name
        raise PluginError("there is no such plugin folder", where=directory)
    for path in sorted(directory.glob("*.py")):
        if not path.stem.startswith("_"):
            name = path.stem.replace("_", "-")
            yield _Candidate(name, "", str(path), "directory", partial(_import, path))


def _import(path: Path) -> object:
    """Import one file under a unique module name, which pydantic needs for annotations."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location(f"lofigen_kit_plugin_file_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not importable")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[spec.name]
        raise
    return module


def _load(candidate: _Candidate, registry: Registry, *, strict: bool) -> Plugin:
    try:
        if any(p.name == candidate.name and p.status == "loaded" for p in registry.plugins):
            raise PluginError(f"a plugin named {candidate.name!r} is already loaded")
        with _guard_import(candidate):
            components, commands = _collect_provided(candidate.load(), candidate.name)
            if candidate.origin != "builtin":  # a test covers the built-in ones; it takes time here
                for cls in components:
                    cls.model_json_schema()
        registry.add(candidate.name, components, commands)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        text = str(error).strip() or type(error).__name__
        reason = text if isinstance(error, LofigenError) else f"{type(error).__name__}: {text}"
        line = to_one_line(shorten(reason))
        if strict:
            raise PluginError(
                f"plugin {candidate.name!r} does not load: {line}", where=candidate.distribution
            ) from error
        return _record(
            candidate,
            "failed",
            error=line,
            remedy=_suggest_remedy(error, candidate),
            traceback=traceback.format_exc(),
        )
    provides: dict[str, tuple[str, ...]] = {}
    for cls in components:
        provides[cls.kind] = (*provides.get(cls.kind, ()), cls.name())
    if commands:
        provides["command"] = tuple(commands)
    return _record(candidate, "loaded", provides=provides)


@contextmanager
def _guard_import(candidate: _Candidate) -> Iterator[None]:
    """Give a plugin an empty stdin, send its output to stderr, and report it if it is slow."""
    if candidate.origin == "builtin":
        yield
        return
    slow = Timer(
        SLOW_S,
        print,
        [f"lofigen-kit: plugin {candidate.name!r} ({candidate.distribution}) is slow to import; "
         f"Ctrl-C stops it, and {DISABLE_VARIABLE}={candidate.name} disables it"],
        {"file": sys.stderr},
    )  # fmt: skip
    slow.daemon = True
    slow.start()
    stdin, sys.stdin = sys.stdin, io.StringIO()
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        sys.stdin = stdin
        slow.cancel()


def _suggest_remedy(error: BaseException, candidate: _Candidate) -> str:
    """Return what the user can do about a plugin that fails."""
    disable = f"disable it with {DISABLE_VARIABLE}={candidate.name}"
    match error:
        case LofigenError(remedy=str(remedy)):
            return remedy
        case pluggy.PluginValidationError():
            hooks = sorted(name for name in vars(hookspecs) if name.startswith("lofigen_"))
            return f"the hooks are {', '.join(hooks)}"
        case ImportError(name=str(name)) if name.partition(".")[0] == GROUP:
            what = f"it is made for another version of {OWN_DISTRIBUTION}: update both"
        case ModuleNotFoundError(name=str(name)):
            what = f"install the package that provides {name!r}"
        case SyntaxError():
            what = f"correct line {error.lineno}"
        case SystemExit():
            what = "ask its author to remove the exit at import"
        case _:
            what = "report it to its author"
    return f"{what}, or {disable}"


def _record(candidate: _Candidate, status: Any, **facts: Any) -> Plugin:
    return Plugin(
        name=candidate.name,
        version=candidate.version,
        distribution=candidate.distribution,
        origin=candidate.origin,
        status=status,
        **{"provides": {}, **facts},
    )


def _collect_provided(
    plugin: object, name: str
) -> tuple[list[type[Component]], dict[str, typer.Typer]]:
    """Call a plugin's hooks and return its components and commands.

    The pluggy manager is only used to find the marked functions and to refuse a misspelt one,
    which pluggy otherwise registers silently.

    Raises:
        PluginError: if a hook returns something else, or the plugin needs a newer API.
    """
    if (needed := getattr(plugin, "LOFIGEN_API", 1)) not in range(1, hookspecs.API_VERSION + 1):
        raise PluginError(
            f"it needs version {needed} of the plugin API, and this is {hookspecs.API_VERSION}",
            remedy=f"update {OWN_DISTRIBUTION}: pip install -U {OWN_DISTRIBUTION}",
        )
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(plugin, name)
    manager.check_pending()
    if not manager.get_hookcallers(plugin):
        raise PluginError("it provides nothing", remedy="mark its hook functions with @hookimpl")
    components = [
        _check_component(cls, kind)
        for kind in KINDS
        for result in _call_hook(manager, f"lofigen_{kind.kind}s", list)
        for cls in result
    ]
    commands = {
        group: app
        for result in _call_hook(manager, "lofigen_commands", dict)
        for group, app in result.items()
        if _is_group(group, app)
    }
    return components, commands


def _call_hook(manager: pluggy.PluginManager, hook: str, shape: type) -> list[Any]:
    results = [impl.function() for impl in getattr(manager.hook, hook).get_hookimpls()]
    for result in results:
        if not isinstance(result, shape):
            raise PluginError(
                f"{hook} returns {result!r}, which is not a {shape.__name__}",
                remedy=f"return a {shape.__name__}; see `lofigen_kit.plugins.hookspecs`",
            )
    return results


def _is_group(name: object, app: object) -> bool:
    """Return True for a valid command group.

    Raises:
        PluginError: for any other.
    """
    import typer

    if not (isinstance(name, str) and NAME.fullmatch(name) and isinstance(app, typer.Typer)):
        raise PluginError(
            f"lofigen_commands returns {name!r}: {app!r}",
            remedy="return a typer.Typer for each kebab-case name",
        )
    return True


def _check_component(cls: Any, kind: type[Component]) -> type[Component]:
    """Return a class that a hook returned, if it is a component of the hook's kind.

    Raises:
        PluginError: if it is not, is abstract, or has no kebab-case name.
    """
    if not (isinstance(cls, type) and issubclass(cls, kind)):
        raise PluginError(f"lofigen_{kind.kind}s returns {cls!r}, which is not a {kind.__name__}")
    if inspect.isabstract(cls):
        missing = ", ".join(sorted(cls.__abstractmethods__))
        raise PluginError(f"{cls.__name__} does not implement {missing}")
    name = cls.name() if "use" in cls.model_fields else None
    if name is None or not NAME.fullmatch(name):
        raise PluginError(
            f"{cls.__name__} has the name {name!r}, which is not kebab-case",
            remedy='declare `use: Literal["a-kebab-name"] = "a-kebab-name"`',
        )
    return cls
