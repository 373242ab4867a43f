"""Making a corpus in parallel processes; it may be killed at any time and goes on where it was.

A corpus is made by jobs, numbered from 0; each writes its songs and returns their entries. Only the
parent process writes the ledger, `unfinished.jsonl`: what the corpus is made from, then one line
for each finished job. Songs appear whole or not at all. The manifest is written last, and then the
ledger is removed. What a job makes depends on its number alone, so neither the number of workers
nor a kill changes a bit.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from lofigen_kit.audio.files import read_audio
from lofigen_kit.audio.hashing import hash_samples
from lofigen_kit.errors import AudioError, InputError, RenderError
from lofigen_kit.plugins.loader import load_plugins
from lofigen_kit.runtime.files import explain_write_errors, write_atomic
from lofigen_kit.runtime.workers import make_pool

LEDGER = "unfinished.jsonl"
MANIFEST = "manifest.json"
JOBS_PER_WORKER = 2
"""Jobs in the queue for each worker: one that runs and one that waits."""

SongEntries = list[dict[str, Any]]
SongJob = Callable[[Path, int], SongEntries]
"""Writes the songs of one number into a folder, and returns their entries: `file`, `sha256`, more.

An entry without a file says why there is none; the ledger keeps it too."""


@dataclass(frozen=True)
class Workers:
    """The processes that do the jobs.

    Attributes:
        count: Number of processes; 1 is this process alone.
        plugin_dir: The user's plugins, which each process loads; None is that of the environment.
    """

    count: int = 1
    plugin_dir: Path | None = None


def assemble(
    folder: Path,
    job: SongJob,
    *,
    arguments: dict[str, Any],
    is_enough: Callable[[list[SongEntries]], bool],
    jobs: int | None = None,
    workers: Workers | None = None,
    progress: Callable[[list[SongEntries]], None] | None = None,
) -> list[SongEntries]:
    """Do jobs in the order of their numbers until there is enough, and return what they made.

    Args:
        folder: An empty or missing folder, or that of the same corpus, unfinished.
        job: The work; it can be pickled if there are several workers.
        arguments: What the corpus is made from, as plain data; an unfinished corpus goes on if
            they are the same.
        is_enough: Called before each job with the songs of the jobs so far.
        jobs: Number of jobs; None is without an end.
        workers: The processes; by default this process alone.
        progress: Called after each job with the songs of the jobs so far.

    Raises:
        InputError: where the folder holds something else.
        RenderError: if a worker dies; finished jobs are kept.
    """
    workers = workers or Workers()
    begun = _begin(folder, arguments)
    made: list[SongEntries] = []
    with ExitStack() as stack:
        do: Callable[[int], SongEntries] = partial(job, folder)
        if workers.count > 1:
            pool = stack.enter_context(_pool(workers, folder))
            do = _PrefetchingJob(pool, do, JOBS_PER_WORKER * workers.count, jobs, begun)
        ledger = stack.enter_context((folder / LEDGER).open("a"))
        while not is_enough(made):
            number = len(made)
            songs = begun[number] if number in begun else do(number)
            if number not in begun:
                ledger.write(_line({"job": number, "songs": songs}))
                ledger.flush()
            made.append(songs)
            if progress:
                progress(made)
    _remove_others(folder, made)
    return made


def finish(folder: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest, which ends the work."""
    write_atomic(folder / MANIFEST, json.dumps(manifest, indent=1).encode())
    (folder / LEDGER).unlink(missing_ok=True)


def _begin(folder: Path, arguments: dict[str, Any]) -> dict[int, SongEntries]:
    """Return the finished jobs by number, in a folder that now has a ledger.

    Raises:
        InputError: where the folder holds something else, or cannot be written to.
    """
    ledger, head = folder / LEDGER, _line({"arguments": arguments})
    with explain_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if not ledger.exists():
            if any(folder.iterdir()):
                raise InputError("the folder is not empty", where=folder, remedy="choose another")
            write_atomic(ledger, head.encode())
        for torn in folder.glob(".lofigen-*"):
            torn.unlink()
        first, *lines = ledger.read_text().splitlines(keepends=True)
        if first != head:
            raise InputError(
                "the folder holds the beginning of another corpus",
                where=folder,
                remedy="give the options that it was started with, or choose another folder",
            )
        done = {
            record["job"]: record["songs"]
            for line in lines
            if (record := _parse_job_record(line)) and _is_whole(folder, record["songs"])
        }
        records = (_line({"job": job, "songs": songs}) for job, songs in done.items())
        write_atomic(ledger, "".join([head, *records]).encode())
    return done


def _line(record: dict[str, Any]) -> str:
    return json.dumps(record) + "\n"


def _parse_job_record(line: str) -> dict[str, Any]:
    """Return the record of a job, or an empty one where a kill cut its line."""
    try:
        record = json.loads(line)
    except ValueError:
        return {}
    return record if isinstance(record, dict) and line.endswith("\n") else {}


def _is_whole(folder: Path, songs: SongEntries) -> bool:
    """Return whether every song that a job made is there and unchanged."""
    try:
        return all(
            (folder / song["file"]).with_suffix(".json").is_file()
            and hash_samples(read_audio(folder / song["file"]).samples[0]) == song["sha256"]
            for song in songs
            if "file" in song
        )
    except AudioError:
        return False


class _PrefetchingJob:
    """Does a job in a pool, and starts the next ones meanwhile.

    Args:
        pool: The worker processes.
        job: The work, by number.
        ahead: Number of jobs that run or wait at once.
        jobs: Number of all jobs; None is without an end.
        begun: Numbers of the jobs that are finished already.
    """

    def __init__(
        self,
        pool: ProcessPoolExecutor,
        job: Callable[[int], SongEntries],
        ahead: int,
        jobs: int | None,
        begun: Container[int],
    ) -> None:
        self._pool, self._job = pool, job
        self._ahead, self._begun = ahead, begun
        self._jobs = float("inf") if jobs is None else jobs
        self._waiting: dict[int, Future[SongEntries]] = {}

    def __call__(self, number: int) -> SongEntries:
        for ahead in range(number, number + self._ahead):
            if ahead not in self._begun and ahead not in self._waiting and ahead < self._jobs:
                self._waiting[ahead] = self._pool.submit(self._job, ahead)
        return self._waiting.pop(number).result()


@contextmanager
def _pool(workers: Workers, folder: Path) -> Iterator[ProcessPoolExecutor]:
    """Yield worker processes.

    Raises:
        RenderError: if one of them dies.
    """
    pool = make_pool(workers.count, load_plugins, (workers.plugin_dir,))
    try:
        yield pool
    except BrokenProcessPool:
        raise RenderError(
            "a worker died",
            where=folder,
            remedy="run the same again, which goes on where it was, with fewer --workers",
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _remove_others(folder: Path, made: list[SongEntries]) -> None:
    """Remove what workers made in advance and is not needed."""
    kept = {Path(song["file"]).stem for songs in made for song in songs if "file" in song}
    for path in folder.iterdir():
        if path.suffix in (".flac", ".json") and path.stem not in kept | {"manifest"}:
            path.unlink()
