"""Automation: parameters that follow a curve over time, or a rate in time with the beat."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

if TYPE_CHECKING:
    import numpy as np
    from pydantic.fields import FieldInfo

    from lofigen_kit.music.score import BeatGrid

Shape = Literal["linear", "exponential"]
Place = tuple[str | int, ...]

MAX_POINTS = 1000
BEATS_PER_UNIT = {"beat": 1.0, "bar": 4.0}

_TIME = r"([0-9]{1,6}(?:\.[0-9]{1,9})?)(beat|bar)s?"
_SECONDS = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,9})?")
_MUSICAL = re.compile(_TIME)
_NOTE = re.compile(r"([0-9]{1,3})/([0-9]{1,3})([dt]?)")
_NOTE_LENGTH_FACTORS = {"": 1.0, "d": 1.5, "t": 2.0 / 3.0}

TIME_PATTERN = rf"^({_SECONDS.pattern}|{_TIME})$"
RATE_PATTERN = rf"^({_NOTE.pattern}|{_TIME})$"


@dataclass(frozen=True)
class Moment:
    """A time in a piece: seconds from the first frame, or beats from bar 1 if `beats` is set."""

    seconds: float = 0.0
    beats: float | None = None

    @classmethod
    def read(cls, text: str) -> Moment | None:
        """Parse `2.5`, `2beats` or `4bars`; return None for anything else."""
        if _SECONDS.fullmatch(text):
            return cls(seconds=float(text))
        if match := _MUSICAL.fullmatch(text):
            return cls(beats=float(match[1]) * BEATS_PER_UNIT[match[2]])
        return None

    def time_s(self, grid: BeatGrid) -> float:
        """Return the time in seconds, on a given beat grid."""
        return self.seconds if self.beats is None else grid.start_s + self.beats * grid.beat_s


@dataclass(frozen=True)
class Curve:
    """A number that is interpolated between points, and held before the first and after the last.

    Attributes:
        points: Times, as written in the preset, with their values.
        shape: `linear`, or `exponential`: equal ratios in equal times.
    """

    points: tuple[tuple[str, float], ...]
    shape: Shape = "linear"

    def values(self, times_s: np.ndarray | float, grid: BeatGrid) -> np.ndarray:
        """Return the number at each time [of the shape of `times_s`]."""
        import numpy as np

        point_times_s, values = _sort_points(self, grid)
        if self.shape == "exponential":
            return np.asarray(np.exp(np.interp(times_s, point_times_s, np.log(values))))
        return np.asarray(np.interp(times_s, point_times_s, values))

    @property
    def preset_value(self) -> dict[str, Any]:
        """The curve as written in a preset."""
        return {"at": dict(self.points), "shape": self.shape}


@lru_cache(maxsize=256)
def _sort_points(curve: Curve, grid: BeatGrid) -> tuple[list[float], list[float]]:
    """Return the times in seconds and the values of a curve's points, sorted by time."""
    moments = [(Moment.read(text), value) for text, value in curve.points]
    points = [(moment.time_s(grid), value) for moment, value in moments if moment]
    points.sort(key=lambda point: point[0])
    return [time_s for time_s, _ in points], [value for _, value in points]


@dataclass(frozen=True)
class Rate:
    """A rate given as the length of one cycle in beats.

    Attributes:
        preset_value: As written in a preset: `1/4`, `1/8t` (triplet), `1/4d` (dotted), `2bars`.
        beats: Length of a cycle in beats.
    """

    preset_value: str
    beats: float

    @classmethod
    def read(cls, text: str) -> Rate | None:
        """Parse the length of a note; return None for anything else, and for a length of 0."""
        if (match := _NOTE.fullmatch(text)) and int(match[2]):
            beats = 4.0 * int(match[1]) / int(match[2]) * _NOTE_LENGTH_FACTORS[match[3]]
        elif match := _MUSICAL.fullmatch(text):
            beats = float(match[1]) * BEATS_PER_UNIT[match[2]]
        else:
            return None
        return cls(text, beats) if beats else None

    def hz(self, grid: BeatGrid) -> float:
        """Return the rate in Hz."""
        return 1.0 / (self.beats * grid.beat_s)


Automation = Curve | Rate


def is_number(field: FieldInfo) -> bool:
    """Return whether a field holds a single number: only such fields can be automated."""
    return field.annotation in (float, int, float | None, int | None)


def parse_automation(name: str, value: Any) -> Automation | None:
    """Return the automation that a parameter's value describes, or None for a plain value.

    Args:
        name: Name of the parameter.
        value: As written in a preset.

    Raises:
        ValidationError: if it describes one wrongly; with the location within the value.
    """
    if isinstance(value, str) and name.endswith("_hz"):
        rate = Rate.read(value)
        if rate is None:
            raise make_validation_error(
                (name,), value, f"{value!r} is no rate: give hertz, or a note as `1/8` or `2bars`"
            )
        return rate
    return _parse_curve(name, value) if isinstance(value, dict) else None


def _parse_curve(name: str, value: dict[str, Any]) -> Curve:
    form = "write `{at: {0: 8000, 4bars: 900}}`, with `shape: exponential` if you like"
    points, shape = value.get("at"), value.get("shape", "linear")
    if not isinstance(points, dict) or not points:
        raise make_validation_error(
            (name,), value, f"a number that moves has points in time: {form}"
        )
    if unknown := sorted(map(str, set(value) - {"at", "shape"})):
        raise make_validation_error(
            (name, unknown[0]), value, f"there is no {unknown[0]!r} here: {form}"
        )
    if shape not in ("linear", "exponential"):
        raise make_validation_error(
            (name, "shape"), shape, f"{shape!r} is not one of 'linear', 'exponential'"
        )
    if len(points) > MAX_POINTS:
        raise make_validation_error(
            (name, "at"), points, f"too many points: the limit is {MAX_POINTS}"
        )
    for time, level in points.items():
        place = (name, "at", str(time))
        if Moment.read(str(time)) is None:
            raise make_validation_error(
                place, time, f"{time!r} is no time: give seconds, or `2beats` or `4bars`"
            )
        if isinstance(level, bool) or not isinstance(level, (int, float)):
            raise make_validation_error(place, level, f"{level!r} is not a number")
        if shape == "exponential" and level <= 0:
            raise make_validation_error(
                place, level, f"{level:g} is not above 0, as `exponential` needs it"
            )
    return Curve(tuple((str(time), level) for time, level in points.items()), shape)


def make_validation_error(place: Place, given: Any, message: str) -> ValidationError:
    """Return an error of pydantic's type.

    Args:
        place: Location of the error: names and indices, from the outside in.
        given: The wrong value.
        message: What is wrong.
    """
    return ValidationError.from_exception_data(
        "Effect", [_make_error_details(place, given, message)]
    )


def _make_error_details(place: Place, given: Any, message: str) -> InitErrorDetails:
    custom = PydanticCustomError("value_error", "{message}", {"message": message})
    return InitErrorDetails(type=custom, loc=place, input=given)


def relocate_errors(error: ValidationError, places: dict[str, Place]) -> ValidationError:
    """Return pydantic's errors with those of some fields moved to the points of their curves.

    Args:
        error: The errors.
        places: For some fields, the new location.
    """
    details = []
    for item in error.errors(include_url=False):
        loc = item["loc"]
        place = (*places.get(str(loc[0]), loc[:1]), *loc[1:]) if loc else ()
        if item["type"] == "value_error":
            details.append(_make_error_details(place, item["input"], item["msg"]))
        else:
            ctx = item.get("ctx", {})
            details.append(
                InitErrorDetails(type=item["type"], loc=place, input=item["input"], ctx=ctx)
            )
    return ValidationError.from_exception_data(error.title, details)


def extend_number_schema(name: str, schema: dict[str, Any], *, curves: bool) -> dict[str, Any]:
    """Return the JSON Schema of a number, extended by the forms of automation.

    Args:
        name: Name of the parameter; a name in `_hz` may also be a rate.
        schema: JSON Schema of the number.
        curves: Whether it may follow a curve.
    """
    annotations: dict[str, Any] = {
        key: schema[key] for key in ("title", "description", "default") if key in schema
    }
    number: dict[str, Any] = {key: value for key, value in schema.items() if key not in annotations}
    forms = number.get("anyOf", [number])
    if curves:
        points = {
            "type": "object",
            "patternProperties": {TIME_PATTERN: forms[0]},
            "additionalProperties": False,
            "minProperties": 1,
        }
        forms = [*forms, {
            "type": "object",
            "properties": {"at": points, "shape": {"enum": ["linear", "exponential"]}},
            "required": ["at"],
            "additionalProperties": False,
        }]  # fmt: skip
    if name.endswith("_hz"):
        forms = [*forms, {"type": "string", "pattern": RATE_PATTERN}]
    return {**annotations, "anyOf": forms} if len(forms) > 1 else schema
