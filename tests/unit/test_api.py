from __future__ import annotations

import pytest

from lofigen_kit import api


@pytest.mark.parametrize("name", api.__all__)
def test_every_name_of_the_plugin_face_is_there(name: str) -> None:
    assert getattr(api, name) is not None


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Sause'"):
        _ = api.Sause  # type: ignore[attr-defined]
