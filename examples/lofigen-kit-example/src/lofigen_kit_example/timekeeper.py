"""`timekeeper`: a simple drum machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from lofigen_kit.api import AudioBuffer, Context, Field, Source, Take, hookimpl

if TYPE_CHECKING:
    import numpy as np

_SAMPLE_RATE_HZ = 8000
_KICK_S, _HAT_S = 0.25, 0.08


class Timekeeper(Source):
    """Plays a kick on the first and third beat and a hat on every beat.

    Attributes:
        bars: Length in bars of four beats.
        tempo_bpm: Beats per minute.
        accent: How much louder the first stroke of a bar is than the others.
    """

    use: Literal["timekeeper"] = "timekeeper"
    bars: int = Field(default=2, ge=1, le=64)
    tempo_bpm: float = Field(default=80.0, ge=40, le=200)
    accent: float = Field(default=0.3, ge=0, le=0.5)

    def make_take(self, ctx: Context) -> Take:
        """Write the score, and render it exactly as written."""
        import numpy as np
        from lofigen_kit.api import Hit, Score

        duration_s = self.bars * 240.0 / self.tempo_bpm
        hits = []
        for beat in range(4 * self.bars):
            velocity = 0.9 if beat % 4 == 0 else 0.9 - self.accent
            onset_s = beat * 60.0 / self.tempo_bpm
            hits.append(Hit(drum="hat", onset_s=onset_s, velocity=velocity))
            if beat % 2 == 0:
                hits.append(Hit(drum="kick", onset_s=onset_s, velocity=velocity))
        samples = np.zeros(round(duration_s * _SAMPLE_RATE_HZ))
        for hit in hits:
            stroke = _kick() if hit.drum == "kick" else _hat(ctx.rng)
            first = round(hit.onset_s * _SAMPLE_RATE_HZ)
            target = samples[first : first + len(stroke)]
            target += hit.velocity * stroke[: len(target)]
        score = Score(
            tempo_bpm=self.tempo_bpm,
            bars=self.bars,
            duration_s=duration_s,
            loop=True,
            hits=tuple(hits),
        )
        audio = AudioBuffer(samples[None], _SAMPLE_RATE_HZ)
        return Take(audio=audio, score=score, licence="CC0-1.0", title="keeping time")


def _kick() -> np.ndarray:
    """Return a decaying sine that falls from 110 to 50 Hz."""
    import numpy as np

    time_s = np.arange(round(_KICK_S * _SAMPLE_RATE_HZ)) / _SAMPLE_RATE_HZ
    cycles = 50.0 * time_s + 60.0 * 0.03 * (1.0 - np.exp(-time_s / 0.03))
    fade = np.exp(-time_s / 0.06) * (1.0 - time_s / _KICK_S)
    return np.asarray(0.6 * fade * np.sin(2.0 * np.pi * cycles))


def _hat(rng: np.random.Generator) -> np.ndarray:
    """Return a short burst of high-frequency noise."""
    import numpy as np

    noise = rng.standard_normal(round(_HAT_S * _SAMPLE_RATE_HZ) + 2)
    high = noise[2:] - 2.0 * noise[1:-1] + noise[:-2]
    time_s = np.arange(len(high)) / _SAMPLE_RATE_HZ
    return np.asarray(0.06 * high * np.exp(-time_s / 0.015) * (1.0 - time_s / _HAT_S))


@hookimpl
def lofigen_sources() -> list[type[Source]]:
    """Provide the source."""
    return [Timekeeper]
