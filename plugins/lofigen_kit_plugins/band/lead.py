"""Lead: a motif, its answer, its variations, and rests of at least as many bars.

A motif is a rhythm and a contour in steps of the mode's pentatonic. Where a note sounds on the
first or third beat it is moved to the nearest tone of the chord; the last note of a phrase is
moved to the root, third or fifth.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from lofigen_kit.api import Bar, Chord, Key
from lofigen_kit_plugins.band.choices import Range
from lofigen_kit_plugins.band.clock import STEPS_PER_BAR, STEPS_PER_BEAT
from lofigen_kit_plugins.band.events import Tone
from lofigen_kit_plugins.band.form import PHRASE_BARS, BarPlan

RANGES: dict[Range, tuple[int, int]] = {"low": (57, 76), "middle": (62, 81), "high": (67, 88)}
"""The lowest and the highest note: A3 to E5, D4 to A5, G4 to E6."""
DENSITY = (0.36, 0.5)
"""In what share of the bars the lead plays, where it is drawn."""
LARGEST_LEAP, USUAL_LEAP = 12, 8
STRONG = 8
"""Every so many sixteenths a strong beat falls: the first and the third."""

Figure = tuple[tuple[int, int], ...]
"""Onsets and lengths in sixteenths."""

OPENINGS: tuple[Figure, ...] = (
    ((0, 3), (3, 3), (6, 2)),
    ((0, 2), (2, 2), (4, 4)),
    ((0, 4), (4, 2), (6, 2)),
    ((0, 6), (6, 2)),
    ((2, 2), (4, 2), (6, 2)),
    ((0, 2), (2, 6)),
    ((0, 3), (3, 5)),
    ((4, 2), (6, 2)),
    ((3, 1), (4, 4)),
    ((2, 1), (3, 1), (4, 4)),
    ((0, 1), (1, 3), (4, 4)),
    ((0, 2), (3, 1), (4, 2), (6, 2)),
    ((2, 6),),
    ((0, 8),),
)
CLOSINGS: tuple[Figure, ...] = (
    ((0, 6),),
    ((0, 4),),
    ((0, 8),),
    ((0, 2), (2, 6)),
    ((2, 6),),
    ((0, 3), (3, 5)),
    ((0, 2), (2, 2), (4, 4)),
    ((0, 1), (1, 1), (2, 6)),
)
# Where the motif (M) and its answer (A) stand in a phrase of four bars, by how many bars they take.
LAYOUTS: dict[int, tuple[str, ...]] = {
    1: ("M...", "..M.", ".M.."),
    2: ("M.A.", "MA..", "..MA", ".M.A", "LL..", ".LL.", "..LL"),
    3: ("MAM.", ".MMA", "LLA."),
    4: ("MAMA", "LLMA"),
}
"""`L` is half of a motif of two bars."""
Variation = Literal["plain", "sequence", "inversion", "rhythm", "ornament", "ending"]
VARIATIONS: tuple[Variation, ...] = get_args(Variation)


@dataclass(frozen=True)
class MotifNote:
    """A note of a motif: onset and length in sixteenths, height in steps of the pentatonic."""

    step: int
    length: int
    height: int


Motif = tuple[MotifNote, ...]


@dataclass(frozen=True)
class _Phrase:
    """A motif as it is to be played.

    Attributes:
        first_bar: Where it begins.
        bars: One or two.
        motif: Its notes.
        lift: How many steps of the pentatonic it is moved.
    """

    first_bar: int
    bars: int
    motif: Motif
    lift: int


def draw_motif(bars: int, rhythm: np.random.Generator, pitch: np.random.Generator) -> Motif:
    """Return a motif of one or two bars: an opening, and a closing that comes to rest."""
    figure: list[tuple[int, int]] = []
    for half in range(2 * bars):
        last = half == 2 * bars - 1
        table = CLOSINGS if last or (half == 1 and rhythm.random() < 0.5) else OPENINGS
        chosen = table[int(rhythm.integers(len(table)))]
        figure += [(8 * half + step, length) for step, length in chosen]
    heights = _draw_contour(len(figure), pitch)
    return tuple(
        MotifNote(step, length, height)
        for (step, length), height in zip(figure, heights, strict=True)
    )


def _draw_contour(count: int, rng: np.random.Generator) -> list[int]:
    """Return heights: mostly steps in one direction, a leap now and then, which turns back."""
    direction = 1 if rng.random() < 0.5 else -1
    heights = [0]
    for _ in range(count - 1):
        size = int(rng.choice((0, 1, 2, 3), p=(0.1, 0.58, 0.22, 0.1)))
        if rng.random() < 0.3 or abs(heights[-1] + direction * size) > 4:
            direction = -direction
        heights.append(heights[-1] + direction * size)
        if size == 3:
            direction = -direction
    return heights


def vary(
    motif: Motif, how: Variation, rhythm: np.random.Generator, pitch: np.random.Generator
) -> Motif:
    """Return a variation of a motif.

    A sequence is the motif a step or two away; an inversion turns its contour over; a rhythm change
    joins or splits a note; an ornament adds a short note below the longest; another ending draws
    its last heights anew.
    """
    moved, drawn = int(pitch.integers(1, 3)) * (1 if pitch.random() < 0.5 else -1), rhythm.random()
    if how == "sequence":
        return tuple(replace(note, height=note.height + moved) for note in motif)
    if how == "inversion":
        return tuple(replace(note, height=-note.height) for note in motif)
    if how == "rhythm":
        return _join(motif, drawn) if len(motif) > 3 else _split(motif)
    if how == "ornament":
        return _ornament(motif)
    if how == "ending":
        keep = max(len(motif) - 2, 1)
        tail = [note.height - moved * (i + 1) for i, note in enumerate(motif[keep:])]
        return (
            *motif[:keep],
            *(replace(n, height=h) for n, h in zip(motif[keep:], tail, strict=True)),
        )
    return motif


def _join(motif: Motif, drawn: float) -> Motif:
    """Return a motif one of whose inner notes is held through the next."""
    at = 1 + int(drawn * (len(motif) - 2))
    kept, gone = motif[at - 1], motif[at]
    length = gone.step + gone.length - kept.step
    return (*motif[: at - 1], replace(kept, length=length), *motif[at + 1 :])


def _split(motif: Motif) -> Motif:
    """Return a motif whose longest note is struck again."""
    at = max(range(len(motif)), key=lambda i: motif[i].length)
    note, half = motif[at], motif[at].length // 2
    if half < 1:
        return motif
    second = MotifNote(note.step + half, note.length - half, note.height + 1)
    return (*motif[:at], replace(note, length=half), second, *motif[at + 1 :])


def _ornament(motif: Motif) -> Motif:
    """Return a motif with a short note before its longest, a step below it."""
    at = max(range(len(motif)), key=lambda i: motif[i].length)
    note = motif[at]
    free = at == 0 or motif[at - 1].step < note.step - 1
    if not free or note.step == 0:
        return motif
    before = motif[at - 1] if at else None
    head = motif[:at]
    if before is not None and before.step + before.length > note.step - 1:
        head = (*motif[: at - 1], replace(before, length=note.step - 1 - before.step))
    return (*head, MotifNote(note.step - 1, 1, note.height - 1), *motif[at:])


def write_lead(
    plans: Sequence[BarPlan],
    chords: Sequence[Bar],
    key: Key,
    rhythm: np.random.Generator,
    pitch: np.random.Generator,
    *,
    density: float,
    reach: Range,
) -> list[Tone]:
    """Return what the lead plays: one note at a time.

    Args:
        plans: The bars.
        chords: Their chords.
        key: Whose pentatonic it plays.
        rhythm: Draws the rhythm of the motifs, and where they stand.
        pitch: Draws their contours.
        density: In what share of the bars it plays, at most.
        reach: In which range.
    """
    low, high = RANGES[reach]
    ladder = [midi for midi in range(low, high + 1) if midi % 12 in key.pentatonic]
    place = int(len(ladder) * float(pitch.uniform(0.4, 0.6)))
    tones: list[Tone] = []
    for phrase in _plan_phrases(plans, rhythm, pitch, density):
        written = _Singer(ladder, chords, place, (low, high)).sing(phrase, tones[-1:])
        tones += written
    return tones


def _plan_phrases(
    plans: Sequence[BarPlan],
    rhythm: np.random.Generator,
    pitch: np.random.Generator,
    density: float,
) -> Iterator[_Phrase]:
    """Yield the motifs of a piece, each section kind having its own, and where they stand."""
    motifs = [
        {"M": draw_motif(1, rhythm, pitch), "L": draw_motif(2, rhythm, pitch)} for _ in range(3)
    ]
    favourites = [int(rhythm.integers(64)) for _ in range(3)]
    owed = 0.0
    for number, bars in enumerate(_split_phrases(plans)):
        here = bars[0]
        owed += density * len(bars)
        how = VARIATIONS[int(pitch.integers(len(VARIATIONS)))]
        lift = int(pitch.integers(-1, 2)) if number else 0
        drawn = int(rhythm.integers(64))
        section = min(here.section.harmony, 2)
        layout = _choose_layout(
            int(owed + 1e-9), len(bars), favourites[section] if number % 2 == 0 else drawn
        )
        if not here.has("lead"):
            continue
        owed -= len(layout) - layout.count(".")
        varied = "plain" if here.within == 0 and not here.section.variation else how
        yield from _fill_layout(
            layout, bars, motifs[section], how=varied, lift=lift, rhythm=rhythm, pitch=pitch
        )


def _split_phrases(plans: Sequence[BarPlan]) -> Iterator[list[BarPlan]]:
    """Yield the bars of each phrase of four, sections apart; the ending belongs to none."""
    phrase: list[BarPlan] = []
    for plan in plans:
        if phrase and (plan.within % PHRASE_BARS == 0 or plan.ending):
            yield phrase
            phrase = []
        if not plan.ending:
            phrase.append(plan)
    if phrase:
        yield phrase


def _choose_layout(count: int, bars: int, drawn: int) -> str:
    """Return a layout in which at most so many of the bars are played."""
    count = min(count, bars)
    if count <= 0:
        return "." * bars
    fitting = [
        text[:bars]
        for text in LAYOUTS[count]
        if "M" in text[:bars] + "M" and text[bars:].strip(".") == ""
    ]
    return fitting[drawn % len(fitting)] if fitting else ("MAMA"[:count] + "." * bars)[:bars]


def _fill_layout(
    layout: str,
    bars: Sequence[BarPlan],
    motifs: dict[str, Motif],
    *,
    how: Variation,
    lift: int,
    rhythm: np.random.Generator,
    pitch: np.random.Generator,
) -> Iterator[_Phrase]:
    """Yield the motif, its answer, or the long motif, where a layout has them."""
    at = 0
    while at < len(layout):
        letter = layout[at]
        if letter == ".":
            at += 1
            continue
        length = 2 if letter == "L" else 1
        motif = vary(motifs["L" if letter == "L" else "M"], how, rhythm, pitch)
        if letter == "A":
            motif = vary(motif, "ending", rhythm, pitch)
        yield _Phrase(bars[at].number, length, motif, lift)
        at += length


@dataclass
class _Singer:
    """Turns motifs into notes over the chords.

    Attributes:
        ladder: The notes of the pentatonic in the range, ascending.
        chords: Of every bar.
        place: Where on the ladder a motif begins.
        reach: The lowest and the highest note.
    """

    ladder: Sequence[int]
    chords: Sequence[Bar]
    place: int
    reach: tuple[int, int]

    def sing(self, phrase: _Phrase, before: Sequence[Tone]) -> list[Tone]:
        """Return the notes of a phrase, none of them a leap of over an octave from the last."""
        tones: list[Tone] = []
        first = phrase.first_bar * STEPS_PER_BAR
        for number, note in enumerate(phrase.motif):
            last = number == len(phrase.motif) - 1
            step = first + note.step
            length = self._shorten(step, min(note.length, first + 16 * phrase.bars - step))
            wished = self._find_rung(self.place + phrase.lift + note.height)
            previous = (tones[-1:] or before)[-1:]
            midi = self._choose(step, length, wished, last=last, previous=previous)
            if midi is None:
                continue
            strong = step % STRONG == 0
            velocity = 0.74 if strong else 0.62
            held = length * (0.96 if last else 0.9)
            tones.append(Tone(midi, step, held, velocity + 0.04 * (note.length >= 4)))
        return tones

    def _find_rung(self, index: int) -> int:
        """Return a note of the ladder; beyond its ends it turns back."""
        top = len(self.ladder) - 1
        if index < 0:
            index = -index
        if index > top:
            index = 2 * top - index
        return self.ladder[min(max(index, 0), top)]

    def _shorten(self, step: int, length: int) -> int:
        """Return a length with which a note ends before a chord that it does not fit."""
        beat = step - step % STRONG + STRONG
        while beat < step + length:
            here, there = self._find_chord(step), self._find_chord(beat)
            if here is None or there is None or not here.pitch_classes & there.pitch_classes:
                return beat - step
            beat += STRONG
        return length

    def _find_chord(self, step: int) -> Chord | None:
        """Return the chord at a step of the piece."""
        bar = self.chords[(step // STEPS_PER_BAR) % len(self.chords)]
        at = step % STEPS_PER_BAR
        for span in bar:
            at -= span.beats * STEPS_PER_BEAT
            if at < 0:
                return span.chord
        return None

    def _choose(
        self, step: int, length: int, wished: int, *, last: bool, previous: Sequence[Tone]
    ) -> int | None:
        """Return the fitting note nearest to the one wished; None where there is no chord."""
        beats = [beat for beat in range(step, step + length) if beat % STRONG == 0]
        over = [self._find_chord(beat) for beat in beats] or [self._find_chord(step)]
        if any(chord is None for chord in over):
            return None
        chords = [chord for chord in over if chord is not None]
        fitting = set(range(12)).intersection(*(chord.pitch_classes for chord in chords))
        pentatonic = {midi % 12 for midi in self.ladder}
        classes = fitting if beats else self._avoid(fitting | pentatonic, chords[0])
        if last:
            stable = {(chords[-1].root + tone) % 12 for tone in chords[-1].intervals[:3]}
            classes = (fitting & stable) or classes
        low, high = self.reach
        options = [midi for midi in range(low, high + 1) if midi % 12 in classes]
        return self._pick(options, wished, pentatonic, previous)

    def _avoid(self, classes: set[int], chord: Chord) -> set[int]:
        """Return pitch classes without those a semitone above a tone of the chord."""
        tones = chord.pitch_classes
        return {c for c in classes if c in tones or (c - 1) % 12 not in tones}

    def _pick(
        self, options: Sequence[int], wished: int, pentatonic: set[int], previous: Sequence[Tone]
    ) -> int | None:
        """Return the option nearest to what is wished, within a leap of the last note."""
        before = previous[0].midi if previous else wished
        near = [midi for midi in options if abs(midi - before) <= LARGEST_LEAP]
        if not near:
            return None

        def cost(midi: int) -> tuple[float, int]:
            far = max(abs(midi - before) - USUAL_LEAP, 0)
            foreign = 0.0 if midi % 12 in pentatonic else 0.7
            return abs(midi - wished) + 1.5 * far + foreign, midi

        return min(near, key=cost)
