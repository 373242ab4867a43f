"""`kalimba`: steel tongues on a box, played with the thumbs."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import Context, Field, Instrument, hookimpl

if TYPE_CHECKING:
    import numpy as np

    from lofigen_kit.api import Hit, Note


class Kalimba(Instrument):
    """A thumb piano: a round, hollow tone and a short tinkle.

    A tongue is taken to be a bar, clamped at one end and free at the other: its partials are at 1 :
    6.27 : 17.55 (N. H. Fletcher and T. D. Rossing, The Physics of Musical Instruments, 1998,
    chapter 2). A real one rests on a bridge, and its second partial is elsewhere on each
    instrument, at 5.3 to 5.9 times the first on one (D. M. F. Chapman, "Investigating the sound of
    an African thumb piano", Canadian Acoustics 34, 2006; "The tones of the kalimba", JASA 131,
    2012). The faint octave, which no such bar has, is heard of tongues that slide on their bridge.
    Levels, decays and the knock of the box are set by ear.

    Attributes:
        decay_s: How long middle C takes to fall by 60 dB; higher tongues are shorter.
        tinkle_db: How much louder the overtones are.
        thumb_db: How much louder thumb and box are.
    """

    use: Literal["kalimba"] = "kalimba"
    part: ClassVar[str] = "keys"
    program: ClassVar[int] = 108
    range_midi: ClassVar[tuple[int, int]] = (48, 91)
    decay_s: float = Field(default=2.6, ge=0.3, le=8)
    tinkle_db: float = Field(default=0.0, ge=-24, le=12)
    thumb_db: float = Field(default=0.0, ge=-40, le=12)

    def play(self, event: Note | Hit, sample_rate_hz: int, ctx: Context) -> np.ndarray:
        """Return a note, which rings on after its end as nobody dampens it [shape=(1, frames)]."""
        import numpy as np

        from lofigen_kit.api.dsp import db_to_gain, render_modes
        from lofigen_kit_plugins.instruments import notes

        note = notes.require_note(event, self.use)
        hard, octave = note.velocity, (note.midi - 60.0) / 12.0
        partials = note.frequency_hz * np.array([1.0, 2.0, 6.27, 17.55])
        overtones = db_to_gain(self.tinkle_db) * (0.35 + 0.65 * hard)
        amplitudes = np.array([1.0, 0.06 * hard, 0.32 * overtones, 0.12 * overtones])
        amplitudes[2:] *= notes.strike_spectrum(partials[2:], 4500.0)
        fade_s = self.decay_s * 2.0 ** (-0.7 * octave)
        wave = render_modes(
            partials, fade_s * np.array([1.0, 0.5, 0.28, 0.05]), amplitudes, sample_rate_hz
        )
        box = render_modes(
            np.array([165.0, 310.0, 720.0]),
            np.array([0.13, 0.1, 0.05]),
            np.array([1.0, 0.8, 0.6]),
            sample_rate_hz,
        )
        thumb = 0.5 * notes.burst(ctx.rng, 0.025, 600.0, 6000.0, sample_rate_hz)
        knock = 0.09 * db_to_gain(self.thumb_db) * notes.add_at_start(box, thumb)
        return notes.set_level(notes.add_at_start(wave, knock), hard)


@hookimpl
def lofigen_instruments() -> list[type[Instrument]]:
    """Provide the instrument."""
    return [Kalimba]
