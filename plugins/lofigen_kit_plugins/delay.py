"""`delay`: echoes, each a little duller and quieter than the one before."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from lofigen_kit.api import (
    AudioFormat,
    BlockEffect,
    Context,
    Effect,
    Field,
    Process,
    RenderError,
    hookimpl,
)

if TYPE_CHECKING:
    import numpy as np

_LONGEST_S = 4.0
_SLOWEST_BPM = 30.0
_BEATS = {
    name + mark: beats * longer
    for name, beats in {"1/2": 2.0, "1/4": 1.0, "1/8": 0.5, "1/16": 0.25}.items()
    for mark, longer in {"": 1.0, "d": 1.5, "t": 2.0 / 3.0}.items()
}
Division = Literal[
    "1/2", "1/2d", "1/2t", "1/4", "1/4d", "1/4t", "1/8", "1/8d", "1/8t", "1/16", "1/16d", "1/16t"
]  # fmt: skip


class Delay(BlockEffect):
    """Repeats the sound, as a tape echo does.

    Only the echoes are made here: `mix` sets them beside the sound.

    Attributes:
        time_ms: How long after the sound, and after one another, the echoes come.
        division: The same as a note's length on the beat grid, instead: `1/8d` is a dotted eighth,
            `1/8t` one of a triplet.
        feedback_pct: The level of each echo beside the one before.
        high_cut_hz: The treble that each pass over the tape leaves (6 dB an octave).
        mix: How much of the echoes is heard; the first is as loud as the sound.
    """

    use: Literal["delay"] = "delay"
    time_ms: float = Field(default=375.0, ge=10, le=2000)
    division: Division | None = None
    feedback_pct: float = Field(default=35.0, ge=0, le=90)
    high_cut_hz: float = Field(default=6000.0, ge=500, le=20_000)
    mix: float = Field(default=0.3, ge=0, le=1)

    @property
    def tail_s(self) -> float:
        """How long the echoes go on, 80 dB down; on a beat grid, at the slowest tempo."""
        from lofigen_kit.api.dsp import compute_ring_s, count_feedback_passes

        echoes = 1 + math.ceil(count_feedback_passes(self.feedback_pct / 100.0))
        longest_s = self.time_ms / 1000.0
        if self.division:
            longest_s = min(_BEATS[self.division] * 60.0 / _SLOWEST_BPM, _LONGEST_S)
        return echoes * (longest_s + compute_ring_s(self.high_cut_hz, 0.5))

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return the tape, empty.

        Raises:
            RenderError: where the division is longer than the tape.
        """
        import numpy as np

        from lofigen_kit.api.dsp import BiquadCascade

        rate_hz = sound.sample_rate_hz
        tape = np.zeros((sound.channels, math.ceil(_LONGEST_S * rate_hz)), np.float32)
        head = BiquadCascade(sound.channels)
        last_frames = self._frames(rate_hz, ctx)

        def process(block: np.ndarray, now: Delay) -> np.ndarray:
            nonlocal tape, last_frames
            frames, new_frames = block.shape[1], now._frames(rate_hz, ctx)
            share = np.zeros(frames, np.float32)  # of the new length, where it changes
            if new_frames != last_frames:
                share[:] = np.arange(1, frames + 1) / frames
            past = tape.shape[1]
            tape = np.concatenate([tape, block], axis=1)
            wet = np.empty_like(block)
            at_once = min(new_frames, last_frames)  # no echo of these frames is among them
            for first in range(0, frames, at_once):
                here = slice(first, min(first + at_once, frames))
                old, new = (
                    tape[:, past + here.start - ago : past + here.stop - ago]
                    for ago in (last_frames, new_frames)
                )
                echo = old + share[here] * (new - old)
                wet[:, here] = head(echo, _high_cut(now.high_cut_hz, rate_hz))
                again = np.float32(now.feedback_pct / 100.0) * wet[:, here]
                tape[:, past + here.start : past + here.stop] += again
            tape, last_frames = tape[:, frames:], new_frames
            return wet

        return process

    def _frames(self, rate_hz: int, ctx: Context) -> int:
        """Return the length of the tape between its heads."""
        seconds = self.time_ms / 1000.0
        if self.division:
            seconds = _BEATS[self.division] * ctx.grid.beat_s
        if seconds > _LONGEST_S:
            raise RenderError(
                f"{self.division} at {ctx.grid.tempo_bpm:g} bpm is {seconds:.1f} s, longer than "
                f"the tape of {_LONGEST_S:g} s",
                remedy="choose a shorter division, or time_ms",
            )
        return max(1, round(seconds * rate_hz))


def _high_cut(corner_hz: float, rate_hz: int) -> np.ndarray:
    """Return a filter of order 1; a corner above all there is passes everything."""
    import numpy as np
    from scipy import signal

    if 2 * corner_hz >= rate_hz:
        return np.array([[1.0, 0.0, 0.0, 1.0, 0.0, 0.0]])
    return np.asarray(signal.butter(1, corner_hz, fs=rate_hz, output="sos"))


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the delay."""
    return [Delay]
