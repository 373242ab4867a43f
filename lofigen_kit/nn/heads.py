"""What the last layer's numbers mean, and how far they are from the truth."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lofigen_kit.nn.distribution import MIN_LOG_SCALE, MULAW_LEVELS
from lofigen_kit.nn.sampling import mulaw_decode, mulaw_encode
from lofigen_kit.nn.spec import NetworkSpec


def loss(outputs: Tensor, target: Tensor, spec: NetworkSpec) -> Tensor:
    """Return the mean loss of the head that a spec names.

    Args:
        outputs: The network's outputs [shape=(batch, head outputs, frames)].
        target: The samples they speak of [shape=(batch, 1, frames)].
        spec: The network's shape.

    Returns:
        A scalar: nats a sample for `mol` (of a density over amplitude in [-1, 1]) and `mulaw`
        (of 256 levels), the mean squared error for `mse`.
    """
    if spec.head == "mse":
        return functional.mse_loss(outputs, target)
    if spec.head == "mulaw":
        levels = torch.from_numpy(mulaw_encode(target[:, 0].cpu().numpy())).to(outputs.device)
        return functional.cross_entropy(outputs, levels)
    return mixture_nll(outputs, target)


def density_nats(outputs: Tensor, target: Tensor, spec: NetworkSpec) -> Tensor | None:
    """Return the negative log-density over amplitude, in nats a sample, whatever the head.

    A `mulaw` head's probability of a level is spread evenly over the level's step, so that its
    figure can stand beside that of a density.

    Args:
        outputs: As for `loss`.
        target: As for `loss`.
        spec: The network's shape.

    Returns:
        A scalar; None for `mse`, which says nothing of how likely a sample is.
    """
    if spec.head == "mse":
        return None
    nats = loss(outputs, target, spec)
    if spec.head == "mulaw":
        steps = np.diff(mulaw_decode(np.arange(MULAW_LEVELS + 1) - 0.5))
        nats = nats + np.log(steps)[mulaw_encode(target.cpu().numpy())].mean()
    return nats


def expectation(outputs: Tensor, spec: NetworkSpec) -> Tensor:
    """Return the mean of what is predicted, which is the best guess in squared error.

    Args:
        outputs: As for `loss`.
        spec: The network's shape.

    Returns:
        [shape=(batch, 1, frames)].
    """
    if spec.head == "mse":
        return outputs
    if spec.head == "mulaw":
        levels = torch.from_numpy(mulaw_decode(np.arange(MULAW_LEVELS))).to(outputs)
        return (functional.softmax(outputs, dim=1) * levels[:, None]).sum(dim=1, keepdim=True)
    logits, means, _ = outputs.chunk(3, dim=1)
    return (functional.softmax(logits, dim=1) * means).sum(dim=1, keepdim=True)


def mixture_nll(outputs: Tensor, target: Tensor) -> Tensor:
    """Return the negative log-density of a mixture of logistics, in nats a sample.

    The logistic's log-density is -z - log s - 2 log(1 + e^-z) with z = (x - m) / s
    (Salimans et al., 2017, undiscretised).
    """
    logits, means, log_scales = outputs.chunk(3, dim=1)
    log_scales = log_scales.clamp(min=MIN_LOG_SCALE)
    z = (target - means) * torch.exp(-log_scales)
    log_density = -z - log_scales - 2.0 * functional.softplus(-z)
    return -torch.logsumexp(functional.log_softmax(logits, dim=1) + log_density, dim=1).mean()


def initial_bias(spec: NetworkSpec) -> Tensor:
    """Return the last layer's bias before training: a spread mixture, or nothing."""
    bias = torch.zeros(spec.head_outputs)
    if spec.head == "mol":
        count = spec.mixtures
        bias[count : 2 * count] = torch.from_numpy(np.linspace(-0.3, 0.3, count))
        bias[2 * count :] = -3.0
    return bias
