"""The four kinds of component: a component is its parameters and one method.

Each is a frozen pydantic model with a literal `use`, its name in a preset, so that a chain file
parses straight into runnable objects. Run-time state lives in what a method returns, never on the
component.
"""

from __future__ import annotations

import inspect
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, TypeVar, cast, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    ValidationError,
    ValidationInfo,
    model_serializer,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

from lofigen_kit.audio.buffer import AudioBuffer, Sound
from lofigen_kit.automation import Curve, Moving, Rate, is_number, moved, refusal, schema_of
from lofigen_kit.automation import read as read_moving
from lofigen_kit.errors import PresetError
from lofigen_kit.law import DrawLaw, HeadKind
from lofigen_kit.runtime.resources import Layers

if TYPE_CHECKING:
    import numpy as np

    from lofigen_kit.nn.checkpoint import Network
    from lofigen_kit.score import BeatGrid, Score


def _default_grid() -> BeatGrid:
    from lofigen_kit.score import BeatGrid

    return BeatGrid()


@dataclass(frozen=True)
class Context:
    """What a stage may know of the run around it.

    Attributes:
        rng: This stage's own stream of randomness.
        grid: Where the beats fall.
        device: `cpu` or `cuda`.
        root: The folder against which relative paths stand (the preset's own).
        loop: Whether the end of the sound that an effect is given leads into its beginning.
        frames: How many frames are to come from an effect that changes the speed; None leaves it
            at `round(frames / speed)`. Over a chain the two may differ by one.
        loop_s: How long the loop is that an effect works on; None where the sound is none. What
            comes round on its own goes round a whole number of times in it.
    """

    rng: np.random.Generator
    grid: BeatGrid = field(default_factory=_default_grid)
    device: str = "cpu"
    root: Path | None = None
    loop: bool = False
    frames: int | None = None
    loop_s: float | None = None


@dataclass(frozen=True)
class Take:
    """What a source gives: audio that primes the network, and the score that guides it.

    Attributes:
        audio: The reference rendering, or the recording.
        score: What it plays.
        licence: Under which terms its audio may be used (an SPDX name, or `unknown`).
        title: A few words for file names and listings.
        group: What it has in common with other takes (a progression, an album): a corpus never
            splits a group between training and judgement.
    """

    audio: AudioBuffer
    score: Score
    licence: str
    title: str
    group: str = ""


class Component(BaseModel, ABC):
    """The base of all four kinds; its docstring's first line is its summary in listings.

    Subclasses declare `use: Literal["their-name"] = "their-name"` and their parameters, with
    units in the names and bounds on every number.
    """

    # Listing plugins needs no validator: each is built when its class is first used.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)

    kind: ClassVar[str]
    use: str

    @classmethod
    def name(cls) -> str:
        """The component's name in a preset."""
        return str(cls.model_fields["use"].default)

    @classmethod
    def summary(cls) -> str:
        """The first line of the docstring."""
        return (cls.__doc__ or "").strip().partition("\n")[0]

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Describe each parameter as the docstrings do, where its field does not."""
        schema = handler.resolve_ref_schema(handler(core))
        said = _described(cls)
        for name, facts in schema["properties"].items():
            if name in said:
                facts.setdefault("description", said[name])
        return schema


class Source(Component):
    """Where a take comes from: an arranger, a recording, a folder of recordings."""

    kind = "source"

    @abstractmethod
    def make_take(self, ctx: Context) -> Take:
        """Return one take; the same generator state gives the same take, bit for bit."""


class Model(Component):
    """A causal Conv1d network of one shape, with its trained weights."""

    kind = "model"
    layers: ClassVar[Layers]
    """Channels in, channels out and taps of each layer; the last one's outputs are the head's."""

    @abstractmethod
    def load(self, ctx: Context) -> Network:
        """Return the network as plain arrays, checked against its declared shape."""


class Sampler(Component):
    """How the next sample is drawn from the network's distribution.

    A sampler in Python is called once for every sample. One that can say what it does as a
    `DrawLaw` subclasses `LawSampler` and runs inside the compiled engine.
    """

    kind = "sampler"
    heads: ClassVar[tuple[HeadKind, ...]] = ("mol", "mulaw")
    """The heads that this sampler can draw from."""

    @abstractmethod
    def draw(self, outputs: np.ndarray, head: HeadKind, uniforms: np.ndarray) -> np.ndarray:
        """Return the next sample of each track.

        Args:
            outputs: The head's numbers [shape=(tracks, head outputs)].
            head: `mse`, `mol` or `mulaw`.
            uniforms: Two random numbers in [0, 1) for each track [shape=(tracks, 2)].

        Returns:
            np.ndarray [shape=(tracks,)], within [-1, 1].
        """


class LawSampler(Sampler):
    """A sampler that is a `DrawLaw` and nothing else."""

    @abstractmethod
    def law(self) -> DrawLaw:
        """Return the law that this sampler's parameters mean."""

    def draw(self, outputs: np.ndarray, head: HeadKind, uniforms: np.ndarray) -> np.ndarray:
        """Draw by the law, in numpy."""
        from lofigen_kit.sampling import draw

        return draw(outputs, head, self.law(), uniforms)


E = TypeVar("E")


class Effect(Component):
    """A transformation of sound that keeps its rate and number of channels.

    Any of its numbers may move, as a preset writes it: along points in time, where the effect goes
    through the sound in blocks, or a rate in step with the beat. What is read from a component
    that moves is its first point; the runner gives each block the effect as it is there.

    Attributes:
        mix: How much of the processed sound is heard; at 0 the dry sound passes bit for bit. The
            rack sees to it.
        memory_s: How long what it does depends on what it heard. The runner lets it hear a loop
            for that long before it begins and after it ends, so that the seam stays smooth.
        native: Whether it runs machine code that a preset names. That is done for the user's own
            presets, and not for what a stranger's file asks for.
    """

    kind = "effect"
    memory_s: ClassVar[float] = 0.0
    native: ClassVar[bool] = False
    mix: float = Field(default=1.0, ge=0, le=1)

    _moving: dict[str, Moving] = PrivateAttr(default_factory=dict)

    @property
    def tail_s(self) -> float:
        """At most how long it sounds on after the sound has ended."""
        return 0.0

    @property
    def transposition(self) -> float:
        """How many semitones higher the piece sounds."""
        return 0.0

    @property
    def speed(self) -> float:
        """How fast the piece goes by: at 2, tempo is doubled and length halved.

        Where it is not 1, a loop is given as it is, `ctx.loop` says so, and the effect itself sees
        to its ends.
        """
        return 1.0

    def runs(self, root: Path | None) -> dict[str, str]:  # noqa: ARG002 - others need it
        """Return what it runs that no package brought, by name, with version and hash.

        The recipe records it.

        Args:
            root: The folder against which relative paths stand.
        """
        return {}

    def frames_after(self, audio: AudioBuffer, ctx: Context) -> int:
        """Return how long a sound is to be at this speed."""
        return round(audio.frames / self.speed) if ctx.frames is None else ctx.frames

    @abstractmethod
    def apply(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        """Return the processed sound, of the same rate and number of channels.

        It is as long as before, or `ctx.frames` where the effect changes the speed.
        """

    @property
    def curves(self) -> dict[str, Curve]:
        """The parameters that move along points in time."""
        return {name: how for name, how in self._moving.items() if isinstance(how, Curve)}

    def on(self, grid: BeatGrid) -> Self:
        """Return the effect with its rates in step with the beat.

        Raises:
            PresetError: if a rate is beyond what the effect allows at this tempo.
        """
        rates = {name: how for name, how in self._moving.items() if isinstance(how, Rate)}
        effect = self
        for name, rate in rates.items():
            try:
                effect = self.model_validate({**effect.model_dump(), name: rate.hz(grid)})
            except ValidationError as error:
                raise PresetError(
                    f"{name}: {rate.written} at {grid.tempo_bpm:g} bpm is {rate.hz(grid):.3g} Hz: "
                    f"{error.errors()[0]['msg'].lower()}",
                    remedy="choose a longer or a shorter note",
                ) from None
        return effect

    def at(self, time_s: float, grid: BeatGrid) -> Self:
        """Return the effect as it is at a time, with nothing about it that moves."""
        values: dict[str, Any] = {}
        for name, curve in self.curves.items():
            value = float(curve.values(time_s, grid))
            whole = type(self).model_fields[name].annotation in (int, int | None)
            values[name] = round(value) if whole else value
        if not values:
            return self
        still = self.model_copy(update=values)
        still._moving = {}  # noqa: SLF001 - its own class
        return still

    def extremes(self) -> list[Self]:
        """Return the effect with each thing that moves at each of its points, or as it is."""
        return [
            self.model_copy(update={name: value})
            for name, curve in self.curves.items()
            for _, value in curve.points
        ] or [self]

    @model_validator(mode="wrap")
    @classmethod
    def _moving_apart(
        cls, data: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        """Validate each point of what moves as the parameter itself, and keep it apart."""
        if not isinstance(data, dict):
            return handler(data)
        if info.mode == "json":  # from here on pydantic takes it for Python, and insists on tuples
            data = {name: _tuples(value) for name, value in data.items()}
        _refuse_truth_for_numbers(cls, data)
        numbers = [n for n, f in cls.model_fields.items() if is_number(f) and n in data]
        moving = {n: how for n in numbers if (how := read_moving(n, data[n])) is not None}
        if not moving:
            return handler(data)
        if not issubclass(cls, BlockEffect):
            for name, how in moving.items():
                if isinstance(how, Curve):
                    raise refusal(
                        (name,), data[name], "it cannot move: the effect takes the whole sound"
                    )
        still = {**data, **{n: _first(how, cls.model_fields[n]) for n, how in moving.items()}}
        effect = _placed(
            handler,
            still,
            {n: how.points[0][0] for n, how in moving.items() if isinstance(how, Curve)},
        )
        for name, how in moving.items():
            if isinstance(how, Curve):
                for time, value in how.points[1:]:
                    _placed(handler, {**still, name: value}, {name: time})
        effect._moving = moving  # noqa: SLF001 - its own class
        return effect

    @model_serializer(mode="wrap")
    def _as_written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {**handler(self), **{name: how.written for name, how in self._moving.items()}}

    @model_validator(mode="after")
    def _speeds_are_not_mixed(self) -> Self:
        if self.mix not in (0.0, 1.0) and self.speed != 1.0:
            raise ValueError(
                "what changes the tempo cannot sound beside what does not: give mix 0 or 1"
            )
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Offer the ways in which a number may move."""
        schema = super().__get_pydantic_json_schema__(core, handler)
        for name, facts in schema["properties"].items():
            if is_number(cls.model_fields[name]):
                schema["properties"][name] = schema_of(
                    name, facts, curves=issubclass(cls, BlockEffect)
                )
        return schema


_ATTRIBUTE = re.compile(r"^    (\w+): (.+(?:\n {5,}.+)*)", re.MULTILINE)


def _described(cls: type[Component]) -> dict[str, str]:
    """Return what the docstrings of a class and its bases say under `Attributes:`, by name."""
    said: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if issubclass(base, Component):
            _, _, attributes = inspect.cleandoc(base.__doc__ or "").partition("\nAttributes:\n")
            said |= {name: " ".join(text.split()) for name, text in _ATTRIBUTE.findall(attributes)}
    return said


def _refuse_truth_for_numbers(cls: type[Effect], data: dict[str, Any]) -> None:
    """Refuse true for 1 in a `Literal` of numbers, in which pydantic finds it."""
    for name, value in data.items():
        field = cls.model_fields.get(name)
        choices = get_args(field.annotation) if field else ()
        if isinstance(value, bool) and choices and all(type(choice) is int for choice in choices):
            raise refusal((name,), value, f"{str(value).lower()} is not a number")


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _first(how: Moving, field: FieldInfo) -> float:
    """Return the value that stands for one that moves where nobody asks for the time."""
    if isinstance(how, Curve):
        return how.points[0][1]
    hz = how.hz(_default_grid())
    for note in field.metadata:
        hz = min(max(hz, getattr(note, "ge", hz)), getattr(note, "le", hz))
    return hz


def _placed(
    handler: ModelWrapValidatorHandler[E], data: dict[str, Any], times: dict[str, str]
) -> E:
    """Validate with each field at one of its points, of which complaints are said then."""
    try:
        return handler(data)
    except ValidationError as error:
        raise moved(error, {name: (name, "at", time) for name, time in times.items()}) from None


class BlockEffect(Effect):
    """An effect that goes through a sound block by block, and so through hours in little memory.

    The runner decides on the blocks; all of a sound's are equally long, but for the last.
    """

    def latency_frames(self, sound: Sound) -> int:  # noqa: ARG002 - others need it
        """Return how many frames later the sound comes out than it goes in.

        The runner takes them off again: so an effect hears a little ahead.
        """
        return 0

    @abstractmethod
    def start(self, sound: Sound, ctx: Context) -> Process:
        """Return what turns one block after another into as long a block of sound.

        It holds what it has to remember from one block to the next; its parameters it reads from
        the second argument, this effect as it is at that block, since automation moves them.
        """

    def apply(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        """Return the whole sound, processed in blocks."""
        from lofigen_kit.rack import in_blocks

        return in_blocks(self, audio, ctx)


class _AnyInstalled:
    """Lets an effect within another be any that is installed, told apart by `use`."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.with_info_plain_validator_function(
            _effect_within,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda effect, info: effect.model_dump(mode=info.mode), info_arg=True
            ),
        )

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return dict(ANY_EFFECT_SCHEMA)


ANY_EFFECT_SCHEMA = {"type": "object", "title": "Any effect", "required": ["use"]}
"""What stands for the schema of all effects within one of them."""

AnyEffect = Annotated[Effect, _AnyInstalled()]


def _effect_within(data: Any, info: ValidationInfo) -> Effect:
    from lofigen_kit.plugins import load_plugins

    if isinstance(data, Effect):
        return data
    if not isinstance(data, dict):
        raise PydanticKnownError("model_type", {"class_name": "Effect"})
    if "use" not in data:
        raise PydanticKnownError("union_tag_not_found", {"discriminator": "use"})
    registry = (info.context or {}).get("registry") or load_plugins()
    cls = cast("type[Effect] | None", registry.classes("effect").get(str(data["use"])))
    if cls is None:
        raise PydanticKnownError(
            "union_tag_invalid",
            {"discriminator": "use", "tag": str(data["use"]), "expected_tags": ""},
        )
    if info.mode == "json":  # to be as strict within as without
        return cls.model_validate_json(json.dumps(data), strict=True, context=info.context)
    return cls.model_validate(data, context=info.context)


class BranchedEffect(Effect):
    """An effect that is made of others: each of its branches hears the same sound.

    The runner lets a sound through all branches block by block where their effects do so, and
    takes off each one's latency, so that they stay in time with each other.

    Attributes:
        branches: Effects one after another in each; an empty branch is the dry sound.
        levels_db: How loud each branch is in the sum; left out, each is as loud as it is.
    """

    branches: tuple[Annotated[tuple[AnyEffect, ...], Field(max_length=64)], ...] = Field(
        default=((),), max_length=8
    )
    levels_db: tuple[Annotated[float, Field(ge=-60, le=12)], ...] = ()

    @property
    def tail_s(self) -> float:
        """As long as the branch that sounds on the longest."""
        from lofigen_kit.rack import tail_s

        return max(tail_s(branch) for branch in self.branches)

    @property
    def gains(self) -> tuple[float, ...]:
        """The amplitude of each branch."""
        levels = self.levels_db or (0.0,) * len(self.branches)
        return tuple(10.0 ** (level / 20.0) for level in levels)

    @model_validator(mode="after")
    def _branches_fit(self) -> Self:
        from lofigen_kit.rack import speed_of

        if not self.branches:
            raise ValueError("without branches nothing is heard: `branches: [[]]` has a dry one")
        if len(self.levels_db) not in (0, len(self.branches)):
            raise ValueError(
                f"{len(self.branches)} branches have {len(self.levels_db)} levels: give one to each"
            )
        for number, branch in enumerate(self.branches):
            if speed_of(branch) != 1.0:
                raise ValueError(f"branch {number} changes the tempo, which the others keep")
        return self

    def apply(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        """Return the sum of the branches."""
        from lofigen_kit.rack import summed

        return summed(self, audio, ctx, loop=ctx.loop)


Process = Callable[["np.ndarray", Any], "np.ndarray"]
"""From a block [shape=(channels, frames), dtype=float32] and the effect as it is at its start to
what is heard."""

KINDS: Sequence[type[Component]] = (Source, Model, Sampler, Effect)
