"""Read untrusted YAML, with limits, and record the place of each value.

PyYAML parses; this module builds plain data from its events. So the depth is checked before data
is nested, aliases are never expanded, and scalars have their everyday meaning: `on`, `no` and
`1:30` are text, `1e-3` is a number.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import yaml

from lofigen_kit.errors import PresetError

MAX_BYTES = 256 * 1024
MAX_DEPTH = 16
MAX_VALUES = 10_000
MAX_DIGITS = 100

Keys = tuple[str | int, ...]
"""The keys that lead to a value, such as `("effects", 1, "wow_depth_pct")`."""

_NULL = re.compile(r"(~|null|Null|NULL)?")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


@dataclass(frozen=True)
class Document:
    """Plain data, with the place of each key and value.

    Attributes:
        data: Dictionaries, lists, text, numbers, booleans and None.
        name: The document's name in messages.
        key_places: `name:line:column` of each mapping's key.
        value_places: `name:line:column` of each value.
    """

    data: Any
    name: str
    key_places: dict[Keys, str] = field(default_factory=dict)
    value_places: dict[Keys, str] = field(default_factory=dict)

    def place(self, keys: Keys, *, key: bool = False) -> str:
        """Return the place of a value (or its key), or else of the nearest value around it."""
        if key and keys in self.key_places:
            return self.key_places[keys]
        while keys and keys not in self.value_places:
            keys = keys[:-1]
        return self.value_places.get(keys, self.name)


def load(blob: bytes, name: str) -> Document:
    """Read one document.

    Args:
        blob: UTF-8 text, at most 256 kB.
        name: The document's name in messages, usually the file's path.

    Raises:
        PresetError: with file, line and column, for anything other than one document of plain
            data: too large or deep, too many values, aliases, anchors, merges, tags, duplicate
            keys, NaN, infinity.
    """
    if len(blob) > MAX_BYTES:
        raise PresetError(f"the file is over {MAX_BYTES // 1024} kB", where=name)
    try:
        text = blob.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PresetError(
            f"byte {error.start} is not UTF-8", where=name, remedy="save the file as UTF-8"
        ) from None
    try:
        return _Builder(text, name).build_document()
    except yaml.MarkedYAMLError as error:
        where = _format_place(name, error.problem_mark)
        remedy = "indent with spaces" if "'\\t'" in str(error.problem) else None
        raise PresetError(f"not YAML: {error.problem}", where=where, remedy=remedy) from None
    except yaml.YAMLError as error:  # a character that YAML does not allow, such as NUL
        before = text[: getattr(error, "position", 0)]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        where = f"{name}:{line}:{column}"
        raise PresetError("not YAML: a control character", where=where) from None
    except PresetError:
        raise
    except Exception as error:  # whatever a stranger's bytes bring about
        raise PresetError(f"not YAML that can be read ({error})", where=name) from None


def load_file(path: Path) -> Document:
    """Read one document from a file; see `load`.

    Raises:
        PresetError: also where the file cannot be read.
    """
    try:
        # One byte over the limit is enough to know that it is too long.
        with path.open("rb") as file:
            blob = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise PresetError(f"cannot be read ({error.strerror})", where=path) from None
    return load(blob, str(path))


def parse_scalar(text: str) -> str | int | float | bool | None:
    """Return the value of an unquoted scalar.

    Raises:
        ValueError: for NaN, infinity and numbers of more than 100 digits.
    """
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text) or _FALSE.fullmatch(text):
        return text[0] in "tT"
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"{text} is not a finite number")
    if not _FLOAT.fullmatch(text):
        return text
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number of {len(text)} digits is too long")
    if _INT.fullmatch(text):
        return int(text)
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large a number")
    return number


class _Builder:
    """Builds one document from the parser's events, which arrive one at a time."""

    def __init__(self, text: str, name: str) -> None:
        self._document = Document(data=None, name=name)
        self._parser = yaml.SafeLoader(text)

    def build_document(self) -> Document:
        self._next()  # the stream's start
        if isinstance(self._next(), yaml.StreamEndEvent):
            raise PresetError("the file is empty", where=self._document.name)
        data = self._value(self._next(), ())
        self._next()  # the document's end
        if not isinstance(after := self._next(), yaml.StreamEndEvent):
            raise self._error("a second document begins here", after, "keep one in each file")
        return replace(self._document, data=data)

    def _next(self) -> yaml.Event:
        try:
            return cast("yaml.Event", self._parser.get_event())  # type: ignore[no-untyped-call]
        except (ValueError, OverflowError):  # PyYAML accepts `\Uffffffff` and `%YAML 99999...`
            where = _format_place(self._document.name, self._parser.get_mark())
            raise PresetError("not YAML: a number is too large", where=where) from None

    def _value(self, event: yaml.Event, keys: Keys) -> Any:
        self._refuse_indirection(event)
        self._document.value_places[keys] = self._place(event)
        if len(self._document.value_places) > MAX_VALUES:
            raise self._error(f"over {MAX_VALUES} values", event)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if len(keys) >= MAX_DEPTH:
            raise self._error(f"nested over {MAX_DEPTH} levels deep", event)
        return self._list(keys) if isinstance(event, yaml.SequenceStartEvent) else self._dict(keys)

    def _scalar(self, event: yaml.ScalarEvent) -> Any:
        text = self._text(event)
        if event.style is not None:
            return text
        try:
            return parse_scalar(text)
        except ValueError as error:
            raise self._error(str(error), event) from None

    def _text(self, event: yaml.ScalarEvent) -> str:
        if half := _LONE_SURROGATE.search(event.value):
            raise self._error(
                f"{half[0]!r} is not a character", event, "write the character itself"
            )
        return str(event.value)

    def _list(self, keys: Keys) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._value(event, (*keys, len(items))))
        return items

    def _dict(self, keys: Keys) -> dict[str, Any]:
        items: dict[str, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            self._refuse_indirection(event)
            if not isinstance(event, yaml.ScalarEvent):
                raise self._error("a key must be plain text", event)
            key = self._text(event)
            if key == "<<" and event.style is None:
                raise self._error("merge keys (`<<`) are not allowed", event, "write it out")
            if key in items:
                raise self._error(f"{key!r} is given twice", event, "keep one of them")
            self._document.key_places[*keys, key] = self._place(event)
            items[key] = self._value(self._next(), (*keys, key))
        return items

    def _refuse_indirection(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.AliasEvent):
            raise self._error(f"aliases (`*{event.anchor}`) are not allowed", event, "write it out")
        anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
        if anchor is not None:
            raise self._error(f"anchors (`&{anchor}`) are not allowed", event, "write it out")
        if tag is not None:
            raise self._error(f"tags ({tag!r}) are not allowed", event, "write only the value")

    def _error(self, message: str, event: yaml.Event, remedy: str | None = None) -> PresetError:
        return PresetError(message, where=self._place(event), remedy=remedy)

    def _place(self, event: yaml.Event) -> str:
        return _format_place(self._document.name, event.start_mark)


def _format_place(name: str, mark: Any) -> str:
    return f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
