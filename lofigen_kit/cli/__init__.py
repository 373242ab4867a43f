"""The command line: `lofigen-kit`.

One module for each group of commands; each has `register(app)`. They import what they need inside
their functions, so that `--help` stays fast.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

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
from lofigen_kit.errors import LofigenError

GROUPS = (
    chain, play, process, batch, audition, curate, provenance, corpus, train, evaluate, experiment,
    models, plugins, bench,
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; every error of ours becomes one line and an exit code.

    Args:
        arguments: What was typed after `lofigen-kit`; by default the process's own.
    """
    try:
        build_app()(args=None if arguments is None else list(arguments), prog_name="lofigen-kit")
    except LofigenError as error:
        print(f"lofigen-kit: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def build_app() -> typer.Typer:
    """Return the commands, those of installed plugins among them."""
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
            warn(f"a plugin's commands {name!r} are left out: the toolkit has its own of that name")
        else:
            app.add_typer(commands, name=name)
    return app


def _print_version(asked: bool) -> None:
    if asked:
        from lofigen_kit.runtime.version import get_program_name

        typer.echo(get_program_name())
        raise typer.Exit


def _root(
    ctx: typer.Context,
    plugin_dir: Annotated[
        Path | None,
        typer.Option(
            envvar="LOFIGEN_PLUGIN_DIR", help="A folder of .py files, one plugin of yours each."
        ),
    ] = None,
    strict_plugins: Annotated[
        bool, typer.Option("--strict-plugins", help="Stop at a plugin that does not load.")
    ] = False,
    version: Annotated[  # noqa: ARG001 - its callback does the work
        bool,
        typer.Option(
            "--version", help="Print the version and stop.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    """Lofi beats played by a small neural network, through a chain of tape effects."""
    ctx.obj = RootOptions(plugin_dir=plugin_dir, strict_plugins=strict_plugins)
