"""The draw in torch: `sampling.draw` in operations that a CUDA graph can replay.

Nothing here waits for a number, and nothing branches on one, so that a whole block of steps is one
launch. Probabilities are float64, as in the reference.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from lofigen_kit.errors import InputError
from lofigen_kit.nn.sampling import (
    MIN_LOG_SCALE,
    MULAW_LEVELS,
    HeadKind,
    SamplingParams,
    mulaw_decode,
)

_TEMPERATURE, _TAIL, _SPREAD = range(3)


class TorchSampler:
    """How each lane is drawn, for one head on one device.

    Args:
        kind: The head.
        params: How to draw every lane.
        device: Where the numbers are.
        lanes: How many lanes there are.
    """

    def __init__(
        self, kind: HeadKind, params: SamplingParams, device: torch.device, lanes: int = 1
    ) -> None:
        self._kind = kind
        self._params = params
        self._lanes = torch.tensor(
            [_to_numbers(params)] * lanes, dtype=torch.float64, device=device
        ).T.contiguous()
        self._zero = torch.zeros((), dtype=torch.float64, device=device)
        self._levels = torch.from_numpy(mulaw_decode(np.arange(MULAW_LEVELS))).to(device)

    def set_lanes(self, lanes: Sequence[SamplingParams]) -> None:
        """Draw the first lanes otherwise from now on, also within a captured graph.

        Raises:
            InputError: where they differ in what is the same for all: `top_k` and `top_p`.
        """
        shared = self._params
        if any((p.top_k, p.top_p) != (shared.top_k, shared.top_p) for p in lanes):
            raise InputError("tracks that are drawn side by side have the same top_k and top_p")
        numbers = torch.tensor([_to_numbers(p) for p in lanes], dtype=torch.float64).T
        self._lanes[:, : len(lanes)].copy_(numbers)

    def prepare_noise(self, uniforms: Tensor) -> Tensor:
        """Return uniforms [shape=(..., 2)] with the second as the standard logistic's quantile.

        Once for a block, as it does not depend on the network.
        """
        edge = self._lanes[_TAIL]
        quantile = uniforms[..., 1].clamp(edge, 1.0 - edge)
        deviate = torch.log(quantile) - torch.log1p(-quantile)
        return torch.stack([uniforms[..., 0], deviate], -1)

    def draw(self, outputs: Tensor, noise: Tensor) -> Tensor:
        """Draw the next sample of each lane.

        Args:
            outputs: The head's numbers [shape=(lanes, head outputs)].
            noise: What `noise` made of the lanes' uniforms [shape=(lanes, 2), dtype=float64].

        Returns:
            [shape=(lanes,), dtype=float64], within [-1, 1]; NaN where what is drawn is not finite.
            Whether the head's numbers are, the decoder checks once a block.
        """
        numbers = outputs.double()
        if self._kind == "mse":
            drawn = numbers[:, 0]
        elif self._kind == "mulaw":
            weights = self._compute_weights(numbers)
            # A choice among weights that are not numbers is not a number either.
            drawn = self._levels[_choose(weights, noise)[:, 0]] + 0.0 * weights[:, 0]
            drawn = self._narrow_draw(drawn, weights, self._levels)
        else:
            logits, means, log_scales = numbers.chunk(3, dim=1)
            weights = self._compute_weights(logits)
            drawn = self._draw_logistic(weights, means, log_scales, noise)
            drawn = self._narrow_draw(drawn, weights, means)
        # Zero times an infinity is no number, and leaves every other number as it is.
        return torch.addcmul(drawn.clamp(-1.0, 1.0), drawn, self._zero)

    def _draw_logistic(
        self, weights: Tensor, means: Tensor, log_scales: Tensor, noise: Tensor
    ) -> Tensor:
        chosen = _choose(weights, noise)
        mean, log_scale = means.gather(1, chosen)[:, 0], log_scales.gather(1, chosen)[:, 0]
        width = log_scale.clamp(min=MIN_LOG_SCALE).exp() * self._lanes[_TEMPERATURE]
        return mean + width * noise[:, 1]

    def _narrow_draw(self, drawn: Tensor, weights: Tensor, centres: Tensor) -> Tensor:
        spread = self._lanes[_SPREAD]
        mean = (weights * centres).sum(1)
        return torch.where(spread < 1.0, mean + spread * (drawn - mean), drawn)

    def _compute_weights(self, logits: Tensor) -> Tensor:
        """Return the probabilities that the parameters leave, each row summing to 1."""
        params = self._params
        temperature = self._lanes[_TEMPERATURE, :, None].clamp(min=1e-6)
        weights = torch.softmax(logits / temperature, 1)
        if not params.top_k and params.top_p >= 1.0:
            return weights
        ranked, order = weights.sort(dim=1, descending=True, stable=True)
        keep = ranked.cumsum(1) - ranked < params.top_p
        if params.top_k:
            keep[:, params.top_k :].zero_()
        weights = torch.zeros_like(weights).scatter(1, order, ranked * keep)
        return weights / weights.sum(1, keepdim=True)


def _to_numbers(params: SamplingParams) -> tuple[float, ...]:
    """Return what a lane has of its own, in the order of the rows."""
    return params.temperature, max(params.tail, 1e-7), params.spread


def _choose(weights: Tensor, noise: Tensor) -> Tensor:
    """Return the index at which each row's running sum passes the uniform [shape=(lanes, 1)].

    The uniform is taken as a share of the last running sum, which it therefore never reaches: some
    index with weight is always found, whatever the rounding.
    """
    running = weights.cumsum(1)
    return (running <= noise[:, :1] * running[:, -1:]).sum(1, keepdim=True)
