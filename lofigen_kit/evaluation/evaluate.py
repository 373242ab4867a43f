"""All figures of a checkpoint, as plain data: what `evaluate` prints and writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
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
from lofigen_kit.evaluation.parts import (
    group_by_take,
    measure_part,
    measure_sum,
    sum_songs,
    summarise_parts,
    to_row,
)
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
        `playing` (or `by_part`, of a corpus by part), `memory` and `musicnn` (None where its wheel
        is not installed); and one row for each take, or each of its parts, under `songs`.

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
    takes = group_by_take(held_out)
    evaluator = TakeEvaluator(
        [sum_songs(take) for take in group_by_take(train)],
        [sum_songs(take) for take in takes],
        plan,
    )
    played = iterate_takes(
        network, [takes[n % len(takes)] for n in range(plan.takes)], plan, progress
    )
    measure = _measure_parts if held_out[0].part else _measure_mixes
    return {
        "model": {"sha256": network.sha256, "licence": network.licence},
        "corpus": {"sha256": sha256, "minutes": manifest.get("minutes"), "split": plan.split},
        "sampler": plan.sampler.model_dump(mode="json"),
        "settings": {"takes": plan.takes, "seconds": plan.seconds, "seed": plan.seed},
        "prediction": asdict(prediction),
        **measure(played, evaluator),
        "memory": evaluator.measure_memorisation(progress),
        "musicnn": evaluator.measure_distance(),
    }


def iterate_takes(
    network: Network,
    takes: Sequence[Sequence[Song]],
    plan: EvaluationPlan,
    progress: Progress | None,
) -> Iterator[tuple[Sequence[Song], list[np.ndarray]]]:
    """Yield each take, as its parts or as one mix, and the rollout of each."""
    songs = [song for take in takes for song in take]
    stage = None if progress is None else lambda done, total: progress("playing", done, total)
    rollouts = iterate_rollouts(
        network, plan.sampler, songs,
        seconds=plan.seconds, seed=plan.seed, threads=plan.threads, progress=stage,
    )  # fmt: skip
    for take in takes:
        yield take, [rollout for _, rollout in islice(rollouts, len(take))]


def _measure_mixes(
    played: Iterable[tuple[Sequence[Song], list[np.ndarray]]], evaluator: TakeEvaluator
) -> dict[str, Any]:
    rows, performances = [], []
    for [song], [rollout] in played:
        performance = measure_performance(song, rollout, song.sample_rate_hz)
        performances.append(performance)
        nearest = evaluator.add_take(rollout, song.sample_rate_hz)
        rows.append({**asdict(performance), "file": song.file, "nearest": nearest})
    return {"playing": summarise(performances), "songs": rows}


def _measure_parts(
    played: Iterable[tuple[Sequence[Song], list[np.ndarray]]], evaluator: TakeEvaluator
) -> dict[str, Any]:
    rows, parts, sums = [], [], []
    for songs, rollouts in played:
        nearest = evaluator.add_take(np.sum(rollouts, axis=0), songs[0].sample_rate_hz)
        names = [song.part for song in songs]
        sums.append(measure_sum(songs, dict(zip(names, rollouts, strict=True))))
        for song, rollout in zip(songs, rollouts, strict=True):
            parts.append(measure_part(song, rollout))
            rows.append({**to_row(parts[-1]), "file": song.file, "nearest": nearest})
    return {"by_part": summarise_parts(parts, sums), "songs": rows}


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
        self._memory = SongIndex([_resample_song(song) for song in train])
        self._held_out = held_out[: plan.takes]
        self._references = held_out
        self._likeness: list[list[ClipMatch]] = []
        self._embeddings: list[np.ndarray] = []

    def add_take(self, samples: np.ndarray, rate_hz: int) -> dict[str, Any] | None:
        """Add a take, and return its nearest match in the training songs, if there is one."""
        clip = _cut_clip(samples, rate_hz)
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
            held_out.append(self._memory.find_nearest(_cut_clip(song.samples, song.sample_rate_hz)))
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
        clips = (_cut_clip(song.samples, song.sample_rate_hz) for song in self._references)
        references = [self._embed(clip) for clip in clips]
        references = [reference for reference in references if len(reference)]
        if len(references) < 4 or sum(map(len, self._embeddings)) < 2:
            return None
        return musicnn.compare(self._tensors, self._embeddings, references)

    def _embed(self, clip: np.ndarray) -> np.ndarray:
        assert self._tensors is not None  # noqa: S101 - the callers have looked
        return musicnn.embed(self._tensors, AudioBuffer(clip[None], SAMPLE_RATE_HZ))


def _cut_clip(samples: np.ndarray, rate_hz: int) -> np.ndarray:
    """Return what of a take is analysed, at 8 kHz [shape=(frames,), dtype=float32]."""
    return _to_8k(samples[: round(ANALYSED_S * rate_hz)], rate_hz)


def _to_8k(samples: np.ndarray, rate_hz: int) -> np.ndarray:
    from lofigen_kit.dsp.resample import resample

    if rate_hz == SAMPLE_RATE_HZ:
        return samples
    heard = AudioBuffer(samples[None].astype(np.float32), rate_hz)
    return np.asarray(resample(heard, SAMPLE_RATE_HZ).samples[0])


def _resample_song(song: Song) -> Song:
    """Return a song at 8 kHz, at which songs are compared."""
    samples = _to_8k(song.samples, song.sample_rate_hz)
    return replace(song, samples=samples, sample_rate_hz=SAMPLE_RATE_HZ)


def _similarity(likeness: ClipMatch) -> float:
    return likeness.similarity


def _flat(found: Iterable[list[ClipMatch]]) -> np.ndarray:
    return np.array([one.similarity for likeness in found for one in likeness])


def _highest(similarities: np.ndarray) -> float | None:
    return round(float(similarities.max()), 4) if len(similarities) else None


def _median(similarities: np.ndarray) -> float | None:
    return round(float(np.median(similarities)), 4) if len(similarities) else None
