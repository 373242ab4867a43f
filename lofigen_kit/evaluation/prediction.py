"""How well a network predicts the next sample, beside what needs no network.

Everything is judged on the same frames, each sample of the held-out songs once, and with a song's
end as the past of its beginning. The prediction made at frame t is compared with sample t + 1: a
network that is compared with sample t instead looks perfect by copying its input.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from lofigen_kit.corpus.crops import Crops
from lofigen_kit.corpus.songs import Song
from lofigen_kit.nn import heads
from lofigen_kit.nn.checkpoint import Network
from lofigen_kit.nn.linear_prediction import compute_residual, fit_linear_predictor
from lofigen_kit.nn.network import from_network

WHITENING = 1e-6
"""The noise that the linear predictor is made to bear: next to none, for it to be at its best."""


@dataclass(frozen=True)
class Prediction:
    """What a network says of each next sample of held-out songs, beside its baselines.

    Nats and bits are those of a density over amplitude, where full scale is 1: they are below
    zero where a sample is known to better than that. Bits at 16 bits are what a coder that knows
    this density needs for a sample rounded to 2**-15.

    Attributes:
        network_nats: The negative log-density; None for a head without one.
        linear_gaussian_nats: Of linear prediction of order 32 with a Gaussian residual.
        linear_laplace_nats: With a Laplace residual.
        network_bits: The same in bits.
        linear_gaussian_bits: The same in bits.
        linear_laplace_bits: The same in bits.
        network_bits_16: At a resolution of 16 bits.
        linear_gaussian_bits_16: Likewise.
        linear_laplace_bits_16: Likewise.
        network_mse: The mean squared error of the predicted mean.
        linear_mse: Of linear prediction of order 32.
        last_sample_mse: Of the last sample taken for the next.
        variance: Of the songs: the error of their mean, which is a prediction too.
        network_mae: The mean absolute error of the predicted mean.
        linear_mae: Likewise.
        last_sample_mae: Likewise.
        mean_deviation: The mean absolute deviation of the songs from their mean.
        frames: How many samples were judged.
    """

    network_nats: float | None
    linear_gaussian_nats: float
    linear_laplace_nats: float
    network_bits: float | None
    linear_gaussian_bits: float
    linear_laplace_bits: float
    network_bits_16: float | None
    linear_gaussian_bits_16: float
    linear_laplace_bits_16: float
    network_mse: float
    linear_mse: float
    last_sample_mse: float
    variance: float
    network_mae: float
    linear_mae: float
    last_sample_mae: float
    mean_deviation: float
    frames: int


def measure_prediction(
    network: Network, train: Sequence[Song], held_out: Sequence[Song]
) -> Prediction:
    """Judge a network's teacher-forced predictions of held-out songs, without noise.

    Args:
        network: The network.
        train: The songs to which the linear predictor and its residual's scale are fitted.
        held_out: The songs that are judged.
    """
    nats, mse, mae = compute_network_errors(network, held_out)
    fitted, linear = compute_linear_residuals(train, held_out)
    gaussian, laplace = compute_residual_nats(fitted, linear)
    steps = np.concatenate([np.diff(song.samples, prepend=song.samples[-1]) for song in held_out])
    samples = np.concatenate([song.samples for song in held_out]).astype(np.float64)
    deviation = samples - samples.mean()
    return Prediction(
        network_nats=nats,
        linear_gaussian_nats=gaussian,
        linear_laplace_nats=laplace,
        network_bits=None if nats is None else to_bits(nats),
        linear_gaussian_bits=to_bits(gaussian),
        linear_laplace_bits=to_bits(laplace),
        network_bits_16=None if nats is None else to_bits(nats) + 15.0,
        linear_gaussian_bits_16=to_bits(gaussian) + 15.0,
        linear_laplace_bits_16=to_bits(laplace) + 15.0,
        network_mse=mse,
        linear_mse=float(np.mean(linear**2)),
        last_sample_mse=float(np.mean(steps.astype(np.float64) ** 2)),
        variance=float(np.mean(deviation**2)),
        network_mae=mae,
        linear_mae=float(np.mean(np.abs(linear))),
        last_sample_mae=float(np.mean(np.abs(steps))),
        mean_deviation=float(np.mean(np.abs(deviation))),
        frames=len(samples),
    )


def to_bits(nats: float) -> float:
    """Return nats as bits."""
    return nats / math.log(2.0)


def compute_network_errors(
    network: Network, songs: Sequence[Song], *, window: int = 8192
) -> tuple[float | None, float, float]:
    """Return a network's nats a sample (None for an `mse` head), and its MSE and MAE.

    Args:
        network: The network.
        songs: What it predicts, each sample once.
        window: How many samples at a time.
    """
    stack, spec = from_network(network).eval(), network.spec
    context = spec.receptive_field - 1
    crops = Crops(songs, spec, frames=window + context)
    nats = squares = absolutes = 0.0
    frames = 0
    with torch.no_grad():
        for song, start in crops.list_crop_places(window):
            count = min(window, len(songs[song].samples) - start)
            judged = slice(context, context + count)
            batch = crops.cut_crops([(song, start)])
            outputs = stack(batch.x, batch.guide)[..., judged]
            target = batch.target[..., judged]
            error = heads.expectation(outputs, spec) - target
            density = heads.density_nats(outputs, target, spec)
            nats += math.nan if density is None else float(density) * count
            squares += float(error.double().square().sum())
            absolutes += float(error.double().abs().sum())
            frames += count
    mean_nats = None if math.isnan(nats) else nats / frames
    return mean_nats, squares / frames, absolutes / frames


def compute_linear_residuals(
    train: Sequence[Song], held_out: Sequence[Song]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the errors of linear prediction, fitted to the training songs, on both splits."""
    weights, _ = fit_linear_predictor([song.samples for song in train], noise=WHITENING)
    fitted = np.concatenate([_compute_circular_residual(song, weights) for song in train])
    judged = np.concatenate([_compute_circular_residual(song, weights) for song in held_out])
    return fitted, judged


def compute_residual_nats(fitted: np.ndarray, judged: np.ndarray) -> tuple[float, float]:
    """Return nats a sample of errors as Gaussian and as Laplace, their scale that of `fitted`."""
    variance, width = np.mean(fitted**2), np.mean(np.abs(fitted))
    gaussian = 0.5 * math.log(2.0 * math.pi * variance) + np.mean(judged**2) / (2.0 * variance)
    laplace = math.log(2.0 * width) + np.mean(np.abs(judged)) / width
    return float(gaussian), float(laplace)


def _compute_circular_residual(song: Song, weights: np.ndarray) -> np.ndarray:
    """Return the error for every sample, the song's end being the past of its beginning."""
    past = np.resize(song.samples[::-1], len(weights))[::-1]
    return compute_residual(np.concatenate([past, song.samples]).astype(np.float64), weights)
