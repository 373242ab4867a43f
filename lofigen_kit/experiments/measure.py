"""What a regression is worth on songs it never saw: its errors beside baselines, and its sound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from scipy import signal

from lofigen_kit.analysis.collapse import examine
from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.components.contracts import ParametricSampler
from lofigen_kit.corpus.crops import Crops
from lofigen_kit.corpus.songs import Song
from lofigen_kit.evaluation.performance import compute_level_db
from lofigen_kit.evaluation.rollout import generate_rollouts
from lofigen_kit.nn.checkpoint import Network
from lofigen_kit.nn.distribution import HeadKind, SamplingParams
from lofigen_kit.nn.linear_prediction import ORDER, fit_linear_predictor
from lofigen_kit.nn.network import from_network

WINDOW = 8192
MAX_WINDOWS = 40
"""How many windows are judged at most, spread evenly over the songs."""


@dataclass(frozen=True)
class Accuracy:
    """Errors at the true shift on held-out songs, teacher-forced, all on the same frames.

    Attributes:
        mse: Of the network, for the next sample.
        mae: The same, absolute.
        mse_two_ahead: Its error as a prediction of the sample after the next.
        last_sample_mse: Of saying the last sample again.
        linear_mse: Of linear prediction of order 32, fitted to the training songs.
        variance: Of the signal: what saying its mean always would give.
        frames: How many were judged.
    """

    mse: float
    mae: float
    mse_two_ahead: float
    last_sample_mse: float
    linear_mse: float
    variance: float
    frames: int


@dataclass(frozen=True)
class Rollout:
    """What a network plays by itself.

    Attributes:
        samples: Free-running, after its prime [shape=(frames,)].
        reference: The song that primed it, over the same time [shape=(frames,)].
        level_db: Level of the last second, beside the reference's level.
        verdict: What the collapse doctor says of it, in a few words.
    """

    samples: np.ndarray
    reference: np.ndarray
    level_db: float
    verdict: str


class _ConditionalMeanSampler(ParametricSampler):
    """The conditional mean, as the reference appends it."""

    use: Literal["expectation"] = "expectation"
    heads: ClassVar[tuple[HeadKind, ...]] = ("mse",)

    def sampling_params(self) -> SamplingParams:
        return SamplingParams(spread=0.0)


def measure_accuracy(network: Network, train: Sequence[Song], held_out: Sequence[Song]) -> Accuracy:
    """Return a regression's errors beside those of three baselines.

    Args:
        network: Unguided, with an `mse` head.
        train: What the linear predictor is fitted to.
        held_out: What is judged: windows of 8192 frames, 40 of them at most.
    """
    context = max(network.spec.receptive_field - 1, ORDER)
    crops = Crops(held_out, network.spec, frames=WINDOW + context + 1)
    weights, _ = fit_linear_predictor([song.samples for song in train], noise=1e-6)
    stack = from_network(network).eval()
    rows = []
    with torch.no_grad():
        for place in _spread(crops.list_crop_places(WINDOW)):
            batch = crops.cut_crops([place])
            heard = batch.x[0, 0, :-1].numpy()
            said = stack(batch.x[..., :-1])[0, 0].numpy()
            linear = signal.lfilter(weights, [1.0], heard)
            coming = batch.target[0, 0].numpy()
            rows.append([row[context:] for row in (heard, said, linear, coming[:-1], coming[1:])])
    heard, said, linear, coming, after = np.concatenate(rows, axis=1, dtype=np.float64)
    return Accuracy(
        mse=_mean_square(said - coming),
        mae=float(np.abs(said - coming).mean()),
        mse_two_ahead=_mean_square(said - after),
        last_sample_mse=_mean_square(heard - coming),
        linear_mse=_mean_square(linear - coming),
        variance=float(coming.var()),
        frames=len(coming),
    )


def _spread(places: list[tuple[int, int]]) -> list[tuple[int, int]]:
    picks = np.linspace(0, len(places) - 1, min(len(places), MAX_WINDOWS)).round().astype(int)
    return [places[pick] for pick in picks]


def _mean_square(errors: np.ndarray) -> float:
    return float(np.mean(np.square(errors)))


def measure_rollout(network: Network, song: Song, seconds: float, *, threads: int = 1) -> Rollout:
    """Let a network play on by itself from the end of a song, as the reference does.

    Args:
        network: With an `mse` head.
        song: Its last 8192 frames prime the network; over and over it is the reference.
        seconds: How long.
        threads: Cores to use.
    """
    (samples,) = generate_rollouts(
        network, _ConditionalMeanSampler(), [song], seconds=seconds, seed=0, threads=threads
    )
    reference = np.resize(song.samples, len(samples))
    rate_hz = network.spec.sample_rate_hz
    level = compute_level_db(samples[-rate_hz:]) - compute_level_db(reference)
    return Rollout(samples, reference, level, _verdict(samples, rate_hz))


def _verdict(samples: np.ndarray, rate_hz: int) -> str:
    findings = examine(AudioBuffer(samples[None], rate_hz))
    said = (f"{found.fault} {found.start_s:g}-{found.end_s:g} s" for found in findings)
    return ", ".join(said) or "no collapse found"
