"""The runs of an experiment: each is trained and measured once, and its result is kept on disk.

    experiment.json            what is compared, and how
    runs/NAME/                 one network: model.safetensors, free.flac, curve.csv, result.json

A run that has its result is not done again; one that was stopped starts again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.audio.files import write_audio
from lofigen_kit.corpus.songs import read_manifest, read_songs
from lofigen_kit.errors import InputError
from lofigen_kit.experiments.defects import SHIFT, Defect, ReferenceTrainer, average_over_all
from lofigen_kit.experiments.measure import Accuracy, measure_accuracy, measure_rollout
from lofigen_kit.experiments.settings import ExperimentSettings
from lofigen_kit.nn.checkpoint import load, save
from lofigen_kit.nn.network import to_tensors
from lofigen_kit.nn.spec import Layers, NetworkSpec, make_stack_spec
from lofigen_kit.provenance.recipe import MADE
from lofigen_kit.runtime.files import explain_write_errors, write_atomic
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit.training.callbacks import Callbacks, TrainingProgress
from lofigen_kit.training.config import to_json
from lofigen_kit.training.loop import train

Kind = Literal["layers", "genres"]
Curve = list[tuple[int, float]]


@dataclass(frozen=True)
class Subject:
    """One network that is compared with others: its shape, and its training corpus."""

    name: str
    layers: Layers
    corpus: Path

    @property
    def spec(self) -> NetworkSpec:
        """The network: without a guide, its one output the expected next sample."""
        return make_stack_spec(self.layers, head="mse")


@dataclass(frozen=True)
class RunResult:
    """One row of the table.

    Attributes:
        name: Name of the subject.
        defect: The defect with which it was trained or reported; empty for none.
        folder: Folder of its model, audio and curve, below the experiment's folder.
        corpus_sha256: Hash of the manifest of its corpus.
        parameters: Number of trained parameters.
        receptive_field: Past samples that one output depends on.
        first_loss: Mean squared error on the windows of the first update, before it.
        last_loss: Training loss at the end, smoothed over about 100 updates.
        reported_mse: Mean squared error on held-out songs, as the run would report it.
        accuracy: True errors on held-out songs.
        level_db: Level of the last second that it played, relative to its reference.
        verdict: What the collapse detector found.
        train_s: Seconds of the training.
    """

    name: str
    defect: str
    folder: str
    corpus_sha256: str
    parameters: int
    receptive_field: int
    first_loss: float
    last_loss: float
    reported_mse: float
    accuracy: Accuracy
    level_db: float
    verdict: str
    train_s: float

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> RunResult:
        """Read what `asdict` gave."""
        return cls(**{**data, "accuracy": Accuracy(**data["accuracy"])})

    @property
    def label(self) -> str:
        """Its name in tables: `conv4 with double-shift`."""
        return f"{self.name} with {self.defect}" if self.defect else self.name


@dataclass(frozen=True)
class _Run:
    """One network, or one network that learns all genres in turn."""

    name: str
    defect: Defect | None
    subjects: tuple[Subject, ...]


Report = Callable[[str, TrainingProgress], None]


def begin(folder: Path, arguments: dict[str, Any]) -> None:
    """Start an experiment in a folder, or go on with the same one.

    Raises:
        InputError: where the folder holds something else.
    """
    path = folder / "experiment.json"
    text = json.dumps(arguments, indent=1, sort_keys=True)
    with explain_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            if any(folder.iterdir()):
                raise InputError("the folder is not empty", where=folder, remedy="choose another")
            write_atomic(path, text.encode())
        elif path.read_text() != text:
            raise InputError(
                "the folder holds another experiment",
                where=folder,
                remedy="give the options that it was started with (defects may be added), or "
                "choose another folder",
            )


def run_all(
    folder: Path,
    kind: Kind,
    subjects: Sequence[Subject],
    settings: ExperimentSettings,
    *,
    defects: Sequence[Defect] = (),
    report: Report | None = None,
) -> list[RunResult]:
    """Do the runs that are left, and return all results: without a defect, then with each.

    Args:
        folder: Folder of the experiment.
        kind: `layers` or `genres`.
        subjects: What is compared.
        settings: How each is trained and measured.
        defects: Defects of the reference to show too.
        report: Called with the name of a run and how far its training is.

    Raises:
        InputError: for a defect that the experiment cannot have, or a corpus that has changed.
        RenderError: when a loss is no longer a number.
    """
    check_defects(kind, defects)
    for subject in subjects:
        _check_splits(subject.corpus)
    rows = []
    for run in _plan(subjects, defects):
        rows += _read_run_results(folder, run) or _RunExecutor(folder, settings, report).do(run)
    if "mse-average" in defects:
        rows += [as_reported(row) for row in rows if not row.defect]
    return rows


def check_defects(kind: Kind, defects: Sequence[Defect]) -> None:
    """Refuse a defect that an experiment cannot have.

    Raises:
        InputError: for one model of several shapes.
    """
    if kind == "layers" and "one-model" in defects:
        raise InputError(
            "one-model is a defect of `experiment genres`", where="--defect", remedy="leave it out"
        )


def _check_splits(corpus: Path) -> None:
    splits = {song["split"] for song in read_manifest(corpus)[0]["songs"]}
    for split in ("train", "test"):
        if split not in splits:
            raise InputError(
                f"the corpus has no song for {split}", where=corpus, remedy="make a longer one"
            )


def as_reported(row: RunResult) -> RunResult:
    """Return a result whose error is averaged as in the reference; nothing else changes."""
    reported = average_over_all([row.accuracy.mse])
    return replace(row, defect="mse-average", reported_mse=reported)


def _plan(subjects: Sequence[Subject], defects: Sequence[Defect]) -> Iterator[_Run]:
    for subject in subjects:
        yield _Run(subject.name, None, (subject,))
    if "double-shift" in defects:
        for subject in subjects:
            yield _Run(f"{subject.name}.double-shift", "double-shift", (subject,))
    if "one-model" in defects:
        yield _Run("one-model", "one-model", tuple(subjects))


def _read_run_results(folder: Path, run: _Run) -> list[RunResult]:
    """Return the results of a finished run, or none.

    Raises:
        InputError: where its corpus is no longer the one it was trained on.
    """
    path = folder / "runs" / run.name / "result.json"
    if not path.exists():
        return []
    rows = [RunResult.from_json(row) for row in json.loads(path.read_text())]
    for row, subject in zip(rows, run.subjects, strict=True):
        if read_manifest(subject.corpus)[1] != row.corpus_sha256:
            raise InputError(
                "the corpus is not the one that the finished runs were trained on",
                where=subject.corpus,
                remedy="choose another folder for the experiment",
            )
    return rows


@dataclass(frozen=True)
class _RunExecutor:
    """Does runs in a folder."""

    folder: Path
    settings: ExperimentSettings
    report: Report | None

    def do(self, run: _Run) -> list[RunResult]:
        """Train and measure the networks of a run, and keep their results."""
        place = self.folder / "runs" / run.name
        config = self.settings.training_config
        trainer = ReferenceTrainer(run.subjects[0].spec, config) if run.defect else None
        rows = []
        for subject in run.subjects:
            own = place / subject.name if len(run.subjects) > 1 else place
            own.mkdir(parents=True, exist_ok=True)
            began = time.monotonic()
            curve = self._train(own, subject, run, trainer)
            trained_s = round(time.monotonic() - began, 1)
            rows.append(self._measure(own, subject, curve, trained_s))
        rows = [replace(row, **_as_defective(row, run.defect)) for row in rows]
        data = json.dumps([asdict(row) for row in rows], indent=1)
        write_atomic(place / "result.json", data.encode())
        return rows

    def _train(
        self, own: Path, subject: Subject, run: _Run, trainer: ReferenceTrainer | None
    ) -> Curve:
        """Train one network, write its checkpoint and its curve, and return the curve."""
        manifest, sha256 = read_manifest(subject.corpus)
        licences = sorted({song["licence"] for song in manifest["songs"]})
        facts: dict[str, Any] = {"licence": " AND ".join(licences), "corpus_sha256": sha256}
        songs, path = read_songs(subject.corpus, "train"), own / "model.safetensors"
        curve: Curve = []

        def note(now: TrainingProgress) -> None:
            curve.append((now.step, now.loss))
            if self.report:
                self.report(run.name, now)

        config = self.settings.training_config
        if trainer is None:
            train(
                subject.spec, songs, config, path, facts=facts, callbacks=Callbacks(progress=note)
            )
        else:
            shift = SHIFT if run.defect == "double-shift" else 1
            trained = trainer.train(songs, shift=shift, progress=note)
            facts |= {"defect": run.defect, "recipe": to_json(config)}
            save(path, subject.spec, to_tensors(trained), facts, half=True)
        lines = ["step,loss\n", *(f"{step},{loss:.6g}\n" for step, loss in curve)]
        write_atomic(own / "curve.csv", "".join(lines).encode())
        return curve

    def _measure(self, own: Path, subject: Subject, curve: Curve, trained_s: float) -> RunResult:
        """Measure a trained network, and write what it plays."""
        network, settings = load(own / "model.safetensors"), self.settings
        held_out = read_songs(subject.corpus, "test")
        found = measure_accuracy(network, read_songs(subject.corpus, "train"), held_out)
        sound = measure_rollout(network, held_out[0], settings.seconds, threads=settings.threads)
        _write(own / "free.flac", sound.samples, MADE)
        _write(own / "reference.flac", sound.reference, "")
        return RunResult(
            name=subject.name,
            defect="",
            folder=own.relative_to(self.folder).as_posix(),
            corpus_sha256=read_manifest(subject.corpus)[1],
            parameters=network.parameters,
            receptive_field=network.spec.receptive_field,
            first_loss=curve[0][1],
            last_loss=curve[-1][1],
            reported_mse=found.mse,
            accuracy=found,
            level_db=sound.level_db,
            verdict=sound.verdict,
            train_s=trained_s,
        )


def _as_defective(row: RunResult, defect: Defect | None) -> dict[str, Any]:
    """Return what a defect changes in a result: the error that it reports is on its own target."""
    if defect is None:
        return {}
    own = row.accuracy.mse_two_ahead if defect == "double-shift" else row.accuracy.mse
    return {"defect": defect, "reported_mse": own}


def _write(path: Path, samples: np.ndarray, comment: str) -> None:
    audio = AudioBuffer(samples[None], 8000)
    rng = rng_for(0, 0, "dither")
    write_audio(path, audio, format="flac", bit_depth=24, comment=comment, rng=rng, force=True)
