"""`round-bass`: a synthesizer's bass, its filter closing after each stroke."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import Context, Field, Instrument, hookimpl

if TYPE_CHECKING:
    import numpy as np

    from lofigen_kit.api import Hit, Note


class RoundBass(Instrument):
    """A synthesizer's bass: full, without edges, a short opening of the filter at its start.

    A sawtooth as a sum of harmonics, each lowered as a four-pole ladder lowers it (R. A. Moog, "A
    voltage-controlled low-pass high-pass filter for audio signal processing", AES 17, 1965). A
    harder note opens it further.

    Attributes:
        cutoff_hz: Where the filter comes to rest.
        sweep_octaves: How much further a note of velocity 1 opens it first.
        decay_s: How long the filter takes to come to rest.
    """

    use: Literal["round-bass"] = "round-bass"
    part: ClassVar[str] = "bass"
    program: ClassVar[int] = 38
    range_midi: ClassVar[tuple[int, int]] = (24, 64)
    cutoff_hz: float = Field(default=210.0, ge=40, le=4000)
    sweep_octaves: float = Field(default=2.2, ge=0, le=5)
    decay_s: float = Field(default=0.22, ge=0.02, le=3)

    def play(self, event: Note | Hit, sample_rate_hz: int, ctx: Context) -> np.ndarray:
        """Return a note [shape=(1, frames)]."""
        import numpy as np

        from lofigen_kit_plugins.instruments import notes

        note = notes.require_note(event, self.use)
        release_s = 0.16
        times_s, frames = notes.control_times_s(note.duration_s + 1.2 * release_s, sample_rate_hz)
        numbers = np.arange(1, 33)[:, None]
        opened = self.sweep_octaves * note.velocity * np.exp(-3.0 * times_s / self.decay_s)
        rest_hz = self.cutoff_hz * (note.frequency_hz / 65.0) ** 0.5 * (0.6 + 0.4 * note.velocity)
        ratio = numbers * note.frequency_hz / (rest_hz * 2.0**opened)
        level = notes.held_envelope(times_s, note.duration_s, 0.006, release_s)
        level *= 0.6 + 0.4 * np.exp(-times_s / 0.8)
        levels = level / numbers / (1.0 + ratio**2) ** 1.5
        pitch_hz = np.full(len(times_s), note.frequency_hz)
        tone = notes.render_tone(pitch_hz, levels, frames, sample_rate_hz)
        return notes.set_level(tone, note.velocity)


@hookimpl
def lofigen_instruments() -> list[type[Instrument]]:
    """Provide the instrument."""
    return [RoundBass]
