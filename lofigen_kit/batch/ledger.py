"""The files of a batch's folder: `batch.json`, the plan, and `manifest.jsonl`, the results.

Only the parent process writes the manifest: one line for each take when it is done or has failed.
If there are several lines for one job, the last one counts. An incomplete line, left by a killed
process, is ignored.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from lofigen_kit.errors import InputError
from lofigen_kit.provenance.licences import CREDITS
from lofigen_kit.runtime.files import check_free, explain_write_errors, write_atomic
from lofigen_kit.runtime.locks import LOCKS, lock_folder
from lofigen_kit.runtime.places import find_links_out, find_place_fault, resolve_place

FORMAT = "lofigen-kit batch 1"
HEAD, MANIFEST, RANKING = "batch.json", "manifest.jsonl", "ranking.csv"
MAX_POINTS = 10_000
MAX_TAKES = 10_000_000

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
        if head is None:
            read_head(folder)  # no lock is left where there is no batch
        self._stack.enter_context(lock_folder(folder))
        try:
            _refuse_links_out(folder)
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

    def _begin(self, head: dict[str, Any] | None) -> dict[str, Any]:
        path = self.folder / HEAD
        stored = read_head(self.folder) if path.exists() or head is None else None
        if stored is None:
            assert head is not None  # noqa: S101 - else it was read
            names = (MANIFEST, CREDITS, *((RANKING,) if head["options"].get("rank") else ()))
            check_free(*(self.folder / name for name in names), force=False)
            head = {"format": FORMAT, **head}
        else:
            if head is not None:
                _check_same(stored, head, self.folder)
            head = {**stored, **(head or {})}
        for temporary in self.folder.rglob(".lofigen-*"):
            if temporary.name not in LOCKS:
                temporary.unlink(missing_ok=True)
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
            resolve_place(self.folder, place) is not None
            for place in (record["path"], *record.get("stems", ()))
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
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"cannot be read ({error})", where=path) from None
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise InputError("this is not the plan of a batch", where=path)
    if fault := _find_head_fault(head):
        raise InputError(f"the batch's plan is damaged ({fault})", where=path)
    return head


def _find_head_fault(head: dict[str, Any]) -> str | None:
    """Return what is wrong with the parts of a plan that are read before its presets are."""
    points, takes = head.get("points"), head.get("takes")
    if not isinstance(points, list) or not 1 <= len(points) <= MAX_POINTS:
        return f"points: 1 to {MAX_POINTS} settings are needed"
    if type(takes) is not int or not 1 <= takes <= MAX_TAKES:
        return f"takes: a number from 1 to {MAX_TAKES} is needed"
    options = head.get("options")
    if not isinstance(options, dict) or any(type(value) is not bool for value in options.values()):
        return "options: each is true or false"
    return None


def _refuse_links_out(folder: Path) -> None:
    """Refuse a folder with a link out of it: a batch would write or look through it.

    Raises:
        InputError: naming the link.
    """
    for link in find_links_out(folder):
        raise InputError(
            "the link leads out of the batch's folder",
            where=link,
            remedy="remove it, or choose another folder",
        )


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


def read_duration_s(record: Record) -> float:
    """Return how long a finished take is, or 0 where its record does not say."""
    value = record.get("duration_s")
    return float(value) if isinstance(value, float) else 0.0


def _parse_record(line: bytes) -> Record:
    """Return the record of a line, or an empty one if the line is incomplete."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return record if line.endswith(b"\n") and _is_record(record) else {}


def _is_record(record: Any) -> bool:
    """Return whether data is a record; the files of a finished take are named inside the folder."""
    if not isinstance(record, dict) or not isinstance(record.get("job"), str):
        return False
    if record.get("status") != "done":
        return "status" in record
    stems = record.get("stems", [])
    return isinstance(stems, list) and _are_places([record.get("path"), *stems])


def _are_places(names: Iterable[Any]) -> bool:
    return all(isinstance(name, str) and find_place_fault(name) is None for name in names)


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
