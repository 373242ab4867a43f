"""The parameters of a component, read from its model and its docstring for listings and docs."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lofigen_kit.components.base import Component

_SECTION = re.compile(r"^Attributes:$", re.MULTILINE)


@dataclass(frozen=True)
class Parameter:
    """A parameter of a component.

    Attributes:
        name: Its name, which ends in its unit.
        default: As shown in a listing; `(required)` if there is none.
        range: Its bounds or choices; empty if there are none.
        meaning: Its description under `Attributes` in the docstring.
    """

    name: str
    default: str
    range: str
    meaning: str


def list_parameters(component: type[Component]) -> list[Parameter]:
    """Return all parameters of a component except `use`."""
    return [
        Parameter(
            name=name,
            default=_default(schema),
            range=_range(schema),
            meaning=schema.get("description", ""),
        )
        for name, schema in component.model_json_schema()["properties"].items()
        if name != "use"
    ]


def read_description(component: type[Component]) -> str:
    """Return the docstring of a component above its `Attributes`."""
    return _SECTION.split(inspect.cleandoc(component.__doc__ or ""))[0].strip()


def _default(schema: dict[str, Any]) -> str:
    """Return the default of a parameter as text."""
    if "default" not in schema:
        return "(required)"
    return "null" if schema["default"] is None else str(schema["default"])


def _range(schema: dict[str, Any]) -> str:
    """Return the bounds or choices of a parameter; of a nullable one they are one level deeper."""
    for part in (schema, *schema.get("anyOf", ())):
        if "enum" in part:
            return "|".join(map(str, part["enum"]))
        low = part.get("minimum", part.get("exclusiveMinimum"))
        high = part.get("maximum", part.get("exclusiveMaximum"))
        if low is not None and high is not None:
            return f"{low:g} to {high:g}"
    return ""
