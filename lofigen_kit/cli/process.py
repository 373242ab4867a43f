"""`process` and `inspect`: process and examine existing audio files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lofigen_kit.cli.common import (
    SOME_FAILED,
    Force,
    Json,
    Overrides,
    Quiet,
    RootOptions,
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
    format_levels,
    load_signer,
    report,
)
from lofigen_kit.errors import AudioError, InputError

MAX_NAMED = 3
"""Files of one kind that are named when they are left out."""

if TYPE_CHECKING:
    import numpy as np

    from lofigen_kit.audio.buffer import AudioBuffer
    from lofigen_kit.audio.metadata import AudioMetadata
    from lofigen_kit.batch.process_files import FileResult
    from lofigen_kit.runtime.progress import Progress


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.command()(process)
    root.command()(inspect)


def process(
    ctx: typer.Context,
    *,
    audio: Annotated[
        list[Path], typer.Argument(metavar="AUDIO...", help="Audio files and folders.")
    ],
    preset: Annotated[str, typer.Option("--preset", "-p", help="A preset's name or path.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="A file (for one input) or a folder; by default the current folder.",
        ),
    ] = None,
    seed: Seed = None,
    overrides: Overrides = None,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes to use.")] = 1,
    salvage: Annotated[
        bool, typer.Option("--salvage", help="Process the readable part of damaged files.")
    ] = False,
    sign: Sign = False,
    certificate: Certificate = None,
    key: Key = None,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Process audio files with a preset's effects and mastering.

    The preset's network is not used. A folder is searched with its subfolders, and its structure is
    kept; what is no audio in it is left out. If some of several files cannot be processed, the
    others still are, and the exit code is 3. Run it again to resume: what is done already is kept.
    """
    from lofigen_kit.batch import process_files
    from lofigen_kit.batch.input_files import find_files

    registry = load_registry(ctx)
    settings: RootOptions = ctx.obj
    found = find_files(audio, output or Path())
    place = Destination.from_option(output, len(found.sounds))
    changes = [*(overrides or []), *place.overrides]
    if seed is not None:
        changes.append(f"seed={seed}")
    preset_ref = process_files.PresetRef(preset, tuple(changes), settings.plugin_dir)
    chosen = preset_ref.load(registry)
    identity = load_signer(certificate, key, chosen.output.format) if sign else None
    folder = place.path.parent if place.is_file else place.path
    jobs = process_files.list_jobs(
        found.sounds, chosen, folder, name=place.path if place.is_file else None
    )
    if found.in_folder:
        jobs = process_files.drop_results(jobs, found.left_out)
    if not quiet and not as_json:
        _tell_left_out(found.left_out)
    is_alone = len(jobs) == 1 and not found.in_folder
    results = []
    with progress_bar(quiet=quiet or as_json) as bar, _hold(folder, wanted=len(jobs) > 1):
        for done in process_files.process_files(
            jobs,
            preset_ref,
            registry,
            workers=workers,
            salvage=salvage,
            identity=identity,
            force=force,
            go_on=not is_alone and not force and not sign,
            progress=bar,
        ):
            if done.failure and is_alone:
                raise done.failure
            results.append(done)
            _report_result(done, quiet=quiet or as_json)
    written = [done for done in results if done.facts]
    show(
        {
            "files": [{"path": str(d.job.target), "recipe": d.facts} for d in written],
            "failed": [{"path": str(d.job.source), "error": str(d.failure)} for d in results
                       if d.failure],
            "left_out": [{"path": str(p), "why": why} for p, why in found.left_out.items()],
        },
        (),
        as_json=as_json,
    )  # fmt: skip
    if len(written) < len(jobs):
        raise typer.Exit(SOME_FAILED)


@contextmanager
def _hold(folder: Path, *, wanted: bool) -> Iterator[None]:
    """Let no other process work in the output's folder, and say how to go on where it is stopped.

    One file is locked only while it is written: others may be processed beside it.
    """
    from lofigen_kit.runtime.files import explain_write_errors
    from lofigen_kit.runtime.locks import lock_folder

    if not wanted:
        yield
        return
    with explain_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with lock_folder(folder, wait=True):
        try:
            yield
        except KeyboardInterrupt:
            warn(f"{folder}: stopped; run the same command again to resume")
            raise


def _tell_left_out(left_out: Mapping[Path, str]) -> None:
    """Print a line for each reason to leave files out, with the first of them."""
    for why in dict.fromkeys(left_out.values()):
        names = [path.name for path, reason in left_out.items() if reason == why]
        others = len(names) - MAX_NAMED
        more = f" and {others} more" if others > 0 else ""
        warn(f"left out, since {why}: {', '.join(names[:MAX_NAMED])}{more}")


def _report_result(done: FileResult, *, quiet: bool) -> None:
    """Print the result of one file, with its warnings."""
    for warning in () if quiet else done.warnings:
        warn(warning)
    if done.failure:
        warn(str(done.failure))
    if done.kept and not quiet:
        typer.echo(f"{done.job.target}  done already")
    elif done.facts:
        report(done.job.target, done.facts, quiet=quiet)


def inspect(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An audio file.")],
    picture: Annotated[
        Path | None,
        typer.Option(metavar="PNG", help="Write a picture of waveform and spectrogram."),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(metavar="CORPUS", help="Find the corpus's most similar training songs."),
    ] = None,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show an audio file's format, levels, metadata and recipe."""
    from lofigen_kit.audio.files import read_audio, read_audio_blocks, read_metadata
    from lofigen_kit.provenance import recipe

    metadata = read_metadata(file)
    recipe_facts = recipe.read(file)
    with progress_bar(quiet=quiet):  # which shows warnings
        # A picture, and what is compared, are of the whole sound; all else is measured as it goes.
        audio = read_audio(file) if against or picture else None
        blocks = read_audio_blocks(file) if audio is None else iter([audio])
        measured = _measure_sound(file, blocks)
    facts = {**measured, "labels": asdict(metadata), "recipe": recipe_facts}
    if audio and against:
        with progress_bar(quiet=quiet or as_json) as bar:
            facts["memory"] = _compare_with_corpus(audio, against, bar)
    if audio and picture:
        bars_s = [c.frame / audio.sample_rate_hz for c in metadata.cues if c.frame < audio.frames]
        _draw(audio, to_printable(file.name), picture, bars_s=bars_s, force=force)
    rows = [
        *_rows(facts),
        *_metadata_rows(metadata, recipe_facts or {}),
        *_recipe_rows(recipe_facts or {}),
    ]
    show(facts, align_columns(rows), as_json=as_json, quiet=quiet)


def _compare_with_corpus(
    audio: AudioBuffer, corpus: Path, progress: Progress | None
) -> dict[str, Any]:
    """Return the training songs most similar to a file, as they are and transposed or stretched."""
    from lofigen_kit.analysis import mono_8k
    from lofigen_kit.corpus.songs import read_songs
    from lofigen_kit.evaluation import memorisation, memorisation_chroma

    songs = read_songs(corpus, "train")
    if not songs:
        raise InputError("the corpus has no songs to train on", where=corpus)
    clip = mono_8k(audio)
    stage = None if progress is None else partial(progress, "comparing")
    matches = sorted(
        memorisation.SongIndex(songs).find_nearest(clip, progress=stage),
        key=lambda match: -match.similarity,
    )
    chroma_matches = sorted(
        memorisation_chroma.ChromaIndex(songs).find_nearest(clip, progress=stage),
        key=lambda match: -match.similarity,
    )
    return {
        "threshold": memorisation.COPY_THRESHOLD,
        "windows": len(matches),
        "copies": sum(match.is_copy for match in matches),
        "nearest": [asdict(match) for match in matches],
        "moved": {
            "flag": memorisation_chroma.CHROMA_SUSPECT_THRESHOLD,
            "threshold": memorisation_chroma.CHROMA_COPY_THRESHOLD,
            "windows": len(chroma_matches),
            "suspects": sum(match.is_suspect for match in chroma_matches),
            "copies": sum(match.is_copy for match in chroma_matches),
            "nearest": [asdict(match) for match in chroma_matches],
        },
    }


def _similarity_rows(memory: dict[str, Any]) -> list[list[str]]:
    """Return the rows on a file's similarity to a corpus."""
    if not memory["nearest"]:
        return [["nearest", "nothing: the file is silent"]]
    best = memory["nearest"][0]
    verdict = "a copy" if memory["copies"] else "no copy"
    return [
        ["nearest", f"{_format_place(best)}, {_format_similarity(best)}"],
        ["verdict", f"{verdict}: {memory['copies']} of {memory['windows']} windows of 2 s reach "
                    f"{memory['threshold']}"],
        *_moved_similarity_rows(memory["moved"]),
    ]  # fmt: skip


def _moved_similarity_rows(moved: dict[str, Any]) -> list[list[str]]:
    """Return the rows on a file's similarity to songs that were changed in pitch or speed."""
    if not moved["nearest"]:
        return [["moved", "not compared: the file is shorter than 8 s"]]
    best = moved["nearest"][0]
    how = f"{best['semitones']:+d} semitones, {best['speed']:.2f} times as fast"
    if moved["copies"]:
        verdict, count, least = "a copy", moved["copies"], moved["threshold"]
    else:
        verdict = "listen to both" if moved["suspects"] else "no copy"
        count, least = moved["suspects"], moved["flag"]
    return [
        ["moved", f"{_format_place(best)}, {how}, {_format_similarity(best)}"],
        ["verdict", f"{verdict}: {count} of {moved['windows']} windows of 8 s reach {least}"],
    ]  # fmt: skip


def _format_place(match: dict[str, Any]) -> str:
    return f"{match['title']} ({match['file']}) at {match['song_s']:.1f} s"


def _format_similarity(match: dict[str, Any]) -> str:
    return f"similarity {match['similarity']:.2f} at {match['clip_s']:.1f} s of this file"


def _measure_sound(file: Path, blocks: Iterator[AudioBuffer]) -> dict[str, Any]:
    """Return the format and the levels of a sound that goes by in blocks."""
    from lofigen_kit.audio.buffer import AudioFormat
    from lofigen_kit.dsp.loudness import measure_loudness

    first, frames = next(blocks), 0

    def count_frames() -> Iterator[np.ndarray]:
        nonlocal frames
        for block in chain([first], blocks):
            frames += block.frames
            yield block.samples

    sound = AudioFormat(first.channels, None, first.sample_rate_hz)
    try:
        loudness, peak = measure_loudness(count_frames(), sound)
    except AudioError as error:
        error.where = error.where or str(file)
        raise
    silent = float("-inf") in (loudness, peak)
    return {
        "sample_rate_hz": first.sample_rate_hz,
        "channels": first.channels,
        "duration_s": frames / first.sample_rate_hz,
        "loudness_lufs": None if silent else loudness,
        "true_peak_dbtp": None if silent else peak,
    }


def _rows(facts: dict[str, Any]) -> list[list[str]]:
    channels = {1: "mono", 2: "stereo"}.get(facts["channels"], f"{facts['channels']} channels")
    sound = f"{facts['sample_rate_hz']} Hz, {channels}"
    rows = [
        ["sound", f"{sound}, {facts['duration_s']:.3f} s"],
        ["level", format_levels(facts)],
    ]
    if "memory" in facts:
        rows += _similarity_rows(facts["memory"])
    return rows


def _metadata_rows(metadata: AudioMetadata, recipe: dict[str, Any]) -> list[list[str]]:
    """Return the rows on a file's metadata; the recipe has the key with its mode."""
    loop, cues = metadata.loop, metadata.cues
    facts = {
        "title": metadata.title,
        "description": metadata.description,
        "tempo": f"{metadata.tempo_bpm:g} BPM" if metadata.tempo_bpm else "",
        "beats": metadata.beats,
        "key": recipe.get("key") or metadata.key,
        "loop": f"frames {loop.first} to {loop.last}" if loop else "",
        "cues": f"{len(cues)}, from {cues[0].name!r}" if cues else "",
    }
    return [[name, to_printable(str(fact))] for name, fact in facts.items() if fact]


def _recipe_rows(recipe: dict[str, Any]) -> list[list[str]]:
    if not recipe:
        return [["recipe", "none"]]
    keys = ("disclosure", "seed", "take", "network_sha256", "licences")
    shown = {key.replace("_", " "): recipe[key] for key in keys if recipe.get(key) is not None}
    rows = [[name, to_printable(str(fact))] for name, fact in shown.items()]
    return [*rows, ["recipe", "complete: print it with --json"]]


def _draw(audio: AudioBuffer, title: str, path: Path, *, bars_s: list[float], force: bool) -> None:
    """Write a PNG picture of the waveform and the spectrogram."""
    from lofigen_kit.evaluation.plots import plot_sound
    from lofigen_kit.runtime.files import check_free, explain_write_errors, write_atomic

    check_free(path, force=force)
    png = plot_sound(audio, title, bars_s)
    with explain_write_errors(path):
        write_atomic(path, png)
