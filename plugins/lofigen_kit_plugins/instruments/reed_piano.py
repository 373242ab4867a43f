"""`reed-piano`: an electric piano of steel reeds in charged plates, as the Wurlitzer is."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import AudioBuffer, Context, Field, Instrument, hookimpl

if TYPE_CHECKING:
    import numpy as np

    from lofigen_kit.api import Hit, Note

_RELEASE_S = 0.16
_WIDEST = 0.86
"""How near the plate a reed may come, its distance being 1."""


class ReedPiano(Instrument):
    """An electric piano of reeds: woody when soft, growling when hard.

    The reed is a clamped bar, with partials at 1 : 6.3 : 17.6. It swings before a charged plate,
    and their capacitance rises the faster the nearer it comes, which gives overtones, even and odd;
    the plate's resistance lets the low ones pass less: F. Pfeifle and M. Münster, "Tone production
    of the Wurlitzer and Rhodes E-pianos", in Studies in Musical Acoustics and Psychoacoustics
    (2017). The amplifier's tremolo is one of loudness, in mono.

    Attributes:
        tremolo_hz: How often its loudness sways.
        tremolo_depth_pct: How far; 0 leaves it steady.
        growl_db: How much wider the reeds swing before their plates.
    """

    use: Literal["reed-piano"] = "reed-piano"
    part: ClassVar[str] = "keys"
    program: ClassVar[int] = 5
    range_midi: ClassVar[tuple[int, int]] = (33, 96)
    tremolo_hz: float = Field(default=5.4, ge=0.1, le=12)
    tremolo_depth_pct: float = Field(default=18.0, ge=0, le=100)
    growl_db: float = Field(default=0.0, ge=-12, le=9)

    def play(self, event: Note | Hit, sample_rate_hz: int, ctx: Context) -> np.ndarray:
        """Return a note [shape=(1, frames)]."""
        import numpy as np

        from lofigen_kit.api.dsp import BiquadCascade, db_to_gain, render_modes
        from lofigen_kit_plugins.instruments import notes

        note = notes.require_note(event, self.use)
        f0, hard = note.frequency_hz, max(note.velocity, 0.02)
        octave = (note.midi - 60.0) / 12.0
        swing = 1.0 * 2.0 ** (-0.25 * octave) * hard**0.9 * db_to_gain(self.growl_db)
        swing = _WIDEST * np.tanh(swing / _WIDEST)
        reed = render_modes(
            f0 * np.array([1.0, 6.3, 17.6]),
            np.array([4.5 * 2.0 ** (-0.5 * octave), 0.25 * 2.0 ** (-0.5 * octave), 0.06]),
            swing * np.array([1.0, 0.02 * (0.3 + hard), 0.004 * hard]),
            sample_rate_hz,
            held_s=note.duration_s,
            release_s=_RELEASE_S,
        )
        charge = 1.0 / (1.0 - np.minimum(reed, 0.95)) - 1.0
        pole = np.exp(-2.0 * np.pi * 900.0 / sample_rate_hz)
        plate = np.array([[1.0, -1.0, 0.0, 1.0, -pole, 0.0]])
        voltage = BiquadCascade(1)(charge, plate).astype(np.float64)
        thump = notes.burst(ctx.rng, 0.06, 150.0, 1800.0, sample_rate_hz)
        wave = notes.add_at_start(voltage, 0.025 * float(np.abs(voltage).max()) * thump)
        return notes.set_level(wave, note.velocity)

    def finish(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        """Return the part from its small loudspeakers, swaying in loudness."""
        import numpy as np

        from lofigen_kit.api.dsp import butterworth, peak
        from lofigen_kit_plugins.instruments import notes

        rate_hz = audio.sample_rate_hz
        speaker = [
            *butterworth(2, 70.0, rate_hz, high=True),
            peak(1800.0, 2.5, 0.8, rate_hz),
            *butterworth(2, min(5200.0, 0.45 * rate_hz), rate_hz),
        ]
        heard = notes.filter_part(audio, np.array(speaker), ctx)
        dip = 0.5 - 0.5 * np.cos(notes.sway(heard, self.tremolo_hz, ctx))
        dip *= 0.01 * self.tremolo_depth_pct
        return heard.with_samples(heard.samples * (1.0 - dip).astype(np.float32))


@hookimpl
def lofigen_instruments() -> list[type[Instrument]]:
    """Provide the instrument."""
    return [ReedPiano]
