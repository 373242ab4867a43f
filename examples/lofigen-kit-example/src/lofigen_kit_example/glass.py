"""`glass`: a struck bar of glass."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import Context, Field, Instrument, hookimpl

if TYPE_CHECKING:
    import numpy as np
    from lofigen_kit.api import Hit, Note


class Glass(Instrument):
    """Rings as a free bar does, its overtones short and brighter the harder it is struck.

    Attributes:
        decay_s: How long middle C takes to fall by 60 dB; an octave higher, half as long.
    """

    use: Literal["glass"] = "glass"
    part: ClassVar[str] = "keys"
    program: ClassVar[int] = 9
    range_midi: ClassVar[tuple[int, int]] = (60, 96)
    decay_s: float = Field(default=3.0, ge=0.2, le=10)

    def play(self, event: Note | Hit, sample_rate_hz: int, ctx: Context) -> np.ndarray:
        """Return a note, which rings on after its end [shape=(1, frames)]."""
        import numpy as np
        from lofigen_kit.api import Note
        from lofigen_kit.api.dsp import render_modes

        if not isinstance(event, Note):
            raise TypeError("it plays notes, no drum strokes")
        ratios = np.array([1.0, 2.756, 5.404])
        wave = render_modes(
            event.frequency_hz * ratios,
            self.decay_s * 261.6 / event.frequency_hz / ratios,
            np.array([1.0, 0.4 * event.velocity, 0.25 * event.velocity]),
            sample_rate_hz,
        )
        wave *= 0.25 * event.velocity / np.abs(wave).max()
        return wave.astype(np.float32)


@hookimpl
def lofigen_instruments() -> list[type[Instrument]]:
    """Provide the instrument."""
    return [Glass]
