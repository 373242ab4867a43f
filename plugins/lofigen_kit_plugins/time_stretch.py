"""`time-stretch`: another tempo at the same pitch."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import AudioBuffer, Context, Effect, Field, hookimpl

if TYPE_CHECKING:
    import numpy as np

_SILENCE = 8192
_CROSSFADE_S = 0.03


class TimeStretch(Effect):
    """Changes the tempo and leaves the pitch.

    Attributes:
        rate: How fast the piece goes by: 2 doubles the tempo.
    """

    use: Literal["time-stretch"] = "time-stretch"
    memory_s: ClassVar[float] = 0.5
    rate: float = Field(default=0.9, ge=0.5, le=2)

    @property
    def speed(self) -> float:
        """The rate itself."""
        return self.rate

    def apply(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        """Return the sound stretched; a loop's end is crossfaded with what leads to its start."""
        import numpy as np

        frames = self.frames_after(audio, ctx)
        if frames in (0, audio.frames):
            return audio.with_samples(audio.samples[:, :frames])
        if not ctx.loop:
            return audio.with_samples(_stretch_samples(audio.samples, audio.sample_rate_hz, frames))
        around = round(self.memory_s * audio.sample_rate_hz)
        before = round(around * frames / audio.frames)
        padded = np.pad(audio.samples, ((0, 0), (around, around)), mode="wrap")
        whole = _stretch_samples(padded, audio.sample_rate_hz, frames + 2 * before)
        loop = whole[:, before : before + frames].copy()
        size = min(round(_CROSSFADE_S * audio.sample_rate_hz), frames)
        fade = np.linspace(0.0, 1.0, size, dtype=np.float32)
        loop[:, frames - size :] *= 1.0 - fade
        loop[:, frames - size :] += fade * whole[:, before - size : before]
        return audio.with_samples(loop)


def _stretch_samples(samples: np.ndarray, rate_hz: int, frames: int) -> np.ndarray:
    """Return a sound stretched to exactly so many frames."""
    import numpy as np
    import pedalboard

    # With silence behind it even the shortest sound is long enough to be taken apart.
    padded = np.pad(samples, ((0, 0), (0, _SILENCE)))
    stretched = pedalboard.time_stretch(
        padded, rate_hz, stretch_factor=samples.shape[1] / frames, preserve_formants=False
    )
    return np.asarray(stretched[:, :frames])


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide time stretching."""
    return [TimeStretch]
