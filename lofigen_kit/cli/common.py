"""Options, plugin loading and printing that the commands share."""

from __future__ import annotations

import gc
import logging
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from lofigen_kit.errors import to_one_line

if TYPE_CHECKING:
    from lofigen_kit.components.base import Component
    from lofigen_kit.plugins.registry import Registry
    from lofigen_kit.runtime.progress import Progress

SOME_FAILED = 3
"""The exit code if some of several files or takes failed."""

_CHOICES = re.compile(r"(?<=\S)\|(?=\S)")
WIDTH = 100
"""The width of tables where there is no terminal."""

Part = TypeVar("Part", bound="Component")
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite existing files.")]
Seed = Annotated[int | None, typer.Option(help="The random seed; by default the preset's.")]
Device = Annotated[
    str,
    typer.Option(
        metavar="cpu|cuda|auto", help="The network's device; auto is cuda if it is available."
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a field, such as effects.lowpass.cutoff_hz=4000; repeatable.",
    ),
]


@dataclass(frozen=True)
class RootOptions:
    """Options before the command."""

    plugin_dir: Path | None = None
    strict_plugins: bool = False


def load_registry(ctx: typer.Context) -> Registry:
    """Load the plugins; print one line on stderr for each that fails."""
    from lofigen_kit.plugins.loader import load_plugins

    settings: RootOptions = ctx.obj
    registry = load_plugins(settings.plugin_dir, strict=settings.strict_plugins)
    # Imported objects live until the end: the garbage collector need not scan them, even at exit.
    gc.freeze()
    for plugin in registry.plugins:
        if plugin.status == "failed":
            warn(f"plugin {plugin.name!r} does not load: {plugin.error} (see `plugins doctor`)")
    return registry


def parse_component(kind: type[Part], pairs: Sequence[str], *, where: str) -> Part:
    """Return a component with fields from the command line, such as `temperature=0.7`.

    Raises:
        PresetError: for text that is not KEY=VALUE, or a value that the component refuses.
    """
    from pydantic import ValidationError

    from lofigen_kit.errors import PresetError
    from lofigen_kit.preset.overrides import parse_override

    fields = {}
    for pair in pairs:
        override = parse_override(pair, example="write a field and its value", option=where)
        fields[".".join(override.steps)] = override.value
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise PresetError(
            f"{place}: {first['msg'].removeprefix('Value error, ')}",
            where=where,
            remedy=f"see `lofigen-kit plugins show {kind.name()}`",
        ) from None


def warn(text: str) -> None:
    """Print one line on stderr."""
    print(f"lofigen-kit: {to_one_line(text)}", file=sys.stderr)


def show(data: Any, lines: Iterable[str], *, as_json: bool, quiet: bool = False) -> None:
    """Print data as JSON, or lines for a person, or nothing if quiet."""
    if as_json:
        typer.echo(to_json(data, indent=2))
    elif not quiet:
        for line in lines:
            typer.echo(line)


def to_json(data: Any, *, indent: int | None = None) -> str:
    """Return data as JSON, in characters that standard output can show."""
    import json

    encoding = (getattr(sys.stdout, "encoding", None) or "ascii").lower().replace("-", "")
    return json.dumps(data, ensure_ascii=encoding != "utf8", indent=indent)


def to_printable(text: str) -> str:
    """Return untrusted text as one line of at most 500 characters, without control characters."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:500])


def align_columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of text as lines with aligned columns."""
    if not rows:
        return []
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def get_width() -> int:
    """Return the width of the terminal, or `WIDTH` without one."""
    return shutil.get_terminal_size((WIDTH, 0)).columns


def wrap_columns(rows: Sequence[Sequence[str]], indent: str = "") -> list[str]:
    """Return rows as `align_columns` does, within the terminal's width: long cells go on below.

    The first column is never broken. Choices, `loop|song`, are broken between two of them.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    for number in range(len(rows[0]) if rows else 0):
        table.add_column(no_wrap=number == 0, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_CHOICES.sub(" | ", cell)) for cell in row))
    console = Console(width=get_width() - len(indent), color_system=None, legacy_windows=False)
    with console.capture() as drawn:
        console.print(table)
    return [f"{indent}{line}".rstrip() for line in drawn.get().splitlines()]


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[Progress | None]:
    """Show the toolkit's log on stderr and, in a terminal, a progress bar with the time left.

    The log explains why a first run is slow: the engine is compiled once.
    """
    with _print_log(logging.ERROR if quiet else logging.INFO):
        if quiet or not sys.stderr.isatty():
            yield None
            return
        from rich.console import Console
        from rich.progress import Progress as Bar

        with Bar(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("preparing", total=None)
            yield lambda stage, done, total: bar.update(
                task, description=stage, completed=done, total=total
            )


@contextmanager
def _print_log(level: int) -> Iterator[None]:
    """Print the toolkit's log on stderr."""
    logger, handler = logging.getLogger("lofigen_kit"), _LineHandler()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


class _LineHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        warn(record.getMessage())
