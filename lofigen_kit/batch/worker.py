"""What a worker does: render some takes of one point and publish each in the batch's folder.

A take is published once, however often it is rendered: its file has the name that its recipe gives
it, appears whole, and where it is there already it is left alone if it sounds the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from time import monotonic
from typing import Any

from lofigen_kit.analysis import collapse
from lofigen_kit.batch.ledger import Record
from lofigen_kit.batch.plan import TakeJob
from lofigen_kit.batch.ranking import compute_quality
from lofigen_kit.components.base import Take
from lofigen_kit.errors import AudioError, InputError, LofigenError, RenderError
from lofigen_kit.plugins.loader import load_plugins
from lofigen_kit.plugins.registry import Registry
from lofigen_kit.preset.schema import Preset, parse_preset
from lofigen_kit.preset.yaml_loader import Document
from lofigen_kit.provenance import recipe
from lofigen_kit.provenance.c2pa import Identity
from lofigen_kit.provenance.licences import check_commercial, list_components
from lofigen_kit.provenance.save import list_output_files, make_file_recipe, name_rendering, save
from lofigen_kit.render.cache import Cache
from lofigen_kit.render.result import Rendering
from lofigen_kit.render.take import render_takes
from lofigen_kit.runtime.files import check_free
from lofigen_kit.runtime.workers import allow_interrupts, limit_threads

MAX_ATTEMPTS = 4


@dataclass(frozen=True)
class BatchOptions:
    """What is asked of every take.

    Attributes:
        reject_collapsed: Let the network play a take again that has collapsed, up to four times
            in all; what collapses even then is a failure.
        rank: Say how well each is played.
        commercial: Refuse what may not be sold.
    """

    reject_collapsed: bool = False
    rank: bool = False
    commercial: bool = False


@dataclass(frozen=True)
class WorkerSettings:
    """Where a worker finds what it needs, on any machine that shares the folders.

    Attributes:
        folder: The batch's, absolute.
        root: The folder of the files that the preset names.
        plugin_dir: The user's plugins; None is what the environment says.
        cache: What networks played is kept here; None keeps nothing.
        device: Where the network plays.
        identity: Who signs what is rendered.
    """

    folder: Path
    root: Path | None
    plugin_dir: Path | None = None
    cache: Path | None = None
    device: str = "cpu"
    identity: Identity | None = None


@dataclass(frozen=True)
class TakeGroup:
    """Some takes of one point, whose tracks go through the engine side by side.

    Attributes:
        preset: The preset as plain data.
        jobs: Which takes.
        below: Their folder below the batch's.
        place: Where everything is.
        options: What is asked of each.
    """

    preset: dict[str, Any]
    jobs: tuple[TakeJob, ...]
    below: str
    place: WorkerSettings
    options: BatchOptions

    def split_into_single(self) -> list[TakeGroup]:
        """Return the same takes in groups of one."""
        return [replace(self, jobs=(job,)) for job in self.jobs]

    def make_failures(self, error: str) -> list[Record]:
        """Return the records of takes that could not be rendered."""
        return [make_failure_record(job, error) for job in self.jobs]


def make_failure_record(job: TakeJob, error: str) -> Record:
    """Return the record of a take that could not be rendered."""
    return {"job": job.key, "status": "failed", "take": job.take, "error": error}


def begin(plugin_dir: Path | None) -> None:
    """Load the plugins, before a worker's first job."""
    _registry(plugin_dir)


def do(group: TakeGroup) -> list[Record]:
    """Render and publish takes, and return a record of each; what goes wrong with one is in it."""
    limit_threads()
    try:
        registry = _registry(group.place.plugin_dir)
        document = Document(group.preset, "the batch's preset")
        preset = parse_preset(document, root=group.place.root, registry=registry)
    except LofigenError as error:
        return group.make_failures(str(error))
    with allow_interrupts():
        return _do(group, preset, registry)


def _do(group: TakeGroup, preset: Preset, registry: Registry) -> list[Record]:
    records: list[Record] = []
    try:
        for record in _render_and_publish(group, preset, registry):
            records.append(record)  # noqa: PERF402 - what was done before an error is kept
    except LofigenError as error:
        missing = group.jobs[len(records) :]
        if len(group.jobs) == 1:
            return [make_failure_record(missing[0], str(error))]
        # One of them is to blame: each by itself, the others are as good as ever.
        for job in missing:
            records += _do(replace(group, jobs=(job,)), preset, registry)
    return records


def _render_and_publish(group: TakeGroup, preset: Preset, registry: Registry) -> Iterator[Record]:
    """Render takes side by side; yield the record of each as soon as it is published."""
    started = monotonic()
    renderings = render_takes(
        preset,
        [job.take for job in group.jobs],
        device=group.place.device,
        cache=Cache(group.place.cache) if group.place.cache else None,
        on_take=lambda _, take: _check_take_licences(group.options, take),
    )
    with closing(renderings):
        for job, first in zip(group.jobs, renderings, strict=True):
            rendering = _retry_collapsed(group, preset, first)
            path, facts = _publish(group, rendering, registry)
            # What is done side by side for all of them counts as the first one's.
            seconds, started = monotonic() - started, monotonic()
            yield {**_record(group, job, rendering, path, facts), "seconds": round(seconds, 3)}


def _check_take_licences(options: BatchOptions, take: Take) -> None:
    if options.commercial:
        check_commercial({"source": take.licence})


def _retry_collapsed(group: TakeGroup, preset: Preset, rendering: Rendering) -> Rendering:
    """Return a take as it is, or, where it has collapsed and is to be rejected, another attempt.

    Raises:
        RenderError: if all have collapsed.
    """
    if not group.options.reject_collapsed:
        return rendering
    attempt = 0
    while findings := _findings(rendering):
        attempt += 1
        if attempt == MAX_ATTEMPTS:
            found = findings[0]
            raise RenderError(
                f"the network collapsed in all of {MAX_ATTEMPTS} attempts: {found.fault} from "
                f"{found.start_s:.0f} to {found.end_s:.0f} s",
                where=f"take {rendering.take}",
                remedy="choose another sampler, or a lower temperature",
            )
        rendering = next(
            render_takes(preset, [rendering.take], device=group.place.device, attempt=attempt)
        )
    return rendering


def _findings(rendering: Rendering) -> list[collapse.Finding]:
    return collapse.examine(rendering.played) if rendering.played else []


def _publish(
    group: TakeGroup, rendering: Rendering, registry: Registry
) -> tuple[Path, dict[str, Any]]:
    """Write a take, or find that it is there; return its file and its recipe.

    Raises:
        InputError: if something else is there under its name.
    """
    output = rendering.preset.output
    folder = group.place.folder / group.below
    path = folder / f"{name_rendering(rendering)}.{output.format}"
    files = list_output_files(path, midi=output.midi)
    if path.exists():
        facts = _own_recipe(path)
        now = make_file_recipe(rendering, registry)
        if facts.get("audio_sha256") != now["audio_sha256"]:
            raise InputError(
                "another sound of this name is there", where=path, remedy="move it, and run again"
            )
        if all(file.exists() for file in files):
            return path, facts
    elif any(file.exists() for file in files) and not _is_recipe(path.with_suffix(".json")):
        check_free(*files, force=False)
    # What is there of it is its own, from a run that was cut short.
    identity = group.place.identity
    return path, save(rendering, path, registry, identity=identity, force=True)


def _own_recipe(path: Path) -> dict[str, Any]:
    try:
        return recipe.read(path) or {}
    except AudioError:
        return {}


def _is_recipe(path: Path) -> bool:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(facts, dict) and facts.get("format") == recipe.FORMAT


def _record(
    group: TakeGroup, job: TakeJob, rendering: Rendering, path: Path, facts: dict[str, Any]
) -> Record:
    findings, score = _findings(rendering), rendering.score
    record = {
        "job": job.key,
        "status": "done",
        "path": str(PurePosixPath(path.relative_to(group.place.folder))),
        "take": job.take,
        "seed": rendering.preset.seed,
        "attempt": rendering.attempt,
        "title": rendering.title,
        "tempo_bpm": score.tempo_bpm,
        "key": score.key,
        "bars": score.bars,
        "duration_s": score.duration_s,
        "loudness_lufs": facts["loudness_lufs"],
        "true_peak_dbtp": facts["true_peak_dbtp"],
        "target_unreached": facts["target_unreached"],
        "findings": [asdict(finding) for finding in findings],
        "audio_sha256": facts["audio_sha256"],
        "licences": facts["licences"],
        "made_with": list_components(facts),
    }
    if group.options.rank and rendering.played:
        # As it was played, and not as it is heard: effects may have moved it.
        record["rank"] = round(compute_quality(rendering.played, rendering.written, findings), 4)
    return record


@lru_cache(maxsize=1)
def _registry(plugin_dir: Path | None) -> Registry:
    return load_plugins(plugin_dir)
