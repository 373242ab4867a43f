"""The trainable network: causal Conv1d layers with ReLU, conditioned by a 1x1 Conv1d per layer.

    x (batch, 1, frames) * input_scale
      -> causal Conv1d + guide -> ReLU -> ... -> causal Conv1d -> (batch, head outputs, frames)

The output at frame t predicts the sample at t + 1; the guide at frame t describes that sample too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from lofigen_kit.nn.checkpoint import Network
from lofigen_kit.nn.fftconv import Method, causal_conv1d, choose_method
from lofigen_kit.nn.heads import initial_bias
from lofigen_kit.nn.spec import Layer, NetworkSpec


class CausalConv(nn.Module):
    """A causal Conv1d of stride 1, left-padded with kernel - 1 zeros."""

    def __init__(self, layer: Layer, *, gain: float, generator: torch.Generator) -> None:
        super().__init__()
        shape = (layer.out_channels, layer.in_channels, layer.kernel)
        # Scaled by the fan-in (channels * taps): PyTorch's default is too large for 256 taps.
        deviation = (gain / (layer.in_channels * layer.kernel)) ** 0.5
        self.weight = nn.Parameter(torch.randn(shape, generator=generator) * deviation)
        self.bias = nn.Parameter(torch.zeros(layer.out_channels))
        self.method: Method | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, in, frames) to (batch, out, frames)."""
        return causal_conv1d(x, self.weight, method=self.method) + self.bias[:, None]


class CausalStack(nn.Module):
    """The whole network, for training; generation runs its weights in `engine`.

    Args:
        spec: Shape of the network.
        seed: Seed of the initial weights.
    """

    def __init__(self, spec: NetworkSpec, *, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        last = len(spec.layers) - 1
        self.spec = spec
        self.layers = nn.ModuleList(
            # He initialisation before a ReLU; the head starts small, so near its bias.
            CausalConv(layer, gain=2.0 if i < last else 0.1, generator=generator)
            for i, layer in enumerate(spec.layers)
        )
        with torch.no_grad():
            self.convolutions[last].bias.copy_(initial_bias(spec))
        self.guides = nn.ModuleList()
        for layer in spec.layers[:last] if spec.guide else ():
            guide = nn.Conv1d(len(spec.guide), layer.out_channels, 1, bias=False)
            deviation = (1.0 / len(spec.guide)) ** 0.5
            with torch.no_grad():
                guide.weight.normal_(0.0, deviation, generator=generator)
            self.guides.append(guide)

    @property
    def convolutions(self) -> list[CausalConv]:
        """The convolutions; the last one is the head."""
        return cast("list[CausalConv]", list(self.layers))

    def set_conv_methods(self, methods: Sequence[Method] | None) -> tuple[Method, ...]:
        """Set the convolution method of each layer, None for the default ones, and return them."""
        device = self.convolutions[0].weight.device.type
        default = [choose_method(n.in_channels, n.out_channels, n.kernel, device)
                 for n in self.spec.layers]  # fmt: skip
        chosen = tuple(default if methods is None else methods)
        for layer, method in zip(self.convolutions, chosen, strict=True):
            layer.method = method
        return chosen

    @property
    def guide_weights(self) -> list[Tensor]:
        """For each hidden layer [shape=(out, guide channels, 1)]; empty if unconditioned."""
        return [cast("nn.Conv1d", guide).weight for guide in self.guides]

    def forward(self, x: Tensor, guide: Tensor | None = None) -> Tensor:
        """Return the parameters of the distribution of each next sample.

        Args:
            x: The waveform [shape=(batch, 1, frames)].
            guide: The conditioning [shape=(batch, guide channels, frames)]; frame t belongs to
                sample t + 1.

        Returns:
            [shape=(batch, head outputs, frames)].
        """
        x = x * self.spec.input_scale
        *hidden, head = self.layers
        for index, layer in enumerate(hidden):
            x = layer(x)
            if guide is not None and self.spec.guide:
                x = x + self.guides[index](guide)
            x = torch.relu(x)
        return cast("Tensor", head(x))


def initialize_linear(stack: CausalStack, coefficients: np.ndarray, deviation: float) -> None:
    """Initialise an untrained network as a linear predictor.

    The waveform passes every hidden layer in a pair of channels, relu(x) and relu(-x), whose
    difference is x; the means of the head are the linear prediction from it. From this start a
    network of 256-tap layers learns in minutes what takes hours from random weights.

    Args:
        stack: An untrained network with a `mol` head.
        coefficients: Of the past samples, newest first [shape=(order,)]; the order is at most the
            number of taps of the last layer.
        deviation: Standard deviation of the prediction error; the mixture starts spread over it.

    Raises:
        ValueError: for another head, or too many coefficients.
    """
    *hidden, head = stack.convolutions
    mixtures, order = stack.spec.mixtures, len(coefficients)
    if stack.spec.head != "mol" or order > head.weight.shape[2]:
        raise ValueError("a linear start needs a mol head with a tap for each coefficient")
    taps = torch.from_numpy(coefficients[::-1].copy()).float() / stack.spec.input_scale
    with torch.no_grad():
        for index, layer in enumerate(hidden):
            layer.weight[:2] = 0.0
            layer.weight[0, 0, -1] = 1.0
            layer.weight[1, min(index, 1), -1] = 1.0 if index else -1.0
        for weight in stack.guide_weights:
            weight[:2] = 0.0
        means = slice(mixtures, 2 * mixtures)
        head.weight[means, 0, -order:] = taps
        head.weight[means, 1, -order:] = -taps
        head.bias[means] = deviation * torch.linspace(-2.0, 2.0, mixtures)
        head.bias[2 * mixtures :] = float(np.log(deviation / 2.0))


def to_tensors(stack: CausalStack) -> dict[str, np.ndarray]:
    """Return the weights by their names in a checkpoint."""
    state = {name: t.detach().cpu().numpy() for name, t in stack.state_dict().items()}
    return {name: t[:, :, 0] if name.startswith("guides.") else t for name, t in state.items()}


def to_network(stack: CausalStack) -> Network:
    """Return the weights as plain arrays, as generation needs them."""
    tensors = to_tensors(stack)
    count = len(stack.spec.layers)
    return Network(
        spec=stack.spec,
        weights=tuple(tensors[f"layers.{i}.weight"] for i in range(count)),
        biases=tuple(tensors[f"layers.{i}.bias"] for i in range(count)),
        guide_weights=tuple(tensors[f"guides.{i}.weight"] for i in range(len(stack.guides))),
    )


def from_network(network: Network) -> CausalStack:
    """Return a trainable network with a checkpoint's weights."""
    stack = CausalStack(network.spec)
    with torch.no_grad():
        for index, layer in enumerate(stack.convolutions):
            layer.weight.copy_(torch.from_numpy(network.weights[index]))
            layer.bias.copy_(torch.from_numpy(network.biases[index]))
        for parameter, weight in zip(stack.guide_weights, network.guide_weights, strict=True):
            parameter.copy_(torch.from_numpy(weight)[:, :, None])
    return stack
