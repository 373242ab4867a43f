"""`time-stretch`: another tempo at the same pitch."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import AudioBuffer, Context, Effect, Field, hookimpl

if TYPE_CHECKING:
    import numpy as np

_SILENCE = 8192
_CROSSFADE_S = 0.03


class TimeStretch(Effect):
    """Changes the tempo and keeps the pitch.

    It uses pedalboard's time stretching (the Rubber Band library).

    Attributes:
        rate: Speed of the piece: 2 doubles the tempo.
    """

    use: Literal["time-stretch"] = "time-stretch"
    memory_s: ClassVar[float] = 0.5
    rate: float = Field(default=0.9, ge=0.5, le=2)

    @property
    def speed(self) -> float:
        """The rate."""
        return self.rate

    def apply(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        """Return the stretched sound; a loop's end crossfades to the frames before its start."""
        import numpy as np

        frames = self.frames_after(audio, ctx)
        if frames in (0, audio.frames):
            return audio.with_samples(audio.samples[:, :frames])
        if not ctx.loop:
            return audio.with_samples(_stretch_samples(audio.samples, audio.sample_rate_hz, frames))
        margin = round(self.memory_s * audio.sample_rate_hz)
        stretched_margin = round(margin * frames / audio.frames)
        padded = np.pad(audio.samples, ((0, 0), (margin, margin)), mode="wrap")
        stretched = _stretch_samples(padded, audio.sample_rate_hz, frames + 2 * stretched_margin)
        loop = stretched[:, stretched_margin : stretched_margin + frames].copy()
        fade_frames = min(round(_CROSSFADE_S * audio.sample_rate_hz), frames)
        fade = np.linspace(0.0, 1.0, fade_frames, dtype=np.float32)
        loop[:, frames - fade_frames :] *= 1.0 - fade
        loop[:, frames - fade_frames :] += (
            fade * stretched[:, stretched_margin - fade_frames : stretched_margin]
        )
        return audio.with_samples(loop)


def _stretch_samples(samples: np.ndarray, rate_hz: int, frames: int) -> np.ndarray:
    """Return a sound stretched to exactly `frames` frames."""
    import numpy as np
    import pedalboard

    # Silence at the end makes even the shortest sound long enough to be analysed.
    padded = np.pad(samples, ((0, 0), (0, _SILENCE)))
    stretched = pedalboard.time_stretch(
        padded, rate_hz, stretch_factor=samples.shape[1] / frames, preserve_formants=False
    )
    return np.asarray(stretched[:, :frames])


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide time stretching."""
    return [TimeStretch]
