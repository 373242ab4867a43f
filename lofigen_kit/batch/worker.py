"""The work of a worker: render takes of one point and publish them in the batch's folder.

A take is published only once, even if it is rendered several times. Its file name depends only on
its recipe, the file is written atomically, and an existing file with the same audio is kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from time import monotonic
from typing import Any, Self

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
from lofigen_kit.provenance.save import (
    list_output_files,
    list_stem_files,
    make_file_recipe,
    name_rendering,
    save,
    save_stems,
)
from lofigen_kit.render.cache import Cache
from lofigen_kit.render.result import Rendering
from lofigen_kit.render.take import render_takes
from lofigen_kit.runtime.files import check_free, explain_write_errors
from lofigen_kit.runtime.workers import allow_interrupts, limit_threads

MAX_ATTEMPTS = 4


@dataclass(frozen=True)
class BatchOptions:
    """The options that apply to every take.

    Attributes:
        reject_collapsed: Generate a take again that has collapsed, at most four times in all; if it
            then still collapses, it has failed.
        rank: Rate each take.
        stems: Write each take's stems beside it.
        commercial: Refuse material whose licence is not known to allow commercial use.
    """

    reject_collapsed: bool = False
    rank: bool = False
    stems: bool = False
    commercial: bool = False

    @classmethod
    def from_json(cls, data: dict[str, bool], *, where: Path) -> Self:
        """Return the options in a kept plan.

        Raises:
            InputError: for one that there is not.
        """
        try:
            return cls(**data)
        except TypeError:
            raise InputError("the plan has an option that is not known", where=where) from None

    def to_json(self) -> dict[str, bool]:
        """Return plain data; what came later than the first folders only where it is set."""
        values = asdict(self)
        return values if self.stems else {k: v for k, v in values.items() if k != "stems"}


@dataclass(frozen=True)
class WorkerSettings:
    """Paths and device of a worker, valid on any machine that shares the folders.

    Attributes:
        folder: The batch's folder, absolute.
        root: The folder that must contain the preset's files.
        plugin_dir: The folder of the user's plugins; None uses the environment variable.
        cache: The folder of the cache of network outputs; None disables it.
        device: The network's device.
        identity: The signer of the files.
        is_strangers: Whether the presets come from a file that a stranger may have made.
    """

    folder: Path
    root: Path | None
    plugin_dir: Path | None = None
    cache: Path | None = None
    device: str = "cpu"
    identity: Identity | None = None
    is_strangers: bool = False


@dataclass(frozen=True)
class TakeGroup:
    """Some takes of one point, which the engine generates side by side.

    Attributes:
        preset: The preset as plain data.
        jobs: The takes.
        subfolder: Their folder inside the batch's folder.
        settings: The worker's paths and device.
        options: The options that apply to every take.
    """

    preset: dict[str, Any]
    jobs: tuple[TakeJob, ...]
    subfolder: str
    settings: WorkerSettings
    options: BatchOptions

    def split_into_single(self) -> list[TakeGroup]:
        """Return the same takes in groups of one."""
        return [replace(self, jobs=(job,)) for job in self.jobs]

    def make_failures(self, error: str) -> list[Record]:
        """Return the records of all takes as failed."""
        return [make_failure_record(job, error) for job in self.jobs]


def make_failure_record(job: TakeJob, error: str) -> Record:
    """Return the record of a take that could not be rendered."""
    return {"job": job.key, "status": "failed", "take": job.take, "error": error}


def load_worker_plugins(plugin_dir: Path | None) -> None:
    """Load the plugins before a worker's first job."""
    _registry(plugin_dir)


def render_group(group: TakeGroup) -> list[Record]:
    """Render and publish takes, and return a record of each, with its error if it failed."""
    limit_threads()
    try:
        registry = _registry(group.settings.plugin_dir)
        document = Document(group.preset, "the batch's preset")
        preset = parse_preset(
            document,
            root=group.settings.root,
            registry=registry,
            is_strangers=group.settings.is_strangers,
        )
    except LofigenError as error:
        return group.make_failures(str(error))
    with allow_interrupts():
        return _render_jobs(group, preset, registry)


def _render_jobs(group: TakeGroup, preset: Preset, registry: Registry) -> list[Record]:
    records: list[Record] = []
    try:
        for record in _render_and_publish(group, preset, registry):
            records.append(record)  # noqa: PERF402 - records before an error are kept
    except LofigenError as error:
        missing = group.jobs[len(records) :]
        if len(group.jobs) == 1:
            return [make_failure_record(missing[0], str(error))]
        # One of them caused the error: render each one separately, so that the others succeed.
        for job in missing:
            records += _render_jobs(replace(group, jobs=(job,)), preset, registry)
    return records


def _render_and_publish(group: TakeGroup, preset: Preset, registry: Registry) -> Iterator[Record]:
    """Render takes side by side; yield the record of each as soon as it is published."""
    started = monotonic()
    renderings = render_takes(
        preset,
        [job.take for job in group.jobs],
        device=group.settings.device,
        cache=Cache(group.settings.cache) if group.settings.cache else None,
        stems=group.options.stems,
        on_take=lambda _, take, __: _check_take_licences(group.options, take),
    )
    with closing(renderings):
        for job, first in zip(group.jobs, renderings, strict=True):
            rendering = _retry_collapsed(group, preset, first)
            path, facts = _publish(group, rendering, registry)
            # The time of work for all takes together counts for the first one.
            seconds, started = monotonic() - started, monotonic()
            yield {**_record(group, job, rendering, path, facts), "seconds": round(seconds, 3)}


def _check_take_licences(options: BatchOptions, take: Take) -> None:
    if options.commercial:
        check_commercial({"source": take.licence})


def _retry_collapsed(group: TakeGroup, preset: Preset, rendering: Rendering) -> Rendering:
    """Return a take or, if it has collapsed and is to be rejected, a later attempt.

    Raises:
        RenderError: if all attempts have collapsed.
    """
    if not group.options.reject_collapsed:
        return rendering
    attempt = 0
    while findings := _findings(rendering):
        attempt += 1
        if attempt == MAX_ATTEMPTS:
            first = findings[0]
            raise RenderError(
                f"the network collapsed in all {MAX_ATTEMPTS} attempts: {first.fault} from "
                f"{first.start_s:.0f} to {first.end_s:.0f} s",
                where=f"take {rendering.take}",
                remedy="choose another sampler, or a lower temperature",
            )
        rendering = next(
            render_takes(
                preset,
                [rendering.take],
                device=group.settings.device,
                attempt=attempt,
                stems=group.options.stems,
            )
        )
    return rendering


def _findings(rendering: Rendering) -> list[collapse.Finding]:
    mix = rendering.played_mix
    return collapse.examine(mix) if mix else []


def _publish(
    group: TakeGroup, rendering: Rendering, registry: Registry
) -> tuple[Path, dict[str, Any]]:
    """Write what there is not yet of a take; return its file and its recipe.

    Raises:
        InputError: if another file has its name.
    """
    output = rendering.preset.output
    folder = group.settings.folder / group.subfolder
    path = folder / f"{name_rendering(rendering)}.{output.format}"
    files = list_output_files(path, midi=output.midi)
    stems = list_stem_files(path, rendering.stems)
    if path.exists():
        facts = _read_recipe(path)
        current = make_file_recipe(rendering, registry)
        if facts.get("audio_sha256") != current["audio_sha256"]:
            raise InputError(
                "a file of this name with other audio exists",
                where=path,
                remedy="move it, and run the command again",
            )
        if all(file.exists() for file in files):
            if not all(stem.exists() for stem in stems):
                with explain_write_errors(path):
                    save_stems(rendering, path, force=True)
            return path, facts
    elif any(file.exists() for file in (*files, *stems)) and not _is_recipe(
        path.with_suffix(".json")
    ):
        check_free(*files, *stems, force=False)
    # Existing files are from an earlier run of this take that was interrupted.
    identity = group.settings.identity
    return path, save(rendering, path, registry, identity=identity, force=True)


def _read_recipe(path: Path) -> dict[str, Any]:
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
    def place(file: Path) -> str:
        return str(PurePosixPath(file.relative_to(group.settings.folder)))

    findings, score = _findings(rendering), rendering.score
    record = {
        "job": job.key,
        "status": "done",
        "path": place(path),
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
    if rendering.stems:
        record["stems"] = [place(stem) for stem in list_stem_files(path, rendering.stems)]
    mix = rendering.played_mix
    if group.options.rank and mix:
        # The network's output is rated, because effects may change tempo and pitch.
        record["rank"] = round(compute_quality(mix, rendering.written, findings), 4)
    return record


@lru_cache(maxsize=1)
def _registry(plugin_dir: Path | None) -> Registry:
    return load_plugins(plugin_dir)
