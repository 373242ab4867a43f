"""Sampling from the network's distribution: the reference implementation in plain numpy."""

from __future__ import annotations

import numpy as np

from lofigen_kit.nn.distribution import MIN_LOG_SCALE, MULAW_LEVELS, HeadKind, SamplingParams

__all__ = [
    "MIN_LOG_SCALE",
    "MULAW_LEVELS",
    "HeadKind",
    "SamplingParams",
    "draw",
    "mulaw_decode",
    "mulaw_encode",
]


def mulaw_decode(levels: np.ndarray) -> np.ndarray:
    """Return the amplitudes of mu-law levels (ITU-T G.711, mu = 255).

    Args:
        levels: 0 to 255, any shape.

    Returns:
        np.ndarray [dtype=float64], of the same shape, within (-1, 1).
    """
    y = 2.0 * (np.asarray(levels, dtype=np.float64) + 0.5) / MULAW_LEVELS - 1.0
    return np.asarray(np.sign(y) * np.expm1(np.abs(y) * np.log(256.0)) / 255.0)


def mulaw_encode(samples: np.ndarray) -> np.ndarray:
    """Return the mu-law levels of amplitudes (ITU-T G.711, mu = 255).

    Args:
        samples: Any shape; clipped to [-1, 1].

    Returns:
        np.ndarray [dtype=int64], of the same shape, 0 to 255.
    """
    x = np.clip(np.asarray(samples, dtype=np.float64), -1.0, 1.0)
    y = np.sign(x) * np.log1p(255.0 * np.abs(x)) / np.log(256.0)
    levels = np.floor((y + 1.0) / 2.0 * MULAW_LEVELS)
    return np.asarray(np.clip(levels, 0, MULAW_LEVELS - 1), dtype=np.int64)


def draw(
    outputs: np.ndarray, kind: HeadKind, params: SamplingParams, uniforms: np.ndarray
) -> np.ndarray:
    """Draw the next sample of each track.

    Args:
        outputs: The outputs of the head [shape=(tracks, head outputs)].
        kind: The kind of head.
        params: How to draw.
        uniforms: Random numbers in [0, 1) [shape=(tracks, 2)]: the first chooses the component, the
            second the quantile within it.

    Returns:
        np.ndarray [shape=(tracks,), dtype=float32], within [-1, 1]; NaN where an output of the
        head, or the draw, is not finite. An overflow becomes infinity or NaN, depending on the
        order of summation, so neither may become full scale.
    """
    rows = np.asarray(outputs, dtype=np.float64)
    with np.errstate(all="ignore"):  # rows that are not finite become NaN below
        drawn = _draw(rows, kind, params, uniforms)
    finite = np.isfinite(rows).all(axis=1) & np.isfinite(drawn)
    return np.where(finite, np.clip(drawn, -1.0, 1.0), np.nan).astype(np.float32)


def _draw(
    rows: np.ndarray, kind: HeadKind, params: SamplingParams, uniforms: np.ndarray
) -> np.ndarray:
    """Return the draw of each row, without a limit to [-1, 1]."""
    if kind == "mse":
        return rows[:, 0]
    parts = 1 if kind == "mulaw" else 3
    logits = rows[:, : rows.shape[1] // parts]
    weights = _compute_weights(logits, params)
    if kind == "mulaw":
        levels = mulaw_decode(np.arange(logits.shape[1]))
        drawn, mean = levels[_choose(weights, uniforms[:, 0])], weights @ levels
    else:
        means, log_scales = np.split(rows[:, logits.shape[1] :], 2, axis=1)
        drawn = _draw_logistic(weights, means, log_scales, params, uniforms)
        mean = (weights * means).sum(axis=1)
    if params.spread < 1.0:
        drawn = mean + params.spread * (drawn - mean)
    return np.asarray(drawn)


def _compute_weights(logits: np.ndarray, params: SamplingParams) -> np.ndarray:
    """Return the probabilities after temperature, top-k and top-p; each row sums to 1."""
    scaled = (logits - logits.max(axis=1, keepdims=True)) / max(params.temperature, 1e-6)
    weights = np.asarray(np.exp(scaled))
    weights /= weights.sum(axis=1, keepdims=True)
    if params.top_k or params.top_p < 1.0:
        order = np.argsort(-weights, axis=1, kind="stable")
        ranked = np.take_along_axis(weights, order, axis=1)
        # A component is kept while those before it are below top_p; the heaviest always is.
        keep = ranked.cumsum(axis=1) - ranked < params.top_p
        if params.top_k:
            keep[:, params.top_k :] = False
        np.put_along_axis(weights, order, np.where(keep, ranked, 0.0), axis=1)
        weights /= weights.sum(axis=1, keepdims=True)
    return weights


def _choose(weights: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Return the index at which the cumulative sum of each row passes the uniform number."""
    passed = weights.cumsum(axis=1) > uniform[:, None]
    last = weights.shape[1] - 1 - (weights[:, ::-1] > 0).argmax(axis=1)
    return np.asarray(np.where(passed.any(axis=1), passed.argmax(axis=1), last))


def _draw_logistic(
    weights: np.ndarray,
    means: np.ndarray,
    log_scales: np.ndarray,
    params: SamplingParams,
    uniforms: np.ndarray,
) -> np.ndarray:
    """Return a draw from the chosen logistic of each row."""
    rows = np.arange(len(weights))
    chosen = _choose(weights, uniforms[:, 0])
    edge = max(params.tail, 1e-7)
    quantile = np.clip(uniforms[:, 1], edge, 1.0 - edge)
    width = np.exp(np.maximum(log_scales[rows, chosen], MIN_LOG_SCALE)) * params.temperature
    return np.asarray(means[rows, chosen] + width * (np.log(quantile) - np.log1p(-quantile)))
