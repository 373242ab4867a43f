"""`--set KEY=VALUE`: one field of a YAML document with another value, which has a place too."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from lofigen_kit.errors import PresetError
from lofigen_kit.preset import yaml_loader
from lofigen_kit.preset.yaml_loader import Document, Keys


@dataclass(frozen=True)
class Override:
    """One override.

    Attributes:
        steps: The key, parted at its dots; at least one, none of them empty.
        value: What the text after `=` means in YAML.
        place: What messages call it: `--set KEY=VALUE`.
    """

    steps: list[str]
    value: Any
    place: str


def parse_override(text: str, *, example: str, option: str = "--set") -> Override:
    """Read `KEY=VALUE`; a value in brackets is a YAML list or mapping, one in quotes is text.

    Args:
        text: As it was typed.
        example: A remedy that shows how to write one.
        option: What it was given to.

    Raises:
        PresetError: for another form, NaN, infinity, numbers of over 100 digits, and a list or
            mapping that `yaml_loader.load` refuses.
    """
    place = f"{option} {text}"
    name, equals, value = text.partition("=")
    steps = name.strip().split(".")
    if not equals or not all(steps):
        raise PresetError("not of the form KEY=VALUE", where=place, remedy=example)
    value = value.strip()
    try:
        if value[:1] in ("[", "{") or _is_quoted(value):
            return Override(steps, yaml_loader.load(value.encode(), place).data, place)
        return Override(steps, yaml_loader.parse_scalar(value), place)
    except UnicodeEncodeError:  # as a shell gives what is not UTF-8
        raise PresetError("the value is not Unicode", where=place) from None
    except ValueError as error:
        raise PresetError(str(error), where=place) from None


def _is_quoted(value: str) -> bool:
    return len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"


def replace_data(document: Document, data: Any, keys: Keys, place: str) -> Document:
    """Return a document with other data, of which the value at `keys` stands at `place`."""
    return replace(
        document,
        data=data,
        key_places={**document.key_places, keys: place},
        value_places={**document.value_places, keys: place},
    )
