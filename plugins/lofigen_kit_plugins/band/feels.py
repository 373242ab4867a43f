"""Feels: drums, bass and comping that belong together, with their tempo, swing and timing.

A line of a drum pattern has a character for each sixteenth of a bar: `X` is an accent, `x` a plain
stroke, `g` a ghost note, `?` a stroke that comes and goes from bar to bar, `.` a rest. Lines stand
in pairs: the second is what the first becomes in every other bar.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lofigen_kit.api import Drum
from lofigen_kit_plugins.band.choices import FeelName

Pair = tuple[str, str]
Span = tuple[float, float]
"""The lowest and the highest value; a seed draws one between them."""


@dataclass(frozen=True)
class Timing:
    """How far from the grid a part plays, in milliseconds; negative is early.

    Attributes:
        late_ms: Of each drum, by name, drawn once a beat.
        loose_ms: The deviation of single strokes, by drum.
        bass_ms: Of the bass.
        keys_ms: Of the comping.
    """

    late_ms: Mapping[Drum, Span] = field(default_factory=dict)
    loose_ms: Mapping[Drum, float] = field(default_factory=dict)
    bass_ms: Span = (0.0, 6.0)
    keys_ms: Span = (0.0, 8.0)


@dataclass(frozen=True)
class Feel:
    """One feel.

    Attributes:
        tempo_bpm: From which the tempo is drawn.
        swing_pct: From which the swing is drawn.
        kicks: Lines of the kick, in pairs.
        backbeats: Lines of the snare, or of what plays in its place.
        hats: Lines of the closed hi-hat.
        rides: Lines of the ride, which takes the hat's place in some sections.
        backbeat_drums: What may play the backbeat line, `snare` or `rim`.
        open_steps: Where an open hat may stand.
        ghosts: How likely a ghost note falls on a free sixteenth beside the backbeat.
        bass: The styles of bass that fit.
        comping: The styles of comping that fit.
        always_ride: Whether the ride plays throughout.
        slides: How likely the bass slides into a chord's first note.
        timing: Its micro-timing.
    """

    tempo_bpm: Span
    swing_pct: Span
    kicks: tuple[Pair, ...]
    backbeats: tuple[Pair, ...]
    hats: tuple[Pair, ...]
    rides: tuple[Pair, ...]
    bass: tuple[str, ...]
    comping: tuple[str, ...]
    backbeat_drums: tuple[Drum, ...] = ("snare",)
    open_steps: tuple[int, ...] = (6, 14)
    ghosts: float = 0.1
    always_ride: bool = False
    slides: float = 0.12
    timing: Timing = field(default_factory=Timing)


_RIDES: tuple[Pair, ...] = (
    ("x...x...x...x...", "x...x...x...x.x."),
    ("x.x.X.x.x.x.X.x.", "x.x.X.x.x.x.X.xg"),
)
_RELAXED: Mapping[Drum, Span] = {"kick": (-4, 3), "snare": (2, 16), "rim": (2, 14), "hat": (-4, 8)}

FEELS: dict[FeelName, Feel] = {
    "boom-bap": Feel(
        tempo_bpm=(80, 94),
        swing_pct=(56, 64),
        kicks=(
            ("X......x..X.....", "X......x.xX....."),
            ("X.x....x..x.....", "X......x..X..x.."),
            ("X.....x...X.....", "X..x..x...X....x"),
            ("X.........Xx....", "X..x......X.x..."),
            ("X..x......x..x..", "X..x....x.x....."),
        ),
        backbeats=(
            ("....X.......X...", "....X..g....X..g"),
            ("....X..g.g..X...", "....X....g..X.g."),
            ("....X..g....X...", "....X..g.g..X..g"),
        ),
        hats=(
            ("x.x.x.x.x.x.x.x.", "x.x.x.x.x.xxx.x."),
            ("x.xxx.x.x.x.x.x.", "x.x.x.xxx.x.x.xx"),
            ("x.x.x.xgx.x.xgx.", "x.xgx.x.x.x.x.x."),
        ),
        rides=_RIDES,
        bass=("pocket", "octaves", "long"),
        comping=("held", "answer", "charleston", "chops"),
        timing=Timing(_RELAXED, {"hat": 2.5, "snare": 2.0}),
    ),
    "dilla": Feel(
        tempo_bpm=(76, 92),
        swing_pct=(52, 58),
        kicks=(
            ("X..?...x..X....?", "X......x.xX....x"),
            ("X.....x.?.x..x..", "X..x..x...x....x"),
            ("X......xX....x..", "X.x....x..X...x."),
            ("X..x......Xx....", "X......x..x..x.."),
        ),
        backbeats=(
            ("....X.......X...", "....X..g....X..."),
            ("....X....g..X...", "....X..g.g..X.g."),
        ),
        hats=(
            ("x.x.x.x.x.x.xgx.", "x.x.x.x.xgx.x.x."),
            ("x.x.x.x.x.x.x.x.", "x.xgx.x.x.x.x.xg"),
            ("xgx.x.xgx.x.x.x.", "x.x.x.x.x.xgx.x."),
        ),
        rides=_RIDES,
        bass=("pocket", "octaves"),
        comping=("pushed", "answer", "chops", "charleston"),
        ghosts=0.14,
        slides=0.25,
        timing=Timing(
            {"kick": (-18, -6), "snare": (12, 26), "rim": (10, 22), "hat": (-6, 10)},
            {"hat": 9.0, "kick": 6.0, "snare": 4.0},
            bass_ms=(4, 18),
            keys_ms=(4, 20),
        ),
    ),
    "shuffle": Feel(
        tempo_bpm=(72, 88),
        swing_pct=(62, 68),
        kicks=(
            ("X..x....?.X.....", "X..x......X..x.."),
            ("X......xX.......", "X..x...xX......x"),
            ("X..x..x...x.....", "X.....xx..x....x"),
        ),
        backbeats=(
            ("....X..g....X...", "....X..g....X..g"),
            ("....Xg.g....X..g", "....X..g.g..X..g"),
        ),
        hats=(
            ("x.xgx.xgx.xgx.xg", "x.xgx.xgx.xxx.xg"),
            ("x.xxx.x.x.xxx.x.", "x.xxx.xgx.xxx.xg"),
        ),
        rides=(("x.xxx.xxx.xxx.xx", "x.xxx.x.x.xxx.x."), ("x.xgx.xgx.xgx.xg", "x.xxx.xgx.xgx.xx")),
        bass=("pocket", "walking", "octaves"),
        comping=("charleston", "shuffled", "answer"),
        timing=Timing(_RELAXED, {"hat": 2.0}),
    ),
    "half-time": Feel(
        tempo_bpm=(70, 86),
        swing_pct=(52, 60),
        kicks=(
            ("X.....x.....?...", "X.....x....x...."),
            ("X..x......x.....", "X..x..x........x"),
            ("X.......g.x...x.", "X.....x.......x."),
        ),
        backbeats=(
            ("........X.....g.", "........X..g...."),
            ("........X.......", "........X.....gg"),
        ),
        hats=(
            ("x.x.x.x.x.x.x.x.", "x.x.x.xgx.x.x.xx"),
            ("x...x...x...x...", "x...x.x.x...x.xx"),
            ("x.xxx.x.x.xxx.x.", "x.x.x.xxx.x.xgxg"),
        ),
        rides=(("x...x...x...x...", "x...x.x.x...x.x."),),
        bass=("long", "pocket"),
        comping=("held", "arpeggio", "answer", "sparse"),
        open_steps=(6, 10, 14),
        slides=0.3,
        timing=Timing(_RELAXED, {"hat": 3.0}),
    ),
    "jazz-brush": Feel(
        tempo_bpm=(62, 76),
        swing_pct=(60, 67),
        kicks=(
            ("x...g...x...g...", "x...g...g..xg..."),
            ("g...g...g...g...", "x...g...g...g..x"),
            ("x.......g..x....", "x..g....x......."),
        ),
        backbeats=(
            ("..g.x.g...g.x.g.", "..g.x..g..g.x.gg"),
            ("..x...x...x...x.", "..x...xg..x...xg"),
            ("g.x.g.x.g.x.g.x.", "g.x.g.xgg.x.g.x."),
        ),
        hats=(("..x...x...x...x.", "..x...x...x...x."), ("....x.......x...", "....x.......x...")),
        rides=(
            ("x.xxx.xxx.xxx.xx", "x.xxx.x.x.xxx.xx"),
            ("x.x.x.xxx.x.x.xx", "x.xxx.x.x.x.x.xx"),
        ),
        bass=("walking", "two-feel"),
        comping=("double-charleston", "answer", "sparse", "held"),
        open_steps=(14,),
        ghosts=0.06,
        always_ride=True,
        timing=Timing({"ride": (-6, 2), "snare": (0, 10)}, {"ride": 3.0, "snare": 4.0}),
    ),
    "bossa": Feel(
        tempo_bpm=(62, 76),
        swing_pct=(50, 53),
        kicks=(
            ("X..xX..xX..xX..x", "X..xX..xX..xX..x"),
            ("X..xx...X..xx...", "X..xx..xX..xx..x"),
        ),
        backbeats=(
            ("x..x..x...x..x..", "..x..x..x..x..x."),
            ("x..x...x..x..x..", "..x.x...x..x..x."),
            ("x..x..x...x..x..", "x..x..x...x.x..."),
        ),
        hats=(
            ("xgxgxgxgxgxgxgxg", "xgxgxgxgxgxgxgxx"),
            ("x.x.x.x.x.x.x.x.", "x.x.x.x.x.x.xxx."),
        ),
        rides=(("x.x.x.x.x.x.x.x.", "x.x.x.xxx.x.x.x."),),
        backbeat_drums=("rim",),
        bass=("bossa",),
        comping=("bossa", "partido", "arpeggio"),
        ghosts=0.0,
        open_steps=(14,),
        slides=0.05,
        timing=Timing({}, {"hat": 2.5, "rim": 2.5}),
    ),
    "straight": Feel(
        tempo_bpm=(68, 84),
        swing_pct=(50, 53),
        kicks=(
            ("X.....x.x.......", "X.....x.x.x....."),
            ("X.......x.x.....", "X..x....x.x....."),
            ("X.x.......x.....", "X.x...x...x....."),
        ),
        backbeats=(
            ("....X.......X...", "....X.......X.g."),
            ("....X..g....X...", "....X....g..X..."),
        ),
        hats=(
            ("x.x.x.x.x.x.x.x.", "x.x.x.x.x.x.x.xx"),
            ("xgxgxgxgxgxgxgxg", "xgxgxgxgxgx.xgxg"),
            ("..x...x...x...x.", "..x...x...x.x.x."),
        ),
        rides=_RIDES,
        backbeat_drums=("snare", "snare", "rim"),
        bass=("pulse", "pocket", "long"),
        comping=("arpeggio", "pulse", "held", "answer"),
        timing=Timing({}, {"hat": 2.0}),
    ),
    "late-night": Feel(
        tempo_bpm=(62, 76),
        swing_pct=(54, 62),
        kicks=(
            ("X.........X?....", "X.........x....."),
            ("X.....X.........", "X.....x...x....."),
            ("X.......x.......", "X..x....x......."),
        ),
        backbeats=(
            ("....X.......X...", "....X..g....X..."),
            ("....X.......X.g.", "....X..g.g..X..."),
        ),
        hats=(
            ("..x...x...x...x.", "..x...x...x...xg"),
            ("x.x.x.x.x.x.x.xg", "x.x.x.x.x.x.x.x."),
            ("x...x...x...x...", "x...x...x...x.x."),
        ),
        rides=(("x...x...x...x...", "x...x...x...x..."),),
        backbeat_drums=("rim", "snare", "rim"),
        bass=("long", "pocket"),
        comping=("sparse", "held", "arpeggio"),
        slides=0.2,
        timing=Timing(
            {"kick": (-2, 6), "snare": (6, 22), "rim": (4, 18), "hat": (0, 12)},
            {"hat": 4.0, "snare": 3.0},
            keys_ms=(4, 16),
        ),
    ),
}
