"""The defects of the reference, LofiGen, each with a switch that shows its effect.

Only an experiment that asks for a defect uses this; all else trains by `training.loop`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

import torch

from lofigen_kit.corpus.crops import Batch, Crops
from lofigen_kit.corpus.songs import Song
from lofigen_kit.errors import RenderError
from lofigen_kit.nn.network import CausalStack
from lofigen_kit.nn.spec import NetworkSpec
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit.training.callbacks import TrainingProgress
from lofigen_kit.training.config import TrainingConfig, compute_learning_rate
from lofigen_kit.training.update import compute_loss

Defect = Literal["mse-average", "double-shift", "one-model"]
EXPLAINED: dict[Defect, str] = {
    "mse-average": (
        "The reference adds up the errors of the batches that it trains on, one in 8,192, and "
        "divides by the number of all batches. Its published error of 1.0e-6 is therefore about "
        "0.008, beside a signal variance of the order of 0.02."
    ),
    "double-shift": (
        "The reference shifts its target once when it cuts the windows and once more when it "
        "trains. The network learns the sample after the next one, and generation appends it as "
        "the next."
    ),
    "one-model": (
        "The reference's experiment 1 trains one network with one optimiser on lofi, then on "
        "piano, then on rap. Its curves of genres are one curve in three parts, and each genre "
        "begins where the last one ended."
    ),
}
ONE_IN = 8192
"""The reference trains on one batch of so many."""
SHIFT = 2
"""Frames from an input to its target; 1 would be right."""


def average_over_all(trained_errors: Sequence[float], *, one_in: int = ONE_IN) -> float:
    """Return a mean error as the reference reports it.

    Args:
        trained_errors: Error of each batch that was trained on; at least one.
        one_in: Number of all batches for each that was trained on.

    Returns:
        The sum of the errors, divided by the number of all batches.
    """
    return sum(trained_errors) / (len(trained_errors) * one_in)


def shift_target(batch: Batch, shift: int) -> Batch:
    """Return a batch whose target is `shift` frames after its input.

    Args:
        batch: A batch whose target is one frame after its input.
        shift: 1 or more. The returned batch is shorter by `shift` - 1 frames.
    """
    extra = shift - 1
    frames = batch.x.shape[-1] - extra
    return Batch(batch.x[..., :frames], batch.target[..., extra:], batch.guide)


class ReferenceTrainer:
    """One network and one Adam that learn one corpus after another, as in the reference.

    With one corpus and a shift of 1 it does what `training.loop.train` does: the same initial
    weights, crops, learning rates and average. So only the defect makes a difference.

    Args:
        spec: Shape of a network without a guide.
        config: The hyperparameters for each corpus; noise and self-play are not used.
    """

    def __init__(self, spec: NetworkSpec, config: TrainingConfig) -> None:
        self.spec, self.config = spec, config
        self._stack = CausalStack(spec, seed=config.seed)
        self._optimiser = torch.optim.Adam(
            self._stack.parameters(), lr=config.learning_rate, betas=(0.9, 0.99)
        )
        self._averaged = CausalStack(spec, seed=config.seed)

    def train(
        self,
        songs: Sequence[Song],
        *,
        shift: int = 1,
        progress: Callable[[TrainingProgress], None] | None = None,
    ) -> CausalStack:
        """Make all updates on a corpus, and return the network with its averaged weights.

        The next call goes on with the same network.

        Args:
            songs: The training songs.
            shift: Frames from an input to its target.
            progress: Called after every update, with the smoothed loss; its times are 0.

        Raises:
            RenderError: when the loss is not a number any more.
        """
        frames = self.config.window + self.spec.receptive_field - 1
        crops = Crops(songs, self.spec, frames=frames + shift - 1)
        loss = math.nan
        for step in range(self.config.steps):
            rng = rng_for(self.config.seed, step, "crops")
            value = self._update(
                shift_target(crops.draw_batch(rng, self.config.batch), shift), step
            )
            if not math.isfinite(value):
                raise RenderError(
                    f"the loss is not a number at step {step}", remedy="lower the learning rate"
                )
            loss = value if step == 0 else 0.99 * loss + 0.01 * value
            if progress:
                progress(TrainingProgress("training", step + 1, self.config.steps, loss, 0.0, 0.0))
        return self._averaged

    def _update(self, batch: Batch, step: int) -> float:
        for group in self._optimiser.param_groups:
            group["lr"] = compute_learning_rate(self.config, step)
        loss = compute_loss(self._stack, batch, self.spec)
        self._optimiser.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self._stack.parameters(), self.config.max_grad_norm)
        self._optimiser.step()
        decay = min(self.config.ema_decay, (1 + step) / (10 + step))
        current = self._stack.state_dict()
        with torch.no_grad():
            for name, tensor in self._averaged.state_dict().items():
                tensor.lerp_(current[name], 1.0 - decay)
        return float(loss.detach())
