"""`models`: the trained networks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lofigen_kit.cli.common import Force, Json, Quiet, align_columns, show
from lofigen_kit.errors import CheckpointError

if TYPE_CHECKING:
    from lofigen_kit.nn.checkpoint import Network

app = typer.Typer(no_args_is_help=True, help="List and describe trained networks.")


def register(root: typer.Typer) -> None:
    """Add the group."""
    root.add_typer(app, name="models")


@app.command("list")
def list_(as_json: Json = False, quiet: Quiet = False) -> None:
    """List the bundled checkpoints."""
    from lofigen_kit.nn.variant import list_checkpoints

    found: dict[str, dict[str, Any]] = {
        name: {"path": str(path), "bytes": path.stat().st_size}
        for name, path in list_checkpoints().items()
    }
    rows = [[name, f"{facts['bytes'] / 1e6:.1f} MB"] for name, facts in found.items()]
    lines = align_columns(rows) or ["none is bundled: give the path of your own"]
    show(found, lines, as_json=as_json, quiet=quiet)


@app.command("show")
def show_(
    name: Annotated[str, typer.Argument(help="A bundled model, or a .safetensors file.")],
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Check a checkpoint and print its shape, licence and training."""
    from lofigen_kit.nn import checkpoint

    facts = _facts(checkpoint.load(find(name)))
    rows = [[key.replace("_", " "), str(value)] for key, value in facts.items()]
    show(facts, align_columns(rows), as_json=as_json, quiet=quiet)


@app.command("card")
def card_(
    name: Annotated[str, typer.Argument(help="A bundled model, or a .safetensors file.")],
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE.md", help="Write into this file.")
    ] = None,
    evaluation: Annotated[
        Path | None,
        typer.Option(metavar="JSON", help="The evaluate.json that `evaluate --output` wrote."),
    ] = None,
    corpus: Annotated[
        Path | None, typer.Option(metavar="CORPUS", help="The corpus it was trained on.")
    ] = None,
    force: Force = False,
) -> None:
    """Write a model card and a data sheet, from what the model and its evaluation recorded."""
    from lofigen_kit.corpus.songs import describe
    from lofigen_kit.evaluation import model_card
    from lofigen_kit.nn import checkpoint
    from lofigen_kit.runtime import resources
    from lofigen_kit.runtime.files import check_free, explain_write_errors, write_atomic

    if output:
        check_free(output, force=force)
    path = find(name)
    found = evaluation or resources.find_evaluation(name)
    text = model_card.write(
        path.stem,
        checkpoint.load(path),
        model_card.read_evaluation(found) if found else None,
        describe(corpus) if corpus else None,
    )
    if output is None:
        typer.echo(text, nl=False)
        return
    with explain_write_errors(output):
        write_atomic(output, text.encode())


def find(name: str) -> Path:
    """Return the file of a bundled checkpoint, or the user's own file."""
    from lofigen_kit.nn.variant import CHECKPOINT_SUFFIX, list_checkpoints
    from lofigen_kit.plugins.registry import did_you_mean

    bundled = list_checkpoints()
    path = bundled.get(name, Path(name))
    if name not in bundled and path.suffix != CHECKPOINT_SUFFIX:
        remedy = did_you_mean(name, bundled, otherwise="see `lofigen-kit models list`")
        raise CheckpointError(f"there is no checkpoint {name!r}", remedy=remedy)
    return path


def _facts(network: Network) -> dict[str, Any]:
    spec = network.spec
    return {
        "layers": " ".join(f"({t.in_channels},{t.out_channels},{t.kernel})" for t in spec.layers),
        "head": spec.head,
        "guide": ", ".join(spec.guide) or "none",
        "sample_rate_hz": spec.sample_rate_hz,
        "parameters": network.parameters,
        "receptive_field": spec.receptive_field,
        "licence": network.licence,
        "sha256": network.sha256,
        **{key: value for key, value in network.facts.items() if key != "licence"},
    }
