"""`downsample`: a converter with a low sample rate."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import AudioFormat, BlockEffect, Context, Effect, Field, Process, hookimpl

if TYPE_CHECKING:
    import numpy as np

_PARTS_PER_HZ = 1024
_STOPBAND_DB = 96.0
_TRANSITION = 0.1  # of the lower Nyquist frequency, and below it


class Downsample(BlockEffect):
    """Lowers the sample rate, as an old sampler does; a rate at or above the sound's has no effect.

    Without anti-aliasing, each sample is held until the next one, and all the resulting images are
    heard: the bright, gritty sound of the machine. With anti-aliasing, the sound is only cut off
    below half the lower rate, as between two converters with perfect filters.

    Attributes:
        rate_hz: The lower rate; 26040 Hz is that of the SP-1200.
        anti_alias: Whether to filter; it cannot change during a sound.
    """

    use: Literal["downsample"] = "downsample"
    memory_s: ClassVar[float] = 0.1
    rate_hz: float = Field(default=26_040.0, ge=1000, le=48_000)
    anti_alias: bool = False

    @property
    def tail_s(self) -> float:
        """Half the length of the filter, or the time that a sample is held."""
        if not self.anti_alias:
            return 1.0 / self.rate_hz
        width_hz = math.pi * _TRANSITION * self.rate_hz
        return (_STOPBAND_DB - 7.95) / (2.285 * width_hz) / 2.0  # Kaiser's formula

    def latency_frames(self, sound: AudioFormat) -> int:
        """Return half the length of the filter."""
        if not self.anti_alias or self.rate_hz >= sound.sample_rate_hz:
            return 0
        return math.ceil(self.tail_s * sound.sample_rate_hz)

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return the processor, at rest."""
        return self._start_filter(sound) if self.anti_alias else self._start_sample_hold(sound)

    def _start_sample_hold(self, sound: AudioFormat) -> Process:
        """Return the sample and hold.

        The time of the next sample is counted in integers (1/1024 Hz), so that rounding never
        shifts it, however long the sound.
        """
        import numpy as np

        period = sound.sample_rate_hz * _PARTS_PER_HZ
        phase = period  # in parts of a sample; the first one is due
        held = np.zeros((sound.channels, 1), np.float32)

        def process(block: np.ndarray, now: Downsample) -> np.ndarray:
            nonlocal phase, held
            step = min(round(now.rate_hz * _PARTS_PER_HZ), period)
            frames = block.shape[1]
            sample_index = (phase + step * np.arange(frames)) // period
            sample_frames = np.flatnonzero(np.diff(sample_index, prepend=0))
            out = np.concatenate([held, block[:, sample_frames]], axis=1)[:, sample_index]
            phase += step * frames - period * int(sample_index[-1])
            held = out[:, -1:]
            return out

        return process

    def _start_filter(self, sound: AudioFormat) -> Process:
        """Return the filter between two perfect converters: a windowed sinc."""
        import numpy as np
        from scipy import signal

        half = self.latency_frames(sound)
        window = signal.windows.kaiser(2 * half + 1, signal.kaiser_beta(_STOPBAND_DB))
        past = np.zeros((sound.channels, 2 * half))

        def process(block: np.ndarray, now: Downsample) -> np.ndarray:
            nonlocal past
            band = min(now.rate_hz / sound.sample_rate_hz, 1.0) * (1.0 - _TRANSITION / 2.0)
            taps = np.sinc(band * np.arange(-half, half + 1)) * window
            padded = np.concatenate([past, block], axis=1)
            past = padded[:, block.shape[1] :]
            out = signal.oaconvolve(padded, taps[None] / taps.sum(), mode="valid", axes=1)
            return np.asarray(out, np.float32)

        return process


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the sample and hold."""
    return [Downsample]
