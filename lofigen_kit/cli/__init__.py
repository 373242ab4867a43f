"""The command line: `lofigen-kit`.

Each group of commands is one module with a function `register(app)`. The modules import heavy
libraries inside their functions, so that `--help` stays fast.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from lofigen_kit import COMPILES_ANEW
from lofigen_kit.cli import (
    audition,
    batch,
    bench,
    chain,
    corpus,
    curate,
    evaluate,
    experiment,
    models,
    play,
    plugins,
    process,
    provenance,
    train,
)
from lofigen_kit.cli.common import RootOptions, warn
from lofigen_kit.errors import NO_MEMORY, LofigenError
from lofigen_kit.runtime.caches import NO_PLACE

GROUPS = (
    chain, play, process, batch, audition, curate, provenance, corpus, train, evaluate, experiment,
    models, plugins, bench,
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; a LofigenError becomes one line on stderr and an exit code.

    Args:
        arguments: The arguments after `lofigen-kit`; by default those of the process.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a path that cannot be printed ends no work
            stream.reconfigure(errors="backslashreplace")
    try:
        build_app()(args=None if arguments is None else list(arguments), prog_name="lofigen-kit")
    except LofigenError as error:
        print(f"lofigen-kit: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except RuntimeError as error:
        if "no locator available" not in str(error):
            raise
        print(f"lofigen-kit: {NO_PLACE}", file=sys.stderr)
        raise SystemExit(2) from None
    except MemoryError:
        print(f"lofigen-kit: {NO_MEMORY}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def build_app() -> typer.Typer:
    """Return the app with all commands, including those of installed plugins."""
    app = typer.Typer(
        name="lofigen-kit",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # plain help starts twice as fast
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for group in GROUPS:
        group.register(app)
    taken = {group.name for group in app.registered_groups}
    taken |= {c.name or getattr(c.callback, "__name__", "") for c in app.registered_commands}
    for name, commands in plugins.find_installed_commands().items():
        if name in taken:
            warn(
                f"a plugin's command group {name!r} is left out: the toolkit has a command with "
                "this name"
            )
        else:
            app.add_typer(commands, name=name)
    return app


def _print_version(requested: bool) -> None:
    if requested:
        from lofigen_kit.runtime.version import get_program_name

        typer.echo(get_program_name())
        raise typer.Exit


def _root(
    ctx: typer.Context,
    plugin_dir: Annotated[
        Path | None,
        typer.Option(
            envvar="LOFIGEN_PLUGIN_DIR", help="A folder of your plugins, one .py file each."
        ),
    ] = None,
    strict_plugins: Annotated[
        bool, typer.Option("--strict-plugins", help="Stop if a plugin cannot be loaded.")
    ] = False,
    version: Annotated[  # noqa: ARG001 - its callback does the work
        bool,
        typer.Option(
            "--version", help="Print the version and stop.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    """Generate lofi beats with a small neural network and a chain of tape effects."""
    if COMPILES_ANEW:
        warn(NO_PLACE)
    ctx.obj = RootOptions(plugin_dir=plugin_dir, strict_plugins=strict_plugins)
