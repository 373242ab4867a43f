"""The five contracts: source, instrument, model, sampler and effect: parameters and one method.

Each is a frozen pydantic model with a literal `use`, its name in a preset, so a preset is parsed
directly into runnable objects. Run-time state is kept in what a method returns, never on the
component. Effects that process blocks are in `lofigen_kit.effects.effect`.
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

    from lofigen_kit.music.score import Hit, Note, Score
    from lofigen_kit.nn.checkpoint import Network


class Source(Component):
    """A source of takes: an arranger, a recording, a folder of recordings.

    Attributes:
        file_parameter: The parameter that names the one file that it plays, where it plays one.
            Such a source stands for a file that a user names to a command.
        file_suffixes: The suffixes of such files, in lower case: `(".mid", ".midi")`. A source
            that names none is given what no other source reads.
    """

    kind = "source"
    file_parameter: ClassVar[str | None] = None
    file_suffixes: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def reads_file(cls, path: Path) -> bool:  # noqa: ARG003 - others need it
        """Return whether it plays a file, by its content: asked where the suffix tells nothing.

        Args:
            path: A regular file, which may be anything.

        Raises:
            OSError: if it cannot be read.
        """
        return False

    @abstractmethod
    def make_take(self, ctx: Context) -> Take:
        """Return one take; the same state of the generator gives the same take, bit for bit."""

    def make_score(self, ctx: Context) -> Score | None:  # noqa: ARG002 - others need it
        """Return the score of what `make_take` gives for the same context, without its sound.

        What cannot be played as it is asked for, a song in a stream or a part that is not there, is
        then refused before anything is rendered.

        Returns:
            The score; None where only the take tells.
        """
        return None


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
    """A causal Conv1d network of one shape, with trained weights."""

    kind = "model"
    layers: ClassVar[Layers]
    """Input channels, output channels and taps of each layer; the last layer's outputs are replaced
    by those of the head."""

    @abstractmethod
    def load(self, ctx: Context) -> Network:
        """Return the network as plain arrays, checked against its declared shape."""


class Sampler(Component):
    """How the next sample is drawn from the network's distribution.

    A sampler in Python is called once per sample. One that can be expressed as `SamplingParams`
    subclasses `ParametricSampler` and runs in the compiled engine.
    """

    kind = "sampler"
    heads: ClassVar[tuple[HeadKind, ...]] = ("mol", "mulaw")
    """The heads that this sampler supports."""

    @abstractmethod
    def draw(self, outputs: np.ndarray, head: HeadKind, uniforms: np.ndarray) -> np.ndarray:
        """Return the next sample of each track.

        Args:
            outputs: The outputs of the head [shape=(tracks, head outputs)].
            head: `mse`, `mol` or `mulaw`.
            uniforms: Two random numbers in [0, 1) for each track [shape=(tracks, 2)].

        Returns:
            np.ndarray [shape=(tracks,)], within [-1, 1].
        """


class ParametricSampler(Sampler):
    """A sampler that is fully described by `SamplingParams`."""

    @abstractmethod
    def sampling_params(self) -> SamplingParams:
        """Return the sampling parameters of this sampler."""

    def sampling_params_of(self, part: str) -> SamplingParams:  # noqa: ARG002 - others need it
        """Return the sampling parameters of one part of a song, where parts are played alone."""
        return self.sampling_params()

    def draw(self, outputs: np.ndarray, head: HeadKind, uniforms: np.ndarray) -> np.ndarray:
        """Draw by the sampling parameters, in numpy; see `Sampler.draw`."""
        from lofigen_kit.nn.sampling import draw

        return draw(outputs, head, self.sampling_params(), uniforms)


class Effect(MovingParameters):
    """A transformation of sound that keeps its sample rate and number of channels.

    Any of its numbers may be automated in a preset: along points in time, if the effect processes
    the sound in blocks, or as a rate in time with the beat. Read from the component itself, such a
    number has the value of its first point; for each block the runner passes the effect with the
    current values.

    Attributes:
        mix: Share of the processed sound; at 0 the dry sound passes bit for bit. The rack applies
            it.
        memory_s: How long the past influences the output, in seconds. The runner extends a loop by
            this time at both ends, so that the seam stays smooth.
        native: Whether it runs machine code that a preset names. That is done for the user's own
            presets, and not for what a stranger's file asks for.
    """

    kind = "effect"
    memory_s: ClassVar[float] = 0.0
    native: ClassVar[bool] = False
    mix: float = Field(default=1.0, ge=0, le=1)

    @property
    def tail_s(self) -> float:
        """Upper bound of how long it sounds after the end of the input, in seconds."""
        return 0.0

    @property
    def transposition(self) -> float:
        """The change of pitch in semitones."""
        return 0.0

    @property
    def speed(self) -> float:
        """The change of speed: 2 doubles the tempo and halves the length.

        If it is not 1, a loop is passed as it is with `ctx.loop` set, and the effect itself makes
        the ends fit.
        """
        return 1.0

    def runs(self, root: Path | None) -> dict[str, str]:  # noqa: ARG002 - others need it
        """Return the external programs that it runs: names, with version and hash.

        The recipe records them.

        Args:
            root: Folder of relative paths.
        """
        return {}

    def frames_after(self, audio: AudioBuffer, ctx: Context) -> int:
        """Return the length of the output in frames at this speed."""
        return round(audio.frames / self.speed) if ctx.frames is None else ctx.frames

    @abstractmethod
    def apply(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        """Return the processed sound, of the same rate and number of channels.

        It has the length of the input, or `ctx.frames` if the effect changes the speed.
        """

    @model_validator(mode="after")
    def _check_speed_mix(self) -> Self:
        if self.mix not in (0.0, 1.0) and self.speed != 1.0:
            raise ValueError(
                "an effect that changes the tempo cannot be mixed with the dry sound: "
                "set mix to 0 or 1"
            )
        return self
