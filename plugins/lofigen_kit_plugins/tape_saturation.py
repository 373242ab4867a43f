"""`tape-saturation`: the soft saturation of magnetic tape."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import (
    AudioFormat,
    BlockEffect,
    Context,
    Effect,
    Field,
    LiveParameter,
    Process,
    hookimpl,
)

if TYPE_CHECKING:
    import numpy as np

_REFERENCE_DBFS = -12.0
_HEAD_HZ = 10.0


class TapeSaturation(BlockEffect):
    """Drives the sound into tape saturation, which rounds peaks and adds harmonics.

    The level is calibrated like that of a tape machine: a sine at -12 dBFS comes out at -12 dBFS,
    whatever the drive. A playback head reads no DC, so a high-pass filter cuts below 10 Hz.

    Attributes:
        mode: `tanh`, a soft curve without memory, or `hysteresis`, the magnetisation of tape
            (Jiles-Atherton), whose curve depends on the past of the sound.
        drive_db: Gain into the tape.
        bias: A constant field added to the sound, which adds even harmonics.
        oversample: The multiple of the sample rate it runs at, against aliasing.
    """

    use: Literal["tape-saturation"] = "tape-saturation"
    memory_s: ClassVar[float] = 0.5
    live_parameters: ClassVar = (LiveParameter("drive_db", "drive", step=1.0),)
    mode: Literal["tanh", "hysteresis"] = "tanh"
    drive_db: float = Field(default=6.0, ge=0, le=24)
    bias: float = Field(default=0.1, ge=0, le=0.5)
    oversample: Literal[1, 2, 4, 8] = 4

    def latency_frames(self, sound: AudioFormat) -> int:
        """Return the latency of oversampling."""
        from lofigen_kit.api.dsp import oversampling_latency

        return oversampling_latency(self.oversample)

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return the processor, with its tape at rest."""
        from lofigen_kit.api.dsp import BiquadCascade, Oversampler, butterworth

        oversampled = Oversampler(sound.channels, self.oversample)
        tape = self._start_tape(sound.channels)
        head = butterworth(2, _HEAD_HZ, sound.sample_rate_hz, high=True)
        playback = BiquadCascade(sound.channels)
        settings, gain = self, self._alignment()

        def process(block: np.ndarray, now: TapeSaturation) -> np.ndarray:
            nonlocal settings, gain
            if now != settings:
                settings, gain = now, now._alignment()
            taped = oversampled(block, lambda samples: tape(samples, now))
            return playback(taped * gain, head)

        return process

    def _start_tape(self, channels: int) -> Callable[[np.ndarray, TapeSaturation], np.ndarray]:
        """Return a function from samples [shape=(channels, frames)] to what stays on tape."""
        import numpy as np

        from lofigen_kit.api.dsp import Tape, db_to_gain

        magnetise = Tape(channels, self.bias)

        def tape(samples: np.ndarray, now: TapeSaturation) -> np.ndarray:
            field = samples * np.float32(db_to_gain(now.drive_db))
            if now.mode == "tanh":
                field += np.float32(now.bias)
                taped = np.tanh(field, out=field)
                rest = np.tanh(np.float32(now.bias))
            else:
                taped = magnetise(field, now.bias)
                rest = np.float32(Tape.rest(now.bias))
            taped -= rest
            return taped

        return tape

    def _alignment(self) -> np.float32:
        """Return the gain that brings the reference sine back to its level."""
        import numpy as np

        from lofigen_kit.api.dsp import db_to_gain

        cycles, frames = 8, 256
        phase = 2.0 * np.pi * np.arange(cycles * frames) / frames
        sine = (db_to_gain(_REFERENCE_DBFS) * np.sin(phase)).astype(np.float32)[None]
        settled = self._start_tape(1)(sine, self)[0, -frames:]
        return np.float32(np.std(sine) / np.std(settled))


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide tape saturation."""
    return [TapeSaturation]
