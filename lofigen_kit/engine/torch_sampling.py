"""The draw in torch: `sampling.draw` in operations that a CUDA graph can replay.

Nothing here waits for a number, and nothing branches on one, so that a whole block of steps is one
launch. Probabilities are float64, as in the reference.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lofigen_kit.nn.sampling import (
    LEAST_NOISE,
    LOGISTIC_VARIANCE,
    MIN_LOG_SCALE,
    MULAW_LEVELS,
    HeadKind,
    SamplingParams,
    mulaw_decode,
)


class TorchSampler:
    """A `SamplingParams` for one head on one device.

    Args:
        kind: The head.
        params: How to draw.
        device: Where the numbers are.
    """

    def __init__(self, kind: HeadKind, params: SamplingParams, device: torch.device) -> None:
        self._kind = kind
        self._params = params
        self._zero = torch.zeros((), dtype=torch.float64, device=device)
        self._levels = torch.from_numpy(mulaw_decode(np.arange(MULAW_LEVELS))).to(device)

    def prepare_noise(self, uniforms: Tensor) -> Tensor:
        """Return uniforms [shape=(..., 2)] with the second as the standard logistic's quantile.

        Once for a block, as it does not depend on the network.
        """
        edge = max(self._params.tail, 1e-7)
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
            drawn = self._narrow_draw(drawn, weights, self._levels, 0.0)
        else:
            logits, means, log_scales = numbers.chunk(3, dim=1)
            weights = self._compute_weights(logits)
            drawn = self._draw_logistic(weights, means, log_scales, noise)
            widths = log_scales.clamp(min=MIN_LOG_SCALE).exp() * self._params.temperature
            drawn = self._narrow_draw(drawn, weights, means, LOGISTIC_VARIANCE * widths**2)
        # Zero times an infinity is no number, and leaves every other number as it is.
        return torch.addcmul(drawn.clamp(-1.0, 1.0), drawn, self._zero)

    def _draw_logistic(
        self, weights: Tensor, means: Tensor, log_scales: Tensor, noise: Tensor
    ) -> Tensor:
        chosen = _choose(weights, noise)
        mean, log_scale = means.gather(1, chosen)[:, 0], log_scales.gather(1, chosen)[:, 0]
        width = log_scale.clamp(min=MIN_LOG_SCALE).exp() * self._params.temperature
        return mean + width * noise[:, 1]

    def _narrow_draw(
        self, drawn: Tensor, weights: Tensor, centres: Tensor, variances: Tensor | float
    ) -> Tensor:
        params = self._params
        if params.spread >= 1.0:
            return drawn
        mean = (weights * centres).sum(1)
        if not params.noise_level:
            return mean + params.spread * (drawn - mean)
        square = (weights * (centres**2 + variances)).sum(1)
        variance = (square - mean**2).clamp(min=0.0)
        noise = variance / (variance + max(params.noise_level, LEAST_NOISE) ** 2)
        return mean + (params.spread + (1.0 - params.spread) * noise) * (drawn - mean)

    def _compute_weights(self, logits: Tensor) -> Tensor:
        """Return the probabilities that the parameters leave, each row summing to 1."""
        params = self._params
        weights = torch.softmax(logits / max(params.temperature, 1e-6), 1)
        if not params.top_k and params.top_p >= 1.0:
            return weights
        ranked, order = weights.sort(dim=1, descending=True, stable=True)
        keep = ranked.cumsum(1) - ranked < params.top_p
        if params.top_k:
            keep[:, params.top_k :].zero_()
        weights = torch.zeros_like(weights).scatter(1, order, ranked * keep)
        return weights / weights.sum(1, keepdim=True)


def _choose(weights: Tensor, noise: Tensor) -> Tensor:
    """Return the index at which each row's running sum passes the uniform [shape=(lanes, 1)].

    The uniform is taken as a share of the last running sum, which it therefore never reaches: some
    index with weight is always found, whatever the rounding.
    """
    running = weights.cumsum(1)
    return (running <= noise[:, :1] * running[:, -1:]).sum(1, keepdim=True)
