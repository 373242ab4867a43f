"""Harmony: named progressions, and the chords of a whole piece with their variations."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import cast

import numpy as np

from lofigen_kit.api import Bar, Chord, Key, Mode, Span, parse_chart
from lofigen_kit_plugins.band.choices import ProgressionName
from lofigen_kit_plugins.band.form import BarPlan

# Four bars each, written in C; a mode's own colour stands in its progressions.
_WRITTEN: dict[Mode, dict[ProgressionName, str]] = {
    "major": {
        "two-five-one": "Dm9 | G13 | Cmaj9 | Am7",
        "turnaround": "Cmaj9 | Am9 | Dm9 | G13",
        "stepping-down": "Fmaj7 | Em7 | Dm9 | Cmaj9",
        "royal-road": "Fmaj7 | G9 | Em7 | Am9",
        "minor-four": "Cmaj7 | Em7 | Fmaj9 | Fm6",
        "daydream": "Am9 | Fmaj7 | Cmaj9 | G9sus4",
        "secondary": "Cmaj9 | Fmaj7 | Em7 | A7b9",
        "bittersweet": "Fmaj9 | Fm7 | Em7 | Am9",
        "long-way-home": "Dm9 | G13 | Em7 | A7alt",
        "backdoor": "Cmaj7 | Bbmaj7 | Fmaj9 | G9sus4",
        "passing": "Cmaj7 | C#dim7 | Dm9 | G13",
        "porch": "Fmaj9 | C6/9 | Dm11 | Am7",
    },
    "minor": {
        "cycle": "Cm9 | Fm9 | Bb13 | Ebmaj9",
        "night-bus": "Cm9 | Abmaj7 | Ebmaj9 | Bb9",
        "noir": "Cm9 | Abmaj7 | Fm7 | G7b9",
        "half-light": "Dm7b5 | G7alt | Cm9 | Cm7",
        "blue-hour": "Cm9 | Fm7 | Cm9 | G7alt",
        "rooftop": "Abmaj7 | Gm7 | Cm9 | Cm11",
        "rising": "Abmaj9 | Bb9 | Cm9 | Ebmaj7",
        "neapolitan": "Cm7 | Ebmaj7 | Abmaj9 | Dbmaj7",
        "drifting": "Cm9 | Gm7 | Fm9 | Abmaj7",
        "window-seat": "Fm9 | Bb13 | Ebmaj9 | Abmaj7",
        "line-cliche": "Cm9 | CmMaj7 | Cm7 | F9",
        "last-train": "Cm11 | Bb9sus4 | Abmaj9 | G7b9",
    },
    "dorian": {
        "so-long": "Cm9 | F13 | Cm9 | F9",
        "slow-tram": "Cm11 | Dm7 | Ebmaj7 | F13",
        "copper": "Cm9 | Gm7 | Bbmaj9 | F9",
    },
    "mixolydian": {
        "front-step": "C9 | Bbmaj7 | F6/9 | C7sus4",
        "sunday": "C13 | Gm9 | Fmaj9 | Bbmaj7",
    },
    "phrygian": {
        "old-town": "Cm9 | Dbmaj7 | Bbm9 | Dbmaj9",
        "under-the-bridge": "Cm7 | Dbmaj7#11 | Ebmaj7 | Bbm7",
    },
    "lydian": {
        "kites": "Cmaj9 | D9 | Cmaj9 | Em7",
        "observatory": "Cmaj7#11 | Bm7 | Am9 | D13",
    },
}
PROGRESSION_MODES: dict[ProgressionName, Mode] = {
    name: mode for mode, table in _WRITTEN.items() for name in table
}
_KEYS_DRAWN: tuple[tuple[Mode, float], ...] = (
    ("minor", 0.42), ("major", 0.36), ("dorian", 0.12), ("lydian", 0.06), ("mixolydian", 0.04),
)  # fmt: skip
TURNAROUND_SHARE = 0.55


def list_progressions(mode: Mode) -> tuple[ProgressionName, ...]:
    """Return the names of the progressions in a mode."""
    return tuple(_WRITTEN[mode])


def read_progression(name: ProgressionName, key: Key) -> tuple[Bar, ...]:
    """Return the bars of a named progression in a key."""
    return transpose_bars(_read_in_c(name), key.pitch_class)


@cache
def _read_in_c(name: ProgressionName) -> tuple[Bar, ...]:
    return parse_chart(_WRITTEN[PROGRESSION_MODES[name]][name])


def transpose_bars(bars: Sequence[Bar], semitones: int) -> tuple[Bar, ...]:
    """Return bars some semitones higher."""
    return tuple(
        tuple(
            Span(None if span.chord is None else span.chord.transpose(semitones), span.beats)
            for span in bar
        )
        for bar in bars
    )


def draw_mode(rng: np.random.Generator) -> Mode:
    """Return a mode, mostly minor or major."""
    modes, weights = zip(*_KEYS_DRAWN, strict=True)
    return cast("Mode", str(rng.choice(modes, p=weights)))


def order_progressions(
    first: ProgressionName, rng: np.random.Generator
) -> tuple[ProgressionName, ...]:
    """Return the progressions of a song's sections: the first, and others of its mode."""
    mode = PROGRESSION_MODES[first]
    others = [name for name in _WRITTEN[mode] if name != first]
    if len(others) < 2:
        others = [*others, *_WRITTEN["minor" if mode in ("phrygian", "dorian") else "major"]]
    return (first, *(others[int(i)] for i in rng.permutation(len(others))))


def compose_chords(
    plans: Sequence[BarPlan],
    progressions: Sequence[Sequence[Bar]],
    key: Key,
    rng: np.random.Generator,
    *,
    loop: bool,
    asked: bool,
) -> tuple[Bar, ...]:
    """Return the chords of every bar.

    Each section goes through its progression; the last bar of a phrase but the first may lead on
    with the dominant of what follows. Charts that were asked for are played as they are. The last
    bar of a song is its tonic.

    Args:
        plans: The bars.
        progressions: By the sections' numbers.
        key: Of the last chord of a song, which is its tonic.
        rng: Draws the turnarounds.
        loop: Whether the last bar leads into the first.
        asked: Whether the progressions are charts that were asked for.
    """
    bars = []
    for plan in plans:
        chart = progressions[plan.section.harmony % len(progressions)]
        bars.append(chart[plan.within % len(chart)])
    if not loop:
        bars[-1] = (Span(_make_tonic(key), 4),)
    if asked:
        return tuple(bars)
    return tuple(
        _lead_on(bar, bars[(number + 1) % len(bars)], rng)
        if _may_turn(plans[number], last=number == len(bars) - 1 and not loop)
        else bar
        for number, bar in enumerate(bars)
    )


def _may_turn(plan: BarPlan, *, last: bool) -> bool:
    """Return whether a bar may lead on: the last of a phrase, but for a section's first phrase."""
    again = plan.within >= 4 or plan.section.variation > 0
    return plan.within % 4 == 3 and again and not last


def _make_tonic(key: Key) -> Chord:
    minor = key.mode in ("minor", "dorian", "phrygian")
    third, seventh = ("minor", 10) if minor else ("major", 11)
    return Chord(key.pitch_class, third=third, seventh=seventh, tensions=(14,))


def _lead_on(bar: Bar, following: Bar, rng: np.random.Generator) -> Bar:
    """Return a bar whose second half is the dominant of the next chord, or its substitute."""
    drawn, kind = rng.random(), rng.random()
    target, here = following[0].chord, bar[0].chord
    if drawn > TURNAROUND_SHARE or len(bar) > 1 or target is None or here is None:
        return bar
    dominant = (target.root + 7) % 12
    if here.root in (target.root, dominant) or here.is_dominant:
        return bar
    altered = (13,) if target.third == "minor" else (14, 21)
    chord = Chord(dominant, seventh=10, tensions=altered)
    if kind > 0.7:
        chord = Chord((target.root + 1) % 12, seventh=10, tensions=(14,))
    return (Span(here, 2), Span(chord, 2))
