"""What one update learns from: crops with noise added to them, and the loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from lofigen_kit.corpus.crops import Batch, Crops
from lofigen_kit.nn import heads
from lofigen_kit.nn.spec import NetworkSpec
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit.training.config import TrainingConfig, compute_noise_max

NOISE_TONES = 2
NOISE_TONES_HZ = (40.0, 1600.0)
"""Lowest and highest frequency of the tones, where the notes are that a network might sustain."""


def augment_batch(crops: Crops, config: TrainingConfig, step: int, rate_hz: int) -> Batch:
    """Return the batch of an update; all that is random in it comes from the seed and the step."""
    rng = rng_for(config.seed, step, "crops")
    batch = crops.draw_batch(
        rng,
        config.batch,
        self_play_share=config.self_play_share,
        percussive_self_play=config.percussive_self_play,
    )
    x = batch.x
    if noise_max := compute_noise_max(config, step):
        highest = np.full(config.batch, noise_max)
        if config.percussive_noise_max is not None:
            highest[batch.percussive] = config.percussive_noise_max
        x = x + torch.from_numpy(_draw_noise(rng, config.noise_min, highest, x.shape[-1], rate_hz))
    if batch.guide is not None:
        kept = torch.from_numpy(rng.random((config.batch, 1, 1)) >= config.instrument_dropout)
        batch.guide[:, crops.instruments] *= kept
        if config.guide_dropout:
            batch.guide[torch.from_numpy(rng.random(config.batch) < config.guide_dropout)] = 0.0
    return replace(batch, x=x)


def compute_loss(
    network: Callable[[Tensor, Tensor | None], Tensor], batch: Batch, spec: NetworkSpec
) -> Tensor:
    """Return the loss over the frames whose whole receptive field is within the crop."""
    first = spec.receptive_field - 1
    outputs = network(batch.x, batch.guide)
    # Half precision is enough for the layers, not for the loss.
    outputs = outputs.to(torch.promote_types(outputs.dtype, torch.float32))
    return heads.loss(outputs[..., first:], batch.target[..., first:], spec)


def _draw_noise(
    rng: np.random.Generator, noise_min: float, highest: np.ndarray, frames: int, rate_hz: int
) -> np.ndarray:
    """Return white noise and tones, up to a level for each crop.

    Args:
        rng: Draws them.
        noise_min: The lowest level.
        highest: The highest, by crop [shape=(batch,)]; a crop whose highest is 0 has none.
        frames: Length of a crop.
        rate_hz: Frames a second.

    Returns:
        [shape=(batch, 1, frames), dtype=float32].
    """
    top = np.maximum(highest, np.finfo(np.float64).tiny)
    lowest = np.minimum(noise_min, top)
    lowest = np.where(lowest > 0.0, lowest, 1e-3 * top)

    def levels() -> np.ndarray:
        drawn = _draw_log_uniform(rng, lowest, top)
        return np.where(highest[:, None, None] > 0.0, drawn, 0.0)

    noise = levels() * rng.standard_normal((len(highest), 1, frames))
    time_s = np.arange(frames) / rate_hz
    for _ in range(NOISE_TONES):
        pitch_hz = _draw_log_uniform(rng, *(np.full_like(top, hz) for hz in NOISE_TONES_HZ))
        phase = rng.uniform(0.0, 2.0 * np.pi, size=(len(highest), 1, 1))
        noise += levels() * np.sin(2.0 * np.pi * pitch_hz * time_s + phase)
    return noise.astype(np.float32)


def _draw_log_uniform(rng: np.random.Generator, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Draw a number for each crop whose logarithm is uniform [shape=(batch, 1, 1)]."""
    bounds = (np.log(bound)[:, None, None] for bound in (low, high))
    return np.asarray(np.exp(rng.uniform(*bounds)))
