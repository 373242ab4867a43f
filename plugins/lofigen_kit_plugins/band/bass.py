"""Bass: it answers the kick, leads into the next chord, and stays in one place on the neck."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lofigen_kit.api import Bar, Chord, Key
from lofigen_kit_plugins.band.clock import STEPS_PER_BAR, STEPS_PER_BEAT
from lofigen_kit_plugins.band.events import Tone
from lofigen_kit_plugins.band.form import BarPlan

LOW, HIGH = 28, 43
"""Where roots lie: from E1 (41 Hz) to G2."""
TOP = 55
"""The highest note, an octave above a root."""


@dataclass(frozen=True)
class Style:
    """A way to play the bass.

    Attributes:
        steps: On which sixteenths notes begin; empty where they follow the kick.
        most: How many notes a bar has at most, besides the approach.
        length: How much of the time until the next note a note sounds.
        fifths: How likely a later note of a chord is its fifth.
        octaves: How likely it is an octave up.
        approach: How likely a note leads into the next chord.
        approach_step: On which sixteenth of the bar.
        chord_tones: Whether it walks through the chord's tones instead of repeating the root.
    """

    steps: tuple[int, ...] = ()
    most: int = 4
    length: float = 0.85
    fifths: float = 0.2
    octaves: float = 0.1
    approach: float = 0.4
    approach_step: int = 14
    chord_tones: bool = False


STYLES: Mapping[str, Style] = {
    "pocket": Style(),
    "octaves": Style(octaves=0.4, fifths=0.1, length=0.7),
    "long": Style(most=2, length=0.96, fifths=0.1, octaves=0.0, approach=0.3),
    "pulse": Style(steps=(0, 2, 6, 8, 10, 14), most=5, length=0.7, fifths=0.12, octaves=0.08),
    "walking": Style(
        steps=(0, 4, 8, 12), length=0.9, approach=0.95, approach_step=12, chord_tones=True
    ),
    "two-feel": Style(steps=(0, 8), length=0.92, fifths=0.7, approach=0.6, approach_step=14),
    "bossa": Style(steps=(0, 3, 4, 7, 8, 11, 12, 15), most=8, length=0.9, fifths=0.6, approach=0.3,
                   approach_step=15),
}  # fmt: skip


@dataclass(frozen=True)
class _Onset:
    """Where a note begins in a bar, over which chord, and whether it is the chord's first."""

    step: int
    chord: Chord
    first: bool


def write_bass(
    plans: Sequence[BarPlan],
    chords: Sequence[Bar],
    kicks: Sequence[tuple[int, ...]],
    key: Key,
    rng: np.random.Generator,
    *,
    style: str,
    slides: float,
) -> list[Tone]:
    """Return what the bass plays: one note at a time.

    Args:
        plans: The bars.
        chords: Their chords.
        kicks: On which sixteenths of each bar the kick falls.
        key: For passing notes.
        rng: Draws what each note is.
        style: One of `STYLES`.
        slides: How likely it slides into a chord's first note.
    """
    tones: list[Tone] = []
    root, opening = LOW + 5, None
    for plan in plans:
        drawn = rng.random((STEPS_PER_BAR, 4))
        bar, following = chords[plan.number], chords[(plan.number + 1) % len(chords)][0].chord
        if not plan.has("bass") or all(span.chord is None for span in bar):
            continue
        quiet = not plan.has("drums") or plan.section.density < 0.4
        facts = STYLES["long" if quiet else style]
        written = []
        for onset in _find_onsets(plan, bar, kicks[plan.number], facts):
            root = _place(onset.chord.lowest, root)
            opening = root if opening is None else opening
            midi = _choose_note(onset, root, facts, drawn[onset.step])
            written.append(Tone(midi, onset.step, 1.0, 0.82 if onset.first else 0.7))
        if following is not None and not plan.ending:
            last = plan.number == len(plans) - 1
            before = opening if last and opening is not None else root
            target = _place(following.lowest, before)
            if plan.fill or (drawn[0, 0] < facts.approach and target != root):
                written = _lead_into(written, target, facts.approach_step, key, drawn[0])
        tones += _finish(written, plan, facts, drawn, slides)
    return _part(sorted(tones, key=lambda tone: tone.step))


def _place(pitch_class: int, previous: int) -> int:
    """Return a root within the range, as near to the last as can be."""
    lowest = LOW + (pitch_class - LOW) % 12
    return min(range(lowest, HIGH + 1, 12), key=lambda midi: (abs(midi - previous), midi))


def _find_onsets(plan: BarPlan, bar: Bar, kicks: Sequence[int], style: Style) -> list[_Onset]:
    """Return where notes begin: where chords do, and where the kick or the style has a note."""
    steps = list(style.steps or kicks)
    if plan.ending:
        steps = []
    onsets, start = [], 0
    for span in bar:
        end = start + span.beats * STEPS_PER_BEAT
        if span.chord is not None:
            inner = [step for step in steps if start < step < end]
            inner = inner[: max(round(style.most * span.beats / 4) - 1, 0)]
            onsets.append(_Onset(start, span.chord, first=True))
            onsets += [_Onset(step, span.chord, first=False) for step in inner]
        start = end
    return onsets


def _choose_note(onset: _Onset, root: int, style: Style, drawn: np.ndarray) -> int:
    """Return the root at a chord's first note; later its fifth, its octave, or another tone."""
    if onset.first:
        return root
    chord = onset.chord
    fifth = root + (chord.root + (chord.fifth or 7) - root) % 12
    if style.chord_tones:
        third = root + (chord.root + chord.intervals[1] - root) % 12
        walk = {4: third, 8: fifth, 12: root + 12 if drawn[0] < 0.4 else third}
        return walk.get(onset.step, fifth)
    if drawn[0] < style.fifths:
        return fifth if fifth <= HIGH or drawn[1] < 0.5 else fifth - 12
    if drawn[1] < style.octaves and root + 12 <= TOP:
        return root + 12
    return root


def _lead_into(
    written: list[Tone], target: int, step: int, key: Key, drawn: np.ndarray
) -> list[Tone]:
    """Return a bar whose last note leads into the first of the next, from a step on."""
    kept = [tone for tone in written if tone.step < step] or written[:1]
    midi = _approach(target, kept[-1].midi, key, drawn)
    return [*kept, Tone(midi, step, 1.0, 0.66)]


def _approach(target: int, before: int, key: Key, drawn: np.ndarray) -> int:
    """Return the note before a chord: a step of the scale, a semitone, or the target's fifth."""
    side = -1 if before <= target else 1
    steps = [target + side, target + 2 * side]
    scale = next((midi for midi in steps if midi % 12 in key.scale), steps[0])
    if drawn[1] < 0.45:
        midi = scale
    elif drawn[1] < 0.8:
        midi = target + side
    else:
        midi = target - 5 if target - 5 >= LOW else target + 7
    return midi if midi >= LOW - 1 else target + abs(target - midi)


def _finish(
    written: list[Tone], plan: BarPlan, style: Style, drawn: np.ndarray, slides: float
) -> list[Tone]:
    """Return a bar's notes with their lengths, and slides into the first of a chord."""
    first = plan.number * STEPS_PER_BAR
    ends = [*(tone.step for tone in written[1:]), float(STEPS_PER_BAR)]
    tones: list[Tone] = []
    for tone, end in zip(written, ends, strict=True):
        length = max((end - tone.step) * style.length, 0.6)
        if plan.ending:
            length = STEPS_PER_BAR - 2.0
        row = drawn[int(tone.step)]
        moves = not tones or tones[-1].midi != tone.midi
        if first + tone.step > 0 and moves and row[2] < slides and length > 1.0:
            below = tone.midi - (1 if row[3] < 0.6 else 2)
            tones.append(Tone(below, first + tone.step - 0.4, 0.4, 0.5))
        tones.append(Tone(tone.midi, first + tone.step, length, tone.velocity))
    return tones


def _part(tones: list[Tone]) -> list[Tone]:
    """Return tones none of which sounds into the next."""
    ends = [*(tone.step for tone in tones), float("inf")][1:]
    return [
        Tone(tone.midi, tone.step, min(tone.length, end - tone.step), tone.velocity)
        for tone, end in zip(tones, ends, strict=True)
    ]
