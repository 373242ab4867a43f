"""Automated parameters: how a component validates, stores and evaluates them.

The notation is that of `lofigen_kit.components.automation`; this module adds it to pydantic.
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
    parse_automation,
    relocate_errors,
)
from lofigen_kit.components.base import Component, default_grid
from lofigen_kit.errors import PresetError

if TYPE_CHECKING:
    from lofigen_kit.music.score import BeatGrid

E = TypeVar("E")


class MovingParameters(Component):
    """A component whose numbers may be automated in a preset.

    A number follows points in time, if `takes_curves` is set, or a rate in time with the beat. Read
    from the component itself, such a number has the value of its first point; for each block the
    runner passes the component with the current values.
    """

    takes_curves: ClassVar[bool] = False

    _moving: dict[str, Automation] = PrivateAttr(default_factory=dict)

    @property
    def curves(self) -> dict[str, Curve]:
        """The parameters that follow a curve."""
        return {name: how for name, how in self._moving.items() if isinstance(how, Curve)}

    def sync_rates(self, grid: BeatGrid) -> Self:
        """Return the effect with its rates converted to Hz on a beat grid.

        Raises:
            PresetError: if a rate is out of the effect's range at this tempo.
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
        """Return the effect with its values at a time, and without curves.

        Args:
            time_s: The time in seconds.
            grid: The beat grid.
        """
        values: dict[str, Any] = {}
        for name, curve in self.curves.items():
            value = float(curve.values(time_s, grid))
            is_integer = type(self).model_fields[name].annotation in (int, int | None)
            values[name] = round(value) if is_integer else value
        if not values:
            return self
        frozen = self.model_copy(update=values)
        frozen._moving = {}  # noqa: SLF001 - its own class
        return frozen

    def extremes(self) -> list[Self]:
        """Return the effect once for each point of each curve, with that value; or just itself."""
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
        """Validate each point of an automation like a plain value, and store the automation."""
        if not isinstance(data, dict):
            return handler(data)
        if info.mode == "json":  # pydantic will validate it as Python data, which needs tuples
            data = {name: _lists_to_tuples(value) for name, value in data.items()}
        _refuse_bool_for_number(cls, data)
        numbers = [n for n, f in cls.model_fields.items() if is_number(f) and n in data]
        moving = {n: how for n in numbers if (how := parse_automation(n, data[n])) is not None}
        if not moving:
            return handler(data)
        if not cls.takes_curves:
            for name, how in moving.items():
                if isinstance(how, Curve):
                    raise make_validation_error(
                        (name,), data[name], "it cannot move: the effect takes the whole sound"
                    )
        static = {
            **data,
            **{n: _pick_static_value(how, cls.model_fields[n]) for n, how in moving.items()},
        }
        effect = _validate_points(
            handler,
            static,
            {n: how.points[0][0] for n, how in moving.items() if isinstance(how, Curve)},
        )
        for name, how in moving.items():
            if isinstance(how, Curve):
                for time, value in how.points[1:]:
                    _validate_points(handler, {**static, name: value}, {name: time})
        effect._moving = moving  # noqa: SLF001 - its own class
        return effect

    @model_serializer(mode="wrap")
    def _serialize_automation(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {**handler(self), **{name: how.preset_value for name, how in self._moving.items()}}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Return the JSON Schema, with the forms of automation for each number."""
        schema = super().__get_pydantic_json_schema__(core, handler)
        for name, field_schema in schema["properties"].items():
            if is_number(cls.model_fields[name]):
                schema["properties"][name] = extend_number_schema(
                    name, field_schema, curves=cls.takes_curves
                )
        return schema


def _refuse_bool_for_number(cls: type[MovingParameters], data: dict[str, Any]) -> None:
    """Refuse true for 1 in a `Literal` of numbers, which pydantic would accept."""
    for name, value in data.items():
        field = cls.model_fields.get(name)
        choices = get_args(field.annotation) if field else ()
        if isinstance(value, bool) and choices and all(type(choice) is int for choice in choices):
            raise make_validation_error((name,), value, f"{str(value).lower()} is not a number")


def _lists_to_tuples(value: Any) -> Any:
    return tuple(_lists_to_tuples(item) for item in value) if isinstance(value, list) else value


def _pick_static_value(how: Automation, field: FieldInfo) -> float:
    """Return the value of an automated parameter where no time is given."""
    if isinstance(how, Curve):
        return how.points[0][1]
    hz = how.hz(default_grid())
    for constraint in field.metadata:
        hz = min(max(hz, getattr(constraint, "ge", hz)), getattr(constraint, "le", hz))
    return hz


def _validate_points(
    handler: ModelWrapValidatorHandler[E], data: dict[str, Any], times: dict[str, str]
) -> E:
    """Validate with each field at one of its points; errors are reported for that point."""
    try:
        return handler(data)
    except ValidationError as error:
        raise relocate_errors(
            error, {name: (name, "at", time) for name, time in times.items()}
        ) from None
