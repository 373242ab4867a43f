"""`eq`: a three-band equaliser."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import AudioFormat, BlockEffect, Context, Effect, Field, Process, hookimpl

if TYPE_CHECKING:
    import numpy as np

_SHELF_Q = 2.0**-0.5


class Eq(BlockEffect):
    """Boosts or cuts bass, a band and treble; at 0 dB the sound passes bit for bit.

    Attributes:
        low_hz: Corner of the low shelf, which has half its decibels.
        low_db: Gain of the low shelf.
        peak_hz: Centre of the band.
        peak_db: Gain of the band.
        peak_q: Quality factor of the band: the centre over the bandwidth.
        high_hz: Corner of the high shelf, which has half its decibels.
        high_db: Gain of the high shelf.
    """

    use: Literal["eq"] = "eq"
    memory_s: ClassVar[float] = 0.5  # the ring time of a shelf near half the sample rate
    low_hz: float = Field(default=200.0, ge=20, le=2000)
    low_db: float = Field(default=0.0, ge=-24, le=24)
    peak_hz: float = Field(default=1000.0, ge=20, le=20_000)
    peak_db: float = Field(default=0.0, ge=-24, le=24)
    peak_q: float = Field(default=0.7, ge=0.1, le=20)
    high_hz: float = Field(default=6000.0, ge=500, le=20_000)
    high_db: float = Field(default=0.0, ge=-24, le=24)

    @property
    def tail_s(self) -> float:
        """How long its sections ring, one after another."""
        from lofigen_kit.api.dsp import compute_ring_s, db_to_gain

        # Gain raises the quality factor of a band and moves the poles of a shelf.
        band_s = compute_ring_s(self.peak_hz, self.peak_q * db_to_gain(self.peak_db / 2.0))
        low_s = compute_ring_s(self.low_hz / db_to_gain(self.low_db / 4.0), _SHELF_Q)
        high_s = compute_ring_s(self.high_hz * db_to_gain(self.high_db / 4.0), _SHELF_Q)
        return low_s + band_s + high_s

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return the filters, at rest."""
        import numpy as np

        from lofigen_kit.api.dsp import BiquadCascade, high_shelf, low_shelf, peak

        rate_hz = sound.sample_rate_hz
        sections = BiquadCascade(sound.channels)

        def process(block: np.ndarray, now: Eq) -> np.ndarray:
            low = low_shelf(now.low_hz, now.low_db, rate_hz)
            band = peak(now.peak_hz, now.peak_db, now.peak_q, rate_hz)
            high = high_shelf(now.high_hz, now.high_db, rate_hz)
            return sections(block, np.array([low, band, high]))

        return process


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the equaliser."""
    return [Eq]
