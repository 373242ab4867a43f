"""`reverb`: the room around the sound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from lofigen_kit.api import AudioFormat, BlockEffect, Context, Effect, Field, Process, hookimpl

if TYPE_CHECKING:
    import numpy as np


class Reverb(BlockEffect):
    """Puts the sound into a room, by a network of eight delays.

    Only the room is made here: `mix` sets it beside the sound. Left and right come out without
    correlation, whatever goes in.

    Attributes:
        decay_s: In which it falls by 60 dB (RT60) at 1 kHz; in the bass it takes a little longer.
        damping_hz: Where it falls twice as fast as in the bass: above it the room swallows the
            treble.
        predelay_ms: How long before the room answers; it stays as the sound begins with it.
        size_pct: How far apart its walls are; it stays as the sound begins with it.
        mix: How much of the room is heard; its level is the sound's, for a steady one.
    """

    use: Literal["reverb"] = "reverb"
    decay_s: float = Field(default=1.1, ge=0.6, le=9)
    damping_hz: float = Field(default=5000.0, ge=2000, le=20_000)
    predelay_ms: float = Field(default=10.0, ge=0, le=200)
    size_pct: float = Field(default=100.0, ge=50, le=150)
    mix: float = Field(default=0.25, ge=0, le=1)

    @property
    def tail_s(self) -> float:
        """How long it takes to fall by 80 dB in the bass, from the last answer on."""
        from lofigen_kit.api.dsp import LINES_S, MIDDLE_HZ

        answer_s = self.predelay_ms / 1000.0 + max(LINES_S) * self.size_pct / 100.0
        slower = 1.0 + 1.25 * MIDDLE_HZ / self.damping_hz  # at most, in large rooms of short decay
        return answer_s + 80.0 / 60.0 * slower * self.decay_s

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return the room, silent."""
        import numpy as np

        from lofigen_kit.api.dsp import FeedbackDelayNetwork

        room = FeedbackDelayNetwork(sound.channels, sound.sample_rate_hz, self.size_pct / 100.0)
        late = round(self.predelay_ms / 1000.0 * sound.sample_rate_hz)
        held = np.zeros((sound.channels, late), np.float32)

        def process(block: np.ndarray, now: Reverb) -> np.ndarray:
            nonlocal held
            heard = np.concatenate([held, block], axis=1)
            held = heard[:, block.shape[1] :]
            return room(heard[:, : block.shape[1]], now.decay_s, now.damping_hz)

        return process


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the reverb."""
    return [Reverb]
