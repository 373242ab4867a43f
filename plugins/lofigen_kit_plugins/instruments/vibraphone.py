"""`vibraphone`: tuned bars over tubes whose lids turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import AudioBuffer, Context, Field, Instrument, hookimpl

if TYPE_CHECKING:
    import numpy as np

    from lofigen_kit.api import Hit, Note


class Vibraphone(Instrument):
    """Aluminium bars struck with yarn mallets: a pure tone, a bright start, a slow sway.

    Bars are cut so that their partials are 1 : 4 : 10, which they are here in all registers (real
    ones come nearer to each other towards the top); the fourth, at 18, is set by ear, as are levels
    and decays. A mallet that hits harder is in contact for less time and excites the upper ones
    more; lids that a motor turns open and close the resonators: N. H. Fletcher and T. D. Rossing,
    The Physics of Musical Instruments (1998), chapter 19. The bars are spread from left to right.

    Attributes:
        motor_hz: How often the lids open.
        motor_depth_pct: How much of the sound they shut off; 0 is a motor that stands still.
        hardness_pct: How hard the mallets are.
        ring_s: How long a bar takes to fall by 60 dB when its note ends; short is without pedal.
        width_pct: How far the low bars and the high ones are apart.
    """

    use: Literal["vibraphone"] = "vibraphone"
    part: ClassVar[str] = "keys"
    program: ClassVar[int] = 11
    range_midi: ClassVar[tuple[int, int]] = (53, 96)
    motor_hz: float = Field(default=4.2, ge=0.1, le=12)
    motor_depth_pct: float = Field(default=40.0, ge=0, le=100)
    hardness_pct: float = Field(default=50.0, ge=0, le=100)
    ring_s: float = Field(default=1.6, ge=0.1, le=12)
    width_pct: float = Field(default=70.0, ge=0, le=100)

    def play(self, event: Note | Hit, sample_rate_hz: int, ctx: Context) -> np.ndarray:
        """Return a note [shape=(2, frames)]."""
        import numpy as np

        from lofigen_kit.api.dsp import render_modes
        from lofigen_kit_plugins.instruments import notes

        note = notes.require_note(event, self.use)
        hard, octave = note.velocity, (note.midi - 72.0) / 12.0
        partials = note.frequency_hz * np.array([1.0, 4.0, 10.0, 18.0])
        corner_hz = (1000.0 + 26.0 * self.hardness_pct) * (0.35 + 0.75 * hard)
        amplitudes = notes.strike_spectrum(partials, corner_hz) * [1.0, 0.55, 0.4, 0.2]
        amplitudes[1:] *= 2.0 ** (-0.35 * octave)
        wave = render_modes(
            partials,
            np.array([9.0, 2.4, 0.5, 0.15]) * 2.0 ** (-0.7 * octave),
            amplitudes,
            sample_rate_hz,
            held_s=note.duration_s,
            release_s=self.ring_s,
            floor_db=75.0,
        )
        yarn = notes.burst(ctx.rng, 0.03, 500.0, 4000.0, sample_rate_hz)
        wave = notes.add_at_start(wave, 0.03 * hard * float(np.abs(wave).max()) * yarn)
        wave = notes.set_level(wave, hard)
        return notes.place(wave, note.midi, self.width_pct, centre_midi=72.0)

    def finish(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        """Return the part through the turning lids, one side a little after the other."""
        import numpy as np

        from lofigen_kit_plugins.instruments.notes import sway

        phase = sway(audio, self.motor_hz, ctx) + 0.5 * np.arange(audio.channels)[:, None]
        dip = 0.01 * self.motor_depth_pct * (0.5 - 0.5 * np.cos(phase))
        return audio.with_samples(audio.samples * (1.0 - dip).astype(np.float32))


@hookimpl
def lofigen_instruments() -> list[type[Instrument]]:
    """Provide the instrument."""
    return [Vibraphone]
