"""`dropout`: the moments at which worn tape lifts off the head."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Literal

from lofigen_kit.api import AudioFormat, BlockEffect, Context, Effect, Field, Process, hookimpl

if TYPE_CHECKING:
    import numpy as np

_REACH_S = 0.004
_TREBLE_HZ = 10_000.0
_EDGE = 0.25
"""The share of a dropout in which it comes, and that in which it goes."""

_Event = tuple[float, float]
"""When a dropout begins and how long it lasts, in frames."""


class Dropout(BlockEffect):
    """Loses level for a moment, and more of the treble, at random times.

    Each lasts between half and one and a half times `length_ms`, and lies wholly within the sound,
    so that a loop has none on its seam. Between dropouts the sound passes bit for bit. How often
    they come and how long they last is settled as the sound starts; depths may move.

    Attributes:
        rate_per_min: How many there are in a minute, on average.
        depth_db: How much of all pitches is lost.
        treble_loss_db: How much more is lost at 10 kHz; at other pitches in proportion to them.
        length_ms: How long one lasts, on average.
    """

    use: Literal["dropout"] = "dropout"
    rate_per_min: float = Field(default=6.0, ge=0, le=120)
    depth_db: float = Field(default=12.0, ge=0, le=60)
    treble_loss_db: float = Field(default=12.0, ge=0, le=60)
    length_ms: float = Field(default=120.0, ge=10, le=2000)

    def latency_frames(self, sound: AudioFormat) -> int:
        """Return how far the treble's filter looks ahead."""
        return round(_REACH_S * sound.sample_rate_hz)

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Draw when they come, and return what plays the sound with them."""
        import numpy as np

        from lofigen_kit.api.dsp import (
            LinearPhaseFilter,
            Lookback,
            SmoothedValue,
            design_linear_phase,
        )

        late = self.latency_frames(sound)
        recent, lifted = Lookback(sound.channels, late), LinearPhaseFilter(sound.channels, late)
        depth = SmoothedValue()
        coming = _EventWindow(self._events(sound, ctx.rng))
        frame = -late

        def process(block: np.ndarray, now: Dropout) -> np.ndarray:
            nonlocal frame
            count = block.shape[1]
            lift = _lift(coming.advance_to(frame, frame + count), np.arange(frame, frame + count))
            frame += count
            dry = recent(block)[:, :count]
            depth_db = depth(now.depth_db, count)
            if not lift.any():
                lifted.skip(block)
                return dry
            dull = lifted(
                block, design_linear_phase(partial(_gain, now), late, sound.sample_rate_hz)
            )
            level = 10.0 ** (-lift * depth_db / 20.0)
            return np.asarray(level * (dry + lift * (dull - dry)))

        return process

    def _events(self, sound: AudioFormat, rng: np.random.Generator) -> Iterator[_Event]:
        """Return the dropouts in order."""
        import numpy as np

        if sound.endless:
            return self._endless_events(sound.sample_rate_hz, rng)
        count = rng.poisson(self.rate_per_min * sound.duration_s / 60.0)
        lengths = self.length_ms / 1000.0 * sound.sample_rate_hz * rng.uniform(0.5, 1.5, count)
        onsets = rng.random(count) * (sound.frames - lengths)
        fitting = np.flatnonzero(onsets >= 0)
        order = fitting[np.argsort(onsets[fitting])]
        return zip(onsets[order], lengths[order], strict=True)

    def _endless_events(self, sample_rate_hz: int, rng: np.random.Generator) -> Iterator[_Event]:
        """Yield dropouts on and on: what comes at random has waits that fall off exponentially."""
        onset = 0.0
        while self.rate_per_min:
            onset += rng.exponential(60.0 / self.rate_per_min) * sample_rate_hz
            yield onset, self.length_ms / 1000.0 * sample_rate_hz * rng.uniform(0.5, 1.5)


class _EventWindow:
    """The dropouts of a sound as it goes by; no more of them are kept than are under way.

    Args:
        events: All of them, in order.
    """

    def __init__(self, events: Iterator[_Event]) -> None:
        self._events = events
        self._known: list[_Event] = []
        self._next = next(events, None)

    def advance_to(self, first: int, end: int) -> list[_Event]:
        """Return those that have a part in a stretch of frames, which follows on the last one."""
        self._known = [event for event in self._known if sum(event) > first]
        while self._next and self._next[0] < end:
            self._known.append(self._next)
            self._next = next(self._events, None)
        return self._known


def _gain(tape: Dropout, frequency_hz: np.ndarray) -> np.ndarray:
    """Return what is left of each pitch while the tape is off the head, after Wallace's law."""
    import numpy as np

    return np.asarray(10.0 ** (-tape.treble_loss_db * frequency_hz / _TREBLE_HZ / 20.0))


def _lift(events: list[_Event], frames: np.ndarray) -> np.ndarray:
    """Return how far the tape is off the head at each frame, 0 to 1, with round edges."""
    import numpy as np

    lift = np.zeros(len(frames))
    for onset, length in events:
        place = (frames - onset) / length
        edge = np.clip(np.minimum(place, 1.0 - place) / _EDGE, 0.0, 1.0)
        np.maximum(lift, 0.5 - 0.5 * np.cos(np.pi * edge), out=lift)
    return lift


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide dropouts."""
    return [Dropout]
