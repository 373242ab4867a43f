"""Parameters as listings and pages show them."""

from __future__ import annotations

from typing import Literal

import pytest

from lofigen_kit.api import AudioBuffer, Context, Effect, Field
from lofigen_kit.components.parameters import Parameter, list_parameters, read_description
from lofigen_kit.plugins.loader import load_plugins


class Bent(Effect):
    """Bends the sound.

    More of it stands
    here.

    Attributes:
        how_db: By how much, said
            in two lines: `{0: 1}`.
    """

    use: Literal["bent"] = "bent"
    how_db: float = Field(ge=0, le=6.5)
    way: Literal["up", "down"] = Field(default="up", description="Whereto.")

    def apply(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        return audio


def test_each_has_its_default_its_range_and_its_meaning() -> None:
    mix, how, way = list_parameters(Bent)
    assert mix.name == "mix"
    assert mix.meaning.startswith("Share of the processed sound;")
    assert how == Parameter(
        "how_db", "(required)", "0 to 6.5", "By how much, said in two lines: `{0: 1}`."
    )
    assert way == Parameter("way", "up", "up|down", "Whereto.")


def test_prose_stands_above_the_attributes() -> None:
    assert read_description(Bent) == "Bends the sound.\n\nMore of it stands\nhere."


@pytest.mark.parametrize("name", load_plugins().classes("effect"))
def test_every_parameter_of_an_effect_has_a_meaning(name: str) -> None:
    for parameter in list_parameters(load_plugins().find("effect", name)):
        assert parameter.meaning.endswith("."), parameter.name
