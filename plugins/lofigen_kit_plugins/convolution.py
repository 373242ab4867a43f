"""`convolution`: the sound of a real room, loudspeaker or machine, from a recording of it."""

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

_LONGEST_FILE_S = 60.0
_FADE_S = 0.01
_LEVEL_HZ = (20.0, 20_000.0)


class Convolution(BlockEffect):
    """Convolves the sound with an impulse response from a file.

    The response is brought to the level at which music stays as loud as it was (noise of equal
    power in each octave does, exactly). Its channels are those of the sound where there are as
    many, else their mean is taken for all.

    Attributes:
        path: The file, of at most a minute, relative to the preset's folder, which it may not
            leave.
        length_s: How much of it is used; at its end it is faded out.
    """

    use: Literal["convolution"] = "convolution"
    path: PresetPath
    length_s: float = Field(default=4.0, ge=0.001, le=20)

    @property
    def tail_s(self) -> float:
        """As long as the response may be."""
        return self.length_s

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return the convolution.

        Raises:
            InputError: where the file cannot be read, lies elsewhere or is too long.
        """
        from lofigen_kit.api import read_audio
        from lofigen_kit.api.dsp import Convolver, resample

        audio = read_audio(resolve_inside(ctx.root, self.path), max_duration_s=_LONGEST_FILE_S)
        convolve = Convolver(self._response(resample(audio, sound.sample_rate_hz), sound))
        return lambda block, _: convolve(block)

    def _response(self, audio: AudioBuffer, sound: AudioFormat) -> np.ndarray:
        """Return the response of each channel, cut to its length and brought to its level."""
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
    """Return the level that pink noise of level 1 has after a response; 1 for silence."""
    import numpy as np
    from scipy import fft

    size = fft.next_fast_len(max(response.shape[1], rate_hz), real=True)
    frequencies_hz = fft.rfftfreq(size, 1.0 / rate_hz)
    heard = (frequencies_hz >= _LEVEL_HZ[0]) & (frequencies_hz <= _LEVEL_HZ[1])
    weights = 1.0 / frequencies_hz[heard]
    power = np.mean(np.abs(fft.rfft(response, size)[:, heard]) ** 2, axis=0)
    level = float(np.sqrt(power @ weights / weights.sum()))
    return level or 1.0


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the convolution."""
    return [Convolution]
