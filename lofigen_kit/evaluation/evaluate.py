"""All figures of a checkpoint, as plain data: what `evaluate` prints and writes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.components.contracts import Sampler
from lofigen_kit.corpus.songs import (
    SAMPLE_RATE_HZ,
    Song,
    Split,
    SplitOrder,
    read_manifest,
    read_songs,
)
from lofigen_kit.errors import InputError
from lofigen_kit.evaluation import musicnn
from lofigen_kit.evaluation.memorisation import COPY_THRESHOLD, ClipMatch, SongIndex
from lofigen_kit.evaluation.performance import measure_performance, summarise
from lofigen_kit.evaluation.prediction import measure_prediction
from lofigen_kit.evaluation.rollout import iterate_rollouts
from lofigen_kit.nn.checkpoint import Network
from lofigen_kit.runtime.progress import Progress

ANALYSED_S = 24.0
"""Seconds of a take that are searched in the training songs and given to musicnn."""


@dataclass(frozen=True)
class EvaluationPlan:
    """How a network is evaluated.

    Attributes:
        sampler: How the network draws samples.
        split: The held-out songs that are played.
        takes: Number of takes. The songs are played in turn, again and again; each take has its
            own noise.
        seconds: Length of each take.
        seed: Seed of the sampling noise.
        threads: Number of CPU threads.
    """

    sampler: Sampler
    split: Split = "test"
    takes: int = 20
    seconds: float = 60.0
    seed: int = 0
    threads: int = 1


def evaluate_network(
    network: Network, corpus: Path, plan: EvaluationPlan, *, progress: Progress | None = None
) -> dict[str, Any]:
    """Return every figure of a network: of its predictions, its playing and its memorisation.

    Args:
        network: The network.
        corpus: The corpus that it was trained on, with held-out songs.
        plan: How it is evaluated.
        progress: Called with the stage, how much of it is done, and how much there is.

    Returns:
        Plain JSON data: `model`, `corpus`, `sampler`, `settings`; the figures under `prediction`,
        `playing`, `memory` and `musicnn` (None where its wheel is not installed); and one row for
        each take under `songs`.

    Raises:
        InputError: where the corpus is not whole, or too small to have held-out songs.
    """
    manifest, sha256 = read_manifest(corpus)
    order: SplitOrder = "reference" if network.facts.get("split") == "reference" else "groups"
    train = read_songs(corpus, "train", order=order)
    held_out = read_songs(corpus, plan.split, order=order)
    if not (train and held_out):
        raise InputError(
            f"the corpus has no songs to train on, or none in split {plan.split!r}",
            where=corpus,
            remedy="make a larger one, so that some can be held out",
        )
    prediction = measure_prediction(network, train, held_out)
    evaluator = TakeEvaluator(train, held_out, plan)
    rows, performances = [], []
    songs = [held_out[number % len(held_out)] for number in range(plan.takes)]
    stage = None if progress is None else lambda done, total: progress("playing", done, total)
    for song, rollout in iterate_rollouts(
        network, plan.sampler, songs,
        seconds=plan.seconds, seed=plan.seed, threads=plan.threads, progress=stage,
    ):  # fmt: skip
        performance = measure_performance(song, rollout, network.spec.sample_rate_hz)
        performances.append(performance)
        rows.append(
            {**asdict(performance), "file": song.file, "nearest": evaluator.add_take(rollout)}
        )
    return {
        "model": {"sha256": network.sha256, "licence": network.licence},
        "corpus": {"sha256": sha256, "minutes": manifest.get("minutes"), "split": plan.split},
        "sampler": plan.sampler.model_dump(mode="json"),
        "settings": {"takes": plan.takes, "seconds": plan.seconds, "seed": plan.seed},
        "prediction": asdict(prediction),
        "playing": summarise(performances),
        "memory": evaluator.measure_memorisation(progress),
        "musicnn": evaluator.measure_distance(),
        "songs": rows,
    }


class TakeEvaluator:
    """Measures takes one after another, so that none has to be kept.

    Args:
        train: The training songs, which the network may have memorised.
        held_out: The songs that it plays.
        plan: How it is evaluated.
    """

    def __init__(
        self, train: Sequence[Song], held_out: Sequence[Song], plan: EvaluationPlan
    ) -> None:
        folder = musicnn.find_weights()
        self._tensors = musicnn.read_tensors(folder) if folder else None
        self._memory = SongIndex(train)
        self._held_out = held_out[: plan.takes]
        self._references = held_out
        self._likeness: list[list[ClipMatch]] = []
        self._embeddings: list[np.ndarray] = []

    def add_take(self, samples: np.ndarray) -> dict[str, Any] | None:
        """Add a take, and return its nearest match in the training songs, if there is one."""
        clip = samples[: round(ANALYSED_S * SAMPLE_RATE_HZ)]
        likeness = self._memory.find_nearest(clip)
        self._likeness.append(likeness)
        if self._tensors is not None:
            self._embeddings.append(self._embed(clip))
        return asdict(max(likeness, key=_similarity)) if likeness else None

    def measure_memorisation(self, progress: Progress | None = None) -> dict[str, Any]:
        """Return how similar the takes are to training songs, and the same for held-out songs.

        Held-out songs cannot be copies: their similarity comes from the common style alone.
        """
        held_out = []
        for number, song in enumerate(self._held_out):
            held_out.append(
                self._memory.find_nearest(song.samples[: round(ANALYSED_S * SAMPLE_RATE_HZ)])
            )
            if progress:
                progress("comparing", number + 1, len(self._held_out))
        ours, theirs = _flat(self._likeness), _flat(held_out)
        return {
            "threshold": COPY_THRESHOLD,
            "windows": len(ours),
            "copies": int((ours >= COPY_THRESHOLD).sum()),
            "highest": _highest(ours),
            "median": _median(ours),
            "windows_held_out": len(theirs),
            "copies_held_out": int((theirs >= COPY_THRESHOLD).sum()),
            "highest_held_out": _highest(theirs),
            "median_held_out": _median(theirs),
        }

    def measure_distance(self) -> dict[str, Any] | None:
        """Return the distance of the takes from the held-out songs; None without musicnn."""
        if self._tensors is None:
            return None
        references = [self._embed(song.samples) for song in self._references]
        references = [reference for reference in references if len(reference)]
        if len(references) < 4 or sum(map(len, self._embeddings)) < 2:
            return None
        return musicnn.compare(self._tensors, self._embeddings, references)

    def _embed(self, samples: np.ndarray) -> np.ndarray:
        assert self._tensors is not None  # noqa: S101 - the callers have looked
        clip = samples[: round(ANALYSED_S * SAMPLE_RATE_HZ)]
        return musicnn.embed(self._tensors, AudioBuffer(clip[None], SAMPLE_RATE_HZ))


def _similarity(likeness: ClipMatch) -> float:
    return likeness.similarity


def _flat(found: Iterable[list[ClipMatch]]) -> np.ndarray:
    return np.array([one.similarity for likeness in found for one in likeness])


def _highest(similarities: np.ndarray) -> float | None:
    return round(float(similarities.max()), 4) if len(similarities) else None


def _median(similarities: np.ndarray) -> float | None:
    return round(float(np.median(similarities)), 4) if len(similarities) else None
