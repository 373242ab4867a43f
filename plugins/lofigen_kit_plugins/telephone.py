"""`telephone`: the sound of a telephone line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from lofigen_kit.api import AudioFormat, BlockEffect, Context, Effect, Field, Process, hookimpl

if TYPE_CHECKING:
    import numpy as np

_PRESENCE_HZ = 2000.0
_PRESENCE_Q = 1.0


class Telephone(BlockEffect):
    """Limits the sound to the band of a telephone line, and adds its microphone's presence peak.

    Attributes:
        low_hz: Lower -3 dB frequency of the band; 24 dB per octave.
        high_hz: Upper -3 dB frequency of the band, likewise; at or above half the sample rate it
            has no effect.
        presence_db: Gain of the carbon microphone around 2 kHz.
    """

    use: Literal["telephone"] = "telephone"
    low_hz: float = Field(default=300.0, ge=50, le=1000)
    high_hz: float = Field(default=3400.0, ge=1500, le=12_000)
    presence_db: float = Field(default=3.0, ge=0, le=12)

    @property
    def tail_s(self) -> float:
        """How long the filter at the lower edge rings."""
        from lofigen_kit.api.dsp import butterworth_q, compute_ring_s

        return compute_ring_s(self.low_hz, butterworth_q(4))

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return the filters, at rest."""
        import numpy as np

        from lofigen_kit.api.dsp import BiquadCascade, butterworth, peak

        rate_hz = sound.sample_rate_hz
        sections = BiquadCascade(sound.channels)

        def process(block: np.ndarray, now: Telephone) -> np.ndarray:
            low = butterworth(4, now.low_hz, rate_hz, high=True)
            presence = peak(_PRESENCE_HZ, now.presence_db, _PRESENCE_Q, rate_hz)
            high = np.array([[1.0, 0.0, 0.0, 1.0, 0.0, 0.0]] * 2)
            if 2 * now.high_hz < rate_hz:
                high = butterworth(4, now.high_hz, rate_hz)
            return sections(block, np.vstack([low, presence, high]))

        return process


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the telephone."""
    return [Telephone]
