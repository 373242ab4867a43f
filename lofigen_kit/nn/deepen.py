"""From a trained network to a deeper one that does the same, and goes on learning from there.

The new layers begin as wires: ReLU leaves alone what a ReLU has already made positive, so a layer
that passes each channel on changes nothing (Net2Net: Chen, Goodfellow and Shlens, 2016). Whatever
channels they have besides begin at random, heard by nobody yet.
"""

from __future__ import annotations

import torch

from lofigen_kit.errors import CheckpointError
from lofigen_kit.nn.checkpoint import Network
from lofigen_kit.nn.network import CausalStack, from_network, to_network
from lofigen_kit.nn.spec import NetworkSpec


def deepen(network: Network, spec: NetworkSpec, *, seed: int = 0) -> Network:
    """Return a network of another shape whose outputs are those of a shallower one.

    Args:
        network: The shallower one.
        spec: The deeper shape: the same layers, with others between two of them that have no
            fewer channels than the place where they stand; the same head and guide.
        seed: Of the weights that begin at random.

    Raises:
        CheckpointError: where the shape is no such thing.
    """
    before, after = _count_outer_layers(network.spec, spec)
    inserted = range(before, len(spec.layers) - after)
    width = network.spec.layers[before - 1].out_channels
    source, stack = from_network(network), CausalStack(spec, seed=seed)
    kept = [*range(before), *range(inserted.stop, len(spec.layers))]
    with torch.no_grad():
        for theirs, index in zip(source.convolutions, kept, strict=True):
            stack.convolutions[index].weight.copy_(theirs.weight)
            stack.convolutions[index].bias.copy_(theirs.bias)
        for weight, index in zip(source.guide_weights, kept, strict=False):
            stack.guide_weights[index].copy_(weight)
        for index in inserted:
            weight = stack.convolutions[index].weight
            weight[:width] = 0.0
            weight[:width, :width, -1] = torch.eye(width)
            if spec.guide:
                stack.guide_weights[index][:width] = 0.0
    return to_network(stack)


def _count_outer_layers(shallow: NetworkSpec, deep: NetworkSpec) -> tuple[int, int]:
    """Return how many layers stand before and behind those that are new."""
    same = {"layers": deep.layers}
    before = 0
    while before < len(shallow.layers) and shallow.layers[before] == deep.layers[before]:
        before += 1
    after = len(shallow.layers) - before
    new = deep.layers[before : len(deep.layers) - after]
    fits = (
        shallow.model_copy(update=same) == deep
        and len(deep.layers) > len(shallow.layers)
        and 0 < before < len(shallow.layers)
        and deep.layers[len(deep.layers) - after :] == shallow.layers[before:]
        and min(layer.out_channels for layer in new) >= shallow.layers[before - 1].out_channels
    )
    if not fits:
        raise CheckpointError(
            "the model to begin from has other layers, head or guide",
            remedy="begin from one of the same shape, or from conv4 for conv6, conv6 for conv8",
        )
    return before, after
