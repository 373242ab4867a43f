"""`upright-bass`: long strings on a large body, plucked with the side of the finger."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import Context, Field, Instrument, hookimpl

if TYPE_CHECKING:
    import numpy as np

    from lofigen_kit.api import Hit, Note

_BODY = ((61.0, 5.0, 0.8), (98.0, 6.0, 1.0), (165.0, 5.0, 0.8), (240.0, 4.0, 0.6),
         (520.0, 2.0, 0.45), (1300.0, 1.5, 0.3))  # fmt: skip
"""Air, top plate, and what lies above: frequency in Hz, quality, level."""
_HIGHEST_HZ = 5000.0


class UprightBass(Instrument):
    """A double bass, plucked: a deep bloom, a woody start, a finger on the string.

    The string's partials have the shape of a pluck near the end of the fingerboard, softened by a
    broad finger, and are radiated through the body's resonances, air at 60 Hz and plates from
    100 Hz (A. Askenfelt, "Eigenmodes and tone quality of the double bass", STL-QPSR 23, 1982); the
    upper ones fall fast (N. H. Fletcher and T. D. Rossing, The Physics of Musical Instruments,
    1998, chapter 2).

    Attributes:
        pluck_pct: Where it is plucked, as a share of the string from the bridge.
        finger_db: How much louder the finger is.
        growl_db: How much louder the string's upper partials are.
        decay_s: How long a held low E takes to fall by 60 dB; higher notes are shorter.
    """

    use: Literal["upright-bass"] = "upright-bass"
    part: ClassVar[str] = "bass"
    program: ClassVar[int] = 32
    range_midi: ClassVar[tuple[int, int]] = (28, 62)
    pluck_pct: float = Field(default=19.0, ge=5, le=50)
    finger_db: float = Field(default=0.0, ge=-40, le=12)
    growl_db: float = Field(default=0.0, ge=-24, le=18)
    decay_s: float = Field(default=3.4, ge=0.5, le=12)

    def play(self, event: Note | Hit, sample_rate_hz: int, ctx: Context) -> np.ndarray:
        """Return a note [shape=(1, frames)]."""
        import numpy as np

        from lofigen_kit.api.dsp import db_to_gain, render_modes
        from lofigen_kit_plugins.instruments import notes

        note = notes.require_note(event, self.use)
        hard, octave = note.velocity, (note.midi - 28.0) / 12.0
        partials, numbers = notes.stiff_partials_hz(note.frequency_hz, 1.2e-4, _HIGHEST_HZ)
        where = 0.01 * self.pluck_pct * (1.0 + 0.08 * (ctx.rng.random() - 0.5))
        growl = 1.0 + db_to_gain(self.growl_db) * (numbers > 5) * 0.8
        amplitudes = (
            np.sin(np.pi * where * numbers) / numbers * growl
            * notes.strike_spectrum(partials, 450.0 + 1300.0 * hard, order=2.2)
        )  # fmt: skip
        radiated = notes.resonate(partials, np.array(_BODY), 0.45)
        string = render_modes(
            partials,
            notes.string_decays_s(partials, self.decay_s * 2.0 ** (-0.4 * octave), 0.65, 1000.0),
            amplitudes * np.abs(radiated),
            sample_rate_hz,
            phase=np.pi / 2.0 + np.angle(radiated),
            held_s=note.duration_s,
            release_s=0.16,
            floor_db=75.0,
        )
        string /= np.abs(string).max()
        thump = render_modes(
            np.array([61.0, 98.0, 165.0]), np.full(3, 0.22), np.ones(3), sample_rate_hz
        )
        thump *= 0.08 / np.abs(thump).max()
        finger = notes.burst(ctx.rng, 0.045, 350.0, 2800.0, sample_rate_hz)
        finger *= (0.05 + 0.11 * hard) * db_to_gain(self.finger_db)
        wave = notes.add_at_start(string, notes.add_at_start(thump, finger))
        notes.fade_in(wave, 0.002, sample_rate_hz)
        return notes.set_level(wave, hard)


@hookimpl
def lofigen_instruments() -> list[type[Instrument]]:
    """Provide the instrument."""
    return [UprightBass]
