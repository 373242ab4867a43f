"""Making a corpus in parallel, so that it can be killed at any time and goes on where it was.

A corpus is made by jobs, numbered from 0; each writes its songs and says what they are. The parent
alone writes the ledger, `unfinished.jsonl`: what the corpus is made from, then one line for each
job that is done. Songs appear whole or not at all, the manifest comes last, and then the ledger
goes. What a job makes depends on its number alone, so that neither the number of workers nor a
kill changes a bit.
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
"""Jobs in the queue for each worker: one at work and one waiting."""

SongEntries = list[dict[str, Any]]
SongJob = Callable[[Path, int], SongEntries]
"""Writes the songs of one number into a folder, and returns their entries: `file`, `sha256`, more.

An entry without a file says why there is none; it is kept in the ledger as the others are."""


@dataclass(frozen=True)
class Workers:
    """Who does the jobs.

    Attributes:
        count: Processes; 1 is this one alone.
        plugin_dir: The user's plugins, which each process loads; None is what the environment says.
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
        folder: Empty or missing, or where the same was begun.
        job: The work, which can be pickled if there are several workers.
        arguments: What the corpus is made from, as plain data; a begun one goes on if it agrees.
        is_enough: Told the songs of jobs 0 to n; asked before each job.
        jobs: How many there are, if there is an end to them.
        workers: Who does them; by default this process.
        progress: Told the same after each job.

    Raises:
        InputError: where the folder holds something else.
        RenderError: if a worker dies; what is done stays done.
    """
    workers = workers or Workers()
    begun = _begin(folder, arguments)
    made: list[SongEntries] = []
    with ExitStack() as stack:
        do: Callable[[int], SongEntries] = partial(job, folder)
        if workers.count > 1:
            workshop = stack.enter_context(_pool(workers, folder))
            do = _PrefetchingJob(workshop, do, JOBS_PER_WORKER * workers.count, jobs, begun)
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
    """Write the manifest, and with it end the work."""
    write_atomic(folder / MANIFEST, json.dumps(manifest, indent=1).encode())
    (folder / LEDGER).unlink(missing_ok=True)


def _begin(folder: Path, arguments: dict[str, Any]) -> dict[int, SongEntries]:
    """Return the jobs that are done already, by number, in a folder that now has a ledger.

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
                remedy="give the options that it was begun with, or choose another folder",
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
    """Return a job's record, or nothing where a kill tore its line."""
    try:
        record = json.loads(line)
    except ValueError:
        return {}
    return record if isinstance(record, dict) and line.endswith("\n") else {}


def _is_whole(folder: Path, songs: SongEntries) -> bool:
    """Return whether every song that a job made is there, and as it was made."""
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
    """Does a job in a pool, and has the next ones begun by then.

    Args:
        pool: Who works.
        job: What, by number.
        ahead: How many are under way.
        jobs: How many there are; None for no end.
        begun: Those that need not be done.
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
    workshop = make_pool(workers.count, load_plugins, (workers.plugin_dir,))
    try:
        yield workshop
    except BrokenProcessPool:
        raise RenderError(
            "a worker died",
            where=folder,
            remedy="run the same again: it goes on where it was; take fewer --workers",
        ) from None
    finally:
        workshop.shutdown(cancel_futures=True)


def _remove_others(folder: Path, made: list[SongEntries]) -> None:
    """Remove what workers made ahead and nobody needs."""
    kept = {Path(song["file"]).stem for songs in made for song in songs if "file" in song}
    for path in folder.iterdir():
        if path.suffix in (".flac", ".json") and path.stem not in kept | {"manifest"}:
            path.unlink()
