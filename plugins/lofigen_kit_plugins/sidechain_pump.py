"""`sidechain-pump`: music that ducks at every beat, as if the kick drum pushed it down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from lofigen_kit.api import AudioFormat, BlockEffect, Context, Effect, Field, Process, hookimpl

if TYPE_CHECKING:
    import numpy as np

_BEATS = {"1/1": 4.0, "1/2": 2.0, "1/4": 1.0, "1/8": 0.5, "1/16": 0.25}


class SidechainPump(BlockEffect):
    """Turns the sound down at every beat and lets it rise again, on the grid of the score.

    It goes down from the beat on, so that the drum itself is heard, as with a compressor that a
    drum drives. Where the next beat comes before it is up again, it goes down from there.

    Attributes:
        depth_db: How far it goes down.
        division: How often: at every note of this length.
        attack_ms: How long it goes down; at most half of a division.
        release_beats: How long it rises.
    """

    use: Literal["sidechain-pump"] = "sidechain-pump"
    depth_db: float = Field(default=6.0, ge=0, le=40)
    division: Literal["1/1", "1/2", "1/4", "1/8", "1/16"] = "1/4"
    attack_ms: float = Field(default=5.0, ge=1, le=100)
    release_beats: float = Field(default=0.5, ge=0.05, le=4)

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return what ducks the sound."""
        import numpy as np

        from lofigen_kit.api.dsp import SmoothedValue

        depth = SmoothedValue()
        frame = 0

        def process(block: np.ndarray, now: SidechainPump) -> np.ndarray:
            nonlocal frame
            count = block.shape[1]
            elapsed_s = np.arange(frame, frame + count) / sound.sample_rate_hz - ctx.grid.start_s
            frame += count
            duck_db = depth(now.depth_db, count) * _duck(now, elapsed_s, ctx.grid.beat_s)
            return np.asarray(block * 10.0 ** (-duck_db / 20.0))

        return process


def _duck(pump: SidechainPump, elapsed_s: np.ndarray, beat_s: float) -> np.ndarray:
    """Return how far down the sound is at each time, 0 to 1."""
    import numpy as np

    period_s = _BEATS[pump.division] * beat_s
    attack_s = min(pump.attack_ms / 1000.0, 0.5 * period_s)
    release_s = pump.release_beats * beat_s

    def risen(since_attack_s: np.ndarray | float) -> np.ndarray:
        return _smooth(np.minimum(since_attack_s / release_s, 1.0))

    since_s = elapsed_s % period_s
    from_there = 1.0 - risen(period_s - attack_s)
    going_down = from_there + (1.0 - from_there) * _smooth(np.minimum(since_s / attack_s, 1.0))
    return np.where(since_s < attack_s, going_down, 1.0 - risen(since_s - attack_s))


def _smooth(place: np.ndarray) -> np.ndarray:
    """Return the way from 0 to 1 with neither a step nor a bend at its ends."""
    import numpy as np

    return np.asarray(0.5 - 0.5 * np.cos(np.pi * place))


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the pump."""
    return [SidechainPump]
