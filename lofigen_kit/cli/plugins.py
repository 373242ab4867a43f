"""`plugins`: list and check installed plugins, and create a new one."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Any
from warnings import catch_warnings, simplefilter

import typer

from lofigen_kit.cli.common import (
    Json,
    Quiet,
    align_columns,
    get_width,
    load_registry,
    parse_component,
    show,
    to_printable,
    wrap_columns,
)
from lofigen_kit.components.parameters import list_parameters
from lofigen_kit.errors import LofigenError, PluginError
from lofigen_kit.scaffold.package import ComponentKind

if TYPE_CHECKING:
    from lofigen_kit.components.base import Component
    from lofigen_kit.plugins.registry import Plugin, Registry

GROUP, OWN = "lofigen_kit", "lofigen-kit"

app = typer.Typer(no_args_is_help=True, help="List, check and create plugins.")


def register(root: typer.Typer) -> None:
    """Add the group."""
    root.add_typer(app, name="plugins")


def find_installed_commands() -> dict[str, typer.Typer]:
    """Return the command groups of third-party packages.

    The toolkit's own plugins have none, so `--help` imports no plugin where no other is installed.
    A plugin that fails here is reported later, by the command that loads all plugins.
    """
    from importlib.metadata import entry_points

    distributions = {point.dist for point in entry_points(group=GROUP)}
    if all(dist and dist.name == OWN for dist in distributions):
        return {}
    from lofigen_kit.plugins.loader import load_plugins

    return load_plugins(builtin=False).commands


@app.command("list")
def list_(ctx: typer.Context, as_json: Json = False, quiet: Quiet = False) -> None:
    """List all plugins, loaded or not."""
    plugins = load_registry(ctx).plugins
    rows = [[p.name, p.version, p.origin, p.status, describe_provided(p)] for p in plugins]
    data = [_facts(plugin) for plugin in plugins]
    show(data, align_columns(rows), as_json=as_json, quiet=quiet)


@app.command("show")
def show_(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A plugin's or component's name.")],
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show a plugin and the parameters of its components; `mixer` shows what a part's strip has."""
    if name == "mixer":
        show(*_describe_mixer(), as_json=as_json, quiet=quiet)
        return
    registry = load_registry(ctx)
    plugin = _find(registry, name)
    components = _components(registry, plugin)
    data = {**_facts(plugin), "components": [c.model_json_schema() for c in components]}
    lines = [f"{plugin.name} {plugin.version} ({plugin.distribution}), {plugin.status}"]
    for cls in components:
        lines += ["", *wrap(f"{cls.kind} {cls.name()}: {cls.summary()}", get_width())]
        rows = [[p.name, p.default, p.range, p.meaning] for p in list_parameters(cls)]
        lines += wrap_columns(rows, indent="  ")
    show(data, lines, as_json=as_json, quiet=quiet)


def _describe_mixer() -> tuple[Any, list[str]]:
    """Return the fields of a strip, and the defaults of each part, as data and as lines."""
    from lofigen_kit.effects.strip import DEFAULTS, OTHER_DEFAULTS, Strip

    defaults = {**DEFAULTS, "others": OTHER_DEFAULTS}
    fields = list_parameters(Strip)
    heads = list(OTHER_DEFAULTS)
    lines = [
        "mixer: a strip for each part, by its name",
        *wrap_columns([[p.name, p.range, p.meaning] for p in fields], indent="  "),
        "",
        "what is left out",
        *(
            f"  {line}"
            for line in align_columns(
                [["", *heads], *([part, *(f"{values[h]:g}" for h in heads)]
                                 for part, values in defaults.items())]
            )
        ),
    ]  # fmt: skip
    return {"schema": Strip.model_json_schema(), "defaults": defaults}, lines


@app.command()
def doctor(ctx: typer.Context, as_json: Json = False, quiet: Quiet = False) -> None:
    """Show why plugins cannot be loaded, and what to do.

    Exit with 1 if one cannot be loaded.
    """
    plugins = load_registry(ctx).plugins
    failed = [p for p in plugins if p.status == "failed"]
    lines = [f"{len(plugins)} plugins, {len(failed)} failed"]
    for plugin in failed:
        lines += ["", f"{plugin.name} ({plugin.distribution}): {plugin.error}"]
        lines += [f"remedy: {plugin.remedy}", "", plugin.traceback]
    show([asdict(p) for p in plugins], lines, as_json=as_json, quiet=quiet)
    if failed:
        raise typer.Exit(1)


@app.command()
def check(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A plugin's or component's name.")],
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="A parameter without a default; repeatable."
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Check that a plugin keeps the contract of components.

    Exit with 1 if it does not.
    """
    registry = load_registry(ctx)
    plugin = _find(registry, name)
    classes = _components(registry, plugin)
    if name != plugin.name:
        classes = [cls for cls in classes if cls.name() == name]
    results = [row for cls in classes for row in _run_checks(cls, overrides or [])]
    if plugin.status != "loaded":
        results = [_row(plugin.name, "loads", plugin.error or "it is disabled")]
    lines = [
        f"{row['component']}: {row['check']}: {row['failure'] or 'yes'}"
        for row in results
        if row["failure"] or not quiet
    ]
    show(results, lines, as_json=as_json)
    if any(row["failure"] for row in results):
        raise typer.Exit(1)


@app.command()
def new(
    *,
    ctx: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The component's name, such as tape-stop.")
    ],
    kind: Annotated[ComponentKind, typer.Option("--kind", help="The kind of component.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="The package's folder; by default lofigen-NAME.",
        ),
    ] = None,
    licence: Annotated[str, typer.Option(metavar="SPDX", help="The package's licence.")] = "0BSD",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Create the package of a new plugin, with tests."""
    from lofigen_kit.scaffold import package

    files = package.make_package(name, kind, licence=licence)
    package.check_name(name, kind, load_registry(ctx))
    folder = output or Path(package.name_distribution(name))
    paths = [str(path) for path in package.write(folder, files)]
    lines = [*paths, "", f"pip install -e '{folder}[dev]' && pytest {folder}"]
    show({"folder": str(folder), "files": paths}, lines, as_json=as_json, quiet=quiet)


def describe_provided(plugin: Plugin) -> str:
    """Return the components and commands of a plugin, or why it failed, as text."""
    if plugin.status == "failed":
        return plugin.error
    return ", ".join(f"{kind} {name}" for kind, names in plugin.provides.items() for name in names)


def _facts(plugin: Plugin) -> dict[str, Any]:
    facts = asdict(plugin)
    del facts["traceback"]
    return facts


def _find(registry: Registry, name: str) -> Plugin:
    from lofigen_kit.plugins.registry import did_you_mean

    for plugin in registry.plugins:
        if name == plugin.name or any(name in names for names in plugin.provides.values()):
            return plugin
    remedy = did_you_mean(
        name, [p.name for p in registry.plugins], otherwise="see `lofigen-kit plugins list`"
    )
    raise PluginError(f"there is no plugin {name!r}", remedy=remedy)


def _components(registry: Registry, plugin: Plugin) -> list[type[Component]]:
    return [
        registry.find(kind, component)
        for kind, names in plugin.provides.items()
        if kind != "command"
        for component in names
    ]


def _run_checks(cls: type[Component], overrides: Sequence[str]) -> Iterator[dict[str, str]]:
    """Yield the result of each check; any exception becomes a failure of one line."""
    from lofigen_kit import testing

    mine = [pair for pair in overrides if pair.partition("=")[0] in cls.model_fields]
    try:
        with _suppress_output():
            parameters = parse_component(cls, mine, where="--set")
    except Exception as error:
        yield _row(cls.name(), "accepts its parameters", _one_line(error))
        return
    for check_ in testing.list_checks(cls):
        failure = ""
        try:
            with _suppress_output():
                check_.run(parameters)
        except (Exception, SystemExit) as error:
            failure = _one_line(error)
        yield _row(cls.name(), check_.name, failure)


def _row(name: str, check: str, failure: str) -> dict[str, str]:
    return {"component": name, "check": check, "failure": failure}


def _one_line(error: BaseException) -> str:
    kind = "" if isinstance(error, AssertionError | LofigenError) else f"{type(error).__name__}: "
    return to_printable(" ".join(f"{kind}{error}".split()))


@contextmanager
def _suppress_output() -> Iterator[None]:
    """Send a plugin's output to stderr, and ignore its warnings."""
    with redirect_stdout(sys.stderr), catch_warnings():
        simplefilter("ignore")
        yield
