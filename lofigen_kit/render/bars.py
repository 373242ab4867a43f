"""The bars of a stream: sections in one tempo, cut at their bar lines."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar

from lofigen_kit.components.base import Take
from lofigen_kit.components.contracts import Source
from lofigen_kit.errors import PresetError
from lofigen_kit.music.score import BeatGrid, Hit, Note, Score
from lofigen_kit.preset.schema import Preset

TimedEvent = TypeVar("TimedEvent", Note, Hit)

BEATS_PER_BAR = 4


@dataclass(frozen=True)
class Bar:
    """One bar of a stream.

    Attributes:
        take: The section that it belongs to.
        number: Which of the section's bars it is, from 0.
        place: Which of the stream's.
    """

    take: Take
    number: int
    place: int


def hold_tempo(preset: Preset, score: Score) -> Preset:
    """Return a preset whose source keeps to a tempo, if it would draw one for each take."""
    source = preset.source
    if getattr(source, "tempo_bpm", score.tempo_bpm) is not None:
        return preset
    held = source.model_copy(update={"tempo_bpm": score.tempo_bpm})
    return preset.model_copy(update={"source": held})


def check_section(score: Score, grid: BeatGrid, source: Source, *, number: int) -> None:
    """Refuse a take that would not keep to the stream's beat.

    Effects follow one grid from the first bar on. Only loops of whole bars in its tempo keep to it.

    Raises:
        PresetError: saying what the take is instead.
    """
    whole = score.loop and not score.start_s and score.bars > 0
    bars_s = BEATS_PER_BAR * score.bars * score.grid.beat_s
    if not whole or not math.isclose(score.duration_s, bars_s, abs_tol=1e-6):
        raise PresetError(
            f"a stream needs loops of whole bars, and {source.use} gives a piece with an end",
            where="source",
            remedy="choose the preset of a loop, or let the source write one: see "
            f"`lofigen-kit plugins show {source.use}`",
        )
    if score.tempo_bpm != grid.tempo_bpm:
        raise PresetError(
            f"take {number} is at {score.tempo_bpm:g} bpm, the stream at {grid.tempo_bpm:g}: the "
            "beat that effects follow is one",
            where="source",
            remedy="set the source's tempo, as in --set source.tempo_bpm=78",
        )


def extract_bar(bar: Bar, score: Score, bar_s: float, offset_s: float) -> Score:
    """Return the notes and hits that begin in a bar, in seconds from the bar's first sample.

    Args:
        bar: Which bar.
        score: Its section's score, or one part of that.
        bar_s: How long a bar is.
        offset_s: How long after the bar's first sample it begins.
    """
    since_s = bar.number * bar_s
    last = bar.number == score.bars - 1

    def shift_events(events: tuple[TimedEvent, ...]) -> tuple[TimedEvent, ...]:
        return tuple(
            event.model_copy(update={"onset_s": event.onset_s - since_s + offset_s})
            for event in events
            if since_s <= event.onset_s and (last or event.onset_s < since_s + bar_s)
        )

    return score.model_copy(
        update={
            "bars": 1,
            "duration_s": bar_s,
            "loop": False,
            "notes": shift_events(score.notes),
            "hits": shift_events(score.hits),
        }
    )
