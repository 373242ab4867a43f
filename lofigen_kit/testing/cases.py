"""What the checks of the contract share: requirements, a context, components at their bounds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from lofigen_kit.components.base import Component, Context
from lofigen_kit.runtime.seeding import rng_for

C = TypeVar("C", bound=Component)


def require(condition: object, expectation: str) -> None:
    """Raise an AssertionError that says what was expected, where a condition does not hold."""
    if not condition:
        raise AssertionError(expectation)


def iterate_variants(component: C) -> Iterator[C]:
    """Yield the component, then copies with one parameter at an inclusive bound or enum value."""
    yield component
    properties = type(component).model_json_schema()["properties"]
    for field, schema in properties.items():
        for part in (schema, *schema.get("anyOf", ())):
            for value in (part.get("minimum"), part.get("maximum"), *part.get("enum", ())):
                if value is not None:
                    yield type(component)(**{**component.model_dump(), field: value})


def make_context() -> Context:
    """Return a context of a seed of its own."""
    return Context(rng=rng_for(1, 0, "contract"))
