"""What a hand changes while a preset plays: a few knobs, and two buttons.

They are turned in one thread and read in those that make the sound. What nobody has touched
leaves the sound as it is, bit for bit.
"""

from __future__ import annotations

from dataclasses import replace
from threading import Event, Lock
from typing import Any

import numpy as np

from lofigen_kit.audio.blocks import split_blocks
from lofigen_kit.components.contracts import Effect, ParametricSampler
from lofigen_kit.effects import rack
from lofigen_kit.effects.effect import BlockEffect, Process
from lofigen_kit.nn.distribution import SamplingParams
from lofigen_kit.preset.schema import Preset

MAX_TEMPERATURE = 2.0


class Knob:
    """One number that is turned while it is heard.

    Args:
        name: What it is called.
        value: Where it stands.
        least: Where it ends one way.
        most: Where it ends the other way.
        add: What a step adds to it.
        ratio: What a step multiplies it by.

    Attributes:
        value: Where it stands now.
        touched: Whether it ever was turned.
    """

    def __init__(
        self,
        name: str,
        value: float,
        *,
        least: float,
        most: float,
        add: float = 0.0,
        ratio: float = 1.0,
    ) -> None:
        self.name = name
        self.value = value
        self.touched = False
        self._least, self._most = least, most
        self._add, self._ratio = add, ratio
        self._lock = Lock()

    def turn(self, steps: int) -> float:
        """Turn it by some steps, forwards or backwards, and return where it stands."""
        with self._lock:
            turned = self.value * self._ratio**steps + self._add * steps
            self.value = min(max(turned, self._least), self._most)
            self.touched = True
            return self.value


class KnobControl:
    """The hand on one number of an effect: it goes where its knob stands over one block.

    Args:
        knob: What is turned.
        field: The effect's number.
    """

    def __init__(self, knob: Knob, field: str) -> None:
        self._knob = knob
        self._field = field
        self._last: float | None = None

    def __call__(self, block: np.ndarray, now: Any, process: Process) -> np.ndarray:
        """Return the block, processed by the effect as it is by now; a `rack.Hand`."""
        if not self._knob.touched:
            return process(block, now)
        target = self._knob.value
        start = getattr(now, self._field) if self._last is None else self._last
        self._last = target
        if start == target:
            return process(block, self._set_field(now, target))
        pieces = list(split_blocks(block, rack.CONTROL))
        way = np.linspace(start, target, len(pieces) + 1)[1:].tolist()
        return np.concatenate(
            [
                process(piece, self._set_field(now, value))
                for piece, value in zip(pieces, way, strict=True)
            ],
            axis=1,
        )

    def _set_field(self, now: Any, value: float) -> Any:
        return now.model_copy(update={self._field: value})


class LiveControls:
    """What can be changed of a preset while it plays.

    Args:
        preset: What plays.
        device: Where its network does: on `cuda`, its temperature stays.

    Attributes:
        knobs: By name: `temperature` of what the network draws, `drive` of the first tape
            saturation and `cutoff` of the first low-pass filter, where the preset has them.
        hands: What turns its effects, by stage, as the rack takes them.
    """

    def __init__(self, preset: Preset, device: str = "cpu") -> None:
        self.knobs: dict[str, Knob] = {}
        self.stage_controls: dict[str, rack.LiveControl] = {}
        self._law: SamplingParams | None = None
        self._skip = Event()
        if isinstance(preset.sampler, ParametricSampler) and device == "cpu":
            self._law = preset.sampler.sampling_params()
            self.knobs["temperature"] = Knob(
                "temperature", self._law.temperature, least=0.0, most=MAX_TEMPERATURE, add=0.05
            )
        self._add_knob(preset, "drive", "tape-saturation", "drive_db", add=1.0)
        self._add_knob(preset, "cutoff", "lowpass", "cutoff_hz", ratio=2.0 ** (1 / 6))

    @property
    def sampling_params(self) -> SamplingParams | None:
        """How the network is to draw; None where it draws as its sampler says."""
        knob = self.knobs.get("temperature")
        if self._law is None or knob is None or not knob.touched:
            return None
        return replace(self._law, temperature=knob.value)

    def request_next_section(self) -> None:
        """Let the next bar begin another section."""
        self._skip.set()

    def take_section_request(self) -> bool:
        """Return whether another section is asked for, once."""
        asked = self._skip.is_set()
        self._skip.clear()
        return asked

    def _add_knob(
        self,
        preset: Preset,
        name: str,
        use: str,
        field: str,
        *,
        add: float = 0.0,
        ratio: float = 1.0,
    ) -> None:
        for stage, effect in rack.name_stages(preset.effects):
            if effect.use == use and isinstance(effect, BlockEffect) and effect.mix:
                least, most = _find_bounds(effect, field)
                knob = Knob(
                    name, getattr(effect, field), least=least, most=most, add=add, ratio=ratio
                )
                self.knobs[name] = knob
                self.stage_controls[stage] = KnobControl(knob, field)
                return


def _find_bounds(effect: Effect, field: str) -> tuple[float, float]:
    """Return the least and the most that a number of an effect may be."""
    facts = type(effect).model_json_schema()["properties"][field]
    number = facts.get("anyOf", [facts])[0]
    return number["minimum"], number["maximum"]
