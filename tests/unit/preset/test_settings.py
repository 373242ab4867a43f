"""Settings of a command: from a file, from `--set`, from options, and back into a file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from lofigen_kit.errors import PresetError
from lofigen_kit.preset.settings import collect_settings, format_settings, make_settings


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Shape:
    """The shape.

    Attributes:
        width: How wide it is, 1 to 9.
        kind: `round` or `square`.
    """

    width: Annotated[int, Field(ge=1, le=9)] = 3
    kind: Literal["round", "square"] = "round"


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Drawing(Shape):
    """The colour.

    Attributes:
        share: How much of it is filled.
        name: What it is called; null is nothing.
        filled: Whether it is filled.
    """

    share: float = 0.5
    name: str | None = None
    filled: bool = False


ALIASES = {"breadth": "width"}


def read(
    tmp_path: Path, text: str | None = None, overrides: tuple[str, ...] = (), **options: Any
) -> Drawing:
    file = None
    if text is not None:
        file = tmp_path / "d.yaml"
        file.write_text(text)
    flags = {name: (f"--{name}", value) for name, value in options.items()}
    given = collect_settings(file=file, overrides=overrides, options=flags, aliases=ALIASES)
    return make_settings(Drawing, asdict(Drawing()), given)


def test_an_option_is_over_set_set_over_the_file_and_that_over_the_default(tmp_path: Path) -> None:
    text = "width: 4\nshare: 0.25\nkind: square\n"
    found = read(tmp_path, text, ("width=5", "share=1", "share=0.75"), width=6)
    assert found == Drawing(width=6, kind="square", share=0.75)


def test_another_name_of_a_field_counts_everywhere(tmp_path: Path) -> None:
    assert read(tmp_path, "breadth: 4").width == 4
    assert read(tmp_path, "width: 4", ("breadth=5",)).width == 5
    assert read(tmp_path, "breadth: 4", ("width=5",)).width == 5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "kind: round\nwdith: 4",
            "d.yaml:2:1: wdith: there is no such field; did you mean 'width'?",
        ),
        ("zzz: 4", "d.yaml:1:1: zzz: there is no such field; its fields are filled, kind, name"),
        ("width:   0", "d.yaml:1:10: width: 0 is below the minimum 1; give 1 to 9"),
        ("breadth: 10", "d.yaml:1:10: width: 10 is above the maximum 9; give 1 to 9"),
        ("kind: oval", "d.yaml:1:7: kind: 'oval' is not one of 'round' or 'square'"),
        ('width: "4"', "d.yaml:1:8: width: '4' is not a whole number"),
        ("width: [4]", "d.yaml:1:8: width: [4] is not a whole number"),
        ("name: 1", "d.yaml:1:7: name: 1 is not text; put it in quotes"),
        ("filled: on", "d.yaml:1:9: filled: 'on' is not true or false"),
        ("width: 4\nbreadth: 5", "d.yaml:2:1: width is given under two names; keep one of them"),
        ("width: 4\nwidth: 5", "d.yaml:2:1: 'width' is given twice; keep one of them"),
        ("- width", "d.yaml:1:1: settings are a mapping of fields"),
        ("width: &a 4", "anchors"),
        ("", "the file is empty"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_its_place(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(PresetError) as refused:
        read(tmp_path, text)
    assert said in str(refused.value)


def test_a_mistake_elsewhere_is_named_with_its_place(tmp_path: Path) -> None:
    for overrides, said in (
        (("width=0",), "--set width=0: width: 0 is below the minimum 1; give 1 to 9"),
        (("wdth=3",), "--set wdth=3: wdth: there is no such field; did you mean 'width'?"),
        (("width",), "--set width: not of the form KEY=VALUE; write one field and its value"),
        (("share=.nan",), "--set share=.nan: .nan is not a finite number"),
        (("a.width=3",), "--set a.width=3: a.width: there is no such field"),
    ):
        with pytest.raises(PresetError) as refused:
            read(tmp_path, None, overrides)
        assert str(refused.value).startswith(said)
    with pytest.raises(PresetError, match="--width: width: 12 is above the maximum 9"):
        read(tmp_path, "width: 4", width=12)
    with pytest.raises(PresetError, match="cannot be read"):
        collect_settings(file=tmp_path / "none.yaml")


@pytest.mark.parametrize(
    "drawing",
    [
        Drawing(),
        Drawing(width=9, kind="square", share=1e-5, name="no", filled=True),
        Drawing(name="3"),
        Drawing(name="a: b # c, d\xe9"),
    ],
)
def test_what_is_printed_is_read_as_the_same(tmp_path: Path, drawing: Drawing) -> None:
    assert read(tmp_path, format_settings(drawing, title="A drawing.")) == drawing


def test_each_field_is_printed_below_what_it_is() -> None:
    text = format_settings(Drawing(), title="A drawing.")
    assert text.startswith(
        "# A drawing.\n\n# -- The shape.\n\n# How wide it is, 1 to 9.\nwidth: 3\n"
    )
    assert "\n# -- The colour.\n\n# How much of it is filled.\nshare: 0.5\n" in text
    assert "\nname: null\n" in text
