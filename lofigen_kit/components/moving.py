"""Parameters that move: how a component validates them, keeps them apart, and stands still.

The notation is `lofigen_kit.components.automation`'s; this is how pydantic comes to know it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, get_args

from pydantic import (
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
from pydantic_core import CoreSchema

from lofigen_kit.components.automation import (
    Automation,
    Curve,
    Rate,
    extend_number_schema,
    is_number,
    make_validation_error,
    relocate_errors,
)
from lofigen_kit.components.automation import parse_automation as read_moving
from lofigen_kit.components.base import Component, default_grid
from lofigen_kit.errors import PresetError

if TYPE_CHECKING:
    from lofigen_kit.music.score import BeatGrid

E = TypeVar("E")


class MovingParameters(Component):
    """A component whose numbers may move, as a preset writes it.

    A number moves along points in time, where `takes_curves` says that the component can follow
    them, or at a rate in step with the beat. What is read from a component that moves is its first
    point; the runner gives each block the component as it is there.
    """

    takes_curves: ClassVar[bool] = False

    _moving: dict[str, Automation] = PrivateAttr(default_factory=dict)

    @property
    def curves(self) -> dict[str, Curve]:
        """The parameters that move along points in time."""
        return {name: how for name, how in self._moving.items() if isinstance(how, Curve)}

    def sync_rates(self, grid: BeatGrid) -> Self:
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
                    f"{name}: {rate.preset_value} at {grid.tempo_bpm:g} bpm is "
                    f"{rate.hz(grid):.3g} Hz: {error.errors()[0]['msg'].lower()}",
                    remedy="choose a longer or a shorter note",
                ) from None
        return effect

    def freeze_at(self, time_s: float, grid: BeatGrid) -> Self:
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
    def _validate_automation(
        cls, data: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        """Validate each point of what moves as the parameter itself, and keep it apart."""
        if not isinstance(data, dict):
            return handler(data)
        if info.mode == "json":  # from here on pydantic takes it for Python, and insists on tuples
            data = {name: _lists_to_tuples(value) for name, value in data.items()}
        _refuse_truth_for_numbers(cls, data)
        numbers = [n for n, f in cls.model_fields.items() if is_number(f) and n in data]
        moving = {n: how for n in numbers if (how := read_moving(n, data[n])) is not None}
        if not moving:
            return handler(data)
        if not cls.takes_curves:
            for name, how in moving.items():
                if isinstance(how, Curve):
                    raise make_validation_error(
                        (name,), data[name], "it cannot move: the effect takes the whole sound"
                    )
        still = {
            **data,
            **{n: _pick_static_value(how, cls.model_fields[n]) for n, how in moving.items()},
        }
        effect = _validate_points(
            handler,
            still,
            {n: how.points[0][0] for n, how in moving.items() if isinstance(how, Curve)},
        )
        for name, how in moving.items():
            if isinstance(how, Curve):
                for time, value in how.points[1:]:
                    _validate_points(handler, {**still, name: value}, {name: time})
        effect._moving = moving  # noqa: SLF001 - its own class
        return effect

    @model_serializer(mode="wrap")
    def _serialize_automation(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {**handler(self), **{name: how.preset_value for name, how in self._moving.items()}}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Offer the ways in which a number may move."""
        schema = super().__get_pydantic_json_schema__(core, handler)
        for name, facts in schema["properties"].items():
            if is_number(cls.model_fields[name]):
                schema["properties"][name] = extend_number_schema(
                    name, facts, curves=cls.takes_curves
                )
        return schema


def _refuse_truth_for_numbers(cls: type[MovingParameters], data: dict[str, Any]) -> None:
    """Refuse true for 1 in a `Literal` of numbers, in which pydantic finds it."""
    for name, value in data.items():
        field = cls.model_fields.get(name)
        choices = get_args(field.annotation) if field else ()
        if isinstance(value, bool) and choices and all(type(choice) is int for choice in choices):
            raise make_validation_error((name,), value, f"{str(value).lower()} is not a number")


def _lists_to_tuples(value: Any) -> Any:
    return tuple(_lists_to_tuples(item) for item in value) if isinstance(value, list) else value


def _pick_static_value(how: Automation, field: FieldInfo) -> float:
    """Return the value that stands for one that moves where nobody asks for the time."""
    if isinstance(how, Curve):
        return how.points[0][1]
    hz = how.hz(default_grid())
    for note in field.metadata:
        hz = min(max(hz, getattr(note, "ge", hz)), getattr(note, "le", hz))
    return hz


def _validate_points(
    handler: ModelWrapValidatorHandler[E], data: dict[str, Any], times: dict[str, str]
) -> E:
    """Validate with each field at one of its points, of which complaints are said then."""
    try:
        return handler(data)
    except ValidationError as error:
        raise relocate_errors(
            error, {name: (name, "at", time) for name, time in times.items()}
        ) from None
