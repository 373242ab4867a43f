"""One update: crops with errors laid upon them, the loss, and a step down its gradient."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from lofigen_kit.corpus.crops import Batch, Crops
from lofigen_kit.nn import heads
from lofigen_kit.nn.spec import NetworkSpec
from lofigen_kit.runtime.seeding import stream
from lofigen_kit.training.config import Recipe, most_error

STRAY_TONES = 2
STRAY_HZ = (40.0, 1600.0)
"""Where the notes are that a network might let ring."""


def noisy_batch(crops: Crops, recipe: Recipe, step: int, rate_hz: int) -> Batch:
    """Return the batch of an update, of which everything is drawn by the seed and the step."""
    rng = stream(recipe.seed, step, "crops")
    batch = crops.draw(rng, recipe.batch, rehearsed_share=recipe.rehearsed_share)
    x = batch.x
    if most := most_error(recipe, step):
        x = x + torch.from_numpy(_errors(rng, recipe, most, x.shape[-1], rate_hz))
    if batch.guide is not None:
        told = torch.from_numpy(rng.random((recipe.batch, 1, 1)) >= recipe.anonymous)
        batch.guide[:, crops.instruments] *= told
        if recipe.guide_dropout:
            batch.guide[torch.from_numpy(rng.random(recipe.batch) < recipe.guide_dropout)] = 0.0
    return Batch(x, batch.target, batch.guide)


def judged_loss(
    network: Callable[[Tensor, Tensor | None], Tensor], batch: Batch, spec: NetworkSpec
) -> Tensor:
    """Return the loss over the frames whose whole receptive field lies within the crop."""
    first = spec.receptive_field - 1
    outputs = network(batch.x, batch.guide)
    # Half precision is enough for the layers, not for the loss.
    outputs = outputs.to(torch.promote_types(outputs.dtype, torch.float32))
    return heads.loss(outputs[..., first:], batch.target[..., first:], spec)


def _errors(
    rng: np.random.Generator, recipe: Recipe, most: float, frames: int, rate_hz: int
) -> np.ndarray:
    """Return errors such as a network makes [shape=(batch, 1, frames), dtype=float32]."""
    least = min(recipe.least_error, most) or 1e-3 * most

    def levels() -> np.ndarray:
        return _even_in_octaves(rng, least, most, recipe.batch)

    noise = levels() * rng.standard_normal((recipe.batch, 1, frames))
    time_s = np.arange(frames) / rate_hz
    for _ in range(STRAY_TONES):
        pitch_hz = _even_in_octaves(rng, *STRAY_HZ, recipe.batch)
        phase = rng.uniform(0.0, 2.0 * np.pi, size=(recipe.batch, 1, 1))
        noise += levels() * np.sin(2.0 * np.pi * pitch_hz * time_s + phase)
    return noise.astype(np.float32)


def _even_in_octaves(rng: np.random.Generator, low: float, high: float, count: int) -> np.ndarray:
    """Draw numbers whose logarithm is uniform [shape=(count, 1, 1)]."""
    return np.asarray(np.exp(rng.uniform(math.log(low), math.log(high), size=(count, 1, 1))))
