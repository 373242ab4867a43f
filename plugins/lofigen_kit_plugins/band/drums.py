"""Drums: a groove that changes from bar to bar, fills, stops, and an ending."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lofigen_kit.api import DRUMS, Drum, Hit
from lofigen_kit_plugins.band.clock import STEPS_PER_BAR, Clock
from lofigen_kit_plugins.band.events import Stroke, play_stroke
from lofigen_kit_plugins.band.feels import Feel
from lofigen_kit_plugins.band.form import BarPlan

STROKES = {"X": 0.9, "x": 0.65, "g": 0.22}
OPTIONAL_VELOCITY, OPTIONAL_SHARE = 0.55, 0.4
"""Of a `?` in a pattern: how loud it is, and in how many bars it is played."""
GHOST_VELOCITY = 0.2
GROOVES = 3
"""How many grooves a piece has for its sections."""

Bar = Mapping[Drum, str]
"""A bar of drums: for each drum a line of sixteen characters."""

# The end of a bar: lines of the drum of the backbeat, of the kick and of the open hat.
FILLS: dict[str, dict[str, str]] = {
    "pickup": {"backbeat": "..gx", "kick": "...."},
    "drag": {"backbeat": "ggXx", "kick": "...."},
    "sixteenths": {"backbeat": "xgxX", "kick": "...."},
    "kick-pickup": {"backbeat": "..x.", "kick": "x..x"},
    "two-beats": {"backbeat": "x.gxx.xX", "kick": "..x..x.."},
    "answer": {"backbeat": "..x..xgX", "kick": "x..x...."},
    "press": {"backbeat": "ggggxxxX", "kick": "x...x..."},
    "open-up": {"backbeat": "x..x..xX", "kick": "..x..x..", "open-hat": "....x..."},
    "broken": {"backbeat": "X..x.xX.", "kick": ".xx.x..x"},
    "run": {
        "backbeat": "X..gx.gxX.xxXgXX",
        "kick": "x..x..x...x.....",
        "open-hat": "x...............",
    },
    "late": {"backbeat": "....X.....gxgxXX", "kick": "X.......x......."},
}
SHORT_FILLS = tuple(name for name, lines in FILLS.items() if len(lines["kick"]) == 4)
LOUD_STEP = 8
"""From how many steps on a fill silences the cymbals."""


@dataclass(frozen=True)
class Groove:
    """The drums of a section.

    Attributes:
        bars: Four bars, the second and fourth of which differ from the first.
        varied: What the fourth bar is in every other phrase.
        backbeat: The drum that plays the backbeat.
    """

    bars: tuple[Bar, Bar, Bar, Bar]
    varied: Bar
    backbeat: Drum

    def find_bar(self, plan: BarPlan) -> Bar:
        """Return the bar that a place in a section has."""
        if plan.within % 8 == 7:
            return self.varied
        return self.bars[(plan.within + 2 * (plan.section.variation % 2)) % 4]


def draw_grooves(feel: Feel, rng: np.random.Generator) -> tuple[Groove, ...]:
    """Return the grooves of a piece: one for each kind of section, related to the first."""
    backbeat = feel.backbeat_drums[int(rng.integers(len(feel.backbeat_drums)))]
    kicks = [feel.kicks[int(i)] for i in rng.permutation(len(feel.kicks))]
    snares = [feel.backbeats[int(i)] for i in rng.permutation(len(feel.backbeats))]
    hats = [feel.hats[int(i)] for i in rng.permutation(len(feel.hats))]
    rides = [feel.rides[int(i)] for i in rng.permutation(len(feel.rides))]
    ride_from = 0 if feel.always_ride else int(rng.choice((0, 1, 1, 1, 1, 2, 2)))
    grooves = []
    for number in range(GROOVES):
        ride = number >= ride_from
        cymbals = {"ride": rides[number % len(rides)]} if ride else {}
        if not ride or feel.always_ride:
            cymbals["hat"] = hats[number % len(hats)]
        else:
            cymbals["hat"] = ("....x.......x...", "....x.......x...")
        lines = {
            "kick": kicks[number % len(kicks)],
            backbeat: snares[number % len(snares)],
            **cymbals,
        }
        grooves.append(_build_groove(lines, backbeat, feel, rng))
    return tuple(grooves)


def _build_groove(
    lines: Mapping[str, tuple[str, str]], backbeat: Drum, feel: Feel, rng: np.random.Generator
) -> Groove:
    """Return four bars out of pairs of lines: each bar has ghosts and openings of its own."""
    first = {drum: pair[0] for drum, pair in lines.items()}
    second = {drum: pair[1] for drum, pair in lines.items()}
    turn = {**second, "hat": first["hat"]}
    opened = _open_hat(turn, feel, rng)
    return Groove(
        bars=(
            _as_bar(_add_ghosts(first, backbeat, feel, rng)),
            _as_bar(_add_ghosts(second, backbeat, feel, rng)),
            _as_bar({**first, "kick": _nudge_kick(first["kick"], rng)}),
            _as_bar(opened),
        ),
        varied=_as_bar(_open_hat({**first, "kick": second["kick"]}, feel, rng)),
        backbeat=backbeat,
    )


def _as_bar(lines: Mapping[str, str]) -> Bar:
    return {drum: lines[drum] for drum in DRUMS if drum in lines}


def _put(line: str, step: int, stroke: str) -> str:
    return line[:step] + stroke + line[step + 1 :]


def _add_ghosts(
    lines: Mapping[str, str], backbeat: Drum, feel: Feel, rng: np.random.Generator
) -> dict[str, str]:
    """Return lines with ghost notes on free sixteenths off the beat."""
    drawn = rng.random(STEPS_PER_BAR)
    line = lines[backbeat]
    for step in (3, 5, 7, 9, 11, 15):
        free = line[step] == "." and lines["kick"][step] == "."
        if free and drawn[step] < feel.ghosts:
            line = _put(line, step, "g")
    return {**lines, backbeat: line}


def _nudge_kick(line: str, rng: np.random.Generator) -> str:
    """Return a kick line with one stroke more or less, off the strong beats."""
    step = int(rng.choice((3, 6, 7, 9, 10, 11, 14, 15)))
    return _put(line, step, "x" if line[step] == "." else ".")


def _open_hat(lines: Mapping[str, str], feel: Feel, rng: np.random.Generator) -> dict[str, str]:
    """Return lines with an open hat, which the next closed one chokes."""
    step = int(feel.open_steps[int(rng.integers(len(feel.open_steps)))])
    hat = _put(lines["hat"], step, ".")
    after = (step + 2) % STEPS_PER_BAR
    if after:
        hat = _put(_put(hat, step + 1, "."), after, "x")
    return {**lines, "hat": hat, "open-hat": _put("." * STEPS_PER_BAR, step, "x")}


def find_kicks(plan: BarPlan, grooves: Sequence[Groove]) -> tuple[int, ...]:
    """Return the steps of a bar on which the kick falls, for the bass to answer."""
    line = grooves[plan.section.groove % len(grooves)].find_bar(plan).get("kick", "")
    return tuple(step for step, stroke in enumerate(line) if stroke in "Xx")


def write_drums(
    plans: Sequence[BarPlan], grooves: Sequence[Groove], rng: np.random.Generator
) -> list[Stroke]:
    """Return all strokes of a piece, in order."""
    fills = list(FILLS)
    strokes: list[Stroke] = []
    for plan in plans:
        drawn = rng.random(STEPS_PER_BAR)
        fill = fills[int(rng.integers(len(fills)))]
        short = SHORT_FILLS[int(rng.integers(len(SHORT_FILLS)))]
        opening = bool(rng.random() < 0.6)
        groove = grooves[plan.section.groove % len(grooves)]
        if plan.ending:
            bar = _write_ending(groove) if plan.has("drums") else {}
        elif not plan.has("drums"):
            bar = _fill({}, groove, short) if plan.fill else {}
        elif plan.stop:
            bar = _fill(_stop(groove), groove, short)
        else:
            bar = _lighten(groove.find_bar(plan), plan)
            bar = _fill(bar, groove, fill) if plan.fill else bar
        if opening and plan.within == 0 and plan.number and plan.has("drums") and not plan.ending:
            bar = {**bar, **_open_first(bar)}
        strokes += _read_bar(bar, plan.number, drawn)
    return sorted(strokes, key=lambda stroke: (stroke.step, DRUMS.index(stroke.drum)))


def _lighten(bar: Bar, plan: BarPlan) -> Bar:
    """Return a bar of a section that is sparse: without ghosts, and in an intro without a kick."""
    if plan.section.density >= 0.5:
        return bar
    light = {drum: line.replace("g", ".").replace("X", "x") for drum, line in bar.items()}
    if plan.section.kind == "intro":
        light.pop("kick", None)
    return light


def _stop(groove: Groove) -> Bar:
    """Return the first beat alone."""
    del groove
    first = "X" + "." * (STEPS_PER_BAR - 1)
    return {"kick": first, "open-hat": first.replace("X", "x"), "hat": _put("." * 16, 4, "x")}


def _open_first(bar: Bar) -> Bar:
    """Return the lines of a bar that begins a section, with a cymbal on its first beat."""
    if "ride" in bar:
        return {"ride": _put(bar["ride"], 0, "X")}
    hat = _put(bar.get("hat", "." * STEPS_PER_BAR), 0, ".")
    return {"hat": hat, "open-hat": _put("." * STEPS_PER_BAR, 0, "x")}


def _write_ending(groove: Groove) -> Bar:
    """Return a bar that strikes its first beat and lets it ring."""
    first = "x" + "." * (STEPS_PER_BAR - 1)
    cymbal: Drum = "ride" if "ride" in groove.bars[0] else "open-hat"
    return {"kick": first.replace("x", "X"), cymbal: first}


def _fill(bar: Bar, groove: Groove, name: str) -> Bar:
    """Return a bar with a fill at its end, which takes the place of what was there."""
    lines = FILLS[name]
    count = len(lines["kick"])
    keep = STEPS_PER_BAR - count
    silent = "." * STEPS_PER_BAR
    filled: dict[Drum, str] = dict(bar)
    if count >= LOUD_STEP:
        filled = {drum: line[:keep] + "." * count for drum, line in filled.items()}
    parts: dict[Drum, str] = {groove.backbeat: lines["backbeat"], "kick": lines["kick"]}
    if "open-hat" in lines:
        parts["open-hat"] = lines["open-hat"]
    for drum, line in parts.items():
        filled[drum] = filled.get(drum, silent)[:keep] + line
    return filled


def _read_bar(bar: Bar, number: int, drawn: np.ndarray) -> list[Stroke]:
    strokes = []
    for drum, line in bar.items():
        for step, stroke in enumerate(line):
            if stroke == "." or (stroke == "?" and drawn[step] > OPTIONAL_SHARE):
                continue
            velocity = STROKES.get(stroke, OPTIONAL_VELOCITY)
            if drum in ("hat", "ride") and step % 4:
                velocity *= 0.8 if step % 2 == 0 else 0.7
            strokes.append(Stroke(drum, number * STEPS_PER_BAR + step, velocity))
    return strokes


def play_drums(
    strokes: Sequence[Stroke], feel: Feel, clock: Clock, rng: np.random.Generator
) -> list[Hit]:
    """Return strokes as they are played, by the feel's timing, in order of their onset."""
    late_s = {
        drum: float(rng.uniform(*feel.timing.late_ms.get(drum, (-1.0, 2.0)))) / 1e3
        for drum in DRUMS
    }
    late_s["open-hat"] = late_s["hat"]
    shifts = np.clip(rng.standard_normal(len(strokes)), -2.0, 2.0)
    touches = rng.normal(1.0, 0.06, len(strokes))
    hits = []
    for stroke, shift, touch in zip(strokes, shifts, touches, strict=True):
        drum: Drum = "hat" if stroke.drum == "open-hat" else stroke.drum
        loose_s = feel.timing.loose_ms.get(drum, 1.5) / 1e3
        late = late_s[stroke.drum] + float(shift) * loose_s
        hits.append(play_stroke(stroke, clock, late_s=late, touch=float(touch)))
    return sorted(hits, key=lambda hit: hit.onset_s)
