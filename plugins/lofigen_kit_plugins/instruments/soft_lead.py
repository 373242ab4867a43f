"""`soft-lead`: one oscillator and one low-pass filter."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import Context, Field, Instrument, hookimpl

if TYPE_CHECKING:
    import numpy as np

    from lofigen_kit.api import Hit, Note


class SoftLead(Instrument):
    """A synthesizer's lead: between triangle and sawtooth, its filter opening and closing.

    The oscillator is a sum of harmonics (so it has no aliasing), each lowered as a resonant
    two-pole low-pass lowers it (V. Välimäki et al., "Oscillator and filter algorithms for virtual
    analog synthesis", Computer Music Journal 30, 2006). A harder note opens it further.

    Attributes:
        saw_pct: How much of the oscillator is a sawtooth; the rest is a triangle.
        cutoff_hz: Where the filter comes to rest at middle C; it follows the keys by half.
        sweep_octaves: How much further a note of velocity 1 opens it first.
        vibrato_cents: How far the pitch sways once a note has been held for a while.
    """

    use: Literal["soft-lead"] = "soft-lead"
    part: ClassVar[str] = "lead"
    program: ClassVar[int] = 81
    range_midi: ClassVar[tuple[int, int]] = (48, 96)
    saw_pct: float = Field(default=45.0, ge=0, le=100)
    cutoff_hz: float = Field(default=900.0, ge=100, le=8000)
    sweep_octaves: float = Field(default=1.6, ge=0, le=5)
    vibrato_cents: float = Field(default=9.0, ge=0, le=50)

    def play(self, event: Note | Hit, sample_rate_hz: int, ctx: Context) -> np.ndarray:
        """Return a note [shape=(1, frames)]."""
        import numpy as np

        from lofigen_kit_plugins.instruments import notes

        note = notes.require_note(event, self.use)
        release_s = 0.35
        times_s, frames = notes.control_times_s(note.duration_s + release_s * 1.2, sample_rate_hz)
        sway = notes.delayed_vibrato(times_s, 5.1, 0.25, ctx.rng)
        numbers = np.arange(1, 41)[:, None]
        triangle = np.where(numbers % 2, (-1.0) ** ((numbers - 1) // 2) / numbers**2, 0.0)
        share = 0.01 * self.saw_pct
        wave = share / numbers + (1.0 - share) * 1.5 * np.abs(triangle)
        opened = self.sweep_octaves * note.velocity * np.exp(-times_s / 0.35)
        rest_hz = self.cutoff_hz * (0.6 + 0.4 * note.velocity) * (note.frequency_hz / 262.0) ** 0.5
        ratio = numbers * note.frequency_hz / (rest_hz * 2.0**opened)
        filtered = 1.0 / np.sqrt((1.0 - ratio**2) ** 2 + (1.1 * ratio) ** 2)
        level = notes.held_envelope(times_s, note.duration_s, 0.018, release_s)
        level *= 0.75 + 0.25 * np.exp(-times_s / 0.4)
        pitch_hz = note.frequency_hz * 2.0 ** (self.vibrato_cents * sway / 1200.0)
        tone = notes.render_tone(pitch_hz, wave * filtered * level, frames, sample_rate_hz)
        return notes.set_level(tone, note.velocity)


@hookimpl
def lofigen_instruments() -> list[type[Instrument]]:
    """Provide the instrument."""
    return [SoftLead]
