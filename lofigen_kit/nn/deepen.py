"""Growing: from a trained network to a larger one with the same output, for further training.

The new layers start as identities. The input of a layer is positive after a ReLU, and another ReLU
leaves it unchanged (Net2Net: Chen, Goodfellow and Shlens, 2016). Additional channels start with
random weights, and no other layer uses them yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from lofigen_kit.errors import CheckpointError
from lofigen_kit.nn.checkpoint import Network
from lofigen_kit.nn.network import CausalStack, from_network, to_network
from lofigen_kit.nn.spec import NetworkSpec


def deepen(network: Network, spec: NetworkSpec, *, seed: int = 0) -> Network:
    """Return a deeper network with the outputs of a shallower one.

    Args:
        network: The shallower network.
        spec: The deeper shape: the same layers, with new ones between two of them; no new layer has
            fewer channels than the layer before it. Head and guide are the same.
        seed: Seed of the random weights.

    Raises:
        CheckpointError: if the shape does not meet these conditions.
    """
    before, after = _count_outer_layers(network.spec, spec)
    inserted = range(before, len(spec.layers) - after)
    width = network.spec.layers[before - 1].out_channels
    source, stack = from_network(network), CausalStack(spec, seed=seed)
    kept_indices = [*range(before), *range(inserted.stop, len(spec.layers))]
    with torch.no_grad():
        for convolution, index in zip(source.convolutions, kept_indices, strict=True):
            stack.convolutions[index].weight.copy_(convolution.weight)
            stack.convolutions[index].bias.copy_(convolution.bias)
        for weight, index in zip(source.guide_weights, kept_indices, strict=False):
            stack.guide_weights[index].copy_(weight)
        for index in inserted:
            weight = stack.convolutions[index].weight
            weight[:width] = 0.0
            weight[:width, :width, -1] = torch.eye(width)
            if spec.guide:
                stack.guide_weights[index][:width] = 0.0
    return to_network(stack)


def extend_guide(network: Network, guide: Sequence[str]) -> Network:
    """Return a network that hears more channels, and does not use the new ones yet.

    Args:
        network: The network.
        guide: Its channels, and new ones behind them.

    Raises:
        CheckpointError: if the channels do not begin with the network's own.
    """
    own = network.spec.guide
    if tuple(guide[: len(own)]) != own or not own:
        raise CheckpointError(
            "the model to start from has another guide",
            remedy="start from one that follows the same score",
        )
    more = len(guide) - len(own)
    spec = network.spec.model_copy(update={"guide": tuple(guide)})
    weights = tuple(np.pad(w, ((0, 0), (0, more))) for w in network.guide_weights)
    return replace(network, spec=spec, guide_weights=weights)


def _count_outer_layers(shallow: NetworkSpec, deep: NetworkSpec) -> tuple[int, int]:
    """Return the number of old layers before the new ones, and after them."""
    deepened = {"layers": deep.layers}
    before = 0
    while before < len(shallow.layers) and shallow.layers[before] == deep.layers[before]:
        before += 1
    after = len(shallow.layers) - before
    new = deep.layers[before : len(deep.layers) - after]
    fits = (
        shallow.model_copy(update=deepened) == deep
        and len(deep.layers) > len(shallow.layers)
        and 0 < before < len(shallow.layers)
        and deep.layers[len(deep.layers) - after :] == shallow.layers[before:]
        and min(layer.out_channels for layer in new) >= shallow.layers[before - 1].out_channels
    )
    if not fits:
        raise CheckpointError(
            "the model to start from has other layers, or another head or guide",
            remedy="start from one of the same shape, or from conv4 for conv6, conv6 for conv8",
        )
    return before, after
