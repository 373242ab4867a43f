"""Where the hands lie on the keys: each chord as near to the last as can be, and never muddy."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise, product

from lofigen_kit.api import Chord
from lofigen_kit_plugins.band.choices import Voicing

CHORD_LOW, CHORD_HIGH = 48, 74
"""The hands stay between C3 and D5: above the bass and below the lead."""
_SPANS: dict[Voicing, tuple[int, int]] = {
    "close": (6, 13), "open": (12, 19), "spread": (15, 26), "shell": (5, 16),
}  # fmt: skip
_VOICES: dict[Voicing, tuple[int, ...]] = {
    "close": (4, 4, 5), "open": (4, 4, 5), "spread": (4, 5, 5), "shell": (3, 3, 4),
}  # fmt: skip
Hand = tuple[int, ...]


def draw_voices(voicing: Voicing, share: float) -> int:
    """Return how many voices: three to five, by a number from 0 to 1."""
    counts = _VOICES[voicing]
    return counts[min(int(share * len(counts)), len(counts) - 1)]


def choose_tones(chord: Chord, voices: int) -> tuple[int, ...]:
    """Return the pitch classes to play: what colours the chord first, its root and fifth last."""
    inner = [interval for interval in chord.intervals if interval]
    fifth = chord.fifth
    guide = [t for t in inner if t <= 11 and t != fifth]
    colour = [t for t in inner if t > 11 or (t == fifth and fifth != 7)]
    order = [*guide[:2], *reversed(colour), *guide[2:], *([7] if 7 in inner else []), 0]
    if voices <= 3:
        order = [*guide[:2], *([0] if len(guide) < 2 else []), *reversed(colour), 0, 7]
    classes = list(dict.fromkeys((chord.root + tone) % 12 for tone in order))
    return tuple(sorted(classes[:voices]))


def voice(
    classes: tuple[int, ...],
    previous: Hand,
    *,
    voicing: Voicing,
    centre: float,
    lowest: int = CHORD_LOW,
) -> Hand:
    """Return the MIDI notes of a chord, ascending: one for each pitch class.

    Args:
        classes: Its pitch classes.
        previous: The last position; empty for the first.
        voicing: How far the hand reaches.
        centre: The pitch around which the hand stays, a MIDI note.
        lowest: The lowest note that the instrument has.
    """
    lift = max(lowest - CHORD_LOW, 0)
    positions = _list_positions(classes, voicing, CHORD_LOW + lift)
    return min(positions, key=lambda hand: (_measure_move(hand, previous, centre + lift / 2), hand))


def _measure_move(hand: Hand, previous: Hand, centre: float) -> float:
    """Return how far a position is from the last, in semitones, the top voice counted twice."""
    middle = sum(hand) / len(hand)
    cost = 0.35 * abs(middle - centre)
    if previous:
        moved = [min(abs(note - last) for last in previous) for note in hand]
        cost += sum(moved) / len(moved) + 0.6 * abs(hand[-1] - previous[-1])
    return cost


@lru_cache(maxsize=4096)
def _list_positions(classes: tuple[int, ...], voicing: Voicing, low: int) -> tuple[Hand, ...]:
    """Return every position of a set of pitch classes that sounds clear."""
    narrow, wide = _SPANS[voicing]
    high = CHORD_HIGH + low - CHORD_LOW
    octaves = [range(low + (c - low) % 12, high + 1, 12) for c in classes]
    clear = [hand for notes in product(*octaves) if _is_clear(hand := tuple(sorted(notes)))]
    for least, most in ((narrow, wide), (narrow - 4, wide + 4), (0, 36)):
        if found := tuple(hand for hand in clear if least <= hand[-1] - hand[0] <= most):
            return found
    return tuple(tuple(sorted(notes)) for notes in product(*octaves))


def _is_clear(hand: Sequence[int]) -> bool:
    """Return whether a position is not muddy: wide below, and no semitone on top.

    Below E3 (52) there are only fifths and wider, below A3 (57) no seconds.
    """
    for low, high in pairwise(hand):
        least = 7 if low < 52 else 3 if low < 57 else 1
        if high - low < least or high - low > 12:
            return False
    return len(hand) < 2 or hand[-1] - hand[-2] > 1
