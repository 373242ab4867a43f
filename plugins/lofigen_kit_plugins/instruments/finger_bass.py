"""`finger-bass`: an electric bass, played with the fingers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import Context, Field, Instrument, hookimpl

if TYPE_CHECKING:
    import numpy as np

    from lofigen_kit.api import Hit, Note

_HIGHEST_HZ = 6000.0
_PICKUP_AT = 0.17
"""Where the pickup is, as a share of the open string from the bridge."""


class FingerBass(Instrument):
    """An electric bass: even, long, each finger to be heard, the treble set by its tone knob.

    A pickup hears the string's velocity at its place, so that both where it is and where the string
    is plucked comb the partials; coil and cable are a low-pass with a slight peak: T. D. Jungmann,
    Theoretical and Practical Studies on the Behaviour of Electric Guitar Pick-ups (1994); N. H.
    Fletcher and T. D. Rossing, The Physics of Musical Instruments (1998), chapter 9.

    Attributes:
        pluck_pct: Where it is plucked, as a share of the string from the bridge.
        tone_hz: Where the tone knob lets the treble fall.
        finger_db: How much louder the fingers are.
        decay_s: How long a held low E takes to fall by 60 dB; higher notes are shorter.
    """

    use: Literal["finger-bass"] = "finger-bass"
    part: ClassVar[str] = "bass"
    program: ClassVar[int] = 33
    range_midi: ClassVar[tuple[int, int]] = (28, 67)
    pluck_pct: float = Field(default=24.0, ge=5, le=50)
    tone_hz: float = Field(default=1500.0, ge=200, le=6000)
    finger_db: float = Field(default=0.0, ge=-40, le=12)
    decay_s: float = Field(default=7.0, ge=0.5, le=20)

    def play(self, event: Note | Hit, sample_rate_hz: int, ctx: Context) -> np.ndarray:
        """Return a note [shape=(1, frames)]."""
        import numpy as np

        from lofigen_kit.api.dsp import db_to_gain, render_modes
        from lofigen_kit_plugins.instruments import notes

        note = notes.require_note(event, self.use)
        hard, octave = note.velocity, (note.midi - 28.0) / 12.0
        partials, numbers = notes.stiff_partials_hz(note.frequency_hz, 6e-5, _HIGHEST_HZ)
        where = 0.01 * self.pluck_pct * (1.0 + 0.05 * (ctx.rng.random() - 0.5))
        fret = 2.0 ** (((note.midi - 28.0) % 5.0) / 12.0)
        ratio = partials / self.tone_hz
        amplitudes = (
            np.sin(np.pi * where * numbers) / numbers
            * np.sin(np.pi * _PICKUP_AT * fret * numbers)
            * notes.strike_spectrum(partials, 250.0 + 2000.0 * hard**1.5)
            / np.sqrt((1.0 - ratio**2) ** 2 + (1.2 * ratio) ** 2)
        )  # fmt: skip
        string = render_modes(
            partials,
            notes.string_decays_s(partials, self.decay_s * 2.0 ** (-0.4 * octave), 0.9, 1500.0),
            amplitudes,
            sample_rate_hz,
            held_s=note.duration_s,
            release_s=0.11,
            floor_db=75.0,
        )
        string /= np.abs(string).max()
        finger = notes.burst(ctx.rng, 0.03, 500.0, 2.0 * self.tone_hz, sample_rate_hz)
        finger *= (0.012 + 0.03 * hard) * db_to_gain(self.finger_db)
        wave = notes.add_at_start(string, finger)
        notes.fade_in(wave, 0.0015, sample_rate_hz)
        return notes.set_level(wave, hard)


@hookimpl
def lofigen_instruments() -> list[type[Instrument]]:
    """Provide the instrument."""
    return [FingerBass]
