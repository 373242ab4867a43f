"""What is written before it is played: strokes and tones on the grid of sixteenths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lofigen_kit.api import Drum, Hit, Note
from lofigen_kit_plugins.band.clock import Clock

SHORTEST_S = 0.03


@dataclass(frozen=True)
class Stroke:
    """A drum stroke.

    Attributes:
        drum: Which drum.
        step: When, in sixteenths from the piece's start.
        velocity: From 0 to 1.
    """

    drum: Drum
    step: float
    velocity: float


@dataclass(frozen=True)
class Tone:
    """A note of a pitched part.

    Attributes:
        midi: Its pitch.
        step: When, in sixteenths from the piece's start.
        length: How long, in sixteenths.
        velocity: From 0 to 1.
        late_s: How much later than its step, in seconds, as in a rolled chord.
    """

    midi: int
    step: float
    length: float
    velocity: float
    late_s: float = 0.0


def play_tones(
    part: str,
    tones: list[Tone],
    clock: Clock,
    rng: np.random.Generator,
    *,
    late_s: float = 0.0,
    loose_s: float = 0.004,
) -> list[Note]:
    """Return tones as notes, with a person's timing and touch, in order of their onset.

    Args:
        part: Whose notes.
        tones: What is written.
        clock: Where the sixteenths fall.
        rng: Of the timing and the touch.
        late_s: How late the part plays throughout.
        loose_s: The deviation of its timing.
    """
    shifts_s = late_s + rng.normal(0.0, loose_s, len(tones))
    touches = rng.normal(1.0, 0.05, len(tones))
    notes = []
    for tone, shift_s, touch in zip(tones, shifts_s, touches, strict=True):
        start_s = clock.clip_s(clock.time_s(tone.step) + tone.late_s + float(shift_s))
        end_s = clock.time_s(tone.step + tone.length) + float(shift_s)
        notes.append(
            Note(
                part=part,
                midi=tone.midi,
                onset_s=start_s,
                duration_s=max(end_s - start_s, SHORTEST_S),
                velocity=clip_velocity(tone.velocity * float(touch)),
            )
        )
    return sorted(notes, key=lambda note: (note.onset_s, note.midi))


def play_stroke(stroke: Stroke, clock: Clock, *, late_s: float, touch: float) -> Hit:
    """Return a stroke as it is played, so much later and softer or louder than it is written."""
    return Hit(
        drum=stroke.drum,
        onset_s=clock.clip_s(clock.time_s(stroke.step) + late_s),
        velocity=clip_velocity(stroke.velocity * touch),
    )


def clip_velocity(velocity: float) -> float:
    """Return a velocity that is heard and not above full."""
    return min(max(velocity, 0.08), 1.0)
