"""Scores of the band, and what the tests ask of them."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator
from functools import cache

from lofigen_kit.components.base import Context, Take
from lofigen_kit.music.chords import Chord
from lofigen_kit.music.score import Note, Score
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit_plugins.band import Band
from lofigen_kit_plugins.band.arranger import Arrangement, Brief, arrange
from lofigen_kit_plugins.band.clock import STEPS_PER_BAR, Clock

SEEDS = 200
LATE_S = 0.06
"""How far humanised timing may be from the grid."""


def make(seed: int = 0, **fields: object) -> Take:
    return Band.model_validate(fields).make_take(Context(rng_for(seed, 0, "source")))


def write(seed: int, **asked: object) -> Arrangement:
    return arrange(Brief(**asked), rng_for(seed, 0, "source"))  # type: ignore[arg-type]


def part(score: Score, name: str) -> list[Note]:
    return sorted((n for n in score.notes if n.part == name), key=lambda note: note.onset_s)


def find_step(score: Score, time_s: float) -> float:
    """Return a time in sixteenths from the start, swing taken out."""
    times_s = list_times_s(score.tempo_bpm, score.swing_pct, score.bars)
    step = max(bisect(times_s, time_s) - 1, 0)
    here_s, there_s = times_s[step : step + 2]
    return step + (time_s - here_s) / (there_s - here_s)


@cache
def list_times_s(tempo_bpm: float, swing_pct: float, bars: int) -> list[float]:
    """Return the time of every sixteenth, with some more after the end."""
    clock = Clock(tempo_bpm, swing_pct, bars)
    return [clock.time_s(step) for step in range(bars * STEPS_PER_BAR + 64)]


def find_chord(arrangement: Arrangement, step: int) -> Chord | None:
    at = step % STEPS_PER_BAR
    for span in arrangement.chords[step // STEPS_PER_BAR]:
        at -= 4 * span.beats
        if at < 0:
            return span.chord
    raise AssertionError


def find_lead_bars(arrangement: Arrangement) -> set[int]:
    """Return the bars in which the lead sounds."""
    score = arrangement.score
    bar_s = score.duration_s / score.bars
    return {
        bar
        for note in part(score, "lead")
        for bar in range(
            int((note.onset_s + LATE_S) / bar_s),
            int((note.onset_s + note.duration_s - LATE_S) / bar_s) + 1,
        )
    }


def iterate_strong_beats(arrangement: Arrangement) -> Iterator[tuple[Note, Chord]]:
    """Yield each lead note that sounds on a first or third beat, with the chord of that beat."""
    for note in part(arrangement.score, "lead"):
        first = find_step(arrangement.score, note.onset_s) - 0.5
        last = find_step(arrangement.score, note.onset_s + note.duration_s) - 0.5
        for step in range(0, arrangement.score.bars * STEPS_PER_BAR, 8):
            chord = find_chord(arrangement, step)
            if first <= step < last and chord is not None:
                yield note, chord


def count_strokes(score: Score, first_s: float, last_s: float) -> int:
    return sum(first_s <= hit.onset_s < last_s for hit in score.hits)
