"""Losses and expectations of the distribution heads."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lofigen_kit.nn.distribution import MIN_LOG_SCALE, MULAW_LEVELS
from lofigen_kit.nn.sampling import mulaw_decode, mulaw_encode
from lofigen_kit.nn.spec import NetworkSpec


def loss(outputs: Tensor, target: Tensor, spec: NetworkSpec) -> Tensor:
    """Return the mean loss of a head.

    Args:
        outputs: The network's outputs [shape=(batch, head outputs, frames)].
        target: The predicted samples [shape=(batch, 1, frames)], in [-1, 1].
        spec: Shape of the network, which names the head.

    Returns:
        A scalar: nats per sample for `mol` (of a density over amplitude in [-1, 1]) and `mulaw` (of
        256 levels), the mean squared error for `mse`.
    """
    if spec.head == "mse":
        return functional.mse_loss(outputs, target)
    if spec.head == "mulaw":
        levels = torch.from_numpy(mulaw_encode(target[:, 0].cpu().numpy())).to(outputs.device)
        return functional.cross_entropy(outputs, levels)
    return mixture_nll(outputs, target)


def density_nats(outputs: Tensor, target: Tensor, spec: NetworkSpec) -> Tensor | None:
    """Return the negative log-density over amplitude in nats per sample, for any head but `mse`.

    The probability of a level of a `mulaw` head is spread evenly over the step of the level, so its
    result can be compared to that of a density.

    Args:
        outputs: As for `loss`.
        target: As for `loss`.
        spec: Shape of the network.

    Returns:
        A scalar; None for `mse`, which has no density.
    """
    if spec.head == "mse":
        return None
    nats = loss(outputs, target, spec)
    if spec.head == "mulaw":
        steps = np.diff(mulaw_decode(np.arange(MULAW_LEVELS + 1) - 0.5))
        nats = nats + np.log(steps)[mulaw_encode(target.cpu().numpy())].mean()
    return nats


def expectation(outputs: Tensor, spec: NetworkSpec) -> Tensor:
    """Return the mean of the predicted distribution, the best estimate in squared error.

    Args:
        outputs: As for `loss`.
        spec: Shape of the network.

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
    """Return the mean negative log-density of a mixture of logistics, in nats per sample.

    The log-density of a logistic is -z - log s - 2 log(1 + e^-z) with z = (x - m) / s (Salimans et
    al., 2017, not discretised).

    Args:
        outputs: Log-weights, means and log-scales [shape=(batch, 3 * mixtures, frames)].
        target: [shape=(batch, 1, frames)].
    """
    logits, means, log_scales = outputs.chunk(3, dim=1)
    log_scales = log_scales.clamp(min=MIN_LOG_SCALE)
    z = (target - means) * torch.exp(-log_scales)
    log_density = -z - log_scales - 2.0 * functional.softplus(-z)
    return -torch.logsumexp(functional.log_softmax(logits, dim=1) + log_density, dim=1).mean()


def initial_bias(spec: NetworkSpec) -> Tensor:
    """Return the initial bias of the last layer: a spread mixture for `mol`, else zeros.

    Returns:
        [shape=(head outputs,)].
    """
    bias = torch.zeros(spec.head_outputs)
    if spec.head == "mol":
        count = spec.mixtures
        bias[count : 2 * count] = torch.from_numpy(np.linspace(-0.3, 0.3, count))
        bias[2 * count :] = -3.0
    return bias
