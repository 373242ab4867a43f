"""An experiment's runs: each trained, measured and heard once, its result kept on disk.

    experiment.json            what is compared, and how
    runs/NAME/                 one network: model.safetensors, free.flac, curve.csv, result.json

A run that has its result is not done again; one that was stopped begins anew.
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
from lofigen_kit.nn.checkpoint import load, save
from lofigen_kit.nn.network import to_tensors
from lofigen_kit.nn.spec import Layers, NetworkSpec, make_stack_spec
from lofigen_kit.provenance.recipe import MADE
from lofigen_kit.runtime.files import explain_write_errors, write_atomic
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit.training.config import TrainingConfig
from lofigen_kit.training.loop import Callbacks, TrainingProgress, train

Kind = Literal["layers", "genres"]
Curve = list[tuple[int, float]]


@dataclass(frozen=True)
class ExperimentSettings:
    """How each network is trained and heard.

    Attributes:
        steps: Updates. The defaults show the way of a curve within minutes, and no more.
        batch: Windows in an update; the reference has 128.
        window: Frames of a window, as the reference's.
        learning_rate: Adam's peak rate; the reference's code has 1e-5, its model card 1e-4.
        seconds: How long each network plays.
        seed: Of the initial weights and the crops.
        threads: Cores to use.
    """

    steps: int = 60
    batch: int = 1
    window: int = 8192
    learning_rate: float = 3e-5
    seconds: float = 10.0
    seed: int = 0
    threads: int = 1

    @property
    def training_config(self) -> TrainingConfig:
        """The same for the training loop."""
        return TrainingConfig(
            steps=self.steps,
            batch=self.batch,
            window=self.window,
            learning_rate=self.learning_rate,
            warm_up=max(self.steps // 5, 1),
            noise_min=0.0,
            noise_max=0.0,
            validate_every=0,
            seed=self.seed,
        )


@dataclass(frozen=True)
class Subject:
    """One of what is compared: a network's shape, and the corpus that it learns."""

    name: str
    layers: Layers
    corpus: Path

    @property
    def spec(self) -> NetworkSpec:
        """The network: unguided, its one output the conditional mean."""
        return make_stack_spec(self.layers, head="mse")


@dataclass(frozen=True)
class RunResult:
    """One row of the table.

    Attributes:
        name: The subject's.
        defect: Which defect it was trained or reported with; empty for none.
        folder: Where its model, audio and curve lie, below the experiment's folder.
        corpus_sha256: Of the manifest of its corpus.
        parameters: How many numbers were trained.
        receptive_field: Samples of the past that one output depends on.
        first_loss: Squared error of the first update's windows, before it.
        last_loss: The training loss at the end, smoothed over about 100 updates.
        reported_mse: The held-out error as the run would report it.
        accuracy: The held-out errors as they are.
        level_db: Of the last second that it played, beside its reference.
        verdict: The collapse doctor's words.
        train_s: How long the training took.
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
        """Its name among others, `conv4 with double-shift`."""
        return f"{self.name} with {self.defect}" if self.defect else self.name


@dataclass(frozen=True)
class _Run:
    """Networks that are trained together: one, or all genres' by one network."""

    name: str
    defect: Defect | None
    subjects: tuple[Subject, ...]


Report = Callable[[str, TrainingProgress], None]


def begin(folder: Path, arguments: dict[str, Any]) -> None:
    """Begin an experiment in a folder, or go on with the same one.

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
                remedy="give the options that it was begun with (defects may be added), or "
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
    """Do what is not done yet, and return all results: each subject's, then with each defect.

    Args:
        folder: The experiment's.
        kind: `layers` or `genres`.
        subjects: What is compared.
        settings: How.
        defects: Which of the reference's to show beside.
        report: Told a run's name and where its training stands.

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
    """Return a result with its error averaged as the reference does it; nothing else changes."""
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
    """Return a finished run's results, or none.

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
    """Where runs are done, how, and who is told."""

    folder: Path
    settings: ExperimentSettings
    report: Report | None

    def do(self, run: _Run) -> list[RunResult]:
        """Train, measure and listen to a run's networks, and keep their results."""
        place = self.folder / "runs" / run.name
        recipe = self.settings.training_config
        trainer = ReferenceTrainer(run.subjects[0].spec, recipe) if run.defect else None
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

        recipe = self.settings.training_config
        if trainer is None:
            train(
                subject.spec, songs, recipe, path, facts=facts, callbacks=Callbacks(progress=note)
            )
        else:
            shift = SHIFT if run.defect == "double-shift" else 1
            trained = trainer.train(songs, shift=shift, progress=note)
            facts |= {"defect": run.defect, "recipe": asdict(recipe)}
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
    """Return what a defect changes of a result: a shifted run is judged by its own target."""
    if defect is None:
        return {}
    own = row.accuracy.mse_two_ahead if defect == "double-shift" else row.accuracy.mse
    return {"defect": defect, "reported_mse": own}


def _write(path: Path, samples: np.ndarray, comment: str) -> None:
    audio = AudioBuffer(samples[None], 8000)
    rng = rng_for(0, 0, "dither")
    write_audio(path, audio, format="flac", bit_depth=24, comment=comment, rng=rng, force=True)
