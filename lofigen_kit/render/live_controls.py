"""What is changed by hand while a preset plays: a few numbers, and which section comes next.

Controls are turned in one thread and read in those that make the sound. A control that was never
turned leaves the sound as it is, bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from threading import Event, Lock
from typing import Any

import numpy as np

from lofigen_kit.audio.blocks import Blocks, split_blocks
from lofigen_kit.components.contracts import Effect, ParametricSampler
from lofigen_kit.effects import rack
from lofigen_kit.effects.effect import BlockEffect, LiveParameter, Process
from lofigen_kit.nn.distribution import SamplingParams
from lofigen_kit.preset.schema import Preset

MAX_TEMPERATURE = 2.0
TEMPERATURE = "temperature"
"""The control of a `ParametricSampler`."""


class Knob:
    """One number that is turned while it plays.

    Args:
        value: Where it stands.
        minimum: The least it can be.
        maximum: The most it can be.
        step: What one step adds.
        step_ratio: What one step multiplies by.

    Attributes:
        value: Where it stands now.
        touched: Whether it was ever turned.
    """

    def __init__(
        self,
        value: float,
        *,
        minimum: float,
        maximum: float,
        step: float = 0.0,
        step_ratio: float = 1.0,
    ) -> None:
        self.value = value
        self.touched = False
        self._minimum, self._maximum = minimum, maximum
        self._step, self._step_ratio = step, step_ratio
        self._lock = Lock()

    def turn(self, steps: int) -> float:
        """Turn it by some steps, forwards or backwards, and return where it stands."""
        with self._lock:
            turned = self.value * self._step_ratio**steps + self._step * steps
            self.value = min(max(turned, self._minimum), self._maximum)
            self.touched = True
            return self.value


class KnobControl:
    """Moves numbers of an effect to where their knobs stand, over one block.

    It is a `rack.LiveControl`.

    Args:
        knobs: What is turned, by the effect's parameters.
    """

    def __init__(self, knobs: Mapping[str, Knob]) -> None:
        self._knobs = knobs
        self._last: dict[str, float] = {}

    def __call__(self, block: np.ndarray, effect: Any, process: Process) -> np.ndarray:
        """Return the block, processed by the effect with its numbers where the knobs stand."""
        targets = {name: knob.value for name, knob in self._knobs.items() if knob.touched}
        starts = {name: self._last.get(name, getattr(effect, name)) for name in targets}
        self._last = targets
        if starts == targets:
            return process(block, effect.model_copy(update=targets) if targets else effect)
        pieces = list(split_blocks(block, rack.CONTROL))
        ramps = [
            np.linspace(starts[name], target, len(pieces) + 1)[1:].tolist()
            for name, target in targets.items()
        ]
        return np.concatenate(
            [
                process(piece, effect.model_copy(update=dict(zip(targets, values, strict=True))))
                for piece, *values in zip(pieces, *ramps, strict=True)
            ],
            axis=1,
        )


class LiveControls:
    """What can be changed of a preset while it plays.

    Args:
        preset: What plays.
        device: Where its network does: on `cuda`, its temperature stays.

    Attributes:
        mutes: Parts that are silent, as long as none is solo.
        solos: Parts that are heard alone.
        knobs: By name: `temperature` of what the network draws, and each control that effects
            declare as `live_parameters`; of several effects with the same control, the first's.
        stage_controls: What turns the effects, by stage, as the rack takes them.
    """

    def __init__(self, preset: Preset, device: str = "cpu") -> None:
        self.knobs: dict[str, Knob] = {}
        self.stage_controls: dict[str, rack.LiveControl] = {}
        self._sampling_params: SamplingParams | None = None
        self._section_requested = Event()
        self.mutes: set[str] = set()
        self.solos: set[str] = set()
        if isinstance(preset.sampler, ParametricSampler) and device == "cpu":
            self._sampling_params = preset.sampler.sampling_params()
            self.knobs[TEMPERATURE] = Knob(
                self._sampling_params.temperature, minimum=0.0, maximum=MAX_TEMPERATURE, step=0.05
            )
        for stage, effect in rack.name_stages(preset.effects):
            if isinstance(effect, BlockEffect) and effect.mix:
                self._add_knobs(stage, effect)

    @property
    def sampling_params(self) -> SamplingParams | None:
        """How the network is to draw; None where it draws as its sampler says."""
        knob = self.knobs.get(TEMPERATURE)
        if self._sampling_params is None or knob is None or not knob.touched:
            return None
        return replace(self._sampling_params, temperature=knob.value)

    def request_next_section(self) -> None:
        """Let the next bar begin another section."""
        self._section_requested.set()

    def take_section_request(self) -> bool:
        """Return whether another section is asked for, once."""
        requested = self._section_requested.is_set()
        self._section_requested.clear()
        return requested

    def toggle_mute(self, part: str) -> bool:
        """Silence a part, or let it be heard again; return whether it is silent now."""
        self.mutes = self.mutes ^ {part}
        return part in self.mutes

    def toggle_solo(self, part: str) -> bool:
        """Let a part be heard alone, with others that are solo, or no more; return which."""
        self.solos = self.solos ^ {part}
        return part in self.solos

    def is_heard(self, part: str) -> bool:
        """Return whether a part is heard now."""
        solos = self.solos
        return part in solos if solos else part not in self.mutes

    def gate(self, part: str, blocks: Blocks) -> Blocks:
        """Yield a part's sound, or silence while it is not heard, faded over one block."""
        before = 1.0
        for block in blocks:
            now = float(self.is_heard(part))
            if before == now == 1.0:
                yield block
            else:
                yield block * np.linspace(before, now, block.shape[1], dtype=np.float32)
            before = now

    def _add_knobs(self, stage: str, effect: BlockEffect) -> None:
        """Add a knob for each live parameter of an effect whose control is not taken yet."""
        knobs = {}
        for live in effect.live_parameters:
            if live.control not in self.knobs:
                self.knobs[live.control] = knobs[live.parameter] = _make_knob(effect, live)
        if knobs:
            self.stage_controls[stage] = KnobControl(knobs)


def _make_knob(effect: Effect, live: LiveParameter) -> Knob:
    """Return a knob that stands where the effect does, and ends where its parameter does."""
    facts = type(effect).model_json_schema()["properties"][live.parameter]
    number = facts.get("anyOf", [facts])[0]
    return Knob(
        getattr(effect, live.parameter),
        minimum=number["minimum"],
        maximum=number["maximum"],
        step=live.step,
        step_ratio=live.step_ratio,
    )
