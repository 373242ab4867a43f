"""`wow-flutter`: a tape that does not run at an even speed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from lofigen_kit.api import AudioBuffer, Context, Effect, Field, hookimpl

if TYPE_CHECKING:
    import numpy as np

_FASTEST_DRIFT_HZ = 0.3
_FEWEST_WHOLE_CYCLES = 2


class WowFlutter(Effect):
    """Varies the tape's speed: slow wow, fast flutter and aimless drift.

    Depths are deviations of speed, and so of pitch (1 % is 17 cents). The tape starts and ends on
    time: the first and last samples stay where they are, and within the sound nothing is read from
    beyond its ends, where it is held at its edge values. From two cycles of wow or flutter on,
    their rate is moved to the nearest whole number of cycles, so that a loop's pitch is as even
    over its seam as within it. Each take has its own phases and its own drift.

    Attributes:
        wow_rate_hz: How often the slow variation comes round.
        wow_depth_pct: Its peak deviation of speed.
        flutter_rate_hz: How often the fast variation comes round.
        flutter_depth_pct: Its peak deviation of speed.
        drift_pct: RMS deviation of speed of a random wandering below 0.3 Hz; none in sounds
            shorter than 3.3 s.
    """

    use: Literal["wow-flutter"] = "wow-flutter"
    wow_rate_hz: float = Field(default=0.8, ge=0.1, le=4)
    wow_depth_pct: float = Field(default=0.3, ge=0, le=3)
    flutter_rate_hz: float = Field(default=9.0, ge=4, le=30)
    flutter_depth_pct: float = Field(default=0.1, ge=0, le=1)
    drift_pct: float = Field(default=0.05, ge=0, le=1)

    def apply(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        """Return the sound as the uneven tape plays it."""
        from lofigen_kit.dsp.interpolate import read_at

        positions = self._positions(audio.frames, audio.sample_rate_hz, ctx.rng)
        return audio.with_samples(read_at(audio.samples, positions))

    def _positions(self, frames: int, rate_hz: int, rng: np.random.Generator) -> np.ndarray:
        """Return where on the tape the head is at each frame: the integral of the speed."""
        import numpy as np

        if frames == 0:
            return np.zeros(0)
        cycles_hz, depths = np.transpose(list(self._oscillations(frames / rate_hz, rng)))
        turns = 2.0 * math.pi * cycles_hz / rate_hz
        phases = rng.uniform(0.0, 2.0 * math.pi, len(turns))
        lead = _sum_of_sines(depths / turns, turns, phases, frames)
        lead -= np.linspace(lead[0], lead[-1], frames)
        positions: np.ndarray = np.arange(frames) + lead
        return positions.clip(0.0, frames - 1)

    def _oscillations(
        self, duration_s: float, rng: np.random.Generator
    ) -> Iterator[tuple[float, float]]:
        """Yield the rate in Hz and the peak deviation of speed of every sine in the motion."""
        for rate_hz, depth_pct in (
            (self.wow_rate_hz, self.wow_depth_pct),
            (self.flutter_rate_hz, self.flutter_depth_pct),
        ):
            cycles = round(rate_hz * duration_s)
            yield (
                cycles / duration_s if cycles >= _FEWEST_WHOLE_CYCLES else rate_hz,
                depth_pct / 100.0,
            )
        harmonics = int(_FASTEST_DRIFT_HZ * duration_s)
        weights = rng.rayleigh(size=harmonics)
        weights *= math.sqrt(2.0 / max(float(weights @ weights), 1e-12)) * self.drift_pct / 100.0
        for harmonic, depth in enumerate(weights, start=1):
            yield harmonic / duration_s, float(depth)


def _sum_of_sines(
    amplitudes: np.ndarray, turns: np.ndarray, phases: np.ndarray, frames: int
) -> np.ndarray:
    """Return the sum of `amplitude * sin(turn * n + phase)` for n below `frames`.

    By sin(a + b) = sin a cos b + cos a sin b, a being the start of a block and b the place
    within it, all of it is one product of two small matrices.
    """
    import numpy as np

    block = math.isqrt(frames) + 1
    starts = np.outer(np.arange(0, frames, block), turns) + phases
    within = np.outer(turns, np.arange(block))
    left = np.hstack([amplitudes * np.sin(starts), amplitudes * np.cos(starts)])
    right = np.vstack([np.cos(within), np.sin(within)])
    return np.asarray(left @ right).ravel()[:frames]


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide wow and flutter."""
    return [WowFlutter]
