"""What a batch's folder knows of it: `batch.json`, its plan, and `manifest.jsonl`, what is done.

The parent alone writes the manifest, a line for each take as it is done or fails; of several lines
for one job the last one counts. A line that a kill has torn is as good as never written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from lofigen_kit.errors import InputError
from lofigen_kit.runtime.files import explain_write_errors, write_atomic

FORMAT = "lofigen-kit batch 1"
HEAD, MANIFEST, LOCK = "batch.json", "manifest.jsonl", ".lofigen-lock"

Record = dict[str, Any]
"""One line: `job`, its key; `status`, `done` or `failed`; and what is known of the take."""


class Ledger:
    """A batch's folder while it is at work in it.

    Args:
        folder: Made where it is missing.
        head: The plan and the options, as plain data; None takes what the folder has.

    Attributes:
        head: What the folder's batch is made from.
        done: The paths of what is done, by job.
        failed: Why the others failed, by job.

    Raises:
        InputError: if the folder holds another batch, another process is at work in it, or it
            cannot be written to.
    """

    def __init__(self, folder: Path, head: dict[str, Any] | None = None) -> None:
        self.folder = folder
        self.done: dict[str, str] = {}
        self.failed: dict[str, str] = {}
        self._stack = ExitStack()
        with explain_write_errors(folder):
            if head is not None:
                folder.mkdir(parents=True, exist_ok=True)
        self._lock()
        try:
            self.head = self._begin(head)
            self._read()
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def append(self, record: Record) -> None:
        """Keep what came of a job."""
        with explain_write_errors(self.folder / MANIFEST):
            self._file.write(json.dumps(record, ensure_ascii=False) + "\n")
            self._file.flush()
        self._count(record)

    def read_records(self) -> Iterator[Record]:
        """Yield the last record of each job that has one, in the order of the manifest."""
        return read_last_records(self.folder)

    def _lock(self) -> None:
        from filelock import FileLock, Timeout

        lock = FileLock(self.folder / LOCK, timeout=0)
        with explain_write_errors(self.folder):
            try:
                self._stack.enter_context(lock)
            except Timeout:
                raise InputError(
                    "another process is at work in this folder",
                    where=self.folder,
                    remedy="wait for it, or choose another folder",
                ) from None

    def _begin(self, head: dict[str, Any] | None) -> dict[str, Any]:
        path = self.folder / HEAD
        for torn in self.folder.rglob(".lofigen-*"):
            if torn.name != LOCK:
                torn.unlink(missing_ok=True)
        kept = read_head(self.folder) if path.exists() or head is None else None
        if kept is None:
            assert head is not None  # noqa: S101 - else there is one
            head = {"format": FORMAT, **head}
        else:
            if head is not None:
                _check_same(kept, head, self.folder)
            head = {**kept, **(head or {})}
        with explain_write_errors(path):
            write_atomic(path, (json.dumps(head, ensure_ascii=False, indent=1) + "\n").encode())
        return head

    def _read(self) -> None:
        path = self.folder / MANIFEST
        with explain_write_errors(path):
            if path.exists():
                _truncate_torn_line(path)
            for record in read_last_records(self.folder):
                self._count(record)
            self._file = self._stack.enter_context(path.open("a", encoding="utf-8"))

    def _count(self, record: Record) -> None:
        job = record["job"]
        self.done.pop(job, None)
        self.failed.pop(job, None)
        if record["status"] != "done":
            self.failed[job] = str(record.get("error"))
        elif (self.folder / str(record.get("path"))).is_file():
            self.done[job] = record["path"]


def read_head(folder: Path) -> dict[str, Any]:
    """Return what a folder's batch is made from.

    Raises:
        InputError: if there is none.
    """
    path = folder / HEAD
    try:
        head = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            "there is no batch in this folder", where=folder, remedy="name a folder of `batch`"
        ) from None
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read ({error})", where=path) from None
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise InputError("this is no batch's plan", where=path)
    return head


def read_last_records(folder: Path) -> Iterator[Record]:
    """Yield the last record of each job, in the order in which jobs were first told of."""
    places: dict[str, int] = {}
    path = folder / MANIFEST
    if not path.exists():
        return
    with path.open("rb") as file:
        while line := file.readline():
            if record := _parse_record(line):
                places[record["job"]] = file.tell() - len(line)
    with path.open("rb") as file:
        for place in places.values():
            file.seek(place)
            yield _parse_record(file.readline())


def _parse_record(line: bytes) -> Record:
    """Return a record, or nothing where a kill tore its line."""
    try:
        record = json.loads(line)
    except ValueError:
        return {}
    is_one = isinstance(record, dict) and isinstance(record.get("job"), str)
    return record if is_one and "status" in record and line.endswith(b"\n") else {}


def _truncate_torn_line(path: Path) -> None:
    """Cut off a torn last line, so that the next one begins a line of its own."""
    with path.open("r+b") as file:
        blob_end = file.seek(0, 2)
        while blob_end:
            file.seek(blob_end - 1)
            if file.read(1) == b"\n":
                break
            blob_end -= 1
        file.truncate(blob_end)


def _check_same(kept: dict[str, Any], asked: dict[str, Any], folder: Path) -> None:
    """Refuse to go on with another batch; more or fewer takes of the same are no other one.

    Raises:
        InputError: naming the first field that differs.
    """
    for name in ("points", "options"):
        difference = next(_differences(kept.get(name), asked[name], name), None)
        if difference:
            raise InputError(
                f"the folder holds another batch: {difference}",
                where=folder,
                remedy="choose another folder, or give what it was begun with",
            )


def _differences(was: Any, now: Any, place: str) -> Iterator[str]:
    if isinstance(was, dict) and isinstance(now, dict):
        for key in [*was, *(key for key in now if key not in was)]:
            yield from _differences(was.get(key), now.get(key), f"{place}.{key}")
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for number, (ours, theirs) in enumerate(zip(was, now, strict=True)):
            yield from _differences(ours, theirs, f"{place}[{number}]")
    elif was != now:
        short = [str(value)[:60] for value in (was, now)]
        yield f"{place} was {short[0]}, is {short[1]}"
