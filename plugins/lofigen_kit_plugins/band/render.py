"""From an arrangement to its sound: each part by its instrument, and the default mix of them."""

from __future__ import annotations

from dataclasses import replace

from lofigen_kit.api import (
    AudioBuffer,
    Context,
    Instrument,
    make_instrument,
    mix_parts,
    render_part,
)
from lofigen_kit_plugins.band.arranger import Arrangement, Player
from lofigen_kit_plugins.band.choices import CHOICES
from lofigen_kit_plugins.band.fonts import FONT_BASSES, FONT_KEYS, FONT_KITS

ORDER = ("drums", "bass", "keys", "lead")
"""The parts, in the order in which their generators are drawn."""


def render(
    arrangement: Arrangement, ctx: Context, font: str | None = None, font_licence: str = "unknown"
) -> tuple[AudioBuffer, dict[str, AudioBuffer], str]:
    """Play an arrangement; what rings past the end of a loop sounds at its beginning.

    Args:
        arrangement: What to play.
        ctx: Its generator, and the folder of the soundfont.
        font: The soundfont that plays its own names, relative to the preset's folder.
        font_licence: Under which terms the soundfont's sounds may be used.

    Returns:
        The default mix, in stereo, and each part alone, at 44.1 kHz and `score.duration_s` long.
        Last, the terms of all that plays.
    """
    score = arrangement.score
    generators = dict(zip(ORDER, ctx.rng.spawn(len(ORDER)), strict=True))
    parts, terms = {}, []
    for name in score.part_names:
        named = getattr(arrangement, "kit" if name == "drums" else name)
        player = make_player(name, named, font, font_licence)
        own = replace(ctx, rng=generators[name])
        parts[name] = render_part(player, score, name, own)
        terms.append(player.terms)
    mix = mix_parts(parts, loop=score.loop)
    return mix, parts, " AND ".join(dict.fromkeys(terms))


def make_player(part: str, name: Player, font: str | None, font_licence: str) -> Instrument:
    """Return the instrument of a name: a kit's, a soundfont's or that of any instrument."""
    if isinstance(name, Instrument):
        return name
    programs = {"drums": FONT_KITS, "keys": FONT_KEYS, "bass": FONT_BASSES}.get(part, {})
    if font is not None and name in programs and name not in CHOICES.get(part, ()):
        return make_instrument(
            "soundfont", path=font, program_number=programs[name], licence=font_licence
        )
    if part == "drums" and name in CHOICES["kit"]:
        return make_instrument("kit", kit=name)
    return make_instrument(name)
