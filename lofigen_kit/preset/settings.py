"""The settings of a command: defaults, then a YAML file, then `--set`, then options.

Settings are a pydantic dataclass of plain fields. A mistake in one of them is a `PresetError` that
names its place (file, line and column, or the option), the field, and what to do.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from lofigen_kit.components.base import read_attribute_docs
from lofigen_kit.errors import PresetError
from lofigen_kit.preset import yaml_loader
from lofigen_kit.preset.errors import explain_flat
from lofigen_kit.preset.overrides import parse_override, replace_data
from lofigen_kit.preset.yaml_loader import Document

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

Settings = TypeVar("Settings")
OVERRIDE_EXAMPLE = "write one field and its value: `steps=2000`"
COLUMNS = 98


def collect_settings(
    *,
    file: Path | None = None,
    overrides: Sequence[str] = (),
    options: Mapping[str, tuple[str, Any]] | None = None,
    aliases: Mapping[str, str] | None = None,
) -> Document:
    """Return the fields that somebody gave, the later ones over the earlier, with their places.

    Args:
        file: A YAML file of fields.
        overrides: `KEY=VALUE` texts, each over the file and those before it.
        options: By field, the option that gives it and its value; over all the others.
        aliases: Other names of fields, as keys, and the fields' own names.

    Raises:
        PresetError: for a file that is not a mapping, a field that the file has under two names,
            and what is not KEY=VALUE.
    """
    aliases = aliases or {}
    given = _read_file(file, aliases) if file else Document({}, "settings")
    for text in overrides:
        override = parse_override(text, example=OVERRIDE_EXAMPLE)
        key = ".".join(override.steps)
        given = _give(given, aliases.get(key, key), override.value, override.place)
    for name, (option, value) in (options or {}).items():
        given = _give(given, name, value, option)
    return given


def _read_file(path: Path, aliases: Mapping[str, str]) -> Document:
    """Return a file's fields by their own names."""
    document = yaml_loader.load_file(path)
    if not isinstance(document.data, dict):
        raise PresetError(
            "settings are a mapping of fields",
            where=document.place(()),
            remedy="write `steps: 2000`",
        )
    given = Document({}, document.name, {}, {(): document.place(())})
    for key, value in document.data.items():
        name = aliases.get(key, key)
        if name in given.data:
            raise PresetError(
                f"{name} is given under two names",
                where=document.place((key,), key=True),
                remedy="keep one of them",
            )
        given = _give(given, name, value, document.place((key,)))
        given.key_places[name,] = document.place((key,), key=True)
    return given


def _give(given: Document, name: str, value: Any, place: str) -> Document:
    return replace_data(given, {**given.data, name: value}, (name,), place)


def make_settings(cls: type[Settings], defaults: Mapping[str, Any], given: Document) -> Settings:
    """Return settings from what was given, the rest being the defaults.

    Args:
        cls: A pydantic dataclass that forbids other fields than its own.
        defaults: A value for each field.
        given: What `collect_settings` returns.

    Raises:
        PresetError: naming the place and the field that is unknown, of another type or out of
            its range.
    """
    try:
        # As JSON, pydantic's strict mode refuses "5" for 5 and still takes 5 for 5.0.
        text = json.dumps({**defaults, **given.data}, ensure_ascii=False).encode()
        return TypeAdapter(cls).validate_json(text, strict=True)
    except UnicodeEncodeError:
        raise PresetError("it holds a text that is not Unicode", where=given.name) from None
    except ValidationError as error:
        raise explain_flat(error.errors(include_url=False), given, get_fields(cls)) from None


def get_fields(cls: type) -> dict[str, FieldInfo]:
    """Return the fields of a pydantic dataclass by name."""
    found: dict[str, FieldInfo] = cls.__pydantic_fields__  # type: ignore[attr-defined]
    return found


def format_settings(settings: Any, *, title: str) -> str:
    """Return settings as YAML that `collect_settings` reads, each field below its description.

    Args:
        settings: A pydantic dataclass with an `Attributes` section in its docstring, or in those
            of the dataclasses that it is made of. Each of these becomes a section of the file.
        title: The first comment.
    """
    docs, blocks = read_attribute_docs(type(settings)), [_format_comment(title)]
    for part in reversed(type(settings).__mro__):
        own = inspect.get_annotations(part)
        names = [field.name for field in fields(settings) if field.name in own]
        if names:
            summary = (part.__doc__ or "").strip().partition("\n")[0]
            blocks.append(_format_comment(f"-- {summary}"))
        for name in names:
            line = yaml.safe_dump(
                {name: getattr(settings, name)}, allow_unicode=True, width=10_000
            ).rstrip()
            blocks.append(f"{_format_comment(docs[name])}\n{line}")
    return "\n\n".join(blocks) + "\n"


def _format_comment(text: str) -> str:
    return "\n".join(f"# {line}" for line in wrap(text, COLUMNS))
