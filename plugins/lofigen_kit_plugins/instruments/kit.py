"""`kit`: drum kits of CC0 one-shots, and of synthesised drums where there is no recording."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import Context, Instrument, RenderError, hookimpl

if TYPE_CHECKING:
    import numpy as np

    from lofigen_kit.api import Hit, Note

KitName = Literal["dusty", "jazz", "boom-bap", "bedroom", "808", "brush", "lo-fi", "studio"]
_VELOCITY_POWER = 1.3
_VARIATION_DB = 0.4
_BRIGHTNESS_VARIATION = 0.05


class Kit(Instrument):
    """Plays the drums of one of eight kits.

    `dusty`, `jazz`, `boom-bap`, `bedroom` and `studio` are recordings. `lo-fi` is recordings as a
    12-bit sampler plays them. `808` is synthesised as the TR-808's circuits do. `brush` has a snare
    that is swept. A harder stroke is louder and brighter. No two strokes are alike: each is up to
    9 cents higher or lower, and a little louder or softer. The hats stand to the left, the ride to
    the right.

    Attributes:
        kit: Which one.
    """

    use: Literal["kit"] = "kit"
    part: ClassVar[str] = "drums"
    kit: KitName = "dusty"

    def play(self, event: Note | Hit, sample_rate_hz: int, ctx: Context) -> np.ndarray:
        """Return a drum stroke in stereo.

        Raises:
            RenderError: for a note: a kit has no pitch.
        """
        import numpy as np

        from lofigen_kit.api import Hit
        from lofigen_kit_plugins.instruments import drum_kits

        if not isinstance(event, Hit):
            raise RenderError("a drum kit plays strokes, and no notes", where="instrument kit")
        variant = int(ctx.rng.integers(len(drum_kits.VARIANTS_CENTS)))
        level_db, brightness = ctx.rng.normal(0.0, (_VARIATION_DB, _BRIGHTNESS_VARIATION))
        bright, dull = drum_kits.prepare_stroke(
            self.kit,
            event.drum,
            variant,
            soft=event.velocity < drum_kits.SOFT_VELOCITY,
            sample_rate_hz=sample_rate_hz,
        )
        level = drum_kits.PEAK[event.drum] * event.velocity**_VELOCITY_POWER
        level *= 10.0 ** (np.clip(level_db, -2 * _VARIATION_DB, 2 * _VARIATION_DB) / 20.0)
        share = np.float32(np.clip(event.velocity + brightness, 0.0, 1.0))
        return np.asarray(np.float32(level) * (dull + share * (bright - dull)))


@hookimpl
def lofigen_instruments() -> list[type[Instrument]]:
    """Provide the drum kits."""
    return [Kit]
