"""`AudioBuffer`, the type of all audio that is passed between stages, and `AudioFormat`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lofigen_kit.errors import AudioError, PresetError

if TYPE_CHECKING:
    import numpy as np

MIN_RATE_HZ, MAX_RATE_HZ = 1_000, 384_000
MAX_CHANNELS = 32


@dataclass(frozen=True, eq=False)
class AudioBuffer:
    """Immutable audio: float32, finite, read-only, full scale at +-1.

    Attributes:
        samples: np.ndarray [shape=(channels, frames), dtype=float32].
        sample_rate_hz: Sample rate, 1 to 384 kHz.

    Raises:
        AudioError: for another shape, more than 32 channels, a rate out of range, or samples that
            are not finite.
    """

    samples: np.ndarray
    sample_rate_hz: int

    def __post_init__(self) -> None:
        import numpy as np

        samples = np.asarray(self.samples)
        if samples.ndim != 2 or not 1 <= samples.shape[0] <= MAX_CHANNELS:
            raise AudioError(
                f"audio must have the shape (channels, frames) with 1 to {MAX_CHANNELS} channels, "
                f"not {samples.shape}"
            )
        if not MIN_RATE_HZ <= self.sample_rate_hz <= MAX_RATE_HZ:
            raise AudioError(f"a sample rate of {self.sample_rate_hz} Hz is outside 1 to 384 kHz")
        samples = np.ascontiguousarray(samples, dtype=np.float32)
        if not np.isfinite(samples).all():
            raise AudioError("the audio holds samples that are not numbers (NaN or infinity)")
        if samples is self.samples:
            samples = samples.view()  # the caller's array stays writeable
        samples.flags.writeable = False
        object.__setattr__(self, "samples", samples)

    @property
    def channels(self) -> int:
        """The number of channels."""
        return int(self.samples.shape[0])

    @property
    def frames(self) -> int:
        """The length in frames (samples of one channel)."""
        return int(self.samples.shape[1])

    @property
    def duration_s(self) -> float:
        """The length in seconds."""
        return self.frames / self.sample_rate_hz

    @property
    def format(self) -> AudioFormat:
        """Its channels, length and rate."""
        return AudioFormat(self.channels, self.frames, self.sample_rate_hz)

    def with_samples(self, samples: np.ndarray) -> AudioBuffer:
        """Return a buffer with other samples and the same rate."""
        return AudioBuffer(samples, self.sample_rate_hz)

    def mono(self) -> AudioBuffer:
        """Return one channel, the mean of all."""
        import numpy as np

        if self.channels == 1:
            return self
        return self.with_samples(self.samples.mean(axis=0, keepdims=True, dtype=np.float64))

    def stereo(self) -> AudioBuffer:
        """Return two channels: mono is doubled; more than two channels are mixed to mono first."""
        import numpy as np

        if self.channels == 2:
            return self
        return self.with_samples(np.repeat(self.mono().samples, 2, axis=0))


@dataclass(frozen=True)
class AudioFormat:
    """What an effect is about to process.

    Attributes:
        channels: How many there are.
        length_frames: How many frames each of them has; None for a stream, which has no end.
        sample_rate_hz: Frames a second.
    """

    channels: int
    length_frames: int | None
    sample_rate_hz: int

    @property
    def endless(self) -> bool:
        """Whether it is a stream, which has no length that one could ask for."""
        return self.length_frames is None

    @property
    def frames(self) -> int:
        """The length in samples of one channel.

        Most effects never ask for it. One that does without asking whether the sound is `endless`
        is thereby refused in a stream, in one line.

        Raises:
            PresetError: where the sound has no end.
        """
        if self.length_frames is None:
            raise PresetError(
                "it has to know how long the sound is, and a stream has no end",
                remedy="leave it out by its mix: --set effects.NAME.mix=0",
            )
        return self.length_frames

    @property
    def duration_s(self) -> float:
        """The length in seconds; raises as `frames` does."""
        return self.frames / self.sample_rate_hz
