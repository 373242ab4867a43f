"""`wow-flutter`: a tape that does not run at an even speed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from lofigen_kit.api import AudioFormat, BlockEffect, Context, Effect, Field, Process, hookimpl

if TYPE_CHECKING:
    import numpy as np

_SLOWEST_DRIFT_HZ, _FASTEST_DRIFT_HZ = 0.05, 0.3
_MOST_DRIFTS = 64
_FEWEST_WHOLE_CYCLES = 2
_STRETCH = 91  # about the root of a block
_FURTHEST_S = 0.26
"""No more than this can the head lead or lag, with all depths at their most and rates at their
least."""


class WowFlutter(BlockEffect):
    """Varies the tape's speed: slow wow, fast flutter and aimless drift.

    Depths are deviations of speed, and so of pitch (1 % is 17 cents). The tape starts and ends on
    time: the first and last samples stay where they are, and within the sound nothing is read from
    beyond its ends, where it is held at its edge values. From two cycles of wow or flutter on,
    their rate is moved to the nearest whole number of cycles, so that a loop's pitch is as even
    over its seam as within it. A sound without an end has its rates as they are set, and drifts on
    without repeating itself. Each take has its own phases and its own drift.

    Attributes:
        wow_rate_hz: How often the slow variation comes round.
        wow_depth_pct: Its peak deviation of speed.
        flutter_rate_hz: How often the fast variation comes round.
        flutter_depth_pct: Its peak deviation of speed.
        drift_pct: RMS deviation of speed of a random wandering at 0.05 to 0.3 Hz; none in sounds
            shorter than 3.3 s.
    """

    use: Literal["wow-flutter"] = "wow-flutter"
    wow_rate_hz: float = Field(default=0.8, ge=0.1, le=4)
    wow_depth_pct: float = Field(default=0.3, ge=0, le=3)
    flutter_rate_hz: float = Field(default=9.0, ge=4, le=30)
    flutter_depth_pct: float = Field(default=0.1, ge=0, le=1)
    drift_pct: float = Field(default=0.05, ge=0, le=1)

    def latency_frames(self, sound: AudioFormat) -> int:
        """Return how far ahead the head may find itself, at the widest settings."""
        from lofigen_kit.api.dsp import VariableRateReader

        return VariableRateReader.latency_frames(_reach(sound))

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return the machine with its tape at the first frame."""
        from lofigen_kit.api.dsp import VariableRateReader

        reader = VariableRateReader(sound, _reach(sound))
        motion = _TapeTransport(sound, ctx.rng)

        def process(block: np.ndarray, now: WowFlutter) -> np.ndarray:
            return reader(block, lambda frames: motion.positions(frames, now))

        return process


class _TapeTransport:
    """Where on the tape the head is at each frame: the integral of the speed.

    How far it leads is a sum of sines and a straight line, which brings the lead to nothing at the
    sound's last frame. Where automation moves the sines, a new line begins where the head is.
    """

    def __init__(self, sound: AudioFormat, rng: np.random.Generator) -> None:
        import numpy as np

        self._sound = sound
        self._drift_hz = _drift_hz(sound, rng)
        weights = rng.rayleigh(size=len(self._drift_hz))
        self._drifts = weights * math.sqrt(2.0 / max(float(weights @ weights), 1e-12))
        self._phases = rng.uniform(0.0, 2.0 * math.pi, 2 + len(self._drift_hz))
        self._depths = self._turns = np.zeros(len(self._phases))
        self._settings: WowFlutter | None = None
        self._frame, self._lead, self._slope = 0, 0.0, 0.0

    def positions(self, frames: np.ndarray, now: WowFlutter) -> np.ndarray:
        """Return where the head is at consecutive frames, which follow on those of the last call.

        Frames before the sound's first are not heard, and find the tape at rest.
        """
        import numpy as np

        positions = frames.astype(np.float64)
        begin = max(0, -int(frames[0]))
        ahead = len(frames) - begin
        if not self._sound.endless:
            ahead = min(ahead, self._sound.frames - int(frames[0]) - begin)
        if ahead <= 0:
            return positions
        if now != self._settings:
            self._apply_settings(now)
        heard = positions[begin : begin + ahead]
        heard += self._sines(self._phases, ahead)
        heard += self._lead + self._slope * np.arange(ahead)
        self._frame += ahead
        self._lead += self._slope * ahead
        self._phases = (self._phases + self._turns * ahead) % (2.0 * math.pi)
        return positions

    def _apply_settings(self, now: WowFlutter) -> None:
        """Move at other rates and depths from here on, without a jump."""
        import numpy as np

        before = self._lead
        if self._settings:
            before += float(self._depths @ np.sin(self._phases))
        self._settings = now
        rates_hz = [
            self._round_to_whole_cycles(now.wow_rate_hz),
            self._round_to_whole_cycles(now.flutter_rate_hz),
        ]
        deviations = [now.wow_depth_pct, now.flutter_depth_pct, *(self._drifts * now.drift_pct)]
        self._turns = (
            2.0 * math.pi / self._sound.sample_rate_hz * np.array([*rates_hz, *self._drift_hz])
        )
        self._depths = np.array(deviations) / 100.0 / self._turns
        self._sines = _SumOfSines(self._depths, self._turns)
        self._lead = before - float(self._depths @ np.sin(self._phases))
        if self._sound.endless:
            return
        left = self._sound.frames - 1 - self._frame
        at_the_end = float(self._depths @ np.sin(self._phases + self._turns * left))
        self._slope = -(self._lead + at_the_end) / max(left, 1)

    def _round_to_whole_cycles(self, rate_hz: float) -> float:
        """Return the nearest rate that comes round a whole number of times in what has an end."""
        if self._sound.endless:
            return rate_hz
        cycles = round(rate_hz * self._sound.duration_s)
        return cycles / self._sound.duration_s if cycles >= _FEWEST_WHOLE_CYCLES else rate_hz


def _reach(sound: AudioFormat) -> int:
    reach = math.ceil(_FURTHEST_S * sound.sample_rate_hz)
    return reach if sound.endless else min(reach, sound.frames)


def _drift_hz(sound: AudioFormat, rng: np.random.Generator) -> np.ndarray:
    """Return the rates of the drift: whole cycles in a sound, so that it comes round with it.

    Without an end there is one in each of many bands, so that their sum never comes round.
    """
    import numpy as np

    if sound.endless:
        edges_hz = np.linspace(_SLOWEST_DRIFT_HZ, _FASTEST_DRIFT_HZ, _MOST_DRIFTS + 1)
        return np.asarray(rng.uniform(edges_hz[:-1], edges_hz[1:]))
    duration_s = sound.duration_s
    slowest, fastest = round(_SLOWEST_DRIFT_HZ * duration_s), int(_FASTEST_DRIFT_HZ * duration_s)
    harmonics = np.arange(max(1, slowest), fastest + 1)
    chosen = np.linspace(0, len(harmonics) - 1, min(_MOST_DRIFTS, len(harmonics)))
    return np.asarray(harmonics[chosen.astype(int)] / duration_s)


class _SumOfSines:
    """The sum of `amplitude * sin(turn * n + phase)` for n from 0 on.

    By sin(a + b) = sin a cos b + cos a sin b, a being the start of a stretch and b the place
    within it, all of it is one product of two small matrices, one of which stays.
    """

    def __init__(self, amplitudes: np.ndarray, turns: np.ndarray) -> None:
        import numpy as np

        self._amplitudes, self._turns = amplitudes, turns
        within = np.outer(turns, np.arange(_STRETCH))
        self._within = np.vstack([np.cos(within), np.sin(within)])

    def __call__(self, phases: np.ndarray, frames: int) -> np.ndarray:
        """Return the first frames, at least one of them."""
        import numpy as np

        starts = np.outer(np.arange(0, frames, _STRETCH), self._turns) + phases
        amplitudes = self._amplitudes
        left = np.hstack([amplitudes * np.sin(starts), amplitudes * np.cos(starts)])
        return np.asarray(left @ self._within).ravel()[:frames]


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide wow and flutter."""
    return [WowFlutter]
