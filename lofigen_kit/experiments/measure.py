"""How good a regression is on held-out songs: its errors beside baselines, and its rollout."""

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
"""Largest number of windows that are measured, spread evenly over the songs."""


@dataclass(frozen=True)
class Accuracy:
    """Teacher-forced errors on held-out songs, all on the same frames.

    Attributes:
        mse: Mean squared error of the network for the next sample.
        mae: Mean absolute error of the network for the next sample.
        mse_two_ahead: Mean squared error of its output for the sample after the next.
        last_sample_mse: The same of the last sample as the prediction.
        linear_mse: The same of linear prediction of order 32, fitted to the training songs.
        variance: Variance of the signal, which is the error of its mean as the prediction.
        frames: Number of frames that were measured.
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
    """What a network plays from its own past.

    Attributes:
        samples: The rollout, after its prime [shape=(frames,)].
        reference: The song that primed it, over the same time [shape=(frames,)].
        level_db: Level of the last second relative to the reference.
        verdict: What the collapse detector found, in a few words.
    """

    samples: np.ndarray
    reference: np.ndarray
    level_db: float
    verdict: str


class _ConditionalMeanSampler(ParametricSampler):
    """The conditional mean, as in the reference."""

    use: Literal["expectation"] = "expectation"
    heads: ClassVar[tuple[HeadKind, ...]] = ("mse",)

    def sampling_params(self) -> SamplingParams:
        return SamplingParams(spread=0.0)


def measure_accuracy(network: Network, train: Sequence[Song], held_out: Sequence[Song]) -> Accuracy:
    """Return the errors of a regression and of three baselines.

    Args:
        network: A network without a guide, with an `mse` head.
        train: The songs to which the linear predictor is fitted.
        held_out: The songs to predict: windows of 8192 frames, 40 at most.
    """
    context = max(network.spec.receptive_field - 1, ORDER)
    crops = Crops(held_out, network.spec, frames=WINDOW + context + 1)
    weights, _ = fit_linear_predictor([song.samples for song in train], noise=1e-6)
    stack = from_network(network).eval()
    rows = []
    with torch.no_grad():
        for place in _spread(crops.list_crop_places(WINDOW)):
            batch = crops.cut_crops([place])
            inputs = batch.x[0, 0, :-1].numpy()
            outputs = stack(batch.x[..., :-1])[0, 0].numpy()
            linear = signal.lfilter(weights, [1.0], inputs)
            targets = batch.target[0, 0].numpy()
            rows.append(
                [row[context:] for row in (inputs, outputs, linear, targets[:-1], targets[1:])]
            )
    inputs, outputs, linear, targets, after = np.concatenate(rows, axis=1, dtype=np.float64)
    return Accuracy(
        mse=_mean_square(outputs - targets),
        mae=float(np.abs(outputs - targets).mean()),
        mse_two_ahead=_mean_square(outputs - after),
        last_sample_mse=_mean_square(inputs - targets),
        linear_mse=_mean_square(linear - targets),
        variance=float(targets.var()),
        frames=len(targets),
    )


def _spread(places: list[tuple[int, int]]) -> list[tuple[int, int]]:
    picks = np.linspace(0, len(places) - 1, min(len(places), MAX_WINDOWS)).round().astype(int)
    return [places[pick] for pick in picks]


def _mean_square(errors: np.ndarray) -> float:
    return float(np.mean(np.square(errors)))


def measure_rollout(network: Network, song: Song, seconds: float, *, threads: int = 1) -> Rollout:
    """Let a network play on from the end of a song, as in the reference.

    Args:
        network: A network with an `mse` head.
        song: Its last 8192 frames prime the network; in a loop it is the reference.
        seconds: Length of the rollout.
        threads: Number of CPU threads.
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
    faults = (f"{found.fault} {found.start_s:g}-{found.end_s:g} s" for found in findings)
    return ", ".join(faults) or "no collapse found"
