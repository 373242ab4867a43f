"""`reverb`: artificial reverberation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from lofigen_kit.api import AudioFormat, BlockEffect, Context, Effect, Field, Process, hookimpl

if TYPE_CHECKING:
    import numpy as np


class Reverb(BlockEffect):
    """Adds the reverberation of a room, by a feedback delay network of eight lines.

    The effect returns only the reverberation; `mix` adds it to the dry sound. Left and right come
    out uncorrelated, whatever the input.

    Attributes:
        decay_s: Time in which it decays by 60 dB (RT60) at 1 kHz; bass decays a little more slowly.
        damping_hz: Frequency at which it decays twice as fast as in the bass; a lower value gives a
            darker room.
        predelay_ms: Delay before the reverberation; it cannot change during a sound.
        size_pct: Size of the room; it cannot change during a sound.
        mix: Share of the reverberation; for a steady sound it has the level of the dry sound.
    """

    use: Literal["reverb"] = "reverb"
    decay_s: float = Field(default=1.1, ge=0.6, le=9)
    damping_hz: float = Field(default=5000.0, ge=2000, le=20_000)
    predelay_ms: float = Field(default=10.0, ge=0, le=200)
    size_pct: float = Field(default=100.0, ge=50, le=150)
    mix: float = Field(default=0.25, ge=0, le=1)

    @property
    def tail_s(self) -> float:
        """Time to decay by 80 dB in the bass, after the first echo of the longest line."""
        from lofigen_kit.api.dsp import LINES_S, MIDDLE_HZ

        onset_s = self.predelay_ms / 1000.0 + max(LINES_S) * self.size_pct / 100.0
        bass_factor = (
            1.0 + 1.25 * MIDDLE_HZ / self.damping_hz
        )  # upper bound: large room, short decay
        return onset_s + 80.0 / 60.0 * bass_factor * self.decay_s

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return the processor, with a silent room."""
        import numpy as np

        from lofigen_kit.api.dsp import FeedbackDelayNetwork

        room = FeedbackDelayNetwork(sound.channels, sound.sample_rate_hz, self.size_pct / 100.0)
        predelay = round(self.predelay_ms / 1000.0 * sound.sample_rate_hz)
        pending = np.zeros((sound.channels, predelay), np.float32)

        def process(block: np.ndarray, now: Reverb) -> np.ndarray:
            nonlocal pending
            delayed = np.concatenate([pending, block], axis=1)
            pending = delayed[:, block.shape[1] :]
            return room(delayed[:, : block.shape[1]], now.decay_s, now.damping_hz)

        return process


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the reverb."""
    return [Reverb]
