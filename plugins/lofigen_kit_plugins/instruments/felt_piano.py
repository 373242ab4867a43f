"""`felt-piano`: an upright piano with a strip of felt between hammers and strings."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import Context, Field, Instrument, hookimpl

if TYPE_CHECKING:
    import numpy as np

    from lofigen_kit.api import Hit, Note

_HIGHEST_HZ = 9000.0
_PAIRS = 20
"""How many partials of the second string are heard beside the first's."""
_STRUCK_AT = 0.12
"""Where the hammer strikes, as a share of the string."""
_SOUNDBOARD = ((95.0, 3.0, 0.7), (190.0, 3.0, 0.8), (340.0, 2.5, 0.7), (900.0, 1.2, 0.5))


class FeltPiano(Instrument):
    """An upright piano, its hammers muffled by felt: close, soft, its mechanics to be heard.

    The strings are stiff, so that partial n lies at n f0 sqrt(1 + B n^2) (H. Fletcher, JASA 36,
    1964). B by register is the sum of two exponentials, of the bass bridge and the treble bridge,
    with the coefficients of a usual piano (F. Rigaud et al., "A parametric model and estimation
    techniques for the inharmonicity and tuning of the piano", JASA 133, 2013): 2.9e-4 at E1, 1.4e-4
    at A2, 3.3e-4 at middle C, 1.7e-2 at G7. The harder the blow, the shorter the hammer's contact
    and the brighter the tone (D. E. Hall and A. Askenfelt, "Piano string excitation V", JASA 83,
    1988). Two strings a note, a little apart, beat and fall in two stages (G. Weinreich, "Coupled
    piano strings", JASA 62, 1977).

    Attributes:
        detune_cents: How far a note's two strings are apart.
        noise_db: How much louder felt and keys are.
        brightness_pct: How bright it is: 100 as felt is, 300 nearly as without.
        width_pct: How far the low notes and the high ones are apart.
    """

    use: Literal["felt-piano"] = "felt-piano"
    part: ClassVar[str] = "keys"
    program: ClassVar[int] = 0
    range_midi: ClassVar[tuple[int, int]] = (28, 103)
    detune_cents: float = Field(default=1.4, ge=0, le=10)
    noise_db: float = Field(default=0.0, ge=-40, le=12)
    brightness_pct: float = Field(default=100.0, ge=30, le=400)
    width_pct: float = Field(default=55.0, ge=0, le=100)

    def play(self, event: Note | Hit, sample_rate_hz: int, ctx: Context) -> np.ndarray:
        """Return a note [shape=(2, frames)]."""
        import numpy as np

        from lofigen_kit.api.dsp import db_to_gain, render_modes
        from lofigen_kit_plugins.instruments import notes

        note = notes.require_note(event, self.use)
        hard, octave = note.velocity, (note.midi - 60.0) / 12.0
        partials, numbers = notes.stiff_partials_hz(
            note.frequency_hz, inharmonicity(note.midi), _HIGHEST_HZ
        )
        corner_hz = (290.0 + 520.0 * hard**1.5) * 2.0 ** (0.33 * octave)
        corner_hz *= 0.01 * self.brightness_pct
        amplitudes = (
            notes.strike_spectrum(partials, corner_hz, order=2.4)
            * np.abs(np.sin(np.pi * _STRUCK_AT * numbers))
            * np.abs(notes.resonate(partials, np.array(_SOUNDBOARD), 0.5))
        )
        decays_s = notes.string_decays_s(partials, 12.0 * 2.0 ** (-0.8 * octave), 1.1)
        apart = 2.0 ** (self.detune_cents / 2400.0)
        wave = render_modes(
            np.concatenate([partials * apart, partials[:_PAIRS] / apart]),
            np.concatenate([0.5 * decays_s, decays_s[:_PAIRS]]),
            np.concatenate([amplitudes, 0.5 * amplitudes[:_PAIRS]]),
            sample_rate_hz,
            held_s=note.duration_s,
            release_s=0.28 * 2.0 ** (-0.3 * octave),
            floor_db=75.0,
        )
        wave /= np.abs(wave).max()
        felt = notes.burst(ctx.rng, 0.09, 120.0, 2600.0, sample_rate_hz, attack_s=0.003)
        level = db_to_gain(self.noise_db) * (0.05 + 0.03 * hard)
        wave = notes.add_at_start(wave, level * felt)
        wave = notes.set_level(wave, hard)
        return notes.place(wave, note.midi, self.width_pct, centre_midi=62.0)


def inharmonicity(midi: float) -> float:
    """Return B of a string: least in the tenor, more in the wound bass, and much in the treble."""
    import math

    return math.exp(0.0926 * midi - 13.64) + math.exp(-0.0847 * midi - 5.82)


@hookimpl
def lofigen_instruments() -> list[type[Instrument]]:
    """Provide the instrument."""
    return [FeltPiano]
