"""The plan of a batch: the settings of a preset, and the number of takes of each."""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import json
import os
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lofigen_kit.batch.ledger import MAX_POINTS, MAX_TAKES
from lofigen_kit.errors import InputError, PresetError
from lofigen_kit.plugins.registry import Registry
from lofigen_kit.preset.schema import Preset, parse_preset
from lofigen_kit.preset.yaml_loader import Document
from lofigen_kit.provenance.load import check_native, find_preset
from lofigen_kit.runtime.names import make_safe_name
from lofigen_kit.runtime.places import find_name_fault, is_inside

MAX_CSV_BYTES = 1 << 20
TAKES_PER_FOLDER = 1000
_IF_TRUSTED = "if you trust it, run the `batch` command again"


@dataclass(frozen=True)
class SweepPoint:
    """One setting of a sweep.

    Attributes:
        name: The name of its folder; empty without a sweep.
        preset: The complete preset.
    """

    name: str
    preset: Preset

    @property
    def data(self) -> dict[str, Any]:
        """The preset as plain data."""
        data: dict[str, Any] = self.preset.model_dump(mode="json", serialize_as_any=True)
        return data


@dataclass(frozen=True)
class TakeJob:
    """One take of a point; its key is the hash of the preset and the take's number."""

    point: int
    take: int
    key: str


@dataclass(frozen=True)
class BatchPlan:
    """The takes to render.

    Attributes:
        points: The settings; one without a sweep.
        takes: The number of takes of each setting, numbered from 0.
        root: The folder that must contain the preset's files.
    """

    points: tuple[SweepPoint, ...]
    takes: int
    root: Path | None

    def __len__(self) -> int:
        return len(self.points) * self.takes

    def iterate_jobs(self) -> Iterator[TakeJob]:
        """Yield all jobs, point by point, so that later points can reuse cached generation."""
        for number, point in enumerate(self.points):
            digest = hashlib.sha256(json.dumps(point.data, sort_keys=True).encode())
            for take in range(self.takes):
                own = digest.copy()
                own.update(f" take {take}".encode())
                yield TakeJob(number, take, own.hexdigest())

    def iterate_groups(self, size: int, done: Container[str]) -> Iterator[tuple[TakeJob, ...]]:
        """Yield the jobs that are not done, in groups of at most `size` takes of one point."""
        for _, jobs in itertools.groupby(
            self.iterate_jobs(), lambda job: (job.point, job.take // size)
        ):
            if missing := tuple(job for job in jobs if job.key not in done):
                yield missing

    def get_subfolder(self, job: TakeJob) -> str:
        """Return a job's folder inside the batch's folder, at most 1000 takes in each."""
        first = job.take - job.take % TAKES_PER_FOLDER
        shard = f"take{first}-" if first else ""
        return "/".join(part for part in (self.points[job.point].name, shard) if part)

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain data, for `from_json`."""
        points = [{"name": point.name, "preset": point.data} for point in self.points]
        return {"points": points, "takes": self.takes, "root": self.root and str(self.root)}


def make_plan(
    preset: str,
    takes: int,
    registry: Registry,
    *,
    overrides: Sequence[str] = (),
    sweeps: Sequence[str] = (),
    table: Path | None = None,
) -> BatchPlan:
    """Return the plan of a batch.

    Args:
        preset: A name, or the path of a preset or of a rendered file.
        takes: The number of takes of each setting.
        registry: The components to choose from.
        overrides: `KEY=VALUE` texts, for all settings.
        sweeps: `KEY=a,b,c` or `KEY=from:to:count`; several are combined to a grid.
        table: A CSV file whose first row names fields; each other row is a setting of them.

    Raises:
        InputError: if a setting is invalid or there are too many; the message names the setting.
    """
    if takes > MAX_TAKES:
        raise InputError(f"{takes} takes are more than {MAX_TAKES}", where="-n")
    settings = _settings(sweeps, table)
    points, seen = [], dict[str, int]()
    for number, changes in enumerate(settings):
        try:
            chosen, _, facts = find_preset(preset, registry, [*overrides, *changes])
        except PresetError as error:
            error.where = error.where or " ".join(changes) or preset
            raise
        if facts.get("command") == "process":
            raise PresetError("the file was made by `process`: it has no takes", where=preset)
        first = seen.setdefault(chosen.model_dump_json(serialize_as_any=True), number)
        if first != number:
            raise InputError(
                f"settings {first} and {number} are the same", where=" ".join(changes) or preset
            )
        points.append(SweepPoint(_name(number, changes) if len(settings) > 1 else "", chosen))
    return BatchPlan(tuple(points), takes, points[0].preset.root)


def from_json(data: dict[str, Any], registry: Registry, *, where: Path) -> BatchPlan:
    """Return a plan from its plain data, which may be a stranger's.

    Its points are folders inside the batch's own, and so are the files that its presets name.

    Args:
        data: The plan.
        registry: The components to choose from.
        where: Its file, in the batch's folder.

    Raises:
        InputError: if it is damaged, names what lies outside the folder, or a component is not
            installed.
    """
    named: list[str] = []
    try:
        root = Path(data["root"]) if data["root"] else None
        points = tuple(
            SweepPoint(_read_name(point["name"], len(data["points"]), where),
                       parse_preset(Document(point["preset"], str(where)), root=root,
                                    registry=registry, named=named, is_strangers=True))
            for point in data["points"]
        )  # fmt: skip
        plan = BatchPlan(points, int(data["takes"]), root)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"the batch's plan is damaged ({error!r})", where=where) from None
    _check_files_inside(named, root, where)
    for point in points:
        check_native(where, point.preset, remedy=_IF_TRUSTED)
    return plan


def _read_name(name: Any, points: int, where: Path) -> str:
    """Return the name of a point's folder; only the one point of a plan may have none.

    Raises:
        InputError: if it is not a folder inside the batch's.
    """
    if not isinstance(name, str):
        raise TypeError(name)
    fault = find_name_fault(name) if name or points > 1 else None
    if fault:
        raise InputError(
            f"the setting {name!r} would be written outside the folder: its name {fault}",
            where=where,
        )
    return name


def _check_files_inside(named: Sequence[str], root: Path | None, where: Path) -> None:
    """Refuse presets of a kept plan that read files outside the batch's folder.

    Raises:
        InputError: naming the file.
    """
    for name in named:
        path = Path(name) if root is None else root / name
        # A bundled checkpoint is named as a file would be: `lofi-guided`.
        is_file = len(Path(name).parts) > 1 or bool(path.suffix) or os.path.lexists(path)
        if is_file and not is_inside(where.parent, path):
            raise InputError(
                f"its preset reads {name!r}, which is not in the batch's folder",
                where=where,
                remedy=_IF_TRUSTED,
            )


def _settings(sweeps: Sequence[str], table: Path | None) -> list[tuple[str, ...]]:
    """Return the overrides of each setting."""
    axes = [_axis(sweep) for sweep in sweeps]
    if table is not None:
        axes.append(_rows(table))
    count = 1
    for axis in axes:
        count *= len(axis)
    if count > MAX_POINTS:
        raise InputError(f"{count} settings are more than {MAX_POINTS}", where="--sweep")
    return [tuple(itertools.chain(*parts)) for parts in itertools.product(*axes)]


def _axis(sweep: str) -> list[tuple[str, ...]]:
    """Return the settings of one field."""
    key, separator, values = sweep.partition("=")
    if not separator or not values:
        raise InputError(
            f"{sweep!r} is not KEY=VALUES",
            where="--sweep",
            remedy="write KEY=a,b,c or KEY=from:to:count",
        )
    return [(f"{key}={value}",) for value in _values(sweep, values)]


def _values(sweep: str, text: str) -> list[str]:
    parts = text.split(":")
    if len(parts) != 3:
        return text.split(",")
    try:
        first, last, count = float(parts[0]), float(parts[1]), int(parts[2])
    except ValueError:
        return text.split(",")
    if not 2 <= count <= MAX_POINTS:
        raise InputError(f"{sweep!r}: a range has 2 to {MAX_POINTS} values", where="--sweep")
    step = (last - first) / (count - 1)
    return [f"{first + n * step:.12g}" for n in range(count)]


def _rows(path: Path) -> list[tuple[str, ...]]:
    """Return the settings of a table."""
    try:
        with path.open("rb") as file:
            blob = file.read(MAX_CSV_BYTES + 1)
        text = blob.decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=path) from None
    except UnicodeDecodeError:
        raise InputError("this is not text in UTF-8", where=path) from None
    if len(blob) > MAX_CSV_BYTES:
        raise InputError("the table is larger than 1 MiB", where=path)
    try:
        rows = [row for row in csv.reader(io.StringIO(text), strict=True) if any(row)]
    except csv.Error as error:
        raise InputError(f"this is not a CSV table ({error})", where=path) from None
    if len(rows) < 2:
        raise InputError(
            "the table is empty",
            where=path,
            remedy="write the names of fields in the first row, and values below",
        )
    header, *settings = rows
    for number, row in enumerate(settings, start=2):
        if len(row) != len(header):
            raise InputError(
                f"row {number} has {len(row)} values for {len(header)} fields", where=path
            )
    return [
        tuple(f"{key.strip()}={value.strip()}" for key, value in zip(header, row, strict=True))
        for row in settings
    ]


def _name(number: int, changes: Sequence[str]) -> str:
    """Return a folder's name: the setting's number, and its fields and values."""
    pairs = [change.rpartition("=") for change in changes]
    words = "_".join(f"{key.rpartition('.')[2]}-{value}" for key, _, value in pairs)
    return f"{number:03}_{make_safe_name(words)}"
