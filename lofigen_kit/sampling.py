"""How one sample is drawn from what the network says: the law, and its reference in numpy.

A distribution head gives, for every sample, either a mixture of logistics over the amplitude
(`mol`: 3*M numbers: log-weights, means, log-scales), 256 log-probabilities of mu-law levels
(`mulaw`) or the bare conditional mean (`mse`). A `DrawLaw` says what to do with it in numbers
alone, so that the compiled engine can follow it; `draw` is the same law in plain numpy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

HeadKind = Literal["mse", "mol", "mulaw"]

MULAW_LEVELS = 256
MIN_LOG_SCALE = -7.5
"""The narrowest logistic: below it a single sample's likelihood grows without bound."""


@dataclass(frozen=True)
class DrawLaw:
    """How to draw, in the order in which it applies.

    Attributes:
        mean: Take the expectation and draw nothing (the reference's way; it collapses).
        temperature: Divides the log-weights and multiplies the logistics' widths; 0 is the mode.
        top_k: Keep the k heaviest components or levels; 0 keeps all.
        top_p: Keep the fewest heaviest ones whose weights reach this sum; 1 keeps all.
        tail: Clamp each logistic's quantile to [tail, 1 - tail]; 0 lets it spike.
    """

    mean: bool = False
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    tail: float = 0.0


def mulaw_decode(levels: np.ndarray) -> np.ndarray:
    """Return the amplitudes of mu-law levels 0 to 255 (ITU-T G.711, mu = 255)."""
    y = 2.0 * (np.asarray(levels, dtype=np.float64) + 0.5) / MULAW_LEVELS - 1.0
    return np.sign(y) * np.expm1(np.abs(y) * np.log(256.0)) / 255.0


def mulaw_encode(samples: np.ndarray) -> np.ndarray:
    """Return the mu-law levels, int64 0 to 255, of amplitudes in [-1, 1]."""
    x = np.clip(np.asarray(samples, dtype=np.float64), -1.0, 1.0)
    y = np.sign(x) * np.log1p(255.0 * np.abs(x)) / np.log(256.0)
    return np.clip(np.floor((y + 1.0) / 2.0 * MULAW_LEVELS), 0, MULAW_LEVELS - 1).astype(np.int64)


def draw(outputs: np.ndarray, kind: HeadKind, law: DrawLaw, uniforms: np.ndarray) -> np.ndarray:
    """Draw the next sample of each track.

    Args:
        outputs: The head's numbers [shape=(tracks, head outputs)].
        kind: Which head they come from.
        law: How to draw.
        uniforms: Random numbers in [0, 1) [shape=(tracks, 2)]: which component, where within it.

    Returns:
        np.ndarray [shape=(tracks,), dtype=float32], within [-1, 1].
    """
    rows = np.asarray(outputs, dtype=np.float64)
    if kind == "mse":
        return np.clip(rows[:, 0], -1.0, 1.0).astype(np.float32)
    parts = 1 if kind == "mulaw" else 3
    logits = rows[:, : rows.shape[1] // parts]
    weights = _weights(logits, law)
    if kind == "mulaw":
        levels = mulaw_decode(np.arange(logits.shape[1]))
        drawn = weights @ levels if law.mean else levels[_choose(weights, uniforms[:, 0])]
    else:
        means, log_scales = np.split(rows[:, logits.shape[1] :], 2, axis=1)
        drawn = (weights * means).sum(axis=1) if law.mean else _draw_logistic(
            weights, means, log_scales, law, uniforms
        )
    return np.clip(drawn, -1.0, 1.0).astype(np.float32)


def _weights(logits: np.ndarray, law: DrawLaw) -> np.ndarray:
    """Return the probabilities that the law leaves, each row summing to 1."""
    scaled = logits - logits.max(axis=1, keepdims=True)
    if not law.mean:
        scaled = scaled / max(law.temperature, 1e-6)
    weights = np.exp(scaled)
    weights /= weights.sum(axis=1, keepdims=True)
    if law.top_k or law.top_p < 1.0:
        order = np.argsort(-weights, axis=1, kind="stable")
        ranked = np.take_along_axis(weights, order, axis=1)
        # A component stays while those before it have not reached top_p: the heaviest always does.
        keep = ranked.cumsum(axis=1) - ranked < law.top_p
        if law.top_k:
            keep[:, law.top_k :] = False
        np.put_along_axis(weights, order, np.where(keep, ranked, 0.0), axis=1)
        weights /= weights.sum(axis=1, keepdims=True)
    return weights


def _choose(weights: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Return the index at which each row's running sum passes the uniform number."""
    passed = weights.cumsum(axis=1) > uniform[:, None]
    last = weights.shape[1] - 1 - (weights[:, ::-1] > 0).argmax(axis=1)
    return np.where(passed.any(axis=1), passed.argmax(axis=1), last)


def _draw_logistic(
    weights: np.ndarray,
    means: np.ndarray,
    log_scales: np.ndarray,
    law: DrawLaw,
    uniforms: np.ndarray,
) -> np.ndarray:
    rows = np.arange(len(weights))
    chosen = _choose(weights, uniforms[:, 0])
    edge = max(law.tail, 1e-7)
    quantile = np.clip(uniforms[:, 1], edge, 1.0 - edge)
    width = np.exp(np.maximum(log_scales[rows, chosen], MIN_LOG_SCALE)) * law.temperature
    return means[rows, chosen] + width * (np.log(quantile) - np.log1p(-quantile))
