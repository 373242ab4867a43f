"""`music-box`: the teeth of a steel comb, plucked by pins."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import Context, Field, Instrument, hookimpl

if TYPE_CHECKING:
    import numpy as np

    from lofigen_kit.api import Hit, Note


class MusicBox(Instrument):
    """A music box: thin, glassy, each tooth with a click before it.

    A tooth is a bar, clamped at one end and free at the other, with partials at 1 : 6.27 : 17.55 :
    34.39 (N. H. Fletcher and T. D. Rossing, The Physics of Musical Instruments, 1998, chapter 2); a
    pin lets its tip go, which excites the upper ones less; how much is set by ear. A tooth is
    stopped just before it is plucked again: that is the click.

    Attributes:
        decay_s: How long the C above middle C takes to fall by 60 dB; higher teeth are shorter.
        glitter_db: How much louder the overtones are.
        click_db: How much louder the click is.
    """

    use: Literal["music-box"] = "music-box"
    part: ClassVar[str] = "keys"
    program: ClassVar[int] = 10
    range_midi: ClassVar[tuple[int, int]] = (60, 100)
    decay_s: float = Field(default=2.8, ge=0.3, le=8)
    glitter_db: float = Field(default=0.0, ge=-24, le=12)
    click_db: float = Field(default=0.0, ge=-40, le=12)

    def play(self, event: Note | Hit, sample_rate_hz: int, ctx: Context) -> np.ndarray:
        """Return a note, which rings on after its end as nothing dampens it [shape=(1, frames)]."""
        import numpy as np

        from lofigen_kit.api.dsp import db_to_gain, render_modes
        from lofigen_kit_plugins.instruments import notes

        note = notes.require_note(event, self.use)
        hard, octave = note.velocity, (note.midi - 72.0) / 12.0
        ratios = np.array([1.0, 6.27, 17.55, 34.39])
        amplitudes = np.array([1.0, 0.34, 0.14, 0.06]) * db_to_gain(self.glitter_db)
        amplitudes[0] = 1.0
        amplitudes[1:] *= 0.3 + 0.7 * hard
        fade_s = self.decay_s * 2.0 ** (-0.7 * octave)
        wave = render_modes(
            note.frequency_hz * ratios,
            fade_s * np.array([1.0, 0.35, 0.1, 0.04]),
            amplitudes,
            sample_rate_hz,
        )
        click = notes.burst(ctx.rng, 0.014, 2500.0, 9000.0, sample_rate_hz, attack_s=0.0003)
        box = render_modes(
            np.array([420.0, 980.0]), np.array([0.05, 0.03]), np.ones(2), sample_rate_hz
        )
        knock = db_to_gain(self.click_db) * notes.add_at_start(0.03 * box, 0.05 * click)
        return notes.set_level(notes.add_at_start(wave, knock), hard)


@hookimpl
def lofigen_instruments() -> list[type[Instrument]]:
    """Provide the instrument."""
    return [MusicBox]
