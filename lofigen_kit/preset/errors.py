"""Say what is wrong with a preset in one line, in the terms of the person who wrote it."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from lofigen_kit.errors import PluginError, PresetError
from lofigen_kit.plugins.registry import Registry, did_you_mean
from lofigen_kit.preset.yaml_loader import Document, Keys

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Advice = tuple[str, str | None]
"""What is wrong, and what to do about it."""

_NEEDED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "model_type": "a mapping of fields",
    "model_attributes_type": "a mapping of fields",
    "dict_type": "a mapping of fields",
}
_BEYOND = {
    "greater_than_equal": ("below the minimum", "ge"),
    "greater_than": ("not above", "gt"),
    "less_than_equal": ("above the maximum", "le"),
    "less_than": ("not below", "lt"),
}


def explain(
    errors: Sequence[ErrorDetails], document: Document, cls: type[BaseModel], registry: Registry
) -> PresetError:
    """Return the first of pydantic's complaints as an error with place and remedy.

    Args:
        errors: What pydantic found, at least one.
        document: What it was given, with places.
        cls: The preset's class, for its fields.
        registry: The components, for theirs.
    """
    first = errors[0]
    keys, owner, name = _locate(first["loc"], document, cls, registry)
    unknown = first["type"] == "extra_forbidden"
    at = (*keys, "use") if first["type"] == "union_tag_invalid" else keys
    field = owner.model_fields.get(name) if owner else None
    message, remedy = _explain_name(first, keys, owner, registry) or _explain_value(
        first, keys, field
    )
    subject = _format_keys(keys)
    if len(errors) > 1:
        message += f" (and {len(errors) - 1} more)"
    return PresetError(
        f"{subject}: {message}" if subject else message,
        where=document.place(at, key=unknown),
        remedy=remedy,
    )


def _locate(
    loc: tuple[str | int, ...], document: Document, cls: type[BaseModel], registry: Registry
) -> tuple[Keys, type[BaseModel] | None, str]:
    """Return the way to a value in the document, and the class and the field that it belongs to.

    pydantic puts a component's name into its locations, after the field that holds it.
    """
    depth = {"effects": 2, "source": 1, "model": 1, "sampler": 1}.get(str(loc[0]) if loc else "")
    if depth is None:
        if len(loc) < 2:
            return loc, cls, str(loc[0]) if loc else ""
        part = cls.model_fields[str(loc[0])].annotation
        owner = part if isinstance(part, type) and issubclass(part, BaseModel) else None
        return loc, owner, str(loc[-1])
    if len(loc) <= depth:
        return loc, cls, str(loc[0])
    keys = loc[:depth] + loc[depth + 1 :]
    if len(keys) == depth:
        return keys, None, ""
    component: type[BaseModel] | None = registry.find(
        "effect" if depth == 2 else str(loc[0]), str(loc[depth])
    )
    field, place = str(keys[depth]), document.data
    nested = "effect" if depth == 2 else "instrument"
    for number, key in enumerate(keys):  # they stand within others: the innermost one owns it
        if isinstance(place, dict) and number > depth and "use" in place:
            component = registry.classes(nested).get(str(place["use"]))
            field = str(key)
        place = place[key] if _contains_key(place, key) else None
    return keys, component, field


def _contains_key(place: Any, key: str | int) -> bool:
    if isinstance(place, dict):
        return key in place
    return isinstance(place, list) and isinstance(key, int) and key < len(place)


def _explain_name(
    error: ErrorDetails, keys: Keys, owner: type[BaseModel] | None, registry: Registry
) -> Advice | None:
    """Return what is wrong with the name of a field or component, if that is the trouble."""
    kind = error["type"]
    if kind == "missing":
        return "is missing", "add it"
    if kind == "union_tag_not_found":
        return "names no component", "add `use: NAME`"
    if kind == "union_tag_invalid":
        return _explain_unknown_component(keys, str(error["ctx"]["tag"]), registry)
    if kind == "extra_forbidden":
        fields = sorted(owner.model_fields) if owner else []
        listed = f"its fields are {', '.join(fields)}" if fields else None
        return "there is no such field", did_you_mean(str(keys[-1]), fields, otherwise=listed)
    return None


def _explain_value(error: ErrorDetails, keys: Keys, field: FieldInfo | None) -> Advice:
    """Return what is wrong with a value, and which ones are right."""
    kind, given, ctx = error["type"], _format_value(error["input"]), error.get("ctx", {})
    advice: Advice = f"{given}: {error['msg'].lower()}", None
    if keys == ("version",):
        advice = f"version {given} is not known", "this lofigen-kit reads version 1"
    elif kind in _NEEDED:
        quote = _NEEDED[kind] == "text" and isinstance(error["input"], (int, float))
        advice = f"{given} is not {_NEEDED[kind]}", "put it in quotes" if quote else None
    elif kind in _BEYOND:
        words, bound = _BEYOND[kind]
        advice = f"{given} is {words} {_number(ctx[bound])}", _limits(field)
    elif kind == "literal_error":
        advice = f"{given} is not one of {ctx['expected']}", None
    elif kind == "too_long":
        advice = f"too many of them: the limit is {ctx['max_length']}", None
    elif kind == "value_error":
        advice = error["msg"].removeprefix("Value error, "), None
    return advice


def _explain_unknown_component(keys: Keys, name: str, registry: Registry) -> Advice:
    kind = "effect" if keys[0] == "effects" else str(keys[0])
    if keys[0] == "source" and len(keys) > 1:
        kind = "instrument"
    try:
        registry.find(kind, name)
    except PluginError as error:
        return error.message, error.remedy
    return f"there is no {kind} {name!r}", None


def _limits(field: FieldInfo | None) -> str | None:
    """Return a field's range, as a remedy."""
    bounds: dict[str, Any] = {}
    for note in field.metadata if field else ():
        for side in ("ge", "gt", "le", "lt"):
            if (bound := getattr(note, side, None)) is not None:
                bounds["low" if side in ("ge", "gt") else "high"] = bound
    if len(bounds) < 2:
        return None
    return f"give {_number(bounds['low'])} to {_number(bounds['high'])}"


def _number(value: float) -> str:
    """Return a bound without the `.0` that pydantic may have added to it."""
    return str(int(value)) if value == int(value) else str(value)


def _format_keys(keys: Keys) -> str:
    """Return `effects[1].wow_depth_pct`."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
    return text.removeprefix(".")


def _format_value(value: Any) -> str:
    """Return a value as it was written, shortened."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return reprlib.repr(value)
