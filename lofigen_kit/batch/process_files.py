"""Process many files independently: one that fails is reported and does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lofigen_kit.errors import NO_MEMORY, LofigenError, RenderError
from lofigen_kit.plugins.loader import load_plugins
from lofigen_kit.plugins.registry import Registry
from lofigen_kit.preset.schema import Preset
from lofigen_kit.provenance.load import find_preset
from lofigen_kit.provenance.save import find_processed, process
from lofigen_kit.runtime.names import fold_name, make_free_name, make_safe_name
from lofigen_kit.runtime.progress import Progress
from lofigen_kit.runtime.workers import allow_interrupts, collect_warnings, make_pool

if TYPE_CHECKING:
    from lofigen_kit.provenance.c2pa import Identity


@dataclass(frozen=True)
class FileJob:
    """A file to read, and the file to write."""

    source: Path
    target: Path


@dataclass(frozen=True)
class FileResult:
    """The result of a job.

    Attributes:
        job: The job.
        facts: The recipe of the written file; None if it failed.
        kept: Whether the file was there already, from an earlier run.
        failure: The error if it failed.
        warnings: Warnings from the worker process.
    """

    job: FileJob
    facts: dict[str, Any] | None = None
    kept: bool = False
    failure: LofigenError | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class PresetRef:
    """A preset by name, so that another process can load it.

    Attributes:
        preset: A name, or the path of a preset or of a rendered file.
        overrides: `KEY=VALUE` texts.
        plugin_dir: The folder of the user's plugins; None uses the environment variable.
    """

    preset: str
    overrides: tuple[str, ...] = ()
    plugin_dir: Path | None = None

    def load(self, registry: Registry) -> Preset:
        """Return the preset without its network."""
        chosen, _, _ = find_preset(self.preset, registry, self.overrides)
        return chosen.without_model()


def list_jobs(
    files: Iterable[tuple[Path, Path]],
    preset: Preset,
    output: Path,
    *,
    name: Path | None = None,
) -> list[FileJob]:
    """Return the jobs, with output names that are safe on every system and apart from each other.

    Args:
        files: The input files and their relative output paths.
        preset: The preset, whose name becomes part of the file names.
        output: The folder to write into.
        name: The output file, if there is only one.
    """
    of_preset = f"_{make_safe_name(preset.name)}"
    jobs = list[FileJob]()
    taken: dict[str, set[str]] = {}
    for source, relative in files:
        folder = output.joinpath(*(make_safe_name(part) for part in relative.parent.parts))
        # Some file systems do not distinguish upper and lower case.
        names = taken.setdefault(fold_name(str(folder)), set())
        stem = make_free_name(make_safe_name(relative.stem), names)
        names.add(fold_name(stem))
        jobs.append(FileJob(source, name or folder / f"{stem}{of_preset}.{preset.output.format}"))
    return jobs


def drop_results(jobs: Sequence[FileJob], left_out: dict[Path, str]) -> list[FileJob]:
    """Return the jobs whose inputs are not what another job writes, as in a folder of both.

    Args:
        jobs: The jobs.
        left_out: Takes the inputs that are left out, with the reason.
    """
    targets = {job.target.resolve() for job in jobs}
    results = {job.source for job in jobs if job.source.resolve() in targets}
    left_out |= dict.fromkeys(sorted(results), "it is the result of another file")
    return [job for job in jobs if job.source not in results]


def process_files(
    jobs: Sequence[FileJob],
    preset_ref: PresetRef,
    registry: Registry,
    *,
    workers: int = 1,
    salvage: bool = False,
    identity: Identity | None = None,
    force: bool = False,
    go_on: bool = False,
    progress: Progress | None = None,
) -> Iterator[FileResult]:
    """Process all files and yield their results, in the order in which they finish.

    The sound is the same for any number of workers. No two processes write into one folder at a
    time: for several files it is locked meanwhile by the caller, for one only while it is written.

    Args:
        jobs: The files to process.
        preset_ref: The preset to use.
        registry: The plugins of this process.
        workers: The number of processes; 1 uses only this one.
        salvage: Process the readable part of damaged files.
        identity: The signer of the written files.
        force: Overwrite existing files.
        go_on: Keep what an earlier run with the same preset has made of the same files.
        progress: Called with the seconds of a single file, or the number of files of several.

    Raises:
        RenderError: if a worker dies.
    """
    run = partial(
        _process_job,
        salvage=salvage,
        identity=identity,
        force=force,
        go_on=go_on,
        lock=len(jobs) == 1,
    )
    if workers == 1 or len(jobs) == 1:
        preset = preset_ref.load(registry)
        for number, job in enumerate(jobs, start=1):
            file_progress = progress if len(jobs) == 1 else None
            yield run(job, preset, registry, progress=file_progress)
            if progress and not file_progress:
                progress("processing", number, len(jobs))
        return
    try:
        with make_pool(min(workers, len(jobs)), _start_worker, (preset_ref,)) as pool:
            futures = [pool.submit(_run_in_worker, run, job) for job in jobs]
            try:
                for number, future in enumerate(as_completed(futures), start=1):
                    yield future.result()
                    if progress:
                        progress("processing", number, len(jobs))
            finally:
                pool.shutdown(cancel_futures=True)
    except BrokenProcessPool:
        raise RenderError(
            "a worker process died", remedy="process the missing files with fewer --workers"
        ) from None


def _process_job(
    job: FileJob,
    preset: Preset,
    registry: Registry,
    *,
    salvage: bool,
    identity: Identity | None,
    force: bool,
    go_on: bool,
    lock: bool,
    progress: Progress | None = None,
) -> FileResult:
    """Process one file; an error becomes its result."""
    source = registry.make_file_source(job.source, like=Path("recording.wav"))
    chosen = preset.with_source(source)
    try:
        if go_on and (facts := find_processed(job.source, chosen, job.target, salvage=salvage)):
            return FileResult(job, facts, kept=True)
        facts = process(
            job.source,
            chosen,
            job.target,
            registry,
            salvage=salvage,
            identity=identity,
            force=force,
            lock=lock,
            progress=progress,
        )
    except LofigenError as failure:
        return FileResult(job, failure=failure)
    except MemoryError:
        return FileResult(job, failure=RenderError(NO_MEMORY, where=job.source))
    return FileResult(job, facts)


class _Worker:
    """The state of a worker process between jobs: its plugins and its preset."""

    registry: Registry
    preset: Preset


def _start_worker(preset_ref: PresetRef) -> None:
    _Worker.registry = load_plugins(preset_ref.plugin_dir)
    _Worker.preset = preset_ref.load(_Worker.registry)


def _run_in_worker(
    run: Callable[[FileJob, Preset, Registry], FileResult], job: FileJob
) -> FileResult:
    with allow_interrupts(), collect_warnings() as warnings:
        result = run(job, _Worker.preset, _Worker.registry)
    return replace(result, warnings=tuple(warnings))
