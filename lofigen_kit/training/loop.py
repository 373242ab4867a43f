"""The training loop: from a corpus and a spec to a checkpoint."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from lofigen_kit.components import LawSampler
from lofigen_kit.errors import RenderError
from lofigen_kit.law import DrawLaw
from lofigen_kit.nn import heads
from lofigen_kit.nn.checkpoint import Network, save
from lofigen_kit.nn.network import (
    CausalStack,
    from_network,
    start_linear,
    to_network,
    to_tensors,
)
from lofigen_kit.nn.spec import NetworkSpec
from lofigen_kit.seeding import stream
from lofigen_kit.training.corpus import Song
from lofigen_kit.training.data import Batch, Crops
from lofigen_kit.training.linear import ORDER, linear_predictor
from lofigen_kit.training.playing import play

CURVE_EVERY = 100
STRAY_TONES = 2
STRAY_HZ = (40.0, 1600.0)
"""Where the notes are that a network might let ring."""


@dataclass(frozen=True)
class Recipe:
    """How to train. The defaults are what trains a guided mixture well.

    Attributes:
        steps: Updates.
        batch: Crops in an update.
        window: Frames of a crop that are judged; the receptive field comes before them.
        learning_rate: Adam's peak rate, reached after `warm_up` updates, then a cosine.
        least_error: The smallest level of the errors that are laid upon the input: white noise
            and stray tones, each level drawn for each crop, evenly in decibels.
        most_error: The largest. They teach the network to pull errors of its own back, and to
            take pitch from the guide, not from what happens to ring.
        anonymous: The share of crops that are not told their instruments, so that the network also
            plays for scores that name none.
        rehearse_every: After so many updates the network plays some of the songs, and trains on
            its own playing as the past of what should come next; 0 never does.
        rehearsed_songs: How many it plays.
        rehearsed_share: The share of crops that follow its own playing.
        rehearsal_temperature: Of its sampling while it plays; the one at which it will be used.
        average: Decay of the averaged weights, which are what is kept.
        seed: Of the initial weights, the crops and the noise.
    """

    steps: int = 10_000
    batch: int = 8
    window: int = 4096
    learning_rate: float = 1e-3
    warm_up: int = 300
    least_error: float = 3e-4
    most_error: float = 0.15
    anonymous: float = 0.15
    clip: float = 1.0
    average: float = 0.999
    rehearse_every: int = 0
    rehearsed_songs: int = 24
    rehearsed_share: float = 0.5
    rehearsal_temperature: float = 0.9
    seed: int = 0


@dataclass(frozen=True)
class Progress:
    """Where the training stands."""

    step: int
    steps: int
    loss: float
    seconds: float


def train(
    spec: NetworkSpec,
    songs: Sequence[Song],
    recipe: Recipe,
    path: Path,
    *,
    facts: dict[str, Any],
    start: Network | None = None,
    save_every_s: float = 300.0,
    progress: Callable[[Progress], None] | None = None,
) -> dict[str, Any]:
    """Train a network and write its averaged weights, also on a timer while it runs.

    Beside the checkpoint stands its curve, `.csv`: step, smoothed loss, seconds.

    Args:
        spec: The network's shape.
        songs: The training split.
        recipe: How.
        path: The checkpoint to write.
        facts: What the caller knows of the data and the licence; kept in the checkpoint.
        start: A network of the same shape to go on from; None begins anew.
        save_every_s: The timer's period.
        progress: Called after every update.

    Returns:
        The facts as they stand in the checkpoint.

    Raises:
        RenderError: when the loss is no longer a number; the last good checkpoint stays.
    """
    stack = from_network(start) if start else CausalStack(spec, seed=recipe.seed)
    if spec.head == "mol" and not start:
        order = min(ORDER, spec.layers[-1].kernel)
        start_linear(stack, *linear_predictor([song.samples for song in songs], order=order))
    crops = Crops(songs, spec, frames=recipe.window + spec.receptive_field - 1)
    optimiser = torch.optim.Adam(stack.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.99))
    average = {name: t.detach().clone() for name, t in stack.state_dict().items()}
    began = saved = time.monotonic()
    smooth = math.nan
    path.parent.mkdir(parents=True, exist_ok=True)
    curve = path.with_suffix(".csv")
    curve.write_text("step,loss,seconds\n")
    for step in range(recipe.steps):
        if recipe.rehearse_every and step % recipe.rehearse_every == 0:
            crops.rehearse(_rehearsal(stack, average, songs, recipe, step))
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(recipe, step)
        value = _update(stack, optimiser, crops, recipe, step)
        if not math.isfinite(value):
            raise RenderError(
                f"the loss is not a number at step {step}",
                where=path,
                remedy="lower the learning rate; the last checkpoint is kept",
            )
        smooth = value if step == 0 else 0.99 * smooth + 0.01 * value
        _blend(average, stack.state_dict(), min(recipe.average, (1 + step) / (10 + step)))
        now = time.monotonic()
        last = step == recipe.steps - 1
        if last or (step + 1) % CURVE_EVERY == 0:
            with curve.open("a") as file:
                file.write(f"{step + 1},{smooth:.5f},{now - began:.1f}\n")
        if last or now - saved > save_every_s:
            saved = now
            trained = {"steps": step + 1, "loss": smooth, "seconds": round(now - began)}
            facts = {**facts, "recipe": asdict(recipe), **trained}
            _save(path, stack, average, facts)
        if progress:
            progress(Progress(step + 1, recipe.steps, smooth, now - began))
    return facts


def learning_rate(recipe: Recipe, step: int) -> float:
    """Return the rate of an update: a linear warm-up, then a cosine to a hundredth."""
    warm = min(1.0, (step + 1) / recipe.warm_up)
    cosine = 0.5 * (1.0 + math.cos(math.pi * step / recipe.steps))
    return recipe.learning_rate * warm * (0.01 + 0.99 * cosine)


def _update(
    stack: CausalStack, optimiser: torch.optim.Adam, crops: Crops, recipe: Recipe, step: int
) -> float:
    """Take one step down the gradient, and return the loss before it."""
    rng = stream(recipe.seed, step, "crops")
    batch = crops.draw(rng, recipe.batch, rehearsed_share=recipe.rehearsed_share)
    errors = torch.from_numpy(_errors(rng, recipe, batch.x.shape[-1], stack.spec.sample_rate_hz))
    if batch.guide is not None:
        told = torch.from_numpy(rng.random((recipe.batch, 1, 1)) >= recipe.anonymous)
        batch.guide[:, crops.instruments] *= told
    loss = judged_loss(stack, Batch(batch.x + errors, batch.target, batch.guide))
    optimiser.zero_grad()
    torch.autograd.backward(loss)
    torch.nn.utils.clip_grad_norm_(stack.parameters(), recipe.clip)
    optimiser.step()
    return float(loss.detach())


def _errors(rng: np.random.Generator, recipe: Recipe, frames: int, rate_hz: int) -> np.ndarray:
    """Return errors such as a network makes [shape=(batch, 1, frames), dtype=float32]."""

    def levels() -> np.ndarray:
        return _even_in_octaves(rng, recipe.least_error, recipe.most_error, recipe.batch)

    noise = levels() * rng.standard_normal((recipe.batch, 1, frames))
    time_s = np.arange(frames) / rate_hz
    for _ in range(STRAY_TONES):
        pitch_hz = _even_in_octaves(rng, *STRAY_HZ, recipe.batch)
        phase = rng.uniform(0.0, 2.0 * np.pi, size=(recipe.batch, 1, 1))
        noise += levels() * np.sin(2.0 * np.pi * pitch_hz * time_s + phase)
    return noise.astype(np.float32)


def _rehearsal(
    stack: CausalStack,
    average: dict[str, Tensor],
    songs: Sequence[Song],
    recipe: Recipe,
    step: int,
) -> dict[int, np.ndarray]:
    """Return some songs, by index, as the averaged network plays them now."""
    rng = stream(recipe.seed, step, "rehearsal")
    count = min(recipe.rehearsed_songs, len(songs))
    picks = rng.choice(len(songs), size=count, replace=False).tolist()
    averaged = CausalStack(stack.spec)
    averaged.load_state_dict(average)
    played = play(
        to_network(averaged),
        _Rehearsal(temperature=recipe.rehearsal_temperature),
        [songs[pick] for pick in picks],
        seconds=None,
        seed=int(rng.integers(2**32)),
    )
    return dict(zip(picks, played, strict=True))


class _Rehearsal(LawSampler):
    """The network's own distribution, but for the farthest tails."""

    use: Literal["rehearsal"] = "rehearsal"
    temperature: float

    def law(self) -> DrawLaw:
        return DrawLaw(temperature=self.temperature, tail=0.01)


def _even_in_octaves(rng: np.random.Generator, low: float, high: float, count: int) -> np.ndarray:
    """Draw numbers whose logarithm is uniform [shape=(count, 1, 1)]."""
    return np.asarray(np.exp(rng.uniform(math.log(low), math.log(high), size=(count, 1, 1))))


def judged_loss(stack: CausalStack, batch: Batch) -> Tensor:
    """Return the loss over the frames whose whole receptive field lies within the crop."""
    first = stack.spec.receptive_field - 1
    outputs = stack(batch.x, batch.guide)
    return heads.loss(outputs[..., first:], batch.target[..., first:], stack.spec)


def _blend(average: dict[str, Tensor], current: dict[str, Tensor], decay: float) -> None:
    with torch.no_grad():
        for name, tensor in current.items():
            average[name].lerp_(tensor, 1.0 - decay)


def _save(
    path: Path, stack: CausalStack, average: dict[str, Tensor], facts: dict[str, Any]
) -> None:
    """Write the averaged weights."""
    averaged = CausalStack(stack.spec)
    averaged.load_state_dict(average)
    save(path, stack.spec, to_tensors(averaged), facts, half=True)
