"""Time each effect of a preset, and its mastering, on one core."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.bench.rounds import Play, interleave
from lofigen_kit.components.base import Context
from lofigen_kit.components.contracts import Effect
from lofigen_kit.effects import rack
from lofigen_kit.music.score import BeatGrid
from lofigen_kit.runtime.seeding import rng_for

if TYPE_CHECKING:
    from lofigen_kit.preset.schema import Preset

RATE_HZ = 44_100
GRID = BeatGrid(tempo_bpm=80.0)
SEED = 1


@dataclass(frozen=True)
class _Stage:
    """An effect or the mastering, with its input."""

    name: str
    play: Play


def measure(
    preset: Preset,
    *,
    seconds: float,
    rounds: int,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Time every stage in turn, each on the output of the stages before it.

    Args:
        preset: The preset whose effects and mastering are timed.
        seconds: The length of the sound, in seconds: stereo at 44.1 kHz.
        rounds: How often each stage is timed.
        progress: See `interleave`.

    Returns:
        dict: `x_realtime` of all stages together; `stages`, each with its share of the time.
        Figures are medians of wall time and, in `by_cpu_time`, of CPU time.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        stages = _prepare(preset, make_music(seconds))
        times = interleave([stage.play for stage in stages], rounds, progress)
    wall_s = np.array([spent.wall_s for spent in times])
    cpu_s = np.array([spent.cpu_s for spent in times])
    return {
        "x_realtime": seconds / _median(wall_s.sum(axis=0)),
        "by_cpu_time": {"x_realtime": seconds / _median(cpu_s.sum(axis=0))},
        "preset": preset.name,
        "seconds": seconds,
        "rounds": rounds,
        "stages": [
            {
                "stage": stage.name,
                **_figures(wall, wall_s, seconds),
                "by_cpu_time": _figures(cpu, cpu_s, seconds),
            }
            for stage, wall, cpu in zip(stages, wall_s, cpu_s, strict=True)
        ],
    }


def make_music(duration_s: float) -> AudioBuffer:
    """Return a synthetic beat: sine and noise drums over a chord, with a crest factor of 15 dB."""
    rng = np.random.default_rng(SEED)
    t = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    kick = np.exp(-(t % 0.75) / 0.12) * np.sin(2 * np.pi * 55 * (t % 0.75))
    hat = np.exp(-(t % 0.1875) / 0.03) * rng.standard_normal(len(t))
    left, right = (
        sum(np.sin(2 * np.pi * f * t + side) for f in (146.8, 174.6, 220.0)) for side in (0, 1)
    )
    beat = 0.5 * kick + 0.03 * hat
    return AudioBuffer(np.stack([beat + 0.05 * left, beat + 0.05 * right]), RATE_HZ)


def _prepare(preset: Preset, audio: AudioBuffer) -> list[_Stage]:
    """Return all stages after one run of each, so that compilation is not timed."""
    from lofigen_kit.dsp.mastering import master

    stages = []
    for name, effect in rack.name_stages(preset.effects):
        play = partial(_apply, effect, name, audio, preset)
        stages.append(_Stage(name.removeprefix("effects."), play))
        audio = play()
    finish = partial(
        master,
        audio,
        loudness_lufs=preset.master.loudness_lufs,
        true_peak_dbtp=preset.master.true_peak_dbtp,
    )
    finish()
    return [*stages, _Stage("master", finish)]


def _apply(effect: Effect, name: str, audio: AudioBuffer, preset: Preset) -> AudioBuffer:
    ctx = Context(rng=rng_for(preset.seed, 0, name), grid=GRID, root=preset.root)
    return rack.apply_effect(effect, audio, ctx, loop=False)


def _figures(own_s: np.ndarray, all_s: np.ndarray, seconds: float) -> dict[str, float]:
    """Return a stage's time, its speed, and the median of its share within each round."""
    return {
        "seconds": _median(own_s),
        "x_realtime": seconds / _median(own_s),
        "share": _median(own_s / all_s.sum(axis=0)),
    }


def _median(values: np.ndarray) -> float:
    return float(np.median(values))
