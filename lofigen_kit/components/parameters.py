"""What a component can be told, from its model and its docstring, as listings and pages show it."""

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
    """One parameter.

    Attributes:
        name: Which ends in its unit.
        default: As a listing shows it; `(required)` where there is none.
        range: Its bounds or its choices; empty where there are none.
        meaning: What its docstring says of it under `Attributes`.
    """

    name: str
    default: str
    range: str
    meaning: str


def list_parameters(component: type[Component]) -> list[Parameter]:
    """Return all parameters of a component but its name."""
    return [
        Parameter(
            name=name,
            default=_default(facts),
            range=_range(facts),
            meaning=facts.get("description", ""),
        )
        for name, facts in component.model_json_schema()["properties"].items()
        if name != "use"
    ]


def read_description(component: type[Component]) -> str:
    """Return a component's docstring as it stands above its `Attributes`."""
    return _SECTION.split(inspect.cleandoc(component.__doc__ or ""))[0].strip()


def _default(facts: dict[str, Any]) -> str:
    if "default" not in facts:
        return "(required)"
    return "null" if facts["default"] is None else str(facts["default"])


def _range(facts: dict[str, Any]) -> str:
    """Return a parameter's bounds, which stand one level deeper if it may be null."""
    for part in (facts, *facts.get("anyOf", ())):
        if "enum" in part:
            return "|".join(map(str, part["enum"]))
        low = part.get("minimum", part.get("exclusiveMinimum"))
        high = part.get("maximum", part.get("exclusiveMaximum"))
        if low is not None and high is not None:
            return f"{low:g} to {high:g}"
    return ""
