"""What all components share: how they describe themselves, what they are given and give."""

from __future__ import annotations

import inspect
import re
from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import (
    BaseModel,
    ConfigDict,
    GetJsonSchemaHandler,
)
from pydantic_core import CoreSchema

from lofigen_kit.audio.buffer import AudioBuffer

if TYPE_CHECKING:
    import numpy as np

    from lofigen_kit.music.score import BeatGrid, Score


def default_grid() -> BeatGrid:
    """Return the grid of a sound of which no tempo is known."""
    from lofigen_kit.music.score import BeatGrid

    return BeatGrid()


@dataclass(frozen=True)
class Context:
    """What a stage may know of the run around it.

    Attributes:
        rng: This stage's own stream of randomness.
        grid: Where the beats fall.
        device: `cpu` or `cuda`.
        root: The folder against which relative paths stand (the preset's own).
        loop: Whether the end of the sound that an effect is given leads into its beginning.
        frames: How many frames are to come from an effect that changes the speed; None leaves it
            at `round(frames / speed)`. Over a chain the two may differ by one.
        loop_s: How long the loop is that an effect works on; None where the sound is none. What
            comes round on its own goes round a whole number of times in it.
    """

    rng: np.random.Generator
    grid: BeatGrid = field(default_factory=default_grid)
    device: str = "cpu"
    root: Path | None = None
    loop: bool = False
    frames: int | None = None
    loop_s: float | None = None


@dataclass(frozen=True)
class Take:
    """What a source gives: audio that primes the network, and the score that guides it.

    Attributes:
        audio: The reference rendering, or the recording.
        score: What it plays.
        parts: The rendering of each part by its name, at its level in the mix, where the source
            has parts; their sum is what `audio` is made of.
        licence: Under which terms its audio may be used (an SPDX name, or `unknown`).
        title: A few words for file names and listings.
        group: What it has in common with other takes (a progression, an album): a corpus never
            splits a group between training and judgement.
    """

    audio: AudioBuffer
    score: Score
    licence: str
    title: str
    group: str = ""
    parts: Mapping[str, AudioBuffer] = field(default_factory=dict)


class Component(BaseModel, ABC):
    """The base of all kinds; its docstring's first line is its summary in listings.

    Subclasses declare `use: Literal["their-name"] = "their-name"` and their parameters, with
    units in the names and bounds on every number.
    """

    # Listing plugins needs no validator: each is built when its class is first used.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)

    kind: ClassVar[str]
    use: str

    @classmethod
    def name(cls) -> str:
        """The component's name in a preset."""
        return str(cls.model_fields["use"].default)

    @classmethod
    def summary(cls) -> str:
        """The first line of the docstring."""
        return (cls.__doc__ or "").strip().partition("\n")[0]

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Describe each parameter as the docstrings do, where its field does not."""
        schema = handler.resolve_ref_schema(handler(core))
        said = _read_attribute_docs(cls)
        for name, facts in schema["properties"].items():
            if name in said:
                facts.setdefault("description", said[name])
        return schema


_ATTRIBUTE = re.compile(r"^    (\w+): (.+(?:\n {5,}.+)*)", re.MULTILINE)


def _read_attribute_docs(cls: type[Component]) -> dict[str, str]:
    """Return what the docstrings of a class and its bases say under `Attributes:`, by name."""
    said: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if issubclass(base, Component):
            _, _, attributes = inspect.cleandoc(base.__doc__ or "").partition("\nAttributes:\n")
            said |= {name: " ".join(text.split()) for name, text in _ATTRIBUTE.findall(attributes)}
    return said
