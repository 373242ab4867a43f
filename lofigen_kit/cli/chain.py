"""`chain`: render, list, show and check presets."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lofigen_kit.cli.common import (
    Device,
    Force,
    Json,
    Overrides,
    Quiet,
    Seed,
    align_columns,
    load_registry,
    progress_bar,
    show,
    to_printable,
    warn,
)
from lofigen_kit.cli.output import (
    Certificate,
    Destination,
    Key,
    Sign,
    load_signer,
    report,
)
from lofigen_kit.errors import InputError, PresetError

if TYPE_CHECKING:
    from lofigen_kit.components.base import Take
    from lofigen_kit.plugins.registry import Registry
    from lofigen_kit.preset.schema import Preset
    from lofigen_kit.provenance.replay import ReplayResult

app = typer.Typer(no_args_is_help=True, help="Render, list, show and check presets.")
PresetArgument = Annotated[
    str,
    typer.Argument(
        metavar="PRESET",
        help="A preset's name or path, or a rendered file, or the recipe beside it.",
    ),
]


def register(root: typer.Typer) -> None:
    """Add the group."""
    root.add_typer(app, name="chain")


@app.command("preset")
def render(
    ctx: typer.Context,
    *,
    preset: PresetArgument,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="A file (for one take) or a folder; by default the current folder.",
        ),
    ] = None,
    seed: Seed = None,
    takes: Annotated[int, typer.Option(min=1, help="How many takes to render.")] = 1,
    overrides: Overrides = None,
    input_file: Annotated[
        Path | None,
        typer.Option(
            "--input",
            metavar="FILE",
            help="Use this recording or MIDI file as the source, in place of the preset's and of "
            "its settings; `--set source.FIELD=VALUE` are then settings of the file's.",
        ),
    ] = None,
    device: Device = "cpu",
    stems: Annotated[
        bool, typer.Option("--stems", help="Also write the sound after each stage.")
    ] = False,
    midi: Annotated[bool, typer.Option("--midi", help="Also write the score as MIDI.")] = False,
    sign: Sign = False,
    certificate: Certificate = None,
    key: Key = None,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Render a preset, one audio file for each take.

    Each file carries its recipe, which is also written beside it as JSON.
    """
    from lofigen_kit.provenance.save import list_output_files, list_stem_files, name_take, save
    from lofigen_kit.render import take as chain
    from lofigen_kit.render.chain import transform_score
    from lofigen_kit.runtime.device import choose_device
    from lofigen_kit.runtime.files import check_free

    registry = load_registry(ctx)
    place = Destination.from_option(output, takes)
    changes = [*(overrides or []), *place.overrides]
    if seed is not None:
        changes.append(f"seed={seed}")
    if midi:
        changes.append("output.midi=true")
    if input_file:
        chosen, first, attempt = _load_for_file(preset, registry, changes, input_file, quiet=quiet)
    else:
        chosen, first, attempt = load(preset, registry, changes)
    identity = load_signer(certificate, key, chosen.output.format) if sign else None
    paths: dict[int, Path] = {}

    def check(number: int, take: Take, stem_names: list[str]) -> None:
        score = transform_score(chosen, take.score)
        name = name_take(chosen, number, score.tempo_bpm, score.key)
        paths[number] = place.get_file(name, chosen)
        files = [*list_output_files(paths[number], midi=chosen.output.midi)]
        if stems:
            files += list_stem_files(paths[number], stem_names)
        check_free(*files, force=force)

    done = []
    with progress_bar(quiet=quiet or as_json) as progress:
        renderings = chain.render_takes(
            chosen,
            range(first, first + takes),
            device=choose_device(device),
            threads=os.cpu_count() or 1,
            attempt=attempt,
            stems=stems,
            on_take=check,
            progress=progress,
        )
        with closing(renderings):
            for rendering in renderings:
                path = paths[rendering.take]
                facts = save(rendering, path, registry, identity=identity, force=force)
                done.append({"path": str(path), "recipe": facts})
                report(path, facts, quiet=quiet or as_json)
    show({"files": done}, (), as_json=as_json)


@app.command()
def replay(
    ctx: typer.Context,
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that carries its recipe.")],
    input_file: Annotated[
        Path | None,
        typer.Option(
            "--input",
            metavar="FILE",
            help="The recording or MIDI file that it was made from, if it was moved.",
        ),
    ] = None,
    native: Annotated[
        bool, typer.Option("--native", help="Run the VST3 plugins that it names, if you trust it.")
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Render a file's recipe again and compare the result.

    Exit with 1 if it is not bit-identical.
    """
    from dataclasses import asdict

    from lofigen_kit.provenance.replay import replay as replay_file

    registry = load_registry(ctx)
    with progress_bar(quiet=quiet or as_json) as progress:
        result = replay_file(
            file,
            registry,
            recording=input_file,
            threads=os.cpu_count() or 1,
            native=native,
            progress=progress,
        )
    show(asdict(result), _format_result(file, result), as_json=as_json, quiet=quiet)
    if not result.holds:
        raise typer.Exit(1)


def _format_result(file: Path, result: ReplayResult) -> Iterator[str]:
    if result.same:
        yield f"{file}: bit-identical ({result.compared})"
        if result.changed_since:
            yield "  the audio in the file was changed after it was rendered"
        return
    difference = ""
    if result.first_s is not None:
        difference = f", from {result.first_s:.3f} s, by up to {result.largest_dbfs:.1f} dBFS"
    yield f"{file}: different ({result.compared}){difference}"
    if result.changed_since:
        yield "  the audio in the file was changed after it was rendered"
    yield from (f"  {to_printable(line)}" for line in result.differences)
    if not result.changed_since and not result.differences:
        yield "  the recipe shows no cause: everything that it records is the same here"


@app.command("list")
def list_(as_json: Json = False, quiet: Quiet = False) -> None:
    """List the bundled presets and your own."""
    from lofigen_kit.preset import schema as preset

    found = [
        {"name": name, "description": _description(path), "path": str(path)}
        for name, path in preset.list_presets().items()
    ]
    rows = [[p["name"], p["description"]] for p in found]
    show(found, align_columns(rows), as_json=as_json, quiet=quiet)


@app.command("show")
def show_(
    ctx: typer.Context,
    *,
    preset: PresetArgument,
    overrides: Overrides = None,
    score: Annotated[
        bool, typer.Option("--score", help="Draw the score of a take instead.")
    ] = False,
    take: Annotated[
        int | None, typer.Option(min=0, help="Which take's score; by default the first.")
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(metavar="SVG", help="Write a picture of the score of a take."),
    ] = None,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Print a preset in full, including all default values, or draw what one of its takes plays.

    The score is drawn as `chain preset --midi` writes it: at the tempo and pitch at which it is
    heard after the effects.
    """
    import yaml

    from lofigen_kit.cli.score import check_picture, compose, draw_lines, write_picture
    from lofigen_kit.runtime.files import check_free

    if take is not None and not (score or picture):
        raise InputError("--take needs --score or --picture", where="--take", remedy="add --score")
    if picture:
        check_picture(picture)
        check_free(picture, force=force)
    chosen, first, _ = load(preset, load_registry(ctx), overrides or [], native=True)
    if score or picture:
        with progress_bar(quiet=quiet):
            written, chords, title = compose(chosen, first if take is None else take)
        lines = draw_lines(written, title=title, chords=chords) if score else [str(picture)]
        if picture:
            write_picture(picture, written, title=title, chords=chords)
        show(written.to_json(), lines, as_json=as_json, quiet=quiet)
        return
    data = chosen.model_dump(mode="json", serialize_as_any=True)
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, default_flow_style=None)
    show(data, [text.rstrip()], as_json=as_json, quiet=quiet)


@app.command()
def validate(
    ctx: typer.Context,
    presets: Annotated[
        list[str], typer.Argument(metavar="PRESET...", help="Names or paths of presets.")
    ],
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Check presets; exit with 2 if one is invalid."""
    registry = load_registry(ctx)
    results: list[dict[str, Any]] = []
    for preset in presets:
        try:
            load(preset, registry, [], native=True)
        except InputError as error:  # the other files are checked too
            results.append({"preset": preset, "valid": False, "error": str(error)})
        else:
            results.append({"preset": preset, "valid": True})
    lines = (f"{r['preset']}: valid" if r["valid"] else f"{r['error']}" for r in results)
    show(results, lines, as_json=as_json, quiet=quiet)
    if not all(r["valid"] for r in results):
        raise typer.Exit(2)


@app.command()
def schema(ctx: typer.Context) -> None:
    """Print the JSON Schema of presets, for editors."""
    from lofigen_kit.preset.schema import make_json_schema

    show(make_json_schema(load_registry(ctx)), (), as_json=True)


def load(
    preset: str, registry: Registry, overrides: list[str], *, native: bool = False
) -> tuple[Preset, int, int]:
    """Return a preset, the number of its first take, and the attempt of a rendered file.

    Args:
        preset: A preset's name or path, or a rendered file.
        registry: The plugins.
        overrides: Changes of fields, `KEY=VALUE`.
        native: Accept plugins of machine code (VST3) that a rendered file names.

    Raises:
        PresetError: if the preset cannot be used, or the file was made by `process`.
    """
    from lofigen_kit.provenance import recipe
    from lofigen_kit.provenance.load import find_preset

    chosen, take, facts = find_preset(preset, registry, overrides, native=native)
    if facts.get("command") == "process":
        raise PresetError(
            "the file was made by `process`",
            where=preset,
            remedy=f"process its recording again: lofigen-kit process RECORDING -p {preset}",
        )
    return chosen, take, recipe.read_attempt(facts)


def _load_for_file(
    preset: str, registry: Registry, overrides: list[str], file: Path, *, quiet: bool
) -> tuple[Preset, int, int]:
    """Return what `load` does, with a file as the preset's source; say which settings that ends.

    Overrides of `source` are the file's; of the preset's own source nothing is kept, for what
    holds for one song (its licence, where to begin) is wrong for another. Its path may lie outside
    the preset's folder, which that of a preset may not: it is set at the end.
    """
    from lofigen_kit.preset.mixed_parts import check_mixed_parts

    cls = registry.find_file_source(file)
    parameter = str(cls.file_parameter)
    own = [text for text in overrides if text.lstrip().startswith("source.")]
    others = [text for text in overrides if text not in own]
    before, *_ = load(preset, registry, [*others, "mixer={}"])  # its parts are the file's
    changes = [f"source.use={cls.name()}", *overrides, f"source.{parameter}=it"]
    chosen, take, attempt = load(preset, registry, changes)
    source = chosen.source.model_copy(update={parameter: str(file.absolute())})
    named = chosen.with_source(source)
    check_mixed_parts(named.mixer, source, named.make_source_context())
    told = {text.partition("=")[0].strip().removeprefix("source.") for text in own}
    shared = before.source.model_fields_set & {*cls.model_fields} - {"use", parameter} - told
    ended = [name for name in shared if getattr(before.source, name) != getattr(source, name)]
    if ended and not quiet:
        fields = ", ".join(sorted(ended))
        warn(f"{file.name} has its own {fields}, not the preset's: see --set source.FIELD=VALUE")
    return named, take, attempt


def _description(path: Path) -> str:
    from lofigen_kit.preset import yaml_loader

    try:
        data = yaml_loader.load(path.read_bytes(), str(path)).data
    except (PresetError, OSError) as error:
        return f"(cannot be read: {error})"
    return str(data.get("description", "")) if isinstance(data, dict) else ""
