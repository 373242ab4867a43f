"""Form: the sections of a song, or one loop, and what happens in each of their bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lofigen_kit_plugins.band.choices import PlanName
from lofigen_kit_plugins.band.clock import BEATS_PER_BAR
from lofigen_kit_plugins.band.sections import (
    ALL_PARTS,
    KINDS,
    MOST_BARS,
    PLANS,
    PartName,
    SectionItem,
    parse_sections,
)

PHRASE_BARS = 4
LEAST_SONG_S = 120.0
GROWTH = {"intro": 0.2, "break": 0.2, "outro": 0.2}
"""How much of a plan's length these sections take over, beside the others."""
_DROPPED_FIRST = ("c", "break", "b", "intro", "a")
"""Which sections a plan goes without first, where there is no room for all."""


@dataclass(frozen=True)
class Section:
    """A section as it is to be played.

    Attributes:
        name: As the score has it: `A'` is the second A.
        kind: One of `KINDS`.
        first_bar: Its first bar, from 0.
        bars: How many bars.
        parts: Who plays.
        harmony: Which progression.
        groove: Which groove of the drums.
        density: How much the parts play, from 0 to 1.
        variation: The how-manieth of its kind, from 0.
    """

    name: str
    kind: str
    first_bar: int
    bars: int
    parts: frozenset[PartName]
    harmony: int = 0
    groove: int = 0
    density: float = 0.7
    variation: int = 0


@dataclass(frozen=True)
class BarPlan:
    """One bar as it is to be played.

    Attributes:
        number: The bar, from 0.
        section: The section that it belongs to.
        within: The bar's number within its section.
        fill: Whether the drums fill into what follows.
        stop: Whether the drums strike its first beat and are silent until its last, which fills.
        ending: Whether the piece ends with it: everything strikes the first beat and rings.
    """

    number: int
    section: Section
    within: int
    fill: bool = False
    stop: bool = False
    ending: bool = False

    def has(self, part: PartName) -> bool:
        """Return whether a part plays in it."""
        return part in self.section.parts


def fit_plan(name: PlanName, tempo_bpm: float, bars: int | None = None) -> tuple[SectionItem, ...]:
    """Return a named plan at a tempo, or of a number of bars, which it then has exactly.

    Without a number of bars, the song lasts from two to four minutes.
    """
    target_s, text = PLANS[name]
    if bars is None:
        bar_s = BEATS_PER_BAR * 60.0 / tempo_bpm
        bars = PHRASE_BARS * round(target_s / bar_s / PHRASE_BARS)
        while bars * bar_s < LEAST_SONG_S:
            bars += PHRASE_BARS
        bars = min(bars, MOST_BARS)
    return _scale(parse_sections(text), bars)


def _scale(items: Sequence[SectionItem], bars: int) -> tuple[SectionItem, ...]:
    """Return sections of whole phrases with so many bars in all; the last takes what is over."""
    phrases, rest = divmod(bars, PHRASE_BARS)
    kept = list(items)
    while len(kept) > max(phrases, 1):
        kinds = [kind for kind, _ in kept]
        dropped = next(kind for kind in _DROPPED_FIRST if kind in kinds)
        kept.pop(len(kinds) - 1 - kinds[::-1].index(dropped))
    weights = np.array([length * GROWTH.get(kind, 1.0) for kind, length in kept])
    shares = 1.0 + (max(phrases, 1) - len(kept)) * weights / weights.sum()
    counts = np.floor(shares).astype(int)
    for index in np.argsort(counts - shares, kind="stable")[: max(phrases, 1) - counts.sum()]:
        counts[index] += 1
    lengths = [int(count) * PHRASE_BARS for count in counts]
    lengths[-1] += rest
    return tuple((kind, length) for (kind, _), length in zip(kept, lengths, strict=True))


def plan_loop(bars: int) -> tuple[Section, ...]:
    """Return a loop as one section in which all play."""
    return (Section("loop", "a", 0, bars, frozenset(ALL_PARTS)),)


def plan_song(items: Sequence[SectionItem], rng: np.random.Generator) -> tuple[Section, ...]:
    """Return the sections of a song: who plays in each, and which variation it is."""
    counts: dict[str, int] = {}
    first, sections = 0, []
    styles = {kind: int(rng.integers(1 << 16)) for kind in KINDS}
    for kind, bars in items:
        facts, variation = KINDS[kind], counts.get(kind, 0)
        counts[kind] = variation + 1
        parts = facts.parts[(styles[kind] + variation) % len(facts.parts)]
        density = min(facts.density + 0.1 * variation, 1.0)
        sections.append(
            Section(
                _name_section(kind, variation), kind, first, bars, frozenset(parts),
                facts.harmony, facts.groove, density, variation,
            )
        )  # fmt: skip
        first += bars
    return tuple(sections)


def _name_section(kind: str, variation: int) -> str:
    if len(kind) > 1:
        return kind if not variation else f"{kind} {variation + 1}"
    primes = "'" * variation if variation < 3 else str(variation + 1)
    return kind.upper() + primes


def plan_bars(
    sections: Sequence[Section], rng: np.random.Generator, *, loop: bool
) -> tuple[BarPlan, ...]:
    """Return what happens in each bar: fills, stops and the ending.

    A fill stands before each section, in every eighth bar of one, and in the last bar of a loop. A
    stop stands before a break, and where the seed puts one: at most one in eight bars.
    """
    following = {a.name: b.kind for a, b in pairwise(sections)}
    stop_share = float(rng.uniform(0.15, 0.6))
    total = sum(section.bars for section in sections)
    plans = []
    for section in sections:
        for within in range(section.bars):
            number = section.first_bar + within
            last = number == total - 1
            ending = last and not loop
            before_section = within == section.bars - 1
            fill = (before_section or within % 8 == 7) and not ending
            drawn = bool(rng.random() < stop_share)
            stop = within % 8 == 3 and section.bars >= 8 and drawn
            stop |= before_section and following.get(section.name) == "break"
            plans.append(BarPlan(number, section, within, fill=fill, stop=stop, ending=ending))
    return tuple(plans)
