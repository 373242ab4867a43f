from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from lofigen_kit.api import AudioBuffer, Context, Effect, Field
from lofigen_kit.components import KINDS, Component
from lofigen_kit.plugins import load_plugins
from lofigen_kit.seeding import stream
from lofigen_kit.testing import check_component
from lofigen_kit_plugins.beatmaker import Beatmaker

BUILTIN = [cls for kind in KINDS for cls in load_plugins().classes(kind.kind).values()]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    from lofigen_kit.io import write_audio

    path = tmp_path / "loop.wav"
    take = Beatmaker(bars=2).make_take(Context(stream(4, 0, "source")))
    write_audio(path, take.audio, format="wav", bit_depth=16, comment="",
                rng=np.random.default_rng(0), force=False)  # fmt: skip
    return path


@pytest.mark.parametrize("cls", BUILTIN, ids=lambda cls: cls.name())
def test_every_component_keeps_the_contract(
    cls: type[Component], request: pytest.FixtureRequest
) -> None:
    required: dict[str, Any] = {}
    if "path" in cls.model_fields:
        recording: Path = request.getfixturevalue("recording")
        required["path"] = str(recording.parent if cls.name() == "folder" else recording)
    check_component(cls, **required)


class Good(Effect):
    """Turns the sound down.

    Attributes:
        level: What is left of it.
    """

    use: Literal["good"] = "good"
    level: float = Field(default=0.5, ge=0, le=1)

    def apply(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        return audio.with_samples(audio.samples * self.level)


class Unbounded(Good):
    """Has a number without bounds."""

    level: float = 0.5


class Shortens(Good):
    """Loses a frame."""

    def apply(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        return audio.with_samples(audio.samples[:, 1:])


class Forgetful(Good):
    """Draws from a generator of its own."""

    def apply(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        return audio.with_samples(np.random.default_rng().random(audio.samples.shape))


class Undocumented(Good):
    __doc__ = None


def test_a_good_component_passes() -> None:
    check_component(Good)


@pytest.mark.parametrize(
    ("cls", "expectation"),
    [
        (Unbounded, "level has a minimum and a maximum"),
        (Shortens, "keeps the shape"),
        (Forgetful, "repeats bit for bit"),
        (Undocumented, "has a docstring"),
    ],
)
def test_a_broken_contract_is_found(cls: type[Component], expectation: str) -> None:
    with pytest.raises(AssertionError, match=expectation):
        check_component(cls)
