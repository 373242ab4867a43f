"""Process many files, each by itself: one that is no audio is told of and stops no other."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lofigen_kit.errors import InputError, LofigenError, RenderError
from lofigen_kit.plugins.loader import load_plugins
from lofigen_kit.plugins.registry import Registry
from lofigen_kit.preset.schema import Preset
from lofigen_kit.provenance.load import find_preset
from lofigen_kit.provenance.save import list_output_files, process
from lofigen_kit.runtime.files import check_free, make_safe_name
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
    """What came of a job.

    Attributes:
        job: Which.
        facts: The recipe of what was written; None where nothing was.
        failure: Why nothing was written.
        warnings: What another process had to say.
    """

    job: FileJob
    facts: dict[str, Any] | None = None
    failure: LofigenError | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class PresetRef:
    """What to run on files, in words, so that another process can load it.

    Attributes:
        preset: A name, or the path of a preset or of a rendered file.
        overrides: `KEY=VALUE` texts.
        plugin_dir: The user's plugins; None is what the environment says.
    """

    preset: str
    overrides: tuple[str, ...] = ()
    plugin_dir: Path | None = None

    def load(self, registry: Registry) -> Preset:
        """Return the preset without its network."""
        chosen, _, _ = find_preset(self.preset, registry, self.overrides)
        return chosen.without_model()


def find_files(inputs: Iterable[Path], output: Path) -> list[tuple[Path, Path]]:
    """Return each file with its place below the output: a folder's tree is kept.

    What is hidden, and the output folder itself, is left out of a folder.

    Args:
        inputs: Files and folders.
        output: The folder that is written to.

    Raises:
        InputError: for a folder without files.
    """
    found: list[tuple[Path, Path]] = []
    for given in inputs:
        if not given.is_dir():
            found.append((given, Path(given.name)))
            continue
        files = list(_walk(given, output.resolve()))
        if not files:
            raise InputError("the folder holds no files", where=given, remedy="name another one")
        found += [(file, file.relative_to(given)) for file in files]
    return found


def list_jobs(
    files: Iterable[tuple[Path, Path]],
    preset: Preset,
    output: Path,
    *,
    name: Path | None = None,
    force: bool = False,
) -> list[FileJob]:
    """Return what is to be written, with names that are safe on every system.

    Args:
        files: What to read, and its place below the output.
        preset: Whose name the files bear.
        output: The folder to write to.
        name: The file to write, where there is one alone.
        force: Overwrite what is there.

    Raises:
        InputError: if two files would be written to one place, or one is there already.
    """
    suffix = f"_{make_safe_name(preset.name)}.{preset.output.format}"
    jobs, taken = [], dict[str, Path]()
    for source, place in files:
        folder = output.joinpath(*(make_safe_name(part) for part in place.parent.parts))
        target = name or folder / (make_safe_name(place.stem) + suffix)
        # As a system sees it that does not tell capitals.
        other = taken.setdefault(str(target).casefold(), source)
        if other is not source:
            raise InputError(
                f"{other} and {source} would be written to the same file",
                where=target,
                remedy="rename one of them, or process them one by one",
            )
        check_free(*list_output_files(target), force=force)
        jobs.append(FileJob(source, target))
    return jobs


def process_files(
    jobs: Sequence[FileJob],
    preset_ref: PresetRef,
    registry: Registry,
    *,
    workers: int = 1,
    salvage: bool = False,
    identity: Identity | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> Iterator[FileResult]:
    """Do all jobs and yield what came of each, in the order in which they end.

    The sound is the same for any number of workers.

    Args:
        jobs: What to do.
        preset_ref: What to run.
        registry: The plugins of this process.
        workers: Processes; 1 is this one alone.
        salvage: Take damaged files as far as they go.
        identity: Who signs what is written.
        force: Overwrite what is there.
        progress: Told the seconds of a single file, or the files of several.

    Raises:
        RenderError: if a worker dies.
    """
    work = partial(_process_job, salvage=salvage, identity=identity, force=force)
    if workers == 1 or len(jobs) == 1:
        preset = preset_ref.load(registry)
        for number, job in enumerate(jobs, start=1):
            alone = progress if len(jobs) == 1 else None
            yield work(job, preset, registry, progress=alone)
            if progress and not alone:
                progress("processing", number, len(jobs))
        return
    try:
        with make_pool(min(workers, len(jobs)), _begin, (preset_ref,)) as workshop:
            futures = [workshop.submit(_work, work, job) for job in jobs]
            try:
                for number, future in enumerate(as_completed(futures), start=1):
                    yield future.result()
                    if progress:
                        progress("processing", number, len(jobs))
            finally:
                workshop.shutdown(cancel_futures=True)
    except BrokenProcessPool:
        raise RenderError(
            "a worker died", remedy="process the files that are missing, with fewer --workers"
        ) from None


def _walk(folder: Path, output: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        here = Path(place)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and (here / name).resolve() != output
        )
        yield from (here / name for name in sorted(names) if not name.startswith("."))


def _process_job(
    job: FileJob,
    preset: Preset,
    registry: Registry,
    *,
    salvage: bool,
    identity: Identity | None,
    force: bool,
    progress: Progress | None = None,
) -> FileResult:
    """Do a job; what goes wrong with it is its result."""
    chosen = preset.with_source(registry.make_file_source(job.source))
    try:
        facts = process(
            job.source,
            chosen,
            job.target,
            registry,
            salvage=salvage,
            identity=identity,
            force=force,
            progress=progress,
        )
    except LofigenError as failure:
        return FileResult(job, failure=failure)
    return FileResult(job, facts)


class _Worker:
    """What a worker keeps from one job to the next: its plugins and its preset."""

    registry: Registry
    preset: Preset


def _begin(rack: PresetRef) -> None:
    _Worker.registry = load_plugins(rack.plugin_dir)
    _Worker.preset = rack.load(_Worker.registry)


def _work(work: Callable[[FileJob, Preset, Registry], FileResult], job: FileJob) -> FileResult:
    with allow_interrupts(), collect_warnings() as heard:
        done = work(job, _Worker.preset, _Worker.registry)
    return replace(done, warnings=tuple(heard))
