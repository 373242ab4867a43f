from __future__ import annotations

import importlib
from types import ModuleType

import pytest

import lofigen_kit

FACES = [importlib.import_module(f"lofigen_kit{name}") for name in ("", ".api", ".api.dsp")]
NAMES = [(face, name) for face in FACES for name in face.__all__]


@pytest.mark.parametrize(("face", "name"), NAMES, ids=lambda part: getattr(part, "__name__", part))
def test_every_name_of_a_public_face_is_there(face: ModuleType, name: str) -> None:
    assert getattr(face, name) is not None


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'lofigen_kit' has no attribute 'Sause'"):
        _ = lofigen_kit.Sause
