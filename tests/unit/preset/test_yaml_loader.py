from __future__ import annotations

from typing import Any

import pytest
import yaml

from lofigen_kit.errors import PresetError
from lofigen_kit.preset.yaml_loader import MAX_BYTES, load, parse_scalar


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The events that a document's reader has asked for."""
    asked: list[Any] = []
    get_event = yaml.SafeLoader.get_event

    def note(loader: Any) -> Any:
        asked.append(get_event(loader))  # type: ignore[no-untyped-call]
        return asked[-1]

    monkeypatch.setattr(yaml.SafeLoader, "get_event", note)
    return asked


def refusal(text: str | bytes) -> str:
    blob = text.encode() if isinstance(text, str) else text
    with pytest.raises(PresetError) as error:
        load(blob, "x.yaml")
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("off", "off"),
        ("yes", "yes"),
        ("no", "no"),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("D minor", "D minor"),
        ("true", True),
        ("False", False),
        ("", None),
        ("~", None),
        ("null", None),
        ("-3", -3),
        ("007", 7),
        ("1e-3", 0.001),
        ("+.5", 0.5),
        ("2.", 2.0),
        ("1_000", "1_000"),
        ("0x10", "0x10"),
    ],
)
def test_scalars_mean_what_a_person_means(text: str, value: object) -> None:
    found = parse_scalar(text)
    assert found == value
    assert type(found) is type(value)
    assert load(f"a: {text}".encode(), "x").data == {"a": value}


def test_quotes_make_text() -> None:
    assert load(b'["5", \'true\', ""]', "x").data == ["5", "true", ""]


@pytest.mark.parametrize("text", [".nan", ".inf", "-.INF", "1e999", "9" * 5000])
def test_numbers_without_end_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"finite|large|long"):
        parse_scalar(text)
    assert refusal(f"a: {text}").startswith("x.yaml:1:4: ")


def test_keys_and_values_keep_their_places() -> None:
    document = load(b"a: 1\nb:\n  - {c: 2}\n  - d\n", "x.yaml")
    assert document.data == {"a": 1, "b": [{"c": 2}, "d"]}
    assert document.place(("b", 0, "c")) == "x.yaml:3:9"
    assert document.place(("b", 0, "c"), key=True) == "x.yaml:3:6"
    assert document.place(("b", 1)) == "x.yaml:4:5"
    assert document.place(("b", 0, "missing")) == "x.yaml:3:5"
    assert document.place(("missing",)) == "x.yaml:1:1"


def test_a_byte_order_mark_is_no_text() -> None:
    assert load("\ufeffa: 1".encode(), "x").data == {"a": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "x.yaml: the file is empty"),
        ("# only a comment\n", "x.yaml: the file is empty"),
        ("a: 1\na: 2", "x.yaml:2:1: 'a' is given twice"),
        ("a: &b 1", "x.yaml:1:4: anchors (`&b`) are not allowed"),
        ("a: *b", "x.yaml:1:4: aliases (`*b`) are not allowed"),
        ("<<: {a: 1}", "x.yaml:1:1: merge keys (`<<`) are not allowed"),
        ("a: !!python/object:os.system x", "x.yaml:1:4: tags ("),
        ("a: !!int '3'", "x.yaml:1:4: tags ("),
        ("a: 1\n---\nb: 1", "x.yaml:2:1: a second document begins here"),
        ("a:\n\tb: 1", "x.yaml:2:1: not YAML: found character '\\t'"),
        ("{a: 1", "x.yaml:1:6: not YAML: "),
        ("? [1]\n: 2", "x.yaml:1:3: a key must be plain text"),
        (b"a: \xff", "x.yaml: byte 3 is not UTF-8"),
        (b"a: 1\nb: \0", "x.yaml:2:4: not YAML: a control character"),
        ("x" * (MAX_BYTES + 1), "x.yaml: the file is over 256 kB"),
    ],
)
def test_what_is_not_one_plain_document_is_refused(text: str | bytes, message: str) -> None:
    assert refusal(text).startswith(message)


@pytest.mark.parametrize("text", ["[" * 5000, "[" * 200_000, "{a: " * 5000, "- " * 5000])
def test_depth_is_refused_before_anything_is_nested(text: str, events: list[Any]) -> None:
    assert "nested over 16 levels deep" in refusal(text)
    assert 16 < len(events) <= 40  # a key and a value for each level


def test_a_billion_laughs_are_refused_at_the_first(events: list[Any]) -> None:
    lines = ["a0: &a0 [lol, lol]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 30))]
    assert refusal("\n".join(lines)).startswith("x.yaml:1:5: anchors")
    assert 1 < len(events) <= 6
