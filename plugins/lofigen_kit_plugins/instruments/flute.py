"""`flute`: a column of air that is blown across."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import Context, Field, Instrument, hookimpl

if TYPE_CHECKING:
    import numpy as np

    from lofigen_kit.api import Hit, Note


class Flute(Instrument):
    """A flute: few harmonics, more of them the harder it is blown, and breath around the tone.

    The jet gives harmonics that grow with the pressure of the breath, and noise that the air column
    colours; a player's vibrato is one of loudness and brightness more than of pitch, and sets in
    when a note has been held: N. H. Fletcher and T. D. Rossing, The Physics of Musical Instruments
    (1998), chapter 16; M.-P. Verge, Aeroacoustics of Confined Jets (1995), of the noise.

    Attributes:
        breath_db: How much louder the breath is.
        vibrato_hz: How often a held note sways.
        vibrato_db: How far its loudness sways to either side.
        attack_ms: How long a tone takes to speak.
    """

    use: Literal["flute"] = "flute"
    part: ClassVar[str] = "lead"
    program: ClassVar[int] = 73
    range_midi: ClassVar[tuple[int, int]] = (55, 96)
    breath_db: float = Field(default=0.0, ge=-40, le=18)
    vibrato_hz: float = Field(default=4.9, ge=0.1, le=9)
    vibrato_db: float = Field(default=1.8, ge=0, le=6)
    attack_ms: float = Field(default=45.0, ge=5, le=90)

    def play(self, event: Note | Hit, sample_rate_hz: int, ctx: Context) -> np.ndarray:
        """Return a note [shape=(1, frames)]."""
        import numpy as np

        from lofigen_kit.api.dsp import db_to_gain
        from lofigen_kit_plugins.instruments import notes

        note = notes.require_note(event, self.use)
        f0, attack_s, release_s = note.frequency_hz, self.attack_ms / 1000.0, 0.18
        times_s, frames = notes.control_times_s(note.duration_s + 1.2 * release_s, sample_rate_hz)
        sway = notes.delayed_vibrato(times_s, self.vibrato_hz, 0.3, ctx.rng)
        level = notes.held_envelope(times_s, note.duration_s, attack_s, release_s)
        blown = level * 10.0 ** (self.vibrato_db * sway / 20.0)
        pressure = (0.35 + 0.65 * note.velocity) * blown
        numbers = np.arange(1, 13)[:, None]
        falls = 2.2 + 1.1 * np.log2(max(f0, 200.0) / 262.0) - 1.1 * pressure
        levels = blown * np.exp(
            0.35 * (numbers - 1) * np.log(np.maximum(pressure, 1e-3))
            - np.maximum(falls, 0.9) * np.log(numbers)
        )
        levels[1] *= 1.3  # the octave, which the lip favours
        bend = 4.0 * sway - 25.0 * np.exp(-times_s / 0.03)
        tone = notes.render_tone(f0 * 2.0 ** (bend / 1200.0), levels, frames, sample_rate_hz)
        tone /= np.abs(tone).max()
        chiff = 1.0 + 2.5 * np.exp(-(((times_s - 0.6 * attack_s) / attack_s) ** 2))
        gain = notes.spread_over_frames((0.3 * blown + 0.1) * chiff * level, frames)
        noise = notes.breath(ctx.rng, frames, 700.0, 5500.0, sample_rate_hz)
        breath = 0.03 * db_to_gain(self.breath_db) * (0.4 + 0.6 * note.velocity)
        return notes.set_level(tone + breath * gain * noise, note.velocity)


@hookimpl
def lofigen_instruments() -> list[type[Instrument]]:
    """Provide the instrument."""
    return [Flute]
