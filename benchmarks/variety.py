"""How far beats of different seeds are from each other: the tables of docs/arranger.md.

    python benchmarks/variety.py [SEEDS]

Loops of eight bars and songs, everything left to the seed. The distance of two parts is the share
of their events that only one of them has: drum strokes by drum and sixteenth, notes by sixteenth
and interval above the tonic, so that a beat in another key is no other beat. The distance of two
forms is the share of bars whose section, players, fill or stop differ. 0 is the same, 1 has nothing
in common. A second table has the figures of the lead and the bass that the tests hold to.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Sequence
from itertools import combinations, pairwise

import numpy as np

from lofigen_kit.music.keys import parse_key
from lofigen_kit.music.score import Note
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit_plugins.band.arranger import Arrangement, Brief, arrange
from lofigen_kit_plugins.band.clock import STEPS_PER_BAR, Clock

SEEDS = 100
Events = frozenset[Hashable]


def find_steps(arrangement: Arrangement, times_s: Sequence[float]) -> np.ndarray:
    """Return the nearest sixteenth of each time."""
    score = arrangement.score
    clock = Clock(score.tempo_bpm, score.swing_pct, score.bars)
    grid_s = np.array([clock.time_s(step) for step in range(score.bars * STEPS_PER_BAR)])
    return np.abs(np.asarray(times_s)[:, None] - grid_s).argmin(axis=1)


def list_strokes(arrangement: Arrangement) -> Events:
    """Return the drum strokes by drum and sixteenth."""
    hits = arrangement.score.hits
    steps = find_steps(arrangement, [hit.onset_s for hit in hits])
    return frozenset(zip((hit.drum for hit in hits), steps.tolist(), strict=True))


def list_notes(part: str) -> Callable[[Arrangement], Events]:
    """Return what lists a part's notes by sixteenth and interval above the tonic."""

    def listed(arrangement: Arrangement) -> Events:
        notes = find_notes(arrangement, part)
        tonic = parse_key(arrangement.score.key).pitch_class
        steps = find_steps(arrangement, [note.onset_s for note in notes]).tolist()
        intervals = [(round(note.midi) - tonic) % 12 for note in notes]
        return frozenset(zip(steps, intervals, strict=True))

    return listed


def find_notes(arrangement: Arrangement, part: str) -> list[Note]:
    """Return the notes of a part in order."""
    notes = [note for note in arrangement.score.notes if note.part == part]
    return sorted(notes, key=lambda note: note.onset_s)


def list_bars(arrangement: Arrangement) -> Events:
    """Return what happens in each bar: its section, who plays, a fill, a stop."""
    return frozenset(
        (plan.number, plan.section.name, plan.section.parts, plan.fill, plan.stop)
        for plan in arrangement.plans
    )


def measure_distances(events: Sequence[Events]) -> np.ndarray:
    """Return the distance of every pair: the share of events that only one has."""
    return np.array([len(a ^ b) / max(len(a | b), 1) for a, b in combinations(events, 2)])


def print_distances(title: str, arrangements: Sequence[Arrangement]) -> None:
    """Print a table: for each part the nearest pair, the median and the farthest pair."""
    print(f"\n| {title} | nearest pair | median | farthest |\n| --- | --- | --- | --- |")
    lists: dict[str, Callable[[Arrangement], Events]] = {
        "drums": list_strokes, "comping": list_notes("keys"), "bass": list_notes("bass"),
        "lead": list_notes("lead"), "form": list_bars,
    }  # fmt: skip
    for name, listed in lists.items():
        distances = measure_distances([listed(arrangement) for arrangement in arrangements])
        near, middle, far = np.quantile(distances, (0, 0.5, 1))
        print(f"| {name} | {near:.2f} | {middle:.2f} | {far:.2f} |")
    alike = len(arrangements) - len({a.score.model_dump_json() for a in arrangements})
    print(f"\n{alike} of {len(arrangements)} scores are the same as another.")


def print_figures(title: str, arrangements: Sequence[Arrangement]) -> None:
    """Print how dense the parts are, and how the bass and the lead move."""
    print(f"\n| {title} | mean |\n| --- | --- |")
    bars = sum(arrangement.score.bars for arrangement in arrangements)
    strokes = sum(len(arrangement.score.hits) for arrangement in arrangements)
    print(f"| strokes a bar | {strokes / bars:.1f} |")
    for part in ("keys", "bass", "lead"):
        notes = [find_notes(arrangement, part) for arrangement in arrangements]
        steps = [abs(b.midi - a.midi) for line in notes for a, b in pairwise(line)]
        print(f"| {part}: notes a bar | {sum(map(len, notes)) / bars:.1f} |")
        if part != "keys":
            print(f"| {part}: semitones from note to note | {np.mean(steps):.1f} |")


def main(count: int) -> None:
    """Print the tables."""
    for title, asked in (("loops", Brief()), ("songs", Brief(form="song"))):
        made = [arrange(asked, rng_for(seed, 0, "source")) for seed in range(count)]
        print_distances(title, made)
        print_figures(title, made)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS)
