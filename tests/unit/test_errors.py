from __future__ import annotations

import pytest

from lofigen_kit import errors
from lofigen_kit.errors import InputError, LofigenError, RenderError


def every_error(root: type[LofigenError]) -> list[type[LofigenError]]:
    return [root, *(e for child in root.__subclasses__() for e in every_error(child))]


@pytest.mark.parametrize("error", every_error(LofigenError))
def test_an_error_says_where_what_and_what_to_do(error: type[LofigenError]) -> None:
    assert str(error("it is cold", where="a.yaml:1:2", remedy="dress")) == (
        "a.yaml:1:2: it is cold; dress"
    )
    assert str(error("it is cold")) == "it is cold"


def test_the_drawn_tree_names_every_error() -> None:
    drawn = errors.__doc__ or ""
    assert all(e.__name__ in drawn for e in every_error(LofigenError))


def test_exit_codes_tell_bad_input_from_a_failed_run() -> None:
    assert RenderError("x").exit_code == 1
    assert InputError("x").exit_code == 2
    assert {e.exit_code for e in every_error(InputError)} == {2}
