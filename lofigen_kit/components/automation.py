"""Parameters that move: along points in time, or as fast as the beat."""

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
    """A time in a piece: seconds from its first frame, and beats from bar 1 if they count."""

    seconds: float = 0.0
    beats: float | None = None

    @classmethod
    def read(cls, text: str) -> Moment | None:
        """Read `2.5`, `2beats` or `4bars`; None for anything else."""
        if _SECONDS.fullmatch(text):
            return cls(seconds=float(text))
        if found := _MUSICAL.fullmatch(text):
            return cls(beats=float(found[1]) * BEATS_PER_UNIT[found[2]])
        return None

    def time_s(self, grid: BeatGrid) -> float:
        """Return the time in seconds where the beats fall as they do."""
        return self.seconds if self.beats is None else grid.start_s + self.beats * grid.beat_s


@dataclass(frozen=True)
class Curve:
    """A number that moves from point to point, and is held before the first and after the last.

    Attributes:
        points: The times as they were written, with their values.
        shape: `linear`, or `exponential`, which moves by equal ratios in equal times.
    """

    points: tuple[tuple[str, float], ...]
    shape: Shape = "linear"

    def values(self, times_s: np.ndarray | float, grid: BeatGrid) -> np.ndarray:
        """Return the number at each time [shape as that of the times]."""
        import numpy as np

        known_s, values = _sort_points(self, grid)
        if self.shape == "exponential":
            return np.asarray(np.exp(np.interp(times_s, known_s, np.log(values))))
        return np.asarray(np.interp(times_s, known_s, values))

    @property
    def preset_value(self) -> dict[str, Any]:
        """What stands in a preset."""
        return {"at": dict(self.points), "shape": self.shape}


@lru_cache(maxsize=256)
def _sort_points(curve: Curve, grid: BeatGrid) -> tuple[list[float], list[float]]:
    """Return a curve's points in order of time: seconds, and values."""
    moments = [(Moment.read(text), value) for text, value in curve.points]
    placed = [(moment.time_s(grid), value) for moment, value in moments if moment]
    placed.sort(key=lambda point: point[0])
    return [time_s for time_s, _ in placed], [value for _, value in placed]


@dataclass(frozen=True)
class Rate:
    """One cycle in so many beats.

    Attributes:
        written: What stands in a preset: `1/4`, `1/8t` (triplet), `1/4d` (dotted), `2bars`.
        beats: How long a cycle is.
    """

    preset_value: str
    beats: float

    @classmethod
    def read(cls, text: str) -> Rate | None:
        """Read a note's length; None for anything else, and for no length."""
        if (found := _NOTE.fullmatch(text)) and int(found[2]):
            beats = 4.0 * int(found[1]) / int(found[2]) * _NOTE_LENGTH_FACTORS[found[3]]
        elif found := _MUSICAL.fullmatch(text):
            beats = float(found[1]) * BEATS_PER_UNIT[found[2]]
        else:
            return None
        return cls(text, beats) if beats else None

    def hz(self, grid: BeatGrid) -> float:
        """Return the rate in cycles a second."""
        return 1.0 / (self.beats * grid.beat_s)


Automation = Curve | Rate


def is_number(field: FieldInfo) -> bool:
    """Return whether a field holds a number of any size, which alone can move."""
    return field.annotation in (float, int, float | None, int | None)


def parse_automation(name: str, value: Any) -> Automation | None:
    """Return how a number moves if that is what its value says, or None for what is left as it is.

    Raises:
        ValidationError: with the place within the value, where it says so wrongly.
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
    """Return a complaint as pydantic makes them."""
    return ValidationError.from_exception_data(
        "Effect", [_make_error_details(place, given, message)]
    )


def _make_error_details(place: Place, given: Any, message: str) -> InitErrorDetails:
    custom = PydanticCustomError("value_error", "{message}", {"message": message})
    return InitErrorDetails(type=custom, loc=place, input=given)


def relocate_errors(error: ValidationError, places: dict[str, Place]) -> ValidationError:
    """Return pydantic's complaints with those about some fields said of the points within them."""
    details = []
    for found in error.errors(include_url=False):
        loc = found["loc"]
        place = (*places.get(str(loc[0]), loc[:1]), *loc[1:]) if loc else ()
        if found["type"] == "value_error":
            details.append(_make_error_details(place, found["input"], found["msg"]))
        else:
            ctx = found.get("ctx", {})
            details.append(
                InitErrorDetails(type=found["type"], loc=place, input=found["input"], ctx=ctx)
            )
    return ValidationError.from_exception_data(error.title, details)


def extend_number_schema(name: str, facts: dict[str, Any], *, curves: bool) -> dict[str, Any]:
    """Return a number's JSON Schema with the ways in which it may move."""
    outer: dict[str, Any] = {
        key: facts[key] for key in ("title", "description", "default") if key in facts
    }
    number: dict[str, Any] = {key: value for key, value in facts.items() if key not in outer}
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
    return {**outer, "anyOf": forms} if len(forms) > 1 else facts
