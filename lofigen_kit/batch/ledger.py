"""The files of a batch's folder: `batch.json`, the plan, and `manifest.jsonl`, the results.

Only the parent process writes the manifest: one line for each take when it is done or has failed.
If there are several lines for one job, the last one counts. An incomplete line, left by a killed
process, is ignored.
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
"""One line: `job`, its key; `status`, `done` or `failed`; and the facts on the take."""


class Ledger:
    """A batch's folder, locked while a process works in it.

    Args:
        folder: The folder; created if missing.
        head: The plan and the options, as plain data; None reads those of the folder.

    Attributes:
        head: The plan and the options of the folder's batch.
        done: The paths of finished takes, by job.
        failed: The errors of failed takes, by job.

    Raises:
        InputError: if the folder holds another batch, another process works in it, or it cannot be
            written to.
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
        """Write the record of a job."""
        with explain_write_errors(self.folder / MANIFEST):
            self._file.write(json.dumps(record, ensure_ascii=False) + "\n")
            self._file.flush()
        self._count(record)

    def read_records(self) -> Iterator[Record]:
        """Yield the last record of each job, in the order of the manifest."""
        return read_last_records(self.folder)

    def _lock(self) -> None:
        from filelock import FileLock, Timeout

        lock = FileLock(self.folder / LOCK, timeout=0)
        with explain_write_errors(self.folder):
            try:
                self._stack.enter_context(lock)
            except Timeout:
                raise InputError(
                    "another process is working in this folder",
                    where=self.folder,
                    remedy="wait for it, or choose another folder",
                ) from None

    def _begin(self, head: dict[str, Any] | None) -> dict[str, Any]:
        path = self.folder / HEAD
        for temporary in self.folder.rglob(".lofigen-*"):
            if temporary.name != LOCK:
                temporary.unlink(missing_ok=True)
        stored = read_head(self.folder) if path.exists() or head is None else None
        if stored is None:
            assert head is not None  # noqa: S101 - else it was read
            head = {"format": FORMAT, **head}
        else:
            if head is not None:
                _check_same(stored, head, self.folder)
            head = {**stored, **(head or {})}
        with explain_write_errors(path):
            write_atomic(path, (json.dumps(head, ensure_ascii=False, indent=1) + "\n").encode())
        return head

    def _read(self) -> None:
        path = self.folder / MANIFEST
        with explain_write_errors(path):
            if path.exists():
                _truncate_incomplete_line(path)
            for record in read_last_records(self.folder):
                self._count(record)
            self._file = self._stack.enter_context(path.open("a", encoding="utf-8"))

    def _count(self, record: Record) -> None:
        job = record["job"]
        self.done.pop(job, None)
        self.failed.pop(job, None)
        if record["status"] != "done":
            self.failed[job] = str(record.get("error"))
        elif self._is_whole(record):
            self.done[job] = record["path"]

    def _is_whole(self, record: Record) -> bool:
        """Return whether the files of a finished take are all there: it, and its stems."""
        return all(
            (self.folder / str(path)).is_file()
            for path in (record.get("path"), *record.get("stems", ()))
        )


def read_head(folder: Path) -> dict[str, Any]:
    """Return the plan and the options of a folder's batch.

    Raises:
        InputError: if there is no batch in the folder.
    """
    path = folder / HEAD
    try:
        head = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            "there is no batch in this folder",
            where=folder,
            remedy="name a folder that `batch` has written",
        ) from None
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read ({error})", where=path) from None
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise InputError("this is not the plan of a batch", where=path)
    return head


def read_last_records(folder: Path) -> Iterator[Record]:
    """Yield the last record of each job, in the order of the jobs' first records."""
    offsets: dict[str, int] = {}
    path = folder / MANIFEST
    if not path.exists():
        return
    with path.open("rb") as file:
        while line := file.readline():
            if record := _parse_record(line):
                offsets[record["job"]] = file.tell() - len(line)
    with path.open("rb") as file:
        for offset in offsets.values():
            file.seek(offset)
            yield _parse_record(file.readline())


def _parse_record(line: bytes) -> Record:
    """Return the record of a line, or an empty one if the line is incomplete."""
    try:
        record = json.loads(line)
    except ValueError:
        return {}
    is_record = isinstance(record, dict) and isinstance(record.get("job"), str)
    return record if is_record and "status" in record and line.endswith(b"\n") else {}


def _truncate_incomplete_line(path: Path) -> None:
    """Remove an incomplete last line, so that the next record starts a new line."""
    with path.open("r+b") as file:
        end = file.seek(0, 2)
        while end:
            file.seek(end - 1)
            if file.read(1) == b"\n":
                break
            end -= 1
        file.truncate(end)


def _check_same(stored: dict[str, Any], requested: dict[str, Any], folder: Path) -> None:
    """Refuse to continue another batch; only the number of takes may differ.

    Raises:
        InputError: if another field differs; the message names the first one.
    """
    for name in ("points", "options"):
        difference = next(_list_differences(stored.get(name), requested[name], name), None)
        if difference:
            raise InputError(
                f"the folder holds another batch: {difference}",
                where=folder,
                remedy="choose another folder, or use the options that it was started with",
            )


def _list_differences(was: Any, now: Any, field: str) -> Iterator[str]:
    if isinstance(was, dict) and isinstance(now, dict):
        for key in [*was, *(key for key in now if key not in was)]:
            yield from _list_differences(was.get(key), now.get(key), f"{field}.{key}")
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for number, (before, after) in enumerate(zip(was, now, strict=True)):
            yield from _list_differences(before, after, f"{field}[{number}]")
    elif was != now:
        short = [str(value)[:60] for value in (was, now)]
        yield f"{field} was {short[0]}, is {short[1]}"
