"""How well a network predicts the next sample, beside baselines that need no network.

All are measured on the same frames: each sample of the held-out songs once, with the end of a song
as the past of its beginning. The prediction at frame t is compared with sample t + 1. Compared with
sample t, a network that copies its input would look perfect.
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
"""Noise for which the linear predictor is regularised: nearly none, so that it does its best."""


@dataclass(frozen=True)
class Prediction:
    """How well the next sample of held-out songs is predicted, by a network and by baselines.

    Nats and bits are those of a density over amplitude, where full scale is 1. They are below zero
    where a sample is known more exactly than that. Bits at 16 bits are what a coder with this
    density needs for a sample that is rounded to 2**-15.

    Attributes:
        network_nats: Negative log-density of the network; None for a head without a density.
        linear_gaussian_nats: The same of linear prediction of order 32 with a Gaussian residual.
        linear_laplace_nats: The same with a Laplace residual.
        network_bits: `network_nats` in bits.
        linear_gaussian_bits: `linear_gaussian_nats` in bits.
        linear_laplace_bits: `linear_laplace_nats` in bits.
        network_bits_16: The same at a resolution of 16 bits.
        linear_gaussian_bits_16: The same at a resolution of 16 bits.
        linear_laplace_bits_16: The same at a resolution of 16 bits.
        network_mse: Mean squared error of the mean that the network predicts.
        linear_mse: The same of linear prediction of order 32.
        last_sample_mse: The same of the last sample as the prediction.
        variance: Variance of the songs, which is the error of their mean as the prediction.
        network_mae: Mean absolute error of the mean that the network predicts.
        linear_mae: The same of linear prediction.
        last_sample_mae: The same of the last sample.
        mean_deviation: Mean absolute deviation of the songs from their mean.
        frames: Number of samples that were predicted.
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
    """Measure teacher-forced predictions of held-out songs, without noise on the input.

    Args:
        network: The network.
        train: The songs to which the linear predictor and the scale of its residual are fitted.
        held_out: The songs that are predicted.
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
        songs: The songs to predict, each sample once.
        window: Number of samples at a time.
    """
    stack, spec = from_network(network).eval(), network.spec
    context = spec.receptive_field - 1
    crops = Crops(songs, spec, frames=window + context)
    nats = squares = absolutes = 0.0
    frames = 0
    with torch.no_grad():
        for song, start in crops.list_crop_places(window):
            count = min(window, len(songs[song].samples) - start)
            counted = slice(context, context + count)
            batch = crops.cut_crops([(song, start)])
            outputs = stack(batch.x, batch.guide)[..., counted]
            target = batch.target[..., counted]
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
    """Return the errors of linear prediction on both splits, fitted to the training songs."""
    weights, _ = fit_linear_predictor([song.samples for song in train], noise=WHITENING)
    fitted = np.concatenate([_compute_circular_residual(song, weights) for song in train])
    residuals = np.concatenate([_compute_circular_residual(song, weights) for song in held_out])
    return fitted, residuals


def compute_residual_nats(fitted: np.ndarray, residuals: np.ndarray) -> tuple[float, float]:
    """Return nats per sample of residuals, Gaussian and Laplace, with the scale of `fitted`."""
    variance, width = np.mean(fitted**2), np.mean(np.abs(fitted))
    gaussian = 0.5 * math.log(2.0 * math.pi * variance) + np.mean(residuals**2) / (2.0 * variance)
    laplace = math.log(2.0 * width) + np.mean(np.abs(residuals)) / width
    return float(gaussian), float(laplace)


def _compute_circular_residual(song: Song, weights: np.ndarray) -> np.ndarray:
    """Return the error of every sample, with the end of the song as the past of its beginning."""
    past = np.resize(song.samples[::-1], len(weights))[::-1]
    return compute_residual(np.concatenate([past, song.samples]).astype(np.float64), weights)
