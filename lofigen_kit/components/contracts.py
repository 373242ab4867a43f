"""The five contracts: source, instrument, model, sampler and effect: parameters and one method.

Each is a frozen pydantic model with a literal `use`, its name in a preset, so that a chain file
parses straight into runnable objects. Run-time state lives in what a method returns, never on the
component. Effects that go through a sound in blocks are in `lofigen_kit.effects.effect`.
"""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, model_validator

from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.components.base import Component, Context, Take
from lofigen_kit.components.moving import MovingParameters
from lofigen_kit.nn.distribution import HeadKind, SamplingParams
from lofigen_kit.nn.spec import Layers

if TYPE_CHECKING:
    import numpy as np

    from lofigen_kit.music.score import Hit, Note
    from lofigen_kit.nn.checkpoint import Network


class Source(Component):
    """Where a take comes from: an arranger, a recording, a folder of recordings."""

    kind = "source"

    @abstractmethod
    def make_take(self, ctx: Context) -> Take:
        """Return one take; the same generator state gives the same take, bit for bit."""


class Instrument(Component):
    """What plays a part of a score: one sound for each note or drum stroke."""

    kind = "instrument"
    part: ClassVar[str] = "keys"
    """The part that it is made for: `keys`, `bass`, `lead` or `drums`, which has strokes."""
    program: ClassVar[int] = 0
    """The nearest General MIDI program, from 0; of a kit, the kit's."""
    range_midi: ClassVar[tuple[int, int]] = (0, 127)
    """The lowest and the highest note that it plays; a kit has none."""

    @property
    def terms(self) -> str:
        """Under which terms its sound may be used, as an SPDX name, or `unknown`.

        What plays a user's own samples has a parameter `licence` and returns it.
        """
        return "CC0-1.0"

    @abstractmethod
    def play(self, event: Note | Hit, sample_rate_hz: int, ctx: Context) -> np.ndarray:
        """Return the sound of one note or stroke, from its onset until it has died away.

        A note of velocity 1 peaks at about 0.25 of full scale, a stroke at about 0.5. The same
        event and generator state give the same sound, bit for bit.

        Args:
            event: What to play. Its onset is the first frame.
            sample_rate_hz: Frames a second.
            ctx: Its generator `rng`, and `root`, against which relative paths stand.

        Returns:
            np.ndarray [shape=(channels, frames), dtype=float32]; one channel, or two, for all
            events alike.
        """

    def finish(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:  # noqa: ARG002 - others need it
        """Return the whole part after what all its notes go through: cabinet, motor, tremolo.

        Where `ctx.loop` is set, the end of the sound leads into its beginning.
        """
        return audio


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
    `SamplingParams` subclasses `ParametricSampler` and runs inside the compiled engine.
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


class ParametricSampler(Sampler):
    """A sampler that is a `SamplingParams` and nothing else."""

    @abstractmethod
    def sampling_params(self) -> SamplingParams:
        """Return the law that this sampler's parameters mean."""

    def draw(self, outputs: np.ndarray, head: HeadKind, uniforms: np.ndarray) -> np.ndarray:
        """Draw by the law, in numpy."""
        from lofigen_kit.nn.sampling import draw

        return draw(outputs, head, self.sampling_params(), uniforms)


class Effect(MovingParameters):
    """A transformation of sound that keeps its rate and number of channels.

    Any of its numbers may move, as a preset writes it: along points in time, where the effect goes
    through the sound in blocks, or a rate in step with the beat. What is read from a component
    that moves is its first point; the runner gives each block the effect as it is there.

    Attributes:
        mix: How much of the processed sound is heard; at 0 the dry sound passes bit for bit. The
            rack sees to it.
        memory_s: How long what it does depends on what it heard. The runner lets it hear a loop
            for that long before it begins and after it ends, so that the seam stays smooth.
        native: Whether it runs machine code that a preset names. That is done for the user's own
            presets, and not for what a stranger's file asks for.
    """

    kind = "effect"
    memory_s: ClassVar[float] = 0.0
    native: ClassVar[bool] = False
    mix: float = Field(default=1.0, ge=0, le=1)

    @property
    def tail_s(self) -> float:
        """At most how long it sounds on after the sound has ended."""
        return 0.0

    @property
    def transposition(self) -> float:
        """How many semitones higher the piece sounds."""
        return 0.0

    @property
    def speed(self) -> float:
        """How fast the piece goes by: at 2, tempo is doubled and length halved.

        Where it is not 1, a loop is given as it is, `ctx.loop` says so, and the effect itself sees
        to its ends.
        """
        return 1.0

    def runs(self, root: Path | None) -> dict[str, str]:  # noqa: ARG002 - others need it
        """Return what it runs that no package brought, by name, with version and hash.

        The recipe records it.

        Args:
            root: The folder against which relative paths stand.
        """
        return {}

    def frames_after(self, audio: AudioBuffer, ctx: Context) -> int:
        """Return how long a sound is to be at this speed."""
        return round(audio.frames / self.speed) if ctx.frames is None else ctx.frames

    @abstractmethod
    def apply(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        """Return the processed sound, of the same rate and number of channels.

        It is as long as before, or `ctx.frames` where the effect changes the speed.
        """

    @model_validator(mode="after")
    def _check_speed_mix(self) -> Self:
        if self.mix not in (0.0, 1.0) and self.speed != 1.0:
            raise ValueError(
                "what changes the tempo cannot sound beside what does not: give mix 0 or 1"
            )
        return self
