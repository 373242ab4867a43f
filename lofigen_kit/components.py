"""The four kinds of component: a component is its parameters and one method.

Each is a frozen pydantic model with a literal `use`, its name in a preset, so that a chain file
parses straight into runnable objects. Run-time state lives in what a method returns, never on the
component.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from lofigen_kit.audio import AudioBuffer
from lofigen_kit.law import DrawLaw, HeadKind
from lofigen_kit.resources import Layers

if TYPE_CHECKING:
    import numpy as np

    from lofigen_kit.nn.checkpoint import Network
    from lofigen_kit.score import BeatGrid, Score


def _default_grid() -> BeatGrid:
    from lofigen_kit.score import BeatGrid

    return BeatGrid()


@dataclass(frozen=True)
class Context:
    """What a stage may know of the run around it.

    Attributes:
        rng: This stage's own stream of randomness.
        grid: Where the beats fall.
        device: `cpu` or `cuda`.
        root: The folder against which relative paths stand (the preset's own).
        loop_s: How long the loop is that an effect works on; None where the sound is none. What
            comes round on its own goes round a whole number of times in it.
    """

    rng: np.random.Generator
    grid: BeatGrid = field(default_factory=_default_grid)
    device: str = "cpu"
    root: Path | None = None
    loop_s: float | None = None


@dataclass(frozen=True)
class Sound:
    """What an effect is about to hear.

    Attributes:
        channels: How many there are.
        frames: How long it is in all.
        sample_rate_hz: Frames a second.
    """

    channels: int
    frames: int
    sample_rate_hz: int

    @property
    def duration_s(self) -> float:
        """The length in seconds."""
        return self.frames / self.sample_rate_hz


@dataclass(frozen=True)
class Take:
    """What a source gives: audio that primes the network, and the score that guides it.

    Attributes:
        audio: The reference rendering, or the recording.
        score: What it plays.
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


class Component(BaseModel, ABC):
    """The base of all four kinds; its docstring's first line is its summary in listings.

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
        return (cls.__doc__ or "").strip().splitlines()[0]


class Source(Component):
    """Where a take comes from: an arranger, a recording, a folder of recordings."""

    kind = "source"

    @abstractmethod
    def make_take(self, ctx: Context) -> Take:
        """Return one take; the same generator state gives the same take, bit for bit."""


class Model(Component):
    """A causal Conv1d network of one shape, with its trained weights."""

    kind = "model"
    layers: ClassVar[Layers]
    """Channels in, channels out and taps of each layer; the last one's outputs are the head's."""

    @abstractmethod
    def load(self, ctx: Context) -> Network:
        """Return the network as plain arrays, checked against its declared shape."""


class Sampler(Component):
    """How the next sample is drawn from the network's distribution.

    A sampler in Python is called once for every sample. One that can say what it does as a
    `DrawLaw` subclasses `LawSampler` and runs inside the compiled engine.
    """

    kind = "sampler"
    heads: ClassVar[tuple[HeadKind, ...]] = ("mol", "mulaw")
    """The heads that this sampler can draw from."""

    @abstractmethod
    def draw(self, outputs: np.ndarray, head: HeadKind, uniforms: np.ndarray) -> np.ndarray:
        """Return the next sample of each track.

        Args:
            outputs: The head's numbers [shape=(tracks, head outputs)].
            head: `mse`, `mol` or `mulaw`.
            uniforms: Two random numbers in [0, 1) for each track [shape=(tracks, 2)].

        Returns:
            np.ndarray [shape=(tracks,)], within [-1, 1].
        """


class LawSampler(Sampler):
    """A sampler that is a `DrawLaw` and nothing else."""

    @abstractmethod
    def law(self) -> DrawLaw:
        """Return the law that this sampler's parameters mean."""

    def draw(self, outputs: np.ndarray, head: HeadKind, uniforms: np.ndarray) -> np.ndarray:
        """Draw by the law, in numpy."""
        from lofigen_kit.sampling import draw

        return draw(outputs, head, self.law(), uniforms)


class Effect(Component):
    """A transformation of sound that keeps its length, rate and number of channels.

    Attributes:
        mix: How much of the processed sound is heard, 0 to 1. The runner applies it, not the
            effect; at 0 the dry sound passes bit for bit.
    """

    kind = "effect"
    mix: float = Field(default=1.0, ge=0, le=1)

    @property
    def memory_s(self) -> float:
        """How long what it does depends on what it heard.

        The runner lets it hear a loop for that long before it begins and after it ends, so that
        the seam stays smooth.
        """
        return 0.0

    @abstractmethod
    def apply(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        """Return the processed sound, of the same length, rate and number of channels."""


class BlockEffect(Effect):
    """An effect that goes through a sound block by block, and so through hours in little memory.

    The runner decides on the blocks; all of a sound's are equally long, but for the last.
    """

    def latency_frames(self, sound: Sound) -> int:  # noqa: ARG002 - others need it
        """Return how many frames later the sound comes out than it goes in.

        The runner takes them off again: so an effect hears a little ahead.
        """
        return 0

    @abstractmethod
    def start(self, sound: Sound, ctx: Context) -> Process:
        """Return what turns one block after another into as long a block of sound.

        It holds what it has to remember from one block to the next; its parameters it reads from
        the second argument, this effect as it is at that block, since automation moves them.
        """

    def apply(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        """Return the whole sound, processed in blocks."""
        from lofigen_kit.rack import in_blocks

        return in_blocks(self, audio, ctx)


Process = Callable[["np.ndarray", Any], "np.ndarray"]
"""From a block [shape=(channels, frames), dtype=float32] and the effect as it is at its start to
what is heard."""

KINDS: Sequence[type[Component]] = (Source, Model, Sampler, Effect)
