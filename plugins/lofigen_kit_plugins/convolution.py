"""`convolution`: the sound of a real room, loudspeaker or machine, from its impulse response."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from lofigen_kit.api import (
    AudioBuffer,
    AudioFormat,
    BlockEffect,
    Context,
    Effect,
    Field,
    PresetPath,
    Process,
    hookimpl,
    resolve_inside,
)

if TYPE_CHECKING:
    import numpy as np

_MAX_FILE_S = 60.0
_FADE_S = 0.01
_LEVEL_HZ = (20.0, 20_000.0)


class Convolution(BlockEffect):
    """Convolves the sound with an impulse response from a file.

    The response is scaled so that the loudness of music hardly changes; the level of pink noise
    (equal power per octave) does not change at all. If the response has as many channels as the
    sound, each convolves its own; else their mean is used for all.

    Attributes:
        path: The file, of at most a minute, relative to the preset's folder, which it must not
            leave.
        length_s: Length of the response that is used; it ends with a fade-out.
    """

    use: Literal["convolution"] = "convolution"
    path: PresetPath
    length_s: float = Field(default=4.0, ge=0.001, le=20)

    @property
    def tail_s(self) -> float:
        """The greatest length of the response."""
        return self.length_s

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return the convolution.

        Raises:
            InputError: if the file cannot be read, lies outside the folder or is too long.
        """
        from lofigen_kit.api import read_audio
        from lofigen_kit.api.dsp import Convolver, resample

        audio = read_audio(resolve_inside(ctx.root, self.path), max_duration_s=_MAX_FILE_S)
        convolve = Convolver(self._response(resample(audio, sound.sample_rate_hz), sound))
        return lambda block, _: convolve(block)

    def _response(self, audio: AudioBuffer, sound: AudioFormat) -> np.ndarray:
        """Return the scaled response of each channel [shape=(channels, frames)]."""
        import numpy as np

        if audio.channels != sound.channels:
            audio = audio.mono()
        frames = max(1, round(self.length_s * sound.sample_rate_hz))
        response = np.array(audio.samples[:, :frames], np.float64)
        if frames < audio.frames:
            fade = min(frames, round(_FADE_S * sound.sample_rate_hz))
            response[:, frames - fade :] *= np.linspace(1.0, 0.0, fade)
        level = _level(response, sound.sample_rate_hz)
        return np.broadcast_to(response / level, (sound.channels, response.shape[1]))


def _level(response: np.ndarray, rate_hz: int) -> float:
    """Return the RMS level of pink noise of level 1 after a response; 1 for a silent response."""
    import numpy as np
    from scipy import fft

    size = fft.next_fast_len(max(response.shape[1], rate_hz), real=True)
    frequencies_hz = fft.rfftfreq(size, 1.0 / rate_hz)
    audible = (frequencies_hz >= _LEVEL_HZ[0]) & (frequencies_hz <= _LEVEL_HZ[1])
    weights = 1.0 / frequencies_hz[audible]
    power = np.mean(np.abs(fft.rfft(response, size)[:, audible]) ** 2, axis=0)
    level = float(np.sqrt(power @ weights / weights.sum()))
    return level or 1.0


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the convolution."""
    return [Convolution]
