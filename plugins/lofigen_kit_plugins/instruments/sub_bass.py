"""`sub-bass`: a sine, driven a little so that small speakers play it too."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import Context, Field, Instrument, hookimpl

if TYPE_CHECKING:
    import numpy as np

    from lofigen_kit.api import Hit, Note


class SubBass(Instrument):
    """A deep sine with a soft start: felt more than heard.

    What the drive adds are the odd harmonics of a saturating stage, as they are of tanh (a sine
    through a symmetrical curve has no even ones: M. Le Brun, "Digital waveshaping synthesis", JAES
    27, 1979).

    Attributes:
        drive_db: How far the sine is driven into saturation; below 0 it stays clean.
        drop_cents: How much higher a note begins.
        decay_s: How long a held note takes to fall by 60 dB.
    """

    use: Literal["sub-bass"] = "sub-bass"
    part: ClassVar[str] = "bass"
    program: ClassVar[int] = 39
    range_midi: ClassVar[tuple[int, int]] = (24, 60)
    drive_db: float = Field(default=3.0, ge=-24, le=24)
    drop_cents: float = Field(default=60.0, ge=0, le=1200)
    decay_s: float = Field(default=6.0, ge=0.3, le=20)

    def play(self, event: Note | Hit, sample_rate_hz: int, ctx: Context) -> np.ndarray:
        """Return a note [shape=(1, frames)]."""
        import numpy as np

        from lofigen_kit.api.dsp import db_to_gain
        from lofigen_kit_plugins.instruments import notes

        note = notes.require_note(event, self.use)
        release_s = 0.15
        times_s, frames = notes.control_times_s(note.duration_s + 1.2 * release_s, sample_rate_hz)
        level = notes.held_envelope(times_s, note.duration_s, 0.009, release_s)
        level *= 10.0 ** (-3.0 * times_s / self.decay_s)
        bend = self.drop_cents * np.exp(-times_s / 0.012)
        tone = notes.render_tone(
            note.frequency_hz * 2.0 ** (bend / 1200.0), level[None], frames, sample_rate_hz
        )
        drive = db_to_gain(self.drive_db) * (0.4 + 0.6 * note.velocity)
        return notes.set_level(np.tanh(drive * tone), note.velocity)


@hookimpl
def lofigen_instruments() -> list[type[Instrument]]:
    """Provide the instrument."""
    return [SubBass]
