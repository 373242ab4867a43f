"""Rhythms: drums, comping and bass, on a grid of sixteen steps a bar."""

from __future__ import annotations

from dataclasses import dataclass

STEPS_PER_BAR = 16


@dataclass(frozen=True)
class DrumPattern:
    """One bar of drums, a character a step.

    `X` is an accent, `x` a plain stroke, `g` a ghost note, `?` a stroke that comes and goes
    from bar to bar, `.` a rest.
    """

    kick: str
    snare: str
    hat: str


DRUM_PATTERNS: dict[str, DrumPattern] = {
    "head-nod": DrumPattern(
        kick="X.....?...X.....",
        snare="....X..g....X..g",
        hat="x.x.x.x.x.x.x.x.",
    ),
    "boom-bap": DrumPattern(
        kick="X......x..X..?..",
        snare="....X.......X..g",
        hat="x.x.x.xgx.x.x.x.",
    ),
    "late-night": DrumPattern(
        kick="X.........X?....",
        snare="....X..g.g..X...",
        hat="x.x.x.x.x.x.x.xg",
    ),
    "lazy": DrumPattern(
        kick="X.....X.........",
        snare="....X.......X.g.",
        hat="..x...x...x...x.",
    ),
    "shuffle": DrumPattern(
        kick="X..x....?.X.....",
        snare="....X..g....X...",
        hat="x.xgx.x.x.xgx.x.",
    ),
    "half-time": DrumPattern(
        kick="X.....x.....?...",
        snare="........X.....g.",
        hat="x.x.x.x.x.x.x.x.",
    ),
    "dilla": DrumPattern(
        kick="X..?...x..X....?",
        snare="....X....g..X...",
        hat="x.x.x.x.x.x.xgx.",
    ),
    "broken": DrumPattern(
        kick="X..x......x..x..",
        snare="....X.g.....X..g",
        hat="xgx.x.x.xgx.x.x.",
    ),
}

# (first beat, length in beats, accent): where the hand falls within a bar.
COMPING: dict[str, tuple[tuple[float, float, float], ...]] = {
    "held": ((0.0, 3.7, 1.0),),
    "answer": ((0.0, 2.3, 1.0), (2.5, 1.4, 0.8)),
    "charleston": ((0.0, 1.4, 1.0), (1.5, 2.3, 0.85)),
    "pushed": ((0.0, 1.9, 1.0), (2.0, 1.4, 0.7), (3.5, 0.45, 0.6)),
    "sparse": ((0.5, 3.0, 0.9),),
    "pulse": ((0.0, 0.9, 1.0), (1.0, 0.9, 0.7), (2.0, 0.9, 0.85), (3.0, 0.9, 0.7)),
}

# (beat, length in beats, degree): 0 the root, 7 the fifth, 12 the octave, -1 a step below the
# next chord's root.
BASS_LINES: dict[str, tuple[tuple[float, float, int], ...]] = {
    "root": ((0.0, 1.6, 0), (2.5, 1.2, 0)),
    "long": ((0.0, 3.4, 0),),
    "fifth": ((0.0, 1.4, 0), (1.75, 0.6, 0), (2.5, 1.2, 7)),
    "octave": ((0.0, 1.2, 0), (2.0, 0.7, 12), (2.75, 1.0, 0)),
    "walk-up": ((0.0, 1.6, 0), (2.5, 0.8, 7), (3.5, 0.45, -1)),
}
