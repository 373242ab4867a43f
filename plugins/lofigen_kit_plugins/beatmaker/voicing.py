"""Where the hand lies on the keys: each chord as near to the last as can be."""

from __future__ import annotations

import numpy as np

from lofigen_kit_plugins.beatmaker.harmony import QUALITIES, Chord

CHORD_LOW, CHORD_HIGH = 52, 77
"""The hand stays between E3 and F5, above the bass and below what 8 kHz makes shrill."""


def voice(
    chord: Chord, tonic: int, previous: tuple[int, ...], rng: np.random.Generator
) -> tuple[int, ...]:
    """Return the MIDI notes of a chord, each hand position as near to the last as can be.

    Args:
        chord: Which chord.
        tonic: The key's pitch class.
        previous: The last voicing; empty for the first.
        rng: Draws among positions about as near.
    """
    classes = [(tonic + chord.root + interval) % 12 for interval in QUALITIES[chord.quality]]
    candidates = [v for v in _positions(classes) if v[0] >= CHORD_LOW and v[-1] <= CHORD_HIGH]
    centre = float(np.mean(previous)) if previous else rng.uniform(60, 67)
    top = previous[-1] if previous else centre + 5
    cost = [
        abs(np.mean(v) - centre) + 0.5 * abs(v[-1] - top) + rng.uniform(0, 1.5) for v in candidates
    ]
    return candidates[int(np.argmin(cost))]


def _positions(classes: list[int]) -> list[tuple[int, ...]]:
    """Return every close and drop-2 position of a set of pitch classes, in all octaves."""
    found = []
    for bottom in range(CHORD_LOW, CHORD_HIGH):
        if bottom % 12 not in classes:
            continue
        close = sorted(bottom + (pitch - bottom) % 12 for pitch in classes)
        found.append(tuple(close))
        found.append(tuple(sorted((*close[:-2], close[-2] - 12, close[-1]))))
    return [v for v in found if np.diff(v).min() >= 1]
