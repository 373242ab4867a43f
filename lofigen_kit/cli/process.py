"""`process` and `inspect`: audio files that are there already."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
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
from lofigen_kit.errors import InputError

if TYPE_CHECKING:
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
    audio: Annotated[list[Path], typer.Argument(metavar="AUDIO...", help="Files and folders.")],
    preset: Annotated[str, typer.Option("--preset", "-p", help="A preset's name or path.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="PATH", help="A file (for one) or a folder."),
    ] = None,
    seed: Seed = None,
    overrides: Overrides = None,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes.")] = 1,
    salvage: Annotated[
        bool, typer.Option("--salvage", help="Take damaged files as far as they go.")
    ] = False,
    sign: Sign = False,
    certificate: Certificate = None,
    key: Key = None,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run a preset's effects and master, without its network, on existing files.

    A folder's files are found in it and in its folders, and its tree is kept. Where some of several
    files cannot be processed, the others are, and the exit code is 3.
    """
    from lofigen_kit.batch import process_files

    registry = load_registry(ctx)
    settings: RootOptions = ctx.obj
    found = process_files.find_files(audio, output or Path())
    place = Destination.from_option(output, len(found))
    changes = [*(overrides or []), *place.overrides]
    if seed is not None:
        changes.append(f"seed={seed}")
    rack = process_files.PresetRef(preset, tuple(changes), settings.plugin_dir)
    chosen = rack.load(registry)
    identity = load_signer(certificate, key, chosen.output.format) if sign else None
    jobs = process_files.list_jobs(
        found,
        chosen,
        place.path.parent if place.is_file else place.path,
        name=place.path if place.is_file else None,
        force=force,
    )
    results = []
    with progress_bar(quiet=quiet or as_json) as bar:
        for done in process_files.process_files(
            jobs,
            rack,
            registry,
            workers=workers,
            salvage=salvage,
            identity=identity,
            force=force,
            progress=bar,
        ):
            if done.failure and len(jobs) == 1:
                raise done.failure
            results.append(done)
            _tell(done, quiet=quiet or as_json)
    written = [done for done in results if done.facts]
    show(
        {
            "files": [{"path": str(d.job.target), "recipe": d.facts} for d in written],
            "failed": [{"path": str(d.job.source), "error": str(d.failure)} for d in results
                       if d.failure],
        },
        (),
        as_json=as_json,
    )  # fmt: skip
    if len(written) < len(jobs):
        raise typer.Exit(SOME_FAILED)


def _tell(done: FileResult, *, quiet: bool) -> None:
    """Say what came of a file."""
    for warning in () if quiet else done.warnings:
        warn(warning)
    if done.failure:
        warn(str(done.failure))
    if done.facts:
        report(done.job.target, done.facts, quiet=quiet)


def inspect(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE")],
    picture: Annotated[
        Path | None,
        typer.Option(metavar="PNG", help="Draw waveform and spectrogram into this file."),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(metavar="CORPUS", help="Find what of its training songs this is most like."),
    ] = None,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show what an audio file is, and how it was made if it says so."""
    from lofigen_kit.audio.files import read_audio, read_metadata
    from lofigen_kit.provenance import recipe

    audio = read_audio(file)
    labels = read_metadata(file)
    made = recipe.read(file)
    facts = {**_measure_sound(audio), "labels": asdict(labels), "recipe": made}
    if against:
        with progress_bar(quiet=quiet or as_json) as bar:
            facts["memory"] = _compare_with_corpus(audio, against, bar)
    if picture:
        bars_s = [c.frame / audio.sample_rate_hz for c in labels.cues if c.frame < audio.frames]
        _draw(audio, to_printable(file.name), picture, bars_s=bars_s, force=force)
    rows = [*_rows(facts), *_label_rows(labels, made or {}), *_recipe_rows(made or {})]
    show(facts, align_columns(rows), as_json=as_json, quiet=quiet)


def _compare_with_corpus(
    audio: AudioBuffer, corpus: Path, progress: Progress | None
) -> dict[str, Any]:
    """Return what of a corpus's training songs a file is most like, as it is and moved."""
    from lofigen_kit.analysis import mono_8k
    from lofigen_kit.corpus.songs import read_songs
    from lofigen_kit.evaluation import memorisation, memorisation_chroma

    songs = read_songs(corpus, "train")
    if not songs:
        raise InputError("the corpus has no songs to train on", where=corpus)
    clip = mono_8k(audio)
    stage = None if progress is None else partial(progress, "comparing")
    found = sorted(
        memorisation.SongIndex(songs).find_nearest(clip, progress=stage),
        key=lambda like: -like.similarity,
    )
    moved = sorted(
        memorisation_chroma.ChromaIndex(songs).find_nearest(clip, progress=stage),
        key=lambda like: -like.similarity,
    )
    return {
        "threshold": memorisation.COPY_THRESHOLD,
        "windows": len(found),
        "copies": sum(like.is_copy for like in found),
        "nearest": [asdict(like) for like in found],
        "moved": {
            "flag": memorisation_chroma.CHROMA_SUSPECT_THRESHOLD,
            "threshold": memorisation_chroma.CHROMA_COPY_THRESHOLD,
            "windows": len(moved),
            "suspects": sum(like.is_suspect for like in moved),
            "copies": sum(like.is_copy for like in moved),
            "nearest": [asdict(like) for like in moved],
        },
    }


def _likeness(memory: dict[str, Any]) -> list[list[str]]:
    """Return what to say of a file's likeness to a corpus."""
    if not memory["nearest"]:
        return [["nearest", "nothing: the file is silent"]]
    best = memory["nearest"][0]
    verdict = "a copy" if memory["copies"] else "no copy"
    return [
        ["nearest", f"{_place(best)}, {_alike(best)}"],
        ["verdict", f"{verdict}: {memory['copies']} of {memory['windows']} windows of 2 s reach "
                    f"{memory['threshold']}"],
        *_likeness_moved(memory["moved"]),
    ]  # fmt: skip


def _likeness_moved(moved: dict[str, Any]) -> list[list[str]]:
    """Return what to say of a file's likeness to songs that were moved in pitch or speed."""
    if not moved["nearest"]:
        return [["moved", "not compared: that takes 8 s of sound"]]
    best = moved["nearest"][0]
    how = f"{best['semitones']:+d} semitones, {best['speed']:.2f} times as fast"
    if moved["copies"]:
        verdict, count, least = "a copy", moved["copies"], moved["threshold"]
    else:
        verdict = "listen to both" if moved["suspects"] else "no copy"
        count, least = moved["suspects"], moved["flag"]
    return [
        ["moved", f"{_place(best)}, {how}, {_alike(best)}"],
        ["verdict", f"{verdict}: {count} of {moved['windows']} windows of 8 s reach {least}"],
    ]  # fmt: skip


def _place(like: dict[str, Any]) -> str:
    return f"{like['title']} ({like['file']}) at {like['song_s']:.1f} s"


def _alike(like: dict[str, Any]) -> str:
    return f"{like['similarity']:.2f} alike at {like['clip_s']:.1f} s here"


def _measure_sound(audio: AudioBuffer) -> dict[str, Any]:
    from lofigen_kit.dsp.loudness import integrated_lufs, true_peak_dbtp

    loudness, peak = integrated_lufs(audio), true_peak_dbtp(audio)
    silent = float("-inf") in (loudness, peak)
    return {
        "sample_rate_hz": audio.sample_rate_hz,
        "channels": audio.channels,
        "duration_s": audio.duration_s,
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
        rows += _likeness(facts["memory"])
    return rows


def _label_rows(labels: AudioMetadata, made: dict[str, Any]) -> list[list[str]]:
    """Return what the file tells other programs; the recipe knows the key's mode too."""
    key = made.get("key") or labels.key
    facts = {
        "title": labels.title,
        "description": labels.description,
        "tempo": f"{labels.tempo_bpm:g} BPM" if labels.tempo_bpm else "",
        "beats": labels.beats,
        "key": key,
        "loop": f"frames {labels.loop.first} to {labels.loop.last}" if labels.loop else "",
        "cues": f"{len(labels.cues)}, from {labels.cues[0].name!r}" if labels.cues else "",
    }
    return [[name, to_printable(str(fact))] for name, fact in facts.items() if fact]


def _recipe_rows(made: dict[str, Any]) -> list[list[str]]:
    if not made:
        return [["recipe", "none"]]
    keys = ("disclosure", "seed", "take", "network_sha256", "licences")
    told = {key.replace("_", " "): made[key] for key in keys if made.get(key) is not None}
    rows = [[name, to_printable(str(fact))] for name, fact in told.items()]
    return [*rows, ["recipe", "complete: print it with --json"]]


def _draw(audio: AudioBuffer, title: str, path: Path, *, bars_s: list[float], force: bool) -> None:
    """Write a picture of the waveform and the spectrogram, as PNG."""
    from lofigen_kit.evaluation.plots import plot_sound
    from lofigen_kit.runtime.files import check_free, explain_write_errors, write_atomic

    check_free(path, force=force)
    png = plot_sound(audio, title, bars_s)
    with explain_write_errors(path):
        write_atomic(path, png)
