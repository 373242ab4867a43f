"""Time one training step, with torch's Conv1d and with convolution by FFT."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from lofigen_kit.bench.rounds import Play, compute_ratio, interleave, time_call
from lofigen_kit.corpus.crops import Batch
from lofigen_kit.errors import InputError
from lofigen_kit.nn.network import CausalStack
from lofigen_kit.nn.spec import NetworkSpec
from lofigen_kit.training.update import compute_loss


def convert_to_conv1d(stack: CausalStack) -> CausalStack:
    """Return a copy of a network that computes its layers with torch's Conv1d."""
    direct = copy.deepcopy(stack)
    direct.set_conv_methods(["direct"] * len(stack.spec.layers))
    return direct


@dataclass(frozen=True)
class StepShape:
    """The size of a training step.

    Attributes:
        batch: The number of crops.
        frames: Samples of each crop, including the receptive field.
        threads: The number of threads.
    """

    batch: int = 4
    frames: int = 8192
    threads: int = 1


def measure(
    specs: Mapping[str, NetworkSpec],
    step: StepShape,
    *,
    rounds: int,
    progress: Callable[[int, int], None] | None = None,
) -> list[dict[str, Any]]:
    """Time a forward and backward pass of the loss, with both methods in turn.

    Args:
        specs: The networks by name.
        step: The size of the step.
        rounds: How often each is timed.
        progress: See `interleave`.

    Returns:
        list[dict]: for each network, median times in seconds, how many times faster the FFT is, and
        the differences of both gradients from each other and from those in float64.

    Raises:
        InputError: if a crop is shorter than a network's receptive field.
    """
    for name, spec in specs.items():
        if step.frames < spec.receptive_field:
            raise InputError(
                f"the receptive field of {name} is {spec.receptive_field} samples, but a crop has "
                f"only {step.frames}",
                remedy=f"use at least --frames {spec.receptive_field}",
            )
    torch.set_num_threads(step.threads)
    pairs = {}
    for name, spec in specs.items():
        stack = CausalStack(spec)
        pairs[name] = (convert_to_conv1d(stack), stack)
    plays: list[Play] = []
    for name, pair in pairs.items():
        for stack in pair:
            short = specs[name].receptive_field + 64
            time_call(_prepare_pass(stack, make_batch(specs[name], 1, short)))  # warms up
            plays.append(_prepare_pass(stack, make_batch(specs[name], step.batch, step.frames)))
    times = interleave(plays, rounds, progress)
    return [
        {
            "model": name,
            "conv1d_s": conv1d.median_s,
            "fft_s": fft.median_s,
            "conv1d_cpu_s": conv1d.median_cpu_s,
            "fft_cpu_s": fft.median_cpu_s,
            "ratio": compute_ratio(conv1d.wall_s, fft.wall_s),
            "cpu_ratio": compute_ratio(conv1d.cpu_s, fft.cpu_s),
            **_measure_errors(*pairs[name], make_batch(specs[name], step.batch, step.frames)),
        }
        for name, conv1d, fft in zip(pairs, times[::2], times[1::2], strict=True)
    ]


def make_batch(spec: NetworkSpec, count: int, frames: int) -> Batch:
    """Return a batch of noise, with a guide of noise."""
    generator = torch.Generator().manual_seed(0)
    audio = 0.1 * torch.randn(count, 1, frames + 1, generator=generator)
    guide = 0.1 * torch.randn(count, len(spec.guide), frames, generator=generator)
    return Batch(audio[..., :-1], audio[..., 1:], guide if spec.guide else None)


def compute_gradient_difference(stack: CausalStack, reference: CausalStack) -> float:
    """Return the largest difference, relative to the largest gradient of the same tensor."""
    expected = {name: cast("Tensor", p.grad) for name, p in reference.named_parameters()}
    actual = {name: cast("Tensor", p.grad) for name, p in stack.named_parameters()}
    return max(
        float((actual[name] - grad).abs().max() / grad.abs().max().clamp(min=1e-30))
        for name, grad in expected.items()
    )


def _measure_errors(direct: CausalStack, fft: CausalStack, batch: Batch) -> dict[str, float]:
    """Return the differences of the gradients that were just computed.

    If rounding moves one input of a ReLU across zero, its whole gradient changes.
    """
    exact = copy.deepcopy(fft).double()
    guide = None if batch.guide is None else batch.guide.double()
    _prepare_pass(exact, Batch(batch.x.double(), batch.target.double(), guide))()
    return {
        "gradient_difference": compute_gradient_difference(fft, direct),
        "conv1d_gradient_error": compute_gradient_difference(direct, exact),
        "fft_gradient_error": compute_gradient_difference(fft, exact),
    }


def _prepare_pass(stack: CausalStack, batch: Batch) -> Play:
    def play() -> None:
        stack.zero_grad()
        torch.autograd.backward(compute_loss(stack, batch, stack.spec))

    return play
