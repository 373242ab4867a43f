"""`sidechain-pump`: ducking at every beat, as by a compressor keyed by the kick drum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from lofigen_kit.api import AudioFormat, BlockEffect, Context, Effect, Field, Process, hookimpl

if TYPE_CHECKING:
    import numpy as np

_BEATS = {"1/1": 4.0, "1/2": 2.0, "1/4": 1.0, "1/8": 0.5, "1/16": 0.25}


class SidechainPump(BlockEffect):
    """Reduces the level at every kick or beat and lets it recover.

    The reduction starts on the beat, so the drum itself is heard, as with a compressor that a drum
    controls. If the next beat comes before the level has recovered, the reduction starts from
    there. Where the kicks are not known in advance, as of recordings and in streams, `kick` is
    `clock`.

    Attributes:
        depth_db: The greatest reduction.
        trigger: What it follows: the `kick` of the score, or the `clock`.
        division: How often the clock strikes: at every note of this length.
        attack_ms: Time until the greatest reduction; at most half of a division.
        release_beats: Time of the recovery.
    """

    use: Literal["sidechain-pump"] = "sidechain-pump"
    depth_db: float = Field(default=6.0, ge=0, le=40)
    trigger: Literal["clock", "kick"] = "clock"
    division: Literal["1/1", "1/2", "1/4", "1/8", "1/16"] = "1/4"
    attack_ms: float = Field(default=5.0, ge=1, le=100)
    release_beats: float = Field(default=0.5, ge=0.05, le=4)

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return the processor, at the first frame."""
        import numpy as np

        from lofigen_kit.api.dsp import SmoothedValue

        depth = SmoothedValue()
        frame = 0
        kicks_s = _repeat_kicks(ctx) if self.trigger == "kick" else np.zeros(0)

        def process(block: np.ndarray, now: SidechainPump) -> np.ndarray:
            nonlocal frame
            count = block.shape[1]
            times_s = np.arange(frame, frame + count) / sound.sample_rate_hz
            frame += count
            if len(kicks_s):
                ducked = _duck_at_kicks(now, times_s, kicks_s, ctx.grid.beat_s)
            else:
                ducked = _duck(now, times_s - ctx.grid.start_s, ctx.grid.beat_s)
            duck_db = depth(now.depth_db, count) * ducked
            return np.asarray(block * 10.0 ** (-duck_db / 20.0))

        return process


def _duck(pump: SidechainPump, elapsed_s: np.ndarray, beat_s: float) -> np.ndarray:
    """Return the reduction at each time, as a share of the depth, 0 to 1."""
    import numpy as np

    period_s = _BEATS[pump.division] * beat_s
    attack_s = min(pump.attack_ms / 1000.0, 0.5 * period_s)
    release_s = pump.release_beats * beat_s

    def recovered(since_attack_s: np.ndarray | float) -> np.ndarray:
        return _smooth(np.minimum(since_attack_s / release_s, 1.0))

    since_s = elapsed_s % period_s
    start_level = 1.0 - recovered(period_s - attack_s)
    attack = start_level + (1.0 - start_level) * _smooth(np.minimum(since_s / attack_s, 1.0))
    return np.where(since_s < attack_s, attack, 1.0 - recovered(since_s - attack_s))


def _repeat_kicks(ctx: Context) -> np.ndarray:
    """Return where the kick is struck, in a loop before and after it too, ascending."""
    import numpy as np

    kicks_s = np.asarray(ctx.grid.kicks_s)
    if ctx.loop_s is None or not len(kicks_s):
        return kicks_s
    rounds = np.arange(-2, 3)[:, None] * ctx.loop_s
    return np.sort((kicks_s[None] + rounds).ravel())


def _duck_at_kicks(
    pump: SidechainPump, times_s: np.ndarray, kicks_s: np.ndarray, beat_s: float
) -> np.ndarray:
    """Return the reduction at each time after the last kick, as a share of the depth, 0 to 1."""
    import numpy as np

    attack_s, release_s = pump.attack_ms / 1000.0, pump.release_beats * beat_s

    def recovered(since_attack_s: np.ndarray) -> np.ndarray:
        return _smooth(np.clip(since_attack_s / release_s, 0.0, 1.0))

    last = np.searchsorted(kicks_s, times_s, side="right") - 1
    gaps_s = np.diff(kicks_s, prepend=-np.inf)
    since_s = times_s - kicks_s[last.clip(min=0)]
    start_level = 1.0 - recovered(gaps_s[last.clip(min=0)] - attack_s)
    attack = start_level + (1.0 - start_level) * _smooth(np.clip(since_s / attack_s, 0.0, 1.0))
    ducked = np.where(since_s < attack_s, attack, 1.0 - recovered(since_s - attack_s))
    return np.where(last < 0, 0.0, ducked)


def _smooth(progress: np.ndarray) -> np.ndarray:
    """Return half a cosine from 0 to 1, which has no corner at its ends."""
    import numpy as np

    return np.asarray(0.5 - 0.5 * np.cos(np.pi * progress))


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the pump."""
    return [SidechainPump]
