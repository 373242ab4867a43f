"""The compiled draw: `nn.sampling.draw`, one sample at a time."""

# ruff: noqa: PLR0917 - compiled kernels take plain positional arguments

from __future__ import annotations

from math import exp, log, log1p
from typing import Any, TypeAlias

import numpy as np

from lofigen_kit.engine.compiling import inner
from lofigen_kit.nn.sampling import MIN_LOG_SCALE, MULAW_LEVELS, mulaw_decode

Array: TypeAlias = np.ndarray
Record: TypeAlias = Any

MSE, MOL, MULAW = range(3)
"""The heads, in the order of `plan.HEADS`."""

LEVELS = mulaw_decode(np.arange(MULAW_LEVELS))


@inner
def draw(
    numbers: Array,
    start: int,
    form: Record,
    law: Record,
    which: float,
    where: float,
    scratch: Array,
) -> float:
    """Draw one sample as `sampling.draw` does, of which this is the compiled twin."""
    if form.head_kind == MSE:
        return judged(np.float64(numbers[start]), numbers, start, 1)
    count = form.head_outputs
    if form.head_kind == MOL:
        count //= 3
    total = weigh(numbers, start, count, law, scratch)
    if law.top_k > 0 or law.top_p < 1.0:
        total = truncate(count, law, total, scratch)
    chosen = choose(count, which * total, scratch)
    drawn = centre(numbers, start + count + chosen, chosen, form)
    if form.head_kind == MOL:
        log_scale: float = np.float64(numbers[start + 2 * count + chosen])
        log_scale = MIN_LOG_SCALE if log_scale < MIN_LOG_SCALE else log_scale
        drawn += exp(log_scale) * law.temperature * logistic(where, law.tail)
    if law.spread < 1.0:
        mean = 0.0
        for i in range(count):
            mean += scratch[0, i] * centre(numbers, start + count + i, i, form)
        mean /= total
        drawn = mean + law.spread * (drawn - mean)
    return judged(drawn, numbers, start, form.head_outputs)


@inner
def logistic(where: float, tail: float) -> float:
    """Return the standard logistic's quantile, the tails cut."""
    edge = tail if tail > 1e-7 else 1e-7
    quantile = edge if where < edge else where
    quantile = 1.0 - edge if quantile > 1.0 - edge else quantile
    return log(quantile) - log1p(-quantile)


@inner
def centre(numbers: Array, place: int, level: int, form: Record) -> float:
    """Return a component's mean, or the amplitude of a mu-law level."""
    if form.head_kind == MULAW:
        return np.float64(LEVELS[level])
    return np.float64(numbers[place])


@inner
def judged(sample: float, numbers: Array, start: int, count: int) -> float:
    """Return the sample within [-1, 1], or no number where it or one of the head's is infinite."""
    spoilt = 0.0 * sample  # an infinity times zero is no number
    for i in range(start, start + count):
        spoilt += 0.0 * numbers[i]
    return min(max(sample, -1.0), 1.0) + spoilt


@inner
def weigh(numbers: Array, start: int, count: int, law: Record, scratch: Array) -> float:
    """Write exp of the logits, at the law's temperature, to scratch[0], and return their sum."""
    top = numbers[start]
    for i in range(start + 1, start + count):
        top = numbers[i] if numbers[i] > top else top
    temperature = law.temperature if law.temperature > 1e-6 else 1e-6
    sharpness = 1.0 / temperature
    total = 0.0
    for i in range(count):
        scratch[0, i] = exp((np.float64(numbers[start + i]) - top) * sharpness)
        total += scratch[0, i]
    return total


@inner
def truncate(count: int, law: Record, total: float, scratch: Array) -> float:
    """Keep the heaviest weights that the law leaves, and return their sum."""
    for i in range(count):
        scratch[1, i] = 0.0
    sum_kept = 0.0
    kept = 0
    while kept < count and sum_kept < law.top_p * total and (law.top_k == 0 or kept < law.top_k):
        best = 0
        for i in range(1, count):
            if scratch[0, i] > scratch[0, best]:
                best = i
        scratch[1, best] = scratch[0, best]
        sum_kept += scratch[0, best]
        scratch[0, best] = -1.0
        kept += 1
    for i in range(count):
        scratch[0, i] = scratch[1, i]
    return sum_kept


@inner
def choose(count: int, mark: float, scratch: Array) -> int:
    """Return where the running sum of the weights passes the mark."""
    passed = 0.0
    heavy = 0
    for i in range(count):
        passed += scratch[0, i]
        if passed > mark:
            return i
        if scratch[0, i] > 0.0:
            heavy = i
    return heavy  # rounding left the sum short of the mark
