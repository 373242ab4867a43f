"""`wow-flutter`: uneven tape speed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from lofigen_kit.api import AudioFormat, BlockEffect, Context, Effect, Field, Process, hookimpl

if TYPE_CHECKING:
    import numpy as np

_MIN_DRIFT_HZ, _MAX_DRIFT_HZ = 0.05, 0.3
_MAX_DRIFTS = 64
_MIN_WHOLE_CYCLES = 2
_STRETCH = 91  # about the square root of a block
_MAX_REACH_S = 0.26
"""Upper bound of the distance between head and even speed, with the greatest depths and the lowest
rates."""


class WowFlutter(BlockEffect):
    """Varies the tape's speed: slow wow, fast flutter and random drift.

    Depths are deviations of speed, and so of pitch (1 % is 17 cents). The first and the last sample
    stay in time, and the sound is held at its edge values, so nothing is read from beyond its ends.
    From two cycles of wow or flutter on, their rates are changed to the nearest whole number of
    cycles, so that the pitch of a loop is as even over its seam as within it. An endless sound
    keeps the rates as set, and its drift never repeats. Each take has its own phases and its own
    drift.

    Attributes:
        wow_rate_hz: Rate of the slow variation.
        wow_depth_pct: Peak deviation of speed of the slow variation.
        flutter_rate_hz: Rate of the fast variation.
        flutter_depth_pct: Peak deviation of speed of the fast variation.
        drift_pct: RMS deviation of speed of a random variation at 0.05 to 0.3 Hz; none in sounds
            shorter than 3.3 s.
    """

    use: Literal["wow-flutter"] = "wow-flutter"
    wow_rate_hz: float = Field(default=0.8, ge=0.1, le=4)
    wow_depth_pct: float = Field(default=0.3, ge=0, le=3)
    flutter_rate_hz: float = Field(default=9.0, ge=4, le=30)
    flutter_depth_pct: float = Field(default=0.1, ge=0, le=1)
    drift_pct: float = Field(default=0.05, ge=0, le=1)

    def latency_frames(self, sound: AudioFormat) -> int:
        """Return how far ahead the head may be, at the greatest settings."""
        from lofigen_kit.api.dsp import VariableRateReader

        return VariableRateReader.latency_frames(_reach(sound))

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return the processor, with the tape at the first frame."""
        from lofigen_kit.api.dsp import VariableRateReader

        reader = VariableRateReader(sound, _reach(sound))
        transport = _TapeTransport(sound, ctx.rng)

        def process(block: np.ndarray, now: WowFlutter) -> np.ndarray:
            return reader(block, lambda frames: transport.positions(frames, now))

        return process


class _TapeTransport:
    """The position of the head on the tape at each frame: the integral of the speed.

    The lead of the head is a sum of sines and a straight line, which makes the lead 0 at the last
    frame. Where automation changes the sines, a new line starts at the current lead.
    """

    def __init__(self, sound: AudioFormat, rng: np.random.Generator) -> None:
        import numpy as np

        self._sound = sound
        self._drift_hz = _drift_hz(sound, rng)
        weights = rng.rayleigh(size=len(self._drift_hz))
        self._drifts = weights * math.sqrt(2.0 / max(float(weights @ weights), 1e-12))
        self._phases = rng.uniform(0.0, 2.0 * math.pi, 2 + len(self._drift_hz))
        self._depths = self._steps = np.zeros(len(self._phases))
        self._settings: WowFlutter | None = None
        self._frame, self._lead, self._slope = 0, 0.0, 0.0

    def positions(self, frames: np.ndarray, now: WowFlutter) -> np.ndarray:
        """Return the head's positions at consecutive frames, which follow those of the last call.

        Frames before the first one of the sound have no lead.
        """
        import numpy as np

        positions = frames.astype(np.float64)
        skipped = max(0, -int(frames[0]))
        count = len(frames) - skipped
        if not self._sound.endless:
            count = min(count, self._sound.frames - int(frames[0]) - skipped)
        if count <= 0:
            return positions
        if now != self._settings:
            self._apply_settings(now)
        active = positions[skipped : skipped + count]
        active += self._sines(self._phases, count)
        active += self._lead + self._slope * np.arange(count)
        self._frame += count
        self._lead += self._slope * count
        self._phases = (self._phases + self._steps * count) % (2.0 * math.pi)
        return positions

    def _apply_settings(self, now: WowFlutter) -> None:
        """Change rates and depths from here on, without a jump of the position."""
        import numpy as np

        lead = self._lead
        if self._settings:
            lead += float(self._depths @ np.sin(self._phases))
        self._settings = now
        rates_hz = [
            self._round_to_whole_cycles(now.wow_rate_hz),
            self._round_to_whole_cycles(now.flutter_rate_hz),
        ]
        deviations = [now.wow_depth_pct, now.flutter_depth_pct, *(self._drifts * now.drift_pct)]
        self._steps = (
            2.0 * math.pi / self._sound.sample_rate_hz * np.array([*rates_hz, *self._drift_hz])
        )
        self._depths = np.array(deviations) / 100.0 / self._steps
        self._sines = _SumOfSines(self._depths, self._steps)
        self._lead = lead - float(self._depths @ np.sin(self._phases))
        if self._sound.endless:
            return
        remaining = self._sound.frames - 1 - self._frame
        end_lead = float(self._depths @ np.sin(self._phases + self._steps * remaining))
        self._slope = -(self._lead + end_lead) / max(remaining, 1)

    def _round_to_whole_cycles(self, rate_hz: float) -> float:
        """Return the nearest rate with whole cycles in the sound; for endless sounds, the rate."""
        if self._sound.endless:
            return rate_hz
        cycles = round(rate_hz * self._sound.duration_s)
        return cycles / self._sound.duration_s if cycles >= _MIN_WHOLE_CYCLES else rate_hz


def _reach(sound: AudioFormat) -> int:
    """Return the greatest distance between head and even speed, in frames."""
    reach = math.ceil(_MAX_REACH_S * sound.sample_rate_hz)
    return reach if sound.endless else min(reach, sound.frames)


def _drift_hz(sound: AudioFormat, rng: np.random.Generator) -> np.ndarray:
    """Return the rates of the drift: whole cycles in a sound, so that a loop is seamless.

    For an endless sound there is a random rate in each of many bands, so their sum never repeats.
    """
    import numpy as np

    if sound.endless:
        edges_hz = np.linspace(_MIN_DRIFT_HZ, _MAX_DRIFT_HZ, _MAX_DRIFTS + 1)
        return np.asarray(rng.uniform(edges_hz[:-1], edges_hz[1:]))
    duration_s = sound.duration_s
    slowest, fastest = round(_MIN_DRIFT_HZ * duration_s), int(_MAX_DRIFT_HZ * duration_s)
    harmonics = np.arange(max(1, slowest), fastest + 1)
    chosen = np.linspace(0, len(harmonics) - 1, min(_MAX_DRIFTS, len(harmonics)))
    return np.asarray(harmonics[chosen.astype(int)] / duration_s)


class _SumOfSines:
    """The sum of `amplitude * sin(step * n + phase)` for n from 0 on.

    By sin(a + b) = sin a cos b + cos a sin b, with a for the start of a stretch and b for the place
    within it, the sum is one product of two small matrices. One of them is constant.
    """

    def __init__(self, amplitudes: np.ndarray, steps: np.ndarray) -> None:
        import numpy as np

        self._amplitudes, self._steps = amplitudes, steps
        within = np.outer(steps, np.arange(_STRETCH))
        self._within = np.vstack([np.cos(within), np.sin(within)])

    def __call__(self, phases: np.ndarray, frames: int) -> np.ndarray:
        """Return the first frames of the sum, at least one [shape=(frames,)]."""
        import numpy as np

        starts = np.outer(np.arange(0, frames, _STRETCH), self._steps) + phases
        amplitudes = self._amplitudes
        left = np.hstack([amplitudes * np.sin(starts), amplitudes * np.cos(starts)])
        return np.asarray(left @ self._within).ravel()[:frames]


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide wow and flutter."""
    return [WowFlutter]
