"""`tine-piano`: an electric piano of tines before magnetic pickups, as the Rhodes is."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import AudioBuffer, Context, Field, Instrument, hookimpl

if TYPE_CHECKING:
    import numpy as np

    from lofigen_kit.api import Hit, Note

_RELEASE_S = 0.22
_PICKUP_OFFSET = 0.42
"""How far the tine rests beside the pickup's axis, in widths of its field."""


class TinePiano(Instrument):
    """An electric piano of tines: round and bell-like when soft, barking when hard.

    The tine is a clamped bar with a spring near its end (its second partial lies at about seven
    times the first, and is the bell; 7.1 and, of the third, 20.2 are set by ear). Its pickup's
    voltage is the change of a magnetic flux that is densest before the pole, so that what swings
    wide gets overtones: F. Pfeifle and M. Münster, "Tone production of the Wurlitzer and Rhodes
    E-pianos", in Studies in Musical Acoustics and Psychoacoustics (2017); L. Gabrielli et al., "The
    Rhodes electric piano: analysis and simulation of the inharmonic overtones", JASA 148 (2020).
    The amplifier pans it from side to side.

    Attributes:
        tremolo_hz: How often it goes from side to side.
        tremolo_depth_pct: How far; 0 leaves it in the middle.
        bark_db: How much wider the tines swing before their pickups.
        bell_db: How much louder the bell is.
    """

    use: Literal["tine-piano"] = "tine-piano"
    part: ClassVar[str] = "keys"
    program: ClassVar[int] = 4
    range_midi: ClassVar[tuple[int, int]] = (28, 100)
    tremolo_hz: float = Field(default=3.6, ge=0.1, le=12)
    tremolo_depth_pct: float = Field(default=45.0, ge=0, le=100)
    bark_db: float = Field(default=0.0, ge=-12, le=9)
    bell_db: float = Field(default=0.0, ge=-24, le=12)

    def play(self, event: Note | Hit, sample_rate_hz: int, ctx: Context) -> np.ndarray:
        """Return a note [shape=(2, frames)]."""
        import numpy as np

        from lofigen_kit.api.dsp import db_to_gain, render_modes
        from lofigen_kit_plugins.instruments import notes

        note = notes.require_note(event, self.use)
        f0, hard = note.frequency_hz, max(note.velocity, 0.02)
        octave = (note.midi - 60.0) / 12.0
        swing = 1.2 * 2.0 ** (-0.42 * octave) * hard**1.2 * db_to_gain(self.bark_db)
        bell = 0.045 * 2.0 ** (-0.3 * octave) * (0.25 + hard) * db_to_gain(self.bell_db)
        tine = render_modes(
            f0 * np.array([1.0, 7.1, 20.2]),
            np.array([9.0 * 2.0 ** (-0.55 * octave), 0.9 * 2.0 ** (-0.5 * octave), 0.15]),
            swing * np.array([1.0, bell, 0.1 * bell]),
            sample_rate_hz,
            held_s=note.duration_s,
            release_s=_RELEASE_S,
        )
        flux = 1.0 / (1.0 + (tine[0] - _PICKUP_OFFSET) ** 2)
        voltage = np.diff(flux, prepend=flux[:1])[None] * (sample_rate_hz / f0)
        thump = notes.burst(ctx.rng, 0.05, 90.0, 1100.0, sample_rate_hz)
        wave = notes.add_at_start(voltage, 0.02 * float(np.abs(voltage).max()) * thump)
        return np.repeat(notes.set_level(wave, note.velocity), 2, axis=0)

    def finish(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        """Return the part from its cabinet, going from side to side."""
        import numpy as np

        from lofigen_kit.api.dsp import butterworth, high_shelf
        from lofigen_kit_plugins.instruments import notes

        rate_hz = audio.sample_rate_hz
        cabinet = [
            *butterworth(2, 45.0, rate_hz, high=True),
            high_shelf(2500.0, 3.0, rate_hz),
            *butterworth(2, min(6500.0, 0.45 * rate_hz), rate_hz),
        ]
        heard = notes.filter_part(audio, np.array(cabinet), ctx)
        if heard.channels != 2 or not self.tremolo_depth_pct:
            return heard
        side = 0.01 * self.tremolo_depth_pct * np.sin(notes.sway(heard, self.tremolo_hz, ctx))
        gains = np.sqrt(np.stack([1.0 - side, 1.0 + side]))
        return heard.with_samples(heard.samples * gains.astype(np.float32))


@hookimpl
def lofigen_instruments() -> list[type[Instrument]]:
    """Provide the instrument."""
    return [TinePiano]
