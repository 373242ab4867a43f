"""`delay`: echoes that become duller and quieter."""

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

_MAX_DELAY_S = 4.0
_MIN_TEMPO_BPM = 30.0
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

    The effect returns only the echoes; `mix` adds them to the dry sound.

    Attributes:
        time_ms: Time from the sound to the first echo, and between echoes.
        division: This time as the length of a note on the beat grid, used instead of `time_ms`:
            `1/8d` is a dotted eighth, `1/8t` an eighth triplet.
        feedback_pct: Level of each echo relative to the previous one.
        high_cut_hz: Corner of the low-pass filter of each pass (6 dB per octave).
        mix: Share of the echoes; the first echo has the level of the sound.
    """

    use: Literal["delay"] = "delay"
    time_ms: float = Field(default=375.0, ge=10, le=2000)
    division: Division | None = None
    feedback_pct: float = Field(default=35.0, ge=0, le=90)
    high_cut_hz: float = Field(default=6000.0, ge=500, le=20_000)
    mix: float = Field(default=0.3, ge=0, le=1)

    @property
    def tail_s(self) -> float:
        """How long the echoes take to decay by 80 dB; for a division, at the slowest tempo."""
        from lofigen_kit.api.dsp import compute_ring_s, count_feedback_passes

        echoes = 1 + math.ceil(count_feedback_passes(self.feedback_pct / 100.0))
        longest_s = self.time_ms / 1000.0
        if self.division:
            longest_s = min(_BEATS[self.division] * 60.0 / _MIN_TEMPO_BPM, _MAX_DELAY_S)
        return echoes * (longest_s + compute_ring_s(self.high_cut_hz, 0.5))

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return the processor, with an empty tape.

        Raises:
            RenderError: if the division is longer than the tape.
        """
        import numpy as np

        from lofigen_kit.api.dsp import BiquadCascade

        rate_hz = sound.sample_rate_hz
        tape = np.zeros((sound.channels, math.ceil(_MAX_DELAY_S * rate_hz)), np.float32)
        head = BiquadCascade(sound.channels)
        old_frames = self._frames(rate_hz, ctx)

        def process(block: np.ndarray, now: Delay) -> np.ndarray:
            nonlocal tape, old_frames
            frames, new_frames = block.shape[1], now._frames(rate_hz, ctx)
            share = np.zeros(frames, np.float32)  # crossfade to a new length
            if new_frames != old_frames:
                share[:] = np.arange(1, frames + 1) / frames
            past = tape.shape[1]
            tape = np.concatenate([tape, block], axis=1)
            wet = np.empty_like(block)
            at_once = min(new_frames, old_frames)  # no frame of these is the echo of another
            for first in range(0, frames, at_once):
                span = slice(first, min(first + at_once, frames))
                old, new = (
                    tape[:, past + span.start - delay : past + span.stop - delay]
                    for delay in (old_frames, new_frames)
                )
                echo = old + share[span] * (new - old)
                wet[:, span] = head(echo, _high_cut(now.high_cut_hz, rate_hz))
                feedback = np.float32(now.feedback_pct / 100.0) * wet[:, span]
                tape[:, past + span.start : past + span.stop] += feedback
            tape, old_frames = tape[:, frames:], new_frames
            return wet

        return process

    def _frames(self, rate_hz: int, ctx: Context) -> int:
        """Return the delay in frames."""
        seconds = self.time_ms / 1000.0
        if self.division:
            seconds = _BEATS[self.division] * ctx.grid.beat_s
        if seconds > _MAX_DELAY_S:
            raise RenderError(
                f"{self.division} at {ctx.grid.tempo_bpm:g} bpm is {seconds:.1f} s, longer than "
                f"the tape of {_MAX_DELAY_S:g} s",
                remedy="choose a shorter division, or time_ms",
            )
        return max(1, round(seconds * rate_hz))


def _high_cut(corner_hz: float, rate_hz: int) -> np.ndarray:
    """Return a low-pass filter of order 1; a corner at or above half the sample rate passes all."""
    import numpy as np
    from scipy import signal

    if 2 * corner_hz >= rate_hz:
        return np.array([[1.0, 0.0, 0.0, 1.0, 0.0, 0.0]])
    return np.asarray(signal.butter(1, corner_hz, fs=rate_hz, output="sos"))


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the delay."""
    return [Delay]
