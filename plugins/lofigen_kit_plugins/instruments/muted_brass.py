"""`muted-brass`: a trumpet with a mute in its bell."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import Context, Field, Instrument, hookimpl

if TYPE_CHECKING:
    import numpy as np

    from lofigen_kit.api import Hit, Note

_MUTE = ((1150.0, 2.2, 1.0), (1800.0, 3.0, 1.1), (3300.0, 3.0, 0.5))
"""The resonances of mute and bell: frequency in Hz, quality, level."""


class MutedBrass(Instrument):
    """A muted trumpet: narrow, close, brighter as it grows louder.

    A brass tone's upper harmonics rise faster than its lower ones as the note swells, and fall
    first when it ends: J.-C. Risset and M. V. Mathews, "Analysis of musical-instrument tones",
    Physics Today 22 (1969). The mute takes the low tones away and rings between 1 and 4 kHz (N. H.
    Fletcher and T. D. Rossing, The Physics of Musical Instruments, 1998, chapter 14).

    Attributes:
        mute_pct: How much of the sound goes through the mute; 0 is the open horn.
        vibrato_cents: How far the pitch sways once a note has been held for a while.
        breath_db: How much louder the breath is.
    """

    use: Literal["muted-brass"] = "muted-brass"
    part: ClassVar[str] = "lead"
    program: ClassVar[int] = 59
    range_midi: ClassVar[tuple[int, int]] = (52, 84)
    mute_pct: float = Field(default=75.0, ge=0, le=100)
    vibrato_cents: float = Field(default=11.0, ge=0, le=50)
    breath_db: float = Field(default=0.0, ge=-40, le=12)

    def play(self, event: Note | Hit, sample_rate_hz: int, ctx: Context) -> np.ndarray:
        """Return a note [shape=(1, frames)]."""
        import numpy as np

        from lofigen_kit.api.dsp import db_to_gain
        from lofigen_kit_plugins.instruments import notes

        note = notes.require_note(event, self.use)
        f0, release_s = note.frequency_hz, 0.13
        times_s, frames = notes.control_times_s(note.duration_s + 1.2 * release_s, sample_rate_hz)
        sway = notes.delayed_vibrato(times_s, 5.3, 0.35, ctx.rng)
        level = notes.held_envelope(times_s, note.duration_s, 0.035, release_s)
        blown = level * (0.72 + 0.28 * np.exp(-times_s / 0.12)) * (1.0 + 0.06 * sway)
        numbers = np.arange(1, 33)[:, None]
        reach_hz = (500.0 + 2000.0 * note.velocity) * np.maximum(blown, 0.2) ** 0.8
        beyond = (numbers * f0 / reach_hz) ** 2
        open_horn = blown / (1.0 + beyond * (1.0 + 0.2 * beyond))
        partials_hz = (numbers * f0)[:, 0]
        share = 0.01 * self.mute_pct
        through = (1.0 - share) + share * np.abs(notes.resonate(partials_hz, np.array(_MUTE), 0.12))
        scoop = -35.0 * np.exp(-times_s / 0.03)
        pitch_hz = f0 * 2.0 ** ((self.vibrato_cents * sway + scoop) / 1200.0)
        tone = notes.render_tone(pitch_hz, open_horn * through[:, None], frames, sample_rate_hz)
        tone /= np.abs(tone).max()
        gain = notes.spread_over_frames(blown, frames)
        noise = notes.breath(ctx.rng, frames, 900.0, 3800.0, sample_rate_hz)
        breath = 0.008 * db_to_gain(self.breath_db)
        return notes.set_level(tone + breath * gain * noise, note.velocity)


@hookimpl
def lofigen_instruments() -> list[type[Instrument]]:
    """Provide the instrument."""
    return [MutedBrass]
