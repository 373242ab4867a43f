"""Endless background sounds, synthesised from noise, grains and a little hum."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from lofigen_kit.api.dsp import (
    Crackle,
    GrainScatterer,
    NoiseBand,
    damped_tone,
    draw_onsets,
    log_uniform,
    pan_mono,
)

Pitches = tuple[float, float]
"""The lowest and the highest frequency in Hz."""


class Rain:
    """Rain on a window: noise of distant drops, ticks of near ones, and drips.

    A drop sounds like a resonating bubble: the larger, the lower and longer. The noise level varies
    slowly, as no rain is steady.

    Args:
        channels: Number of channels.
        rate_hz: Sample rate.
        rng: The random generator.
    """

    def __init__(self, channels: int, rate_hz: int, rng: np.random.Generator) -> None:
        self._channels = channels
        self._rate_hz = rate_hz
        self._rng = rng
        self._noise = NoiseBand(
            350.0, 6500.0, 1, channels=channels, rate_hz=rate_hz, rng=rng, common=0.3
        )
        self._scatterer = GrainScatterer(channels)
        self._level_lfos = [
            _SlowSine(cycles_hz, rate_hz, rng) for cycles_hz in (0.061, 0.137, 0.291)
        ]

    def __call__(self, frames: int) -> np.ndarray:
        """Return the next frames [shape=(channels, frames)]."""
        level = 1.0 + 0.07 * sum(lfo(frames) for lfo in self._level_lfos)
        ticks = self._draw_drops(frames, 180.0, (1500.0, 9000.0), loudest=4.5, spread_db=8.0)
        drips = self._draw_drops(frames, 4.0, (400.0, 1400.0), loudest=5.0, spread_db=5.0)
        return np.asarray(level * self._noise(frames) + self._scatterer(frames, [*ticks, *drips]))

    def _draw_drops(
        self,
        frames: int,
        cycles_hz: float,
        pitches_hz: Pitches,
        *,
        loudest: float,
        spread_db: float,
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Yield drops with their onsets; most are quiet, as more drops are far than near."""
        rng = self._rng
        for onset in draw_onsets(cycles_hz, frames, self._rate_hz, rng):
            pitch_hz = min(log_uniform(*pitches_hz, rng), 0.4 * self._rate_hz)
            cycles = log_uniform(0.6, 2.5, rng)
            drop = damped_tone(pitch_hz, cycles / pitch_hz, rng.uniform(0, math.tau), self._rate_hz)
            drop *= loudest * 10.0 ** (-min(rng.exponential(spread_db), 40.0) / 20.0)
            yield int(onset), pan_mono(drop, rng.uniform(-1.0, 1.0), self._channels)


class Vinyl:
    """The empty groove of a record: surface noise that varies with each turn, and crackle.

    Args:
        channels: Number of channels.
        rate_hz: Sample rate.
        rng: The random generator.
    """

    def __init__(self, channels: int, rate_hz: int, rng: np.random.Generator) -> None:
        self._surface = NoiseBand(300.0, 5000.0, 1, channels=channels, rate_hz=rate_hz, rng=rng)
        self._turn = _SlowSine(33.333 / 60.0, rate_hz, rng)
        self._crackle = Crackle(channels, rate_hz, rng)

    def __call__(self, frames: int) -> np.ndarray:
        """Return the next frames [shape=(channels, frames)]."""
        surface = (1.0 + 0.2 * self._turn(frames)) * self._surface(frames)
        return np.asarray(surface + 4.0 * self._crackle(frames, rate_hz=12.0, pop_rate_hz=0.1))


class Room:
    """An empty room at night: low-frequency noise, some air, and a faint mains hum.

    Args:
        channels: Number of channels.
        rate_hz: Sample rate.
        rng: The random generator.
    """

    def __init__(self, channels: int, rate_hz: int, rng: np.random.Generator) -> None:
        self._rumble = NoiseBand(
            25.0, 90.0, 1, channels=channels, rate_hz=rate_hz, rng=rng, common=0.5
        )
        self._air = NoiseBand(200.0, 2500.0, 1, channels=channels, rate_hz=rate_hz, rng=rng)
        self._hum = [_SlowSine(cycles_hz, rate_hz, rng) for cycles_hz in (50.0, 100.0, 150.0)]

    def __call__(self, frames: int) -> np.ndarray:
        """Return the next frames [shape=(channels, frames)]."""
        hum = sum(
            level * sine(frames) for level, sine in zip((0.2, 0.15, 0.1), self._hum, strict=True)
        )
        return self._rumble(frames) + 0.12 * self._air(frames) + hum


class _SlowSine:
    """A sine of random phase, continued from block to block."""

    def __init__(self, cycles_hz: float, rate_hz: int, rng: np.random.Generator) -> None:
        self._step = math.tau * cycles_hz / rate_hz
        self._phase = rng.uniform(0.0, math.tau)

    def __call__(self, frames: int) -> np.ndarray:
        phases = self._phase + self._step * np.arange(frames)
        self._phase = (self._phase + self._step * frames) % math.tau
        return np.asarray(np.sin(phases))
