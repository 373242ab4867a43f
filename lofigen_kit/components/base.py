"""The base of all components: their description, their context, and the take."""

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

    from lofigen_kit.music.chords import Bar
    from lofigen_kit.music.score import BeatGrid, Score


def default_grid() -> BeatGrid:
    """Return the beat grid of a sound of unknown tempo."""
    from lofigen_kit.music.score import BeatGrid

    return BeatGrid()


@dataclass(frozen=True)
class Context:
    """What a stage gets to know about the run.

    Attributes:
        rng: Random generator of this stage.
        grid: The beat grid.
        device: `cpu` or `cuda`.
        root: Folder of relative paths (the preset's folder).
        loop: Whether the end of the effect's input leads into its beginning.
        frames: Length of the output of an effect that changes the speed; None for
            `round(frames / speed)`. The two may differ by one, because rounding is done once for
            the whole chain.
        loop_s: Length of the loop in seconds; None for a sound that is no loop. A periodic
            modulation should make whole cycles in it.
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
    """The output of a source: audio that primes the network, and the score that conditions it.

    Attributes:
        audio: The reference rendering, or the recording.
        score: The score of the audio.
        parts: The rendering of each part alone by its name, dry, where the source has parts;
            `audio` is their default mix (`mix_parts`).
        licence: Licence of the audio (an SPDX name, or `unknown`).
        title: A few words for file names and listings.
        group: What it shares with other takes (a progression, an album): a corpus never splits a
            group between training and evaluation.
        chords: The chords of every bar, where the source knows them: pictures of the score name
            them.
    """

    audio: AudioBuffer
    score: Score
    licence: str
    title: str
    group: str = ""
    parts: Mapping[str, AudioBuffer] = field(default_factory=dict)
    chords: tuple[Bar, ...] = ()


class Component(BaseModel, ABC):
    """The base of all kinds of components.

    The first line of a subclass's docstring is its summary in listings. Subclasses declare
    `use: Literal["their-name"] = "their-name"` and their parameters, with units in the names and
    bounds on every number.
    """

    # Listing plugins needs no validator: each is built when its class is first used.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)

    kind: ClassVar[str]
    use: str

    @classmethod
    def name(cls) -> str:
        """Return the component's name in a preset."""
        return str(cls.model_fields["use"].default)

    @classmethod
    def summary(cls) -> str:
        """Return the first line of the docstring."""
        return (cls.__doc__ or "").strip().partition("\n")[0]

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Return the JSON Schema, with the docstring's description of each parameter."""
        schema = handler.resolve_ref_schema(handler(core))
        descriptions = read_attribute_docs(cls)
        for name, field_schema in schema["properties"].items():
            if name in descriptions:
                field_schema.setdefault("description", descriptions[name])
        return schema


_ATTRIBUTE = re.compile(r"^    (\w+): (.+(?:\n {5,}.+)*)", re.MULTILINE)


def read_attribute_docs(cls: type) -> dict[str, str]:
    """Return the texts under `Attributes:` in the docstrings of a class and its bases, by name."""
    descriptions: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        _, _, attributes = inspect.cleandoc(base.__doc__ or "").partition("\nAttributes:\n")
        descriptions |= {
            name: " ".join(text.split()) for name, text in _ATTRIBUTE.findall(attributes)
        }
    return descriptions
