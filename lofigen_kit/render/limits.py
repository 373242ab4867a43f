"""How much a preset may ask for: a bound for what strangers' files say, a higher one for one's own.

A file of some kilobytes can ask for days of work and all memory. So that is estimated before
anything slow is done.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from lofigen_kit.effects.cost import Cost, estimate_cost
from lofigen_kit.effects.rack import find_whole_sound_stages
from lofigen_kit.errors import PresetError
from lofigen_kit.preset.schema import Preset

VARIABLE = "LOFIGEN_LIMIT"
"""The environment variable by whose number the bounds of one's own presets are multiplied."""
ALWAYS_S = 300.0
"""A recording that is longer may become longer, and need more work, in proportion."""

_BYTES_PER_FRAME = 2 * 4
"""Two channels of float32."""


@dataclass(frozen=True)
class Limits:
    """The most that a preset may ask for.

    Attributes:
        longest_s: How long its sound may become anywhere in the chain.
        memory_bytes: How much memory it may need.
        work_s: How many seconds of sound its effects together may go through.
    """

    longest_s: float
    memory_bytes: float
    work_s: float

    def scale(self, factor: float) -> Limits:
        """Return limits that are so many times as high."""
        return Limits(self.longest_s * factor, self.memory_bytes * factor, self.work_s * factor)


STRANGERS = Limits(longest_s=1200.0, memory_bytes=4e9, work_s=18_000.0)
OWN = Limits(longest_s=3 * 3600.0, memory_bytes=24e9, work_s=360_000.0)


def check_take(preset: Preset, duration_s: float, *, stems: bool = False) -> None:
    """Check what a take asks for, before the network plays and effects run.

    Args:
        preset: The preset.
        duration_s: How long the source's score is.
        stems: Whether the sound after each stage is kept.

    Raises:
        PresetError: if it is more than the preset may.
    """
    kept = len(preset.effects) + len(preset.mixer) if stems else 0
    _check(preset, duration_s, kept_sounds=kept, limits=_find_limits(preset), in_memory=True)


def check_recording(preset: Preset, duration_s: float) -> None:
    """Check what the effects make of a recording, which goes through them block by block.

    Args:
        preset: The preset.
        duration_s: How long the recording is: it was read.

    Raises:
        PresetError: if it is more than the preset may.
    """
    limits = _find_limits(preset)
    longer = limits.scale(max(1.0, duration_s / ALWAYS_S))
    limits = Limits(longer.longest_s, limits.memory_bytes, longer.work_s)
    in_memory = bool(find_whole_sound_stages(preset.effects))
    _check(preset, duration_s, kept_sounds=0, limits=limits, in_memory=in_memory)


def _check(
    preset: Preset, duration_s: float, *, kept_sounds: int, limits: Limits, in_memory: bool
) -> None:
    tail = preset.output.tail == "auto"
    costs = [estimate_cost(preset.effects, duration_s, tail=tail)]
    costs += [estimate_cost(s.effects, duration_s, tail=tail) for s in preset.mixer.values()]
    longest_s = max(cost.longest_s for cost in costs)
    work_s = sum(cost.work_s for cost in costs)
    memory = _estimate_bytes(preset, costs, kept_sounds) if in_memory else 0.0
    asked = None
    if longest_s > limits.longest_s:
        asked = f"{_format_time(longest_s)} of sound", _format_time(limits.longest_s)
    elif work_s > limits.work_s:
        asked = f"effects on {_format_time(work_s)} of sound", _format_time(limits.work_s)
    elif memory > limits.memory_bytes:
        asked = f"{memory / 1e9:.1f} GB of memory", f"{limits.memory_bytes / 1e9:.0f} GB"
    if asked:
        raise PresetError(
            f"it asks for {asked[0]}: the limit is {asked[1]}",
            where=f"preset {preset.name!r}",
            remedy=_find_remedy(preset),
        )


def _estimate_bytes(preset: Preset, costs: list[Cost], kept_sounds: int) -> float:
    frames = max(cost.longest_s for cost in costs) * preset.output.sample_rate_hz
    return frames * _BYTES_PER_FRAME * (max(cost.sounds for cost in costs) + kept_sounds)


def _find_limits(preset: Preset) -> Limits:
    if preset.is_strangers:
        return STRANGERS
    text = os.environ.get(VARIABLE, "1")
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not factor > 0.0:
        raise PresetError(
            f"{text!r} is no factor", where=VARIABLE, remedy="give a number, such as 4"
        )
    return OWN.scale(factor)


def _find_remedy(preset: Preset) -> str:
    if preset.is_strangers:
        return "if you trust it, print its preset with `chain show` and render that"
    return f"use fewer effects, or raise the limit with {VARIABLE}=4"


def _format_time(seconds: float) -> str:
    return f"{seconds / 60:.3g} min" if seconds < 2 * 3600 else f"{seconds / 3600:.3g} h"
