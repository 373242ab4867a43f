"""A part's strip in the mixer: who plays it, its effects, and its place in the mix."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from lofigen_kit.audio.buffer import AudioFormat
from lofigen_kit.components.base import Context
from lofigen_kit.components.contracts import Effect
from lofigen_kit.effects.effect import AnyEffect, BlockEffect, Process, compute_speed

if TYPE_CHECKING:
    import numpy as np

NO_ROOM_DB = -60.0
"""At this level a part is not in the room at all."""
MAX_PART_EFFECTS = 16

DEFAULTS: dict[str, dict[str, Any]] = {
    "drums": {"level_db": 1.0, "width_pct": 90.0, "room_db": -17.0, "low_cut_hz": 25.0},
    "bass": {"level_db": 2.0, "width_pct": 0.0, "room_db": NO_ROOM_DB, "low_cut_hz": 25.0},
    "keys": {"level_db": -2.0, "width_pct": 180.0, "room_db": -7.0, "low_cut_hz": 40.0},
    "lead": {"level_db": -2.0, "width_pct": 120.0, "room_db": -8.0, "low_cut_hz": 40.0},
}
"""What is left out of a part's strip, by the part's name."""
OTHER_DEFAULTS: dict[str, Any] = {
    "level_db": -4.0, "width_pct": 80.0, "room_db": -8.0, "low_cut_hz": 40.0,
}  # fmt: skip
"""The same of any other part."""

_MIN_CORNER_HZ = 1.0
"""A corner below this cuts nothing."""
ROOM_LENGTH_S, SIDE_LENGTH_S = 0.9, 0.03
"""How long a part sounds on in the room, and how far its side is scattered."""


class Strip(BlockEffect):
    """A part's strip in the mixer: who plays it, its effects, and its place in the mix.

    Attributes:
        by: Who plays the part: the network, or the source's own instrument (`samples`).
        mute: Whether the part is left out.
        effects: Effects on this part alone, in order, at most 16; none that changes the tempo.
        level_db: The part's level.
        pan_pct: Its place, from -100, left, to 100, right.
        width_pct: Level of its side signal: 0 is mono, 100 leaves it unchanged. A part that comes
            in mono, as a network's does, gets a side signal that cancels in a mono sum.
        room_db: Level of its sound in the room, beside its own; -60 is none.
        low_cut_hz: Corner below which it is cut (-3 dB there, 12 dB per octave); 0 cuts nothing.
    """

    use: Literal["strip"] = "strip"
    by: Literal["network", "samples"] = "network"
    mute: bool = False
    effects: Annotated[tuple[AnyEffect, ...], Field(max_length=MAX_PART_EFFECTS)] = ()
    level_db: float = Field(default=0.0, ge=-60, le=24)
    pan_pct: float = Field(default=0.0, ge=-100, le=100)
    width_pct: float = Field(default=100.0, ge=0, le=200)
    room_db: float = Field(default=NO_ROOM_DB, ge=NO_ROOM_DB, le=12)
    low_cut_hz: float = Field(default=0.0, ge=0, le=1000)

    memory_s = ROOM_LENGTH_S

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Return the JSON Schema of a part in a mixer: a strip is not named, and not mixed."""
        schema = super().__get_pydantic_json_schema__(core, handler)
        schema["description"] = cls.summary()
        for name in Effect.model_fields:
            del schema["properties"][name]
        return schema

    @property
    def tail_s(self) -> float:
        """How long the room sounds on."""
        return ROOM_LENGTH_S

    @model_validator(mode="after")
    def _check_speed(self) -> Self:
        if compute_speed(self.effects) != 1.0:
            raise ValueError("an effect of one part changes the tempo, which the others keep")
        return self

    def start(self, sound: AudioFormat, ctx: Context) -> Process:  # noqa: ARG002 - others need it
        """Return the processor of a stereo sound, the room silent."""
        import numpy as np

        from lofigen_kit.dsp.ambience import make_room
        from lofigen_kit.dsp.convolve import Convolver
        from lofigen_kit.dsp.decibels import db_to_gain
        from lofigen_kit.dsp.filters import BiquadCascade, butterworth
        from lofigen_kit.dsp.lfo import SmoothedValue

        level, wide, room_level, left, right = (SmoothedValue() for _ in range(5))
        room = Convolver(make_room(sound.sample_rate_hz, ROOM_LENGTH_S))
        low_cut = BiquadCascade(2)

        def process(block: np.ndarray, now: Strip) -> np.ndarray:
            frames = block.shape[1]
            if now.low_cut_hz >= _MIN_CORNER_HZ:
                sections = butterworth(2, now.low_cut_hz, sound.sample_rate_hz, high=True)
                block = low_cut(block.astype(np.float64), sections)
            middle = 0.5 * (block[0] + block[1])
            share = wide(now.width_pct / 100.0, frames)
            # Not mid +- side: so 100 gives the channels themselves, bit for bit.
            placed = np.stack([share * side + (1.0 - share) * middle for side in block])
            to_left, to_right = _compute_pan(now.pan_pct)
            placed[0] *= left(to_left, frames)
            placed[1] *= right(to_right, frames)
            in_room = db_to_gain(now.room_db) if now.room_db > NO_ROOM_DB else 0.0
            sent = placed * room_level(in_room, frames)
            if in_room or room.has_input:
                placed = placed + room(sent)
            return np.asarray(placed * level(db_to_gain(now.level_db), frames), np.float32)

        return process


def _compute_pan(pan_pct: float) -> tuple[float, float]:
    """Return the gains of both sides at constant power; in the middle, both are 1."""
    if not pan_pct:
        return 1.0, 1.0
    angle = 0.25 * math.pi * (1.0 + pan_pct / 100.0)
    return math.sqrt(2.0) * math.cos(angle), math.sqrt(2.0) * math.sin(angle)


class _Stereo(BlockEffect):
    """Gives a sound whose channels are alike a side signal, which cancels in their sum."""

    use: Literal["stereo"] = "stereo"
    memory_s = SIDE_LENGTH_S

    def start(self, sound: AudioFormat, ctx: Context) -> Process:  # noqa: ARG002 - others need it
        """Return the processor of a stereo sound."""
        import numpy as np

        from lofigen_kit.dsp.ambience import make_decorrelator
        from lofigen_kit.dsp.convolve import Convolver

        scatter = Convolver(make_decorrelator(sound.sample_rate_hz, SIDE_LENGTH_S))

        def process(block: np.ndarray, _: _Stereo) -> np.ndarray:
            side = scatter(block[:1])[0]
            return np.stack([block[0] + side, block[1] - side])

        return process


def complete_settings(part: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return a part's settings, completed with the defaults of its name."""
    return {**DEFAULTS.get(part, OTHER_DEFAULTS), **settings}


@cache
def default_strip(part: str) -> Strip:
    """Return the strip of a part of which nothing is set."""
    return Strip(**complete_settings(part, {}))


def list_part_stages(strip: Strip, channels: int) -> tuple[Effect, ...]:
    """Return what a part goes through: it becomes stereo, its own effects, and the strip."""
    stereo: tuple[Effect, ...] = (_Stereo(),) if channels == 1 else ()
    return (*stereo, *strip.effects, strip)
