"""`dropout`: moments in which worn tape lifts off the head."""

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
"""Share of a dropout's length that its onset takes, and its end."""

_Event = tuple[float, float]
"""Onset and length of a dropout, in frames."""


class Dropout(BlockEffect):
    """Lowers the level for a moment, and the treble more, at random times.

    Each dropout lasts between half and one and a half times `length_ms`, and lies wholly within the
    sound, so a loop has none on its seam. Between dropouts the sound passes bit for bit. Rate and
    length cannot change during a sound; the depths can.

    Attributes:
        rate_per_min: Mean number of dropouts per minute.
        depth_db: Loss at all frequencies.
        treble_loss_db: Additional loss at 10 kHz; at other frequencies in proportion.
        length_ms: Mean length of a dropout.
    """

    use: Literal["dropout"] = "dropout"
    rate_per_min: float = Field(default=6.0, ge=0, le=120)
    depth_db: float = Field(default=12.0, ge=0, le=60)
    treble_loss_db: float = Field(default=12.0, ge=0, le=60)
    length_ms: float = Field(default=120.0, ge=10, le=2000)

    def latency_frames(self, sound: AudioFormat) -> int:
        """Return the look-ahead of the treble filter."""
        return round(_REACH_S * sound.sample_rate_hz)

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Draw the dropouts, and return the processor."""
        import numpy as np

        from lofigen_kit.api.dsp import (
            LinearPhaseFilter,
            Lookback,
            SmoothedValue,
            design_linear_phase,
        )

        latency = self.latency_frames(sound)
        lookback, treble_filter = (
            Lookback(sound.channels, latency),
            LinearPhaseFilter(sound.channels, latency),
        )
        depth = SmoothedValue()
        window = _EventWindow(self._events(sound, ctx.rng))
        frame = -latency

        def process(block: np.ndarray, now: Dropout) -> np.ndarray:
            nonlocal frame
            count = block.shape[1]
            lift = _lift(window.advance_to(frame, frame + count), np.arange(frame, frame + count))
            frame += count
            dry = lookback(block)[:, :count]
            depth_db = depth(now.depth_db, count)
            if not lift.any():
                treble_filter.skip(block)
                return dry
            filtered = treble_filter(
                block, design_linear_phase(partial(_gain, now), latency, sound.sample_rate_hz)
            )
            level = 10.0 ** (-lift * depth_db / 20.0)
            return np.asarray(level * (dry + lift * (filtered - dry)))

        return process

    def _events(self, sound: AudioFormat, rng: np.random.Generator) -> Iterator[_Event]:
        """Return the dropouts in order of time."""
        import numpy as np

        if sound.endless:
            return self._endless_events(sound.sample_rate_hz, rng)
        count = rng.poisson(self.rate_per_min * sound.duration_s / 60.0)
        lengths = self.length_ms / 1000.0 * sound.sample_rate_hz * rng.uniform(0.5, 1.5, count)
        onsets = rng.random(count) * (sound.frames - lengths)
        inside = np.flatnonzero(onsets >= 0)
        order = inside[np.argsort(onsets[inside])]
        return zip(onsets[order], lengths[order], strict=True)

    def _endless_events(self, sample_rate_hz: int, rng: np.random.Generator) -> Iterator[_Event]:
        """Yield the dropouts of an endless Poisson process, whose waiting times are exponential."""
        onset = 0.0
        while self.rate_per_min:
            onset += rng.exponential(60.0 / self.rate_per_min) * sample_rate_hz
            yield onset, self.length_ms / 1000.0 * sample_rate_hz * rng.uniform(0.5, 1.5)


class _EventWindow:
    """The dropouts in a moving window of a sound; only the current ones are kept.

    Args:
        events: All dropouts, in order of time.
    """

    def __init__(self, events: Iterator[_Event]) -> None:
        self._events = events
        self._active: list[_Event] = []
        self._next = next(events, None)

    def advance_to(self, first: int, end: int) -> list[_Event]:
        """Return the dropouts that overlap the next frames, which follow those of the last call."""
        self._active = [event for event in self._active if sum(event) > first]
        while self._next and self._next[0] < end:
            self._active.append(self._next)
            self._next = next(self._events, None)
        return self._active


def _gain(tape: Dropout, frequency_hz: np.ndarray) -> np.ndarray:
    """Return the gain at each frequency while the tape is off the head, after Wallace's law."""
    import numpy as np

    return np.asarray(10.0 ** (-tape.treble_loss_db * frequency_hz / _TREBLE_HZ / 20.0))


def _lift(events: list[_Event], frames: np.ndarray) -> np.ndarray:
    """Return how far the tape is off the head at each frame, 0 to 1, with cosine edges."""
    import numpy as np

    lift = np.zeros(len(frames))
    for onset, length in events:
        progress = (frames - onset) / length
        edge = np.clip(np.minimum(progress, 1.0 - progress) / _EDGE, 0.0, 1.0)
        np.maximum(lift, 0.5 - 0.5 * np.cos(np.pi * edge), out=lift)
    return lift


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide dropouts."""
    return [Dropout]
