"""A network as it learns: its weights, their moving average, and Adam."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

import numpy as np
import torch
from torch import Tensor

from lofigen_kit.corpus.crops import Batch
from lofigen_kit.corpus.songs import Song
from lofigen_kit.nn.checkpoint import Network
from lofigen_kit.nn.fftconv import Method
from lofigen_kit.nn.linear_prediction import NOISE, ORDER, fit_linear_predictor
from lofigen_kit.nn.network import CausalStack, from_network, initialize_linear
from lofigen_kit.nn.spec import NetworkSpec
from lofigen_kit.training.config import TrainingConfig
from lofigen_kit.training.hardware import Hardware
from lofigen_kit.training.state import TrainingState
from lofigen_kit.training.update import compute_loss

NARROW = 128
"""Inputs of a layer, channels times taps, up to which it learns at the full rate."""


def make_stack(
    spec: NetworkSpec, songs: Sequence[Song], config: TrainingConfig, start: Network | None = None
) -> CausalStack:
    """Return the network that the first update trains.

    Args:
        spec: Its shape.
        songs: The training songs; a mixture begins as linear prediction that is fitted to them.
        config: The seed of the initial weights, and the noise that its predictions will meet last.
        start: A network of that shape to begin with; None makes new weights.
    """
    if start:
        return from_network(start)
    stack = CausalStack(spec, seed=config.seed)
    if spec.head == "mol":
        order, noise = min(ORDER, spec.layers[-1].kernel), config.noise_final or NOISE
        waves = [song.samples for song in songs]
        initialize_linear(stack, *fit_linear_predictor(waves, order=order, noise=noise))
    return stack


def compute_rate_scale(parameter: Tensor, config: TrainingConfig) -> float:
    """Return the learning rate of a weight, beside that of the training.

    With `fan-in`, that of a layer falls with its inputs, from `NARROW` on (Yang and others, "Tensor
    programs V", 2022): without that, a single update at a rate that suits the first layer moves the
    outputs of a layer of 64 channels and 256 taps by more than their own size.
    """
    if config.learning_rate_scaling == "none" or parameter.ndim < 2:
        return 1.0
    return min(1.0, NARROW / parameter[0].numel())


class Learner:
    """A network as it learns: its weights, their moving average, and Adam.

    Args:
        stack: The network.
        config: The hyperparameters.
        hardware: Where it computes.
        methods: How its layers convolve.
        average: The averaged weights; by default those of the network.

    Attributes:
        stack: The network, on its device.
        methods: How its layers convolve.
    """

    def __init__(
        self,
        stack: CausalStack,
        config: TrainingConfig,
        hardware: Hardware,
        methods: Sequence[Method] | None,
        *,
        average: dict[str, Tensor] | None = None,
    ) -> None:
        self._config, self._hardware, self._spec = config, hardware, stack.spec
        if average is None:
            average = {name: t.detach().clone() for name, t in stack.state_dict().items()}
        self.stack = stack.to(hardware.device)
        self._average = {name: t.to(hardware.device) for name, t in average.items()}
        self.methods = list(self.stack.set_conv_methods(methods))
        self._module = hardware.processes.wrap(self.stack)
        groups = [
            {"params": [parameter], "scale": compute_rate_scale(parameter, config)}
            for parameter in self.stack.parameters()
        ]
        self._optimizer = torch.optim.Adam(
            groups, lr=config.learning_rate, betas=(0.9, config.beta2)
        )

    @classmethod
    def restore(
        cls, spec: NetworkSpec, state: TrainingState, config: TrainingConfig, hardware: Hardware
    ) -> Learner:
        """Return the learner that a state was written of."""
        tensors = {
            part: {name: torch.from_numpy(array) for name, array in arrays.items()}
            for part, arrays in state.parts.items()
        }
        stack = CausalStack(spec)
        stack.load_state_dict(tensors["weights"])
        methods = state.about["convolution"]
        learner = cls(stack, config, hardware, methods, average=tensors["average"])
        if state.step:
            learner._restore_moments(state.step, tensors["first"], tensors["second"])
        return learner

    def _restore_moments(
        self, step: int, first: dict[str, Tensor], second: dict[str, Tensor]
    ) -> None:
        for name, parameter in self.stack.named_parameters():
            self._optimizer.state[parameter] = {
                "step": torch.tensor(float(step)),
                "exp_avg": first[name].to(parameter.device),
                "exp_avg_sq": second[name].to(parameter.device),
            }

    def take_step(self, batch: Batch, learning_rate: float) -> Tensor:
        """Take one step down the gradient and return the loss before it, of this process's rows.

        Args:
            batch: The crops of all processes.
            learning_rate: Adam's rate.
        """
        hardware = self._hardware
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate * group["scale"]
        own = hardware.processes.shard_batch(batch, hardware.device)
        half = hardware.precision == "bf16"
        with torch.autocast(hardware.device, torch.bfloat16) if half else nullcontext():
            loss = compute_loss(self._module, own, self._spec)
        self._optimizer.zero_grad()
        torch.autograd.backward(loss)
        if self._config.max_grad_norm:
            torch.nn.utils.clip_grad_norm_(self.stack.parameters(), self._config.max_grad_norm)
        self._optimizer.step()
        return loss

    def update_average(self, step: int) -> None:
        """Move the averaged weights towards the weights after update `step`, counted from 0."""
        decay = min(self._config.ema_decay, (1 + step) / (10 + step))
        with torch.no_grad():
            for name, tensor in self.stack.state_dict().items():
                self._average[name].lerp_(tensor, 1.0 - decay)

    def make_averaged_stack(self) -> CausalStack:
        """Return the network with its averaged weights, on the CPU."""
        averaged = CausalStack(self._spec)
        averaged.load_state_dict(self._average)
        return averaged

    def is_finite(self) -> bool:
        """Return whether every weight is a number."""
        return all(bool(torch.isfinite(t).all()) for t in self.stack.state_dict().values())

    def to_parts(self) -> dict[str, dict[str, np.ndarray]]:
        """Return the arrays that a state keeps, by part and name."""
        parts: dict[str, dict[str, Tensor]] = {
            "weights": dict(self.stack.state_dict()),
            "average": self._average,
            "first": {},
            "second": {},
        }
        for name, parameter in self.stack.named_parameters():
            if moments := self._optimizer.state.get(parameter):
                parts["first"][name] = moments["exp_avg"]
                parts["second"][name] = moments["exp_avg_sq"]
        return {
            part: {name: t.detach().cpu().numpy() for name, t in tensors.items()}
            for part, tensors in parts.items()
        }
