"""`beatmaker` and `beatmaker-solo`: a seeded arranger and its reference rendering."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Literal, Self

from lofigen_kit.api import (
    Context,
    Field,
    InputError,
    PresetPath,
    Source,
    Take,
    field_validator,
    hookimpl,
    model_validator,
    resolve_inside,
)
from lofigen_kit_plugins.band.fonts import FONT_KITS
from lofigen_kit_plugins.beatmaker.harmony import PROGRESSION_NAMES, parse_key
from lofigen_kit_plugins.beatmaker.kits import KITS

if TYPE_CHECKING:
    from pathlib import Path

    from lofigen_kit_plugins.beatmaker.arranger import Arrangement, Palette


class _Arranger(Source):
    """What the two have in common: whatever is left out is drawn from the seed."""

    bars: int = Field(default=8, ge=1, le=64, description="Length in bars of four beats.")
    tempo_bpm: float | None = Field(
        default=None, ge=50, le=140, description="Quarter notes a minute."
    )
    key: str | None = Field(default=None, description="A tonic and a mode, such as 'D minor'.")
    swing_pct: float | None = Field(
        default=None, ge=50, le=75, description="Place of the off-beat sixteenth; 50 is straight."
    )
    progression: str | None = Field(default=None, description="One of the named progressions.")
    kit: str | None = Field(default=None, description="One of the drum kits.")
    soundfont: PresetPath | None = Field(
        default=None,
        description="An sf2 or sf3 file, relative to the preset's folder: its pianos, guitars, "
        "basses and kits play as well. Needs tinysoundfont.",
    )
    soundfont_licence: str = Field(
        default="unknown",
        min_length=1,
        max_length=64,
        description="Under which terms its sounds may be used, as an SPDX name.",
    )

    @field_validator("key")
    @classmethod
    def _check_key(cls, key: str | None) -> str | None:
        if key is not None:
            parse_key(key)
        return key

    @field_validator("progression")
    @classmethod
    def _check_progression(cls, name: str | None) -> str | None:
        return _check_choice(name, PROGRESSION_NAMES)

    @model_validator(mode="after")
    def _check_kit(self) -> Self:
        known = tuple(KITS) if self.soundfont is None else (*KITS, *FONT_KITS)
        _check_choice(self.kit, known)
        return self

    def make_take(self, ctx: Context) -> Take:
        """Arrange and render one beat."""
        from lofigen_kit_plugins.beatmaker.arranger import Brief, arrange
        from lofigen_kit_plugins.beatmaker.render import render

        brief = Brief(**self.model_dump(include={field.name for field in fields(Brief)}))
        font = None if self.soundfont is None else resolve_inside(ctx.root, self.soundfont)
        try:
            arrangement = self._select_parts(arrange(brief, ctx.rng, _palette(font)))
        except ValueError as error:
            raise InputError(str(error), where="source") from None
        score = arrangement.score
        return Take(
            audio=render(arrangement, ctx.rng, font),
            score=score,
            licence="CC0-1.0" if font is None else f"CC0-1.0 AND {self.soundfont_licence}",
            title=f"{arrangement.progression} {arrangement.kit}",
            group=arrangement.progression,
        )

    def _select_parts(self, arrangement: Arrangement) -> Arrangement:
        """Return what of the arrangement is played."""
        return arrangement


class Beatmaker(_Arranger):
    """Writes a lofi beat from its seed: chords, bass and drums as a score and a plain rendering.

    Whatever is left out is drawn from the seed: the tempo from 65 to 92 BPM, the key, the swing
    from 54 to 66 %, one of 24 progressions, and one of the drum kits.
    """

    use: Literal["beatmaker"] = "beatmaker"


class Solo(_Arranger):
    """Writes a beat as `beatmaker` does, and plays one part of it alone.

    Attributes:
        part: `keys`, `bass` or `drums`.
    """

    use: Literal["beatmaker-solo"] = "beatmaker-solo"
    part: Literal["keys", "bass", "drums"] = "keys"

    def _select_parts(self, arrangement: Arrangement) -> Arrangement:
        return arrangement.solo(self.part)


def _palette(font: Path | None) -> Palette:
    """Return the instruments to choose from: the plugin's own, and those of a soundfont."""
    from lofigen_kit_plugins.band.fonts import list_font_instruments
    from lofigen_kit_plugins.beatmaker.arranger import Palette
    from lofigen_kit_plugins.beatmaker.instruments import SAMPLE_RATE_HZ

    own = Palette()
    if font is None:
        return own
    kits, keys, basses = list_font_instruments(font, SAMPLE_RATE_HZ)
    return Palette((*own.kits, *kits), (*own.keys, *keys), (*own.basses, *basses))


def _check_choice(name: str | None, names: tuple[str, ...]) -> str | None:
    if name is not None and name not in names:
        raise ValueError(f"{name!r} is not one of {', '.join(names)}")
    return name


@hookimpl
def lofigen_sources() -> list[type[Source]]:
    """Provide the beatmaker and its soloist."""
    return [Beatmaker, Solo]
