"""What one update learns from: crops with noise added to them, and the loss."""

from __future__ import annotations

import math
from collections.abc import Callable

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
    batch = crops.draw_batch(rng, config.batch, self_play_share=config.self_play_share)
    x = batch.x
    if noise_max := compute_noise_max(config, step):
        x = x + torch.from_numpy(_draw_noise(rng, config, noise_max, x.shape[-1], rate_hz))
    if batch.guide is not None:
        kept = torch.from_numpy(rng.random((config.batch, 1, 1)) >= config.instrument_dropout)
        batch.guide[:, crops.instruments] *= kept
        if config.guide_dropout:
            batch.guide[torch.from_numpy(rng.random(config.batch) < config.guide_dropout)] = 0.0
    return Batch(x, batch.target, batch.guide)


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
    rng: np.random.Generator, config: TrainingConfig, noise_max: float, frames: int, rate_hz: int
) -> np.ndarray:
    """Return white noise and tones [shape=(batch, 1, frames), dtype=float32]."""
    noise_min = min(config.noise_min, noise_max) or 1e-3 * noise_max

    def levels() -> np.ndarray:
        return _draw_log_uniform(rng, noise_min, noise_max, config.batch)

    noise = levels() * rng.standard_normal((config.batch, 1, frames))
    time_s = np.arange(frames) / rate_hz
    for _ in range(NOISE_TONES):
        pitch_hz = _draw_log_uniform(rng, *NOISE_TONES_HZ, config.batch)
        phase = rng.uniform(0.0, 2.0 * np.pi, size=(config.batch, 1, 1))
        noise += levels() * np.sin(2.0 * np.pi * pitch_hz * time_s + phase)
    return noise.astype(np.float32)


def _draw_log_uniform(rng: np.random.Generator, low: float, high: float, count: int) -> np.ndarray:
    """Draw numbers whose logarithm is uniform [shape=(count, 1, 1)]."""
    return np.asarray(np.exp(rng.uniform(math.log(low), math.log(high), size=(count, 1, 1))))
