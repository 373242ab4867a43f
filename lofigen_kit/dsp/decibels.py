"""Conversion between decibels and amplitude ratios."""

from __future__ import annotations

import math


def db_to_gain(level_db: float) -> float:
    """Return the amplitude ratio of a level in dB."""
    return float(10.0 ** (level_db / 20.0))


def gain_to_db(gain: float) -> float:
    """Return the level in dB of an amplitude ratio; minus infinity for 0 and below."""
    return 20.0 * math.log10(gain) if gain > 0 else -math.inf
