"""Comping: in what rhythm, and how, the chords are struck."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from lofigen_kit.api import Bar, Chord
from lofigen_kit_plugins.band.choices import Voicing
from lofigen_kit_plugins.band.clock import STEPS_PER_BAR, STEPS_PER_BEAT
from lofigen_kit_plugins.band.events import Tone
from lofigen_kit_plugins.band.feels import Feel
from lofigen_kit_plugins.band.form import BarPlan
from lofigen_kit_plugins.band.voicing import CHORD_LOW, Hand, choose_tones, voice

Figure = Literal["block", "broken", "split"]


@dataclass(frozen=True)
class Style:
    """A way to comp.

    Attributes:
        bars: Lines of a bar that alternate: `X` strikes, `x` strikes softer, `-` holds, `.` rests.
            A stroke on the last eighth that is held to the end of the bar is the next bar's chord.
        figure: `block` strikes all voices at once, `broken` one after the other, `split` the lower
            ones at `X` and the upper ones at `x`.
    """

    bars: tuple[str, ...]
    figure: Figure = "block"


STYLES: dict[str, Style] = {
    "held": Style(("X--------------.", "X-------------..")),
    "answer": Style(("X--------.x----.", "X-------..x---..", "X-----------x--.")),
    "charleston": Style(("X-----x--------.", "X-----x---......")),
    "pushed": Style(("X-------x-----x-", "X-----x-------x-")),
    "chops": Style(("X--...x-..x--...", "X--...x-....x-..", "X--...x--.......")),
    "sparse": Style(("..X------------.", "..X-------......")),
    "pulse": Style(("X--.x--.X--.x--.", "X--.x--.X--.x-x.")),
    "shuffled": Style(("X---...x--..x--.", "X--x----...x----")),
    "double-charleston": Style(("X--x---...X--x..", "..x---.x-...x--.", "X--x----..x-----")),
    "bossa": Style(("X--x--x---x--x--", "..X--x--x---x---"), "split"),
    "partido": Style(("X-x---x-.x-x--x-", "X-x---x--.x---x-"), "split"),
    "arpeggio": Style(("X-x-x-x-x-x-x-x.", "X-x-x-x-X-x-x-x."), "broken"),
}
QUIET = ("held", "sparse")
"""What is played where a section is sparse."""


@dataclass(frozen=True)
class Strike:
    """One stroke of the hand: when and how long, in steps of the piece, and how hard."""

    step: int
    length: int
    accent: float
    chord: Chord


def draw_styles(feel: Feel, rng: np.random.Generator) -> tuple[str, str, str]:
    """Return the styles of a piece: for its first and its other sections, and for quiet ones."""
    order = [feel.comping[int(i)] for i in rng.permutation(len(feel.comping))]
    quiet = QUIET[int(rng.integers(len(QUIET)))]
    return order[0], order[1 % len(order)], quiet


def write_comping(
    plans: Sequence[BarPlan],
    chords: Sequence[Bar],
    styles: tuple[str, str, str],
    rng: np.random.Generator,
    *,
    voicing: Voicing,
    voices: int,
    centre: float,
    lowest: int = CHORD_LOW,
) -> list[Tone]:
    """Return what the hands play.

    Args:
        plans: The bars.
        chords: Their chords.
        styles: Of `draw_styles`.
        rng: Draws which line of a style a bar has, and the touch.
        voicing: How far the hands reach.
        voices: How many notes a chord has at most.
        centre: Around which note the hands stay.
        lowest: The lowest note that the instrument has.
    """
    roll_s = float(rng.uniform(0.0, 0.018))
    touch = float(rng.uniform(0.5, 0.72))
    turns = [int(rng.integers(8)) for _ in range(3)]
    hand: Hand = ()
    tones: list[Tone] = []
    pushed = False
    for plan in plans:
        following = chords[(plan.number + 1) % len(chords)]
        style, line = _choose_line(plan, styles, turns)
        strikes = list(_find_strikes(line, plan.number, chords[plan.number], following))
        last = plan.number == len(plans) - 1
        if pushed:  # the chord of the first beat has sounded since the bar before
            strikes = [strike for strike in strikes if strike.step % STEPS_PER_BAR > 1]
        pushed = not last and bool(strikes) and _is_pushed(strikes[-1], plan.number)
        if not plan.has("keys"):
            continue
        for number, strike in enumerate(strikes):
            classes = choose_tones(strike.chord, voices)
            hand = voice(classes, hand, voicing=voicing, centre=centre, lowest=lowest)
            accent = touch * strike.accent * (0.75 + 0.35 * plan.section.density)
            tones += _strike(hand, strike, style.figure, number, accent=accent, roll_s=roll_s)
    return tones


def _choose_line(
    plan: BarPlan, styles: tuple[str, str, str], turns: Sequence[int]
) -> tuple[Style, str]:
    """Return the style of a bar and its line: a phrase's bars alternate."""
    if plan.ending:
        return STYLES["held"], "X-------------.."
    number = 2 if plan.section.density < 0.5 else min(plan.section.harmony, 1)
    style = STYLES[styles[number]]
    order = (0, 1, 0, 2) if plan.section.variation % 2 == 0 else (1, 0, 2, 0)
    turn = (
        turns[number] + order[plan.within % 4] + (plan.within // 4 if plan.within % 4 == 3 else 0)
    )
    return style, style.bars[turn % len(style.bars)]


def _find_strikes(line: str, number: int, bar: Bar, following: Bar) -> Iterator[Strike]:
    """Yield the strikes of a bar; a chord that nothing strikes is struck where it begins."""
    starts, at = [], 0
    for span in bar:
        starts.append(at)
        at += span.beats * STEPS_PER_BEAT
    onsets = {step: stroke for step, stroke in enumerate(line) if stroke in "Xx"}
    for start in starts[1:]:
        if not {start, start + 1, start + 2} & set(onsets):
            onsets[start] = "x"
    steps = sorted(onsets)
    for step, end in pairwise([*steps, STEPS_PER_BAR]):
        index = max(i for i, start in enumerate(starts) if start <= step)
        chord = bar[index].chord
        length = 1 + len(line[step + 1 : end]) - len(line[step + 1 : end].lstrip("-"))
        if _reaches_over(line, step):
            chord, length = following[0].chord, length + STEPS_PER_BEAT
        elif index + 1 < len(starts):
            length = min(length, starts[index + 1] - step)
        if chord is not None:
            accent = 1.0 if onsets[step] == "X" else 0.78
            yield Strike(number * STEPS_PER_BAR + step, length, accent, chord)


def _reaches_over(line: str, step: int) -> bool:
    """Return whether a stroke is held from the last eighth over the bar line."""
    return step >= 14 and set(line[step + 1 :]) <= {"-"} and step + 1 < STEPS_PER_BAR


def _is_pushed(strike: Strike, number: int) -> bool:
    return strike.step + strike.length > (number + 1) * STEPS_PER_BAR


def _strike(
    hand: Hand, strike: Strike, figure: Figure, number: int, *, accent: float, roll_s: float
) -> Iterator[Tone]:
    """Yield the notes of one stroke, the top a little louder."""
    voices = list(hand)
    if figure == "broken":
        order = [*range(len(hand)), *range(len(hand) - 2, 0, -1)]
        voices = [hand[order[number % len(order)]]]
    elif figure == "split":
        low = strike.accent >= 1.0
        voices = list(hand[:2] if low and len(hand) > 3 else hand[:1] if low else hand[1:])
    length = strike.length * (2.0 if figure == "broken" else 1.0)
    for finger, midi in enumerate(voices):
        top = 1.1 if midi == hand[-1] else 0.96
        late_s = finger * roll_s
        yield Tone(midi, strike.step, length, accent * top, late_s)
