"""Turn pydantic's validation errors into one line that a preset's author understands."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from lofigen_kit.errors import PluginError, PresetError
from lofigen_kit.plugins.registry import Registry, did_you_mean
from lofigen_kit.preset.yaml_loader import Document, Keys

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Advice = tuple[str, str | None]
"""What is wrong, and what to do."""

_EXPECTED = {
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
_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")
_OUT_OF_RANGE = {
    "greater_than_equal": ("below the minimum", "ge"),
    "greater_than": ("not above", "gt"),
    "less_than_equal": ("above the maximum", "le"),
    "less_than": ("not below", "lt"),
}


def explain(
    errors: Sequence[ErrorDetails], document: Document, cls: type[BaseModel], registry: Registry
) -> PresetError:
    """Return the first of pydantic's errors as a PresetError with place and remedy.

    Args:
        errors: The errors from pydantic, at least one.
        document: The validated document, with places.
        cls: The preset's class, for the names of its fields.
        registry: The components, for the names of their fields.
    """
    places = [_locate(error["loc"], document, cls, registry) for error in errors]
    found = [
        _drop_types(keys, document.data, error["type"])
        for (keys, _, _), error in zip(places, errors, strict=True)
    ]
    # Of a field that may be of several types, what lies deepest is of the type that was meant.
    within = [n for n, keys in enumerate(found) if keys[: len(found[0])] == found[0]]
    first = max(within, key=lambda number: len(found[number]))
    _, owner, name = places[first]
    others = set(found) - {found[first], found[0]}
    return _make_error(
        errors[first],
        document,
        found[first],
        owner.model_fields if owner else {},
        name=name,
        registry=registry,
        others=len(others),
    )


def explain_flat(
    errors: Sequence[ErrorDetails], document: Document, fields: Mapping[str, FieldInfo]
) -> PresetError:
    """Do the same for a document of plain fields, without components.

    Args:
        errors: What pydantic found, at least one.
        document: What it was given, with places.
        fields: All fields that the document may have, by name.
    """
    keys = errors[0]["loc"]
    name = str(keys[0]) if keys else ""
    return _make_error(
        errors[0], document, keys, fields, name=name, registry=None, others=len(errors) - 1
    )


def _make_error(
    first: ErrorDetails,
    document: Document,
    keys: Keys,
    fields: Mapping[str, FieldInfo],
    *,
    name: str,
    registry: Registry | None,
    others: int,
) -> PresetError:
    """Return the error for a complaint, which is about the value at `keys`."""
    of_key = first["type"] in _UNKNOWN or first["loc"][-1:] == ("[key]",)
    at = (*keys, "use") if first["type"] == "union_tag_invalid" else keys
    message, remedy = _explain_name(first, keys, fields, registry) or _explain_value(
        first, keys, fields.get(name)
    )
    subject = _format_keys(keys)
    if others:
        message += f" (and {others} more)"
    return PresetError(
        f"{subject}: {message}" if subject else message,
        where=document.place(at, key=of_key),
        remedy=remedy,
    )


def _locate(
    loc: tuple[str | int, ...], document: Document, cls: type[BaseModel], registry: Registry
) -> tuple[Keys, type[BaseModel] | None, str]:
    """Return the keys of a value in the document, the class that owns it and its field.

    pydantic's locations also hold a component's name, after the field that holds the component.
    """
    if len(loc) > 2 and loc[0] == "mixer":
        strip = get_args(cls.model_fields["mixer"].annotation)[-1]
        return _find_owner(loc, 2, strip, document, registry, nested="effect")
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
    nested = "effect" if depth == 2 else "instrument"
    return _find_owner(keys, depth, component, document, registry, nested=nested)


def _find_owner(
    keys: Keys,
    depth: int,
    component: type[BaseModel] | None,
    document: Document,
    registry: Registry,
    *,
    nested: str,
) -> tuple[Keys, type[BaseModel] | None, str]:
    """Return the keys, and the innermost component in which they end, with its field.

    Args:
        keys: Of a value of the document.
        depth: At which of the keys the fields of `component` stand.
        component: The class of the outermost component.
        document: Where components stand within others.
        registry: The components.
        nested: The kind of those that stand within it.
    """
    field, place = str(keys[depth]), document.data
    for number, key in enumerate(keys):
        if isinstance(place, dict) and number > depth and "use" in place:
            component = registry.classes(nested).get(str(place["use"]))
            field = str(key)
        place = place[key] if _contains_key(place, key) else None
    return keys, component, field


def _drop_types(keys: Keys, place: Any, kind: str) -> Keys:
    """Return keys without the names of types, which pydantic adds where a field may be of several.

    A field that is missing is not in the document either, and stays.
    """
    kept: list[str | int] = []
    for number, key in enumerate(keys):
        last = number == len(keys) - 1
        if _contains_key(place, key):
            place = place[key]
        elif not (last and kind == "missing"):
            continue
        kept.append(key)
    return tuple(kept)


def _contains_key(place: Any, key: str | int) -> bool:
    if isinstance(place, dict):
        return key in place
    return isinstance(place, list) and isinstance(key, int) and key < len(place)


def _explain_name(
    error: ErrorDetails, keys: Keys, fields: Mapping[str, FieldInfo], registry: Registry | None
) -> Advice | None:
    """Return what is wrong with the name of a field or component, or None if the name is right."""
    kind = error["type"]
    if kind == "missing":
        return "is missing", "add it"
    if kind == "union_tag_not_found":
        return "names no component", "add `use: NAME`"
    if kind == "union_tag_invalid" and registry:
        return _explain_unknown_component(keys, str(error["ctx"]["tag"]), registry)
    if kind in _UNKNOWN:
        listed = f"its fields are {', '.join(sorted(fields))}" if fields else None
        remedy = did_you_mean(str(keys[-1]), sorted(fields), otherwise=listed)
        return "there is no such field", remedy
    return None


def _explain_value(error: ErrorDetails, keys: Keys, field: FieldInfo | None) -> Advice:
    """Return what is wrong with a value, and which values are valid."""
    kind, given, ctx = error["type"], _format_value(error["input"]), error.get("ctx", {})
    advice: Advice = f"{given}: {error['msg'].lower()}", None
    if keys == ("version",):
        advice = f"version {given} is not known", "this lofigen-kit reads version 1"
    elif kind in _EXPECTED:
        quote = _EXPECTED[kind] == "text" and isinstance(error["input"], (int, float))
        advice = f"{given} is not {_EXPECTED[kind]}", "put it in quotes" if quote else None
    elif kind in _OUT_OF_RANGE:
        words, bound = _OUT_OF_RANGE[kind]
        advice = f"{given} is {words} {_number(ctx[bound])}", _limits(field)
    elif kind == "literal_error":
        advice = f"{given} is not one of {ctx['expected']}", None
    elif kind == "too_long":
        advice = f"too many items: the limit is {ctx['max_length']}", None
    elif kind == "value_error":
        advice = error["msg"].removeprefix("Value error, "), None
    return advice


def _explain_unknown_component(keys: Keys, name: str, registry: Registry) -> Advice:
    kind = "effect" if keys[0] in ("effects", "mixer") else str(keys[0])
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
    """Return a bound as text, without the `.0` that pydantic may have added."""
    return str(int(value)) if value == int(value) else str(value)


def _format_keys(keys: Keys) -> str:
    """Return keys as text, such as `effects[1].wow_depth_pct`."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
    return text.removeprefix(".")


def _format_value(value: Any) -> str:
    """Return a value as YAML writes it, shortened."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return reprlib.repr(value)
