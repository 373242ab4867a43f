"""`nylon-guitar`: gut-like strings, plucked with the flesh of the finger, on a wooden body."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import Context, Field, Instrument, hookimpl

if TYPE_CHECKING:
    import numpy as np

    from lofigen_kit.api import Hit, Note

_BODY = ((102.0, 12.0, 1.0), (204.0, 14.0, 1.2), (390.0, 12.0, 0.7), (540.0, 10.0, 0.6),
         (1100.0, 2.0, 0.5), (2600.0, 1.2, 0.35))  # fmt: skip
"""Air, top plate, and what lies above: frequency in Hz, quality, level."""
_HIGHEST_HZ = 8000.0


class NylonGuitar(Instrument):
    """A classical guitar: warm, quick to fade in the treble, with the knock of its body.

    The string's partials have the shape of a pluck at a point, softened by the width of the
    fingertip, and fall by air and internal losses; each is radiated as the body's resonances at 100
    and 200 Hz and above allow, which ring themselves when the string is let go: J. Woodhouse, "On
    the synthesis of guitar plucks", Acta Acustica 90 (2004).

    Attributes:
        pluck_pct: Where it is plucked, as a share of the string from the bridge.
        body_db: How much louder the knock of the body is.
        ring_s: How long a note takes to fall by 60 dB once it ends.
    """

    use: Literal["nylon-guitar"] = "nylon-guitar"
    part: ClassVar[str] = "keys"
    program: ClassVar[int] = 24
    range_midi: ClassVar[tuple[int, int]] = (40, 84)
    pluck_pct: float = Field(default=23.0, ge=5, le=50)
    body_db: float = Field(default=0.0, ge=-40, le=12)
    ring_s: float = Field(default=0.3, ge=0.05, le=4)

    def play(self, event: Note | Hit, sample_rate_hz: int, ctx: Context) -> np.ndarray:
        """Return a note [shape=(1, frames)]."""
        import numpy as np

        from lofigen_kit.api.dsp import db_to_gain, render_modes
        from lofigen_kit_plugins.instruments import notes

        note = notes.require_note(event, self.use)
        hard, octave = note.velocity, (note.midi - 52.0) / 12.0
        body = np.array(_BODY)
        partials, numbers = notes.stiff_partials_hz(note.frequency_hz, 3e-5, _HIGHEST_HZ)
        where = 0.01 * self.pluck_pct * (1.0 + 0.06 * (ctx.rng.random() - 0.5))
        amplitudes = (
            np.sin(np.pi * where * numbers) / numbers
            * notes.strike_spectrum(partials, 1100.0 + 2300.0 * hard, order=3.0)
        )  # fmt: skip
        radiated = notes.resonate(partials, body, 0.45)
        wave = render_modes(
            partials,
            notes.string_decays_s(partials, 5.2 * 2.0 ** (-0.45 * octave), 0.55),
            amplitudes * np.abs(radiated),
            sample_rate_hz,
            phase=np.pi / 2.0 + np.angle(radiated),
            held_s=note.duration_s,
            release_s=self.ring_s,
            floor_db=75.0,
        )
        wave /= np.abs(wave).max()
        knock = render_modes(
            body[:4, 0], np.array([0.28, 0.2, 0.12, 0.08]), body[:4, 2], sample_rate_hz
        )
        knock *= 0.07 * db_to_gain(self.body_db) / np.abs(knock).max()
        flesh = notes.burst(ctx.rng, 0.03, 700.0, 5000.0, sample_rate_hz)
        wave = notes.add_at_start(wave, notes.add_at_start(knock, 0.05 * hard * flesh))
        notes.fade_in(wave, 0.0012, sample_rate_hz)
        return notes.set_level(wave, hard)


@hookimpl
def lofigen_instruments() -> list[type[Instrument]]:
    """Provide the instrument."""
    return [NylonGuitar]
