"""Musical time: sixteenth steps to seconds, with swing."""

from __future__ import annotations

from dataclasses import dataclass

BEATS_PER_BAR = 4
STEPS_PER_BEAT = 4
STEPS_PER_BAR = 16


@dataclass(frozen=True)
class Clock:
    """When each sixteenth falls.

    Attributes:
        tempo_bpm: Quarter notes a minute.
        swing_pct: Where the off-beat sixteenth falls within its eighth; 50 is straight.
        bars: How long the piece is.
    """

    tempo_bpm: float
    swing_pct: float
    bars: int

    @property
    def beat_s(self) -> float:
        """The length of a quarter note in seconds."""
        return 60.0 / self.tempo_bpm

    @property
    def duration_s(self) -> float:
        """The length of the piece in seconds."""
        return self.bars * BEATS_PER_BAR * self.beat_s

    def time_s(self, step: float) -> float:
        """Return the time of a sixteenth, counted from the first bar; it may lie between two."""
        eighth, within = divmod(step, 2.0)
        late = self.swing_pct / 100.0
        place = within * late if within <= 1.0 else late + (within - 1.0) * (1.0 - late)
        return float((eighth + place) * self.beat_s / 2.0)

    def clip_s(self, time_s: float) -> float:
        """Return a time within the piece: humanised timing may not leave it."""
        return min(max(time_s, 0.0), self.duration_s - 1e-3)
