"""`band` and `band-solo`: a seeded arranger and its reference rendering."""

from __future__ import annotations

import logging
from dataclasses import fields, replace
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import ValidationInfo

from lofigen_kit.api import (
    SAMPLE_RATE_HZ,
    AnyInstrument,
    Context,
    Field,
    PresetPath,
    Source,
    Take,
    field_validator,
    hookimpl,
    model_validator,
    parse_key,
    read_instrument,
    resolve_inside,
)
from lofigen_kit_plugins.band.choices import (
    CHOICES,
    BassName,
    FeelName,
    KeysName,
    KitName,
    LeadName,
    PlanName,
    ProgressionName,
    Range,
    Voicing,
    check_choice,
    check_instrument,
    check_part,
)
from lofigen_kit_plugins.band.sections import (
    describe_unplayed_charts,
    parse_charts,
    parse_sections,
)

if TYPE_CHECKING:
    from pathlib import Path

    from lofigen_kit.api import Score
    from lofigen_kit_plugins.band.arranger import Arrangement, Palette


Name = Annotated[str, Field(max_length=80)]
"""Of an instrument that is installed, besides the built-in ones."""


Chart = Annotated[str, Field(max_length=4000)]


class _Arranger(Source):
    """What the two have in common: whatever is left out is drawn from the seed."""

    bars: int | None = Field(
        default=None,
        ge=1,
        le=256,
        description="Length in bars of four beats. A loop has 8 where none are given; a song has "
        "what its plan takes at the tempo.",
    )
    tempo_bpm: float | None = Field(
        default=None, ge=50, le=140, description="Quarter notes a minute."
    )
    key: str | None = Field(
        default=None, max_length=40, description="A key, such as Dm, F# minor, Bb or C dorian."
    )
    swing_pct: float | None = Field(
        default=None, ge=50, le=75, description="Place of the off-beat sixteenth; 50 is straight."
    )
    progression: ProgressionName | None = Field(
        default=None, description="One of the named progressions."
    )
    chords: Chart | dict[str, Chart] | None = Field(
        default=None,
        description="Chords of one's own instead of a progression, such as Dm9 | G13 | Cmaj9 | %; "
        "or those of each section: a, b and c.",
    )
    feel: FeelName | None = Field(
        default=None, description="How drums, bass and comping play, with their swing and timing."
    )
    form: Literal["loop", "song"] | None = Field(
        default=None,
        description="A loop goes round; a song has sections and an ending. Left out, it is a loop, "
        "or a song where a plan or sections are given.",
    )
    plan: PlanName | None = Field(
        default=None, description="The sections of a song, by the name of a plan."
    )
    sections: str | tuple[str, ...] | None = Field(
        default=None,
        description="The sections of a song and their bars, such as intro 4, a 8, b 8, outro 4.",
    )
    voicing: Voicing | None = Field(default=None, description="How far a chord reaches.")
    kit: KitName | Name | AnyInstrument | None = Field(
        default=None,
        description="One of the drum kits, an installed instrument, or one with its settings, such "
        "as {use: sample-kit, path: my-drums}.",
    )
    keys: KeysName | Name | AnyInstrument | None = Field(
        default=None,
        description="What plays the chords: a name, or an instrument with its settings, such as "
        "{use: sample-instrument, path: my-piano}.",
    )
    bass: BassName | Name | AnyInstrument | None = Field(
        default=None, description="What plays the bass: a name, or an instrument with its settings."
    )
    lead: LeadName | Name | AnyInstrument | None = Field(
        default=None,
        description="What plays the lead: a name, or an instrument with its settings; none leaves "
        "it out.",
    )
    lead_density: float | None = Field(
        default=None, ge=0, le=1, description="In what share of the bars the lead plays, at most."
    )
    lead_range: Range | None = Field(
        default=None, description="Where the lead lies: A3 to E5, D4 to A5 or G4 to E6."
    )
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

    @field_validator("chords")
    @classmethod
    def _check_chords(cls, chords: Any) -> Any:
        if chords is not None:
            parse_charts(chords)
        return chords

    @field_validator("sections")
    @classmethod
    def _check_sections(cls, sections: str | tuple[str, ...] | None) -> Any:
        if sections is not None:
            parse_sections(sections)
        return sections

    @field_validator("progression", "feel", "plan", "voicing", "lead_range", mode="before")
    @classmethod
    def _check_name(cls, name: Any, info: ValidationInfo) -> Any:
        known = CHOICES[str(info.field_name)]
        return check_choice(name, known) if isinstance(name, str) else name

    @field_validator("kit", "keys", "bass", "lead", mode="before")
    @classmethod
    def _read_settings(cls, told: Any, info: ValidationInfo) -> Any:
        """Return the instrument of a mapping; a name stays one.

        Before all the field may be, so that what is wrong in the mapping is the only complaint. A
        kit's name may look like a number: `kit: 808`.
        """
        if isinstance(told, int) and not isinstance(told, bool):
            return str(told)
        return told if told is None or isinstance(told, str) else read_instrument(told, info)

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.form == "loop" and (given := self.plan or self.sections):
            raise ValueError(f"{given!r} is of a song; set form: song, or leave it out")
        if self.plan is not None and self.sections is not None:
            raise ValueError("plan and sections both say what the sections are; give one of them")
        if self.chords is not None and self.progression is not None:
            raise ValueError("chords and progression both say the chords; give one of them")
        font = self.soundfont is not None
        for part in ("kit", "keys", "bass", "lead"):
            if isinstance(told := getattr(self, part), str):
                check_instrument(part, told, font=font)
            elif told is not None:
                check_part(part, told)
        return self

    def make_take(self, ctx: Context) -> Take:
        """Arrange and render one beat."""
        from lofigen_kit_plugins.band.arranger import name_player
        from lofigen_kit_plugins.band.render import render

        arrangement = self._arrange(ctx)
        sections = dict.fromkeys(plan.section for plan in arrangement.plans)
        if unplayed := describe_unplayed_charts(
            self.chords,
            [(section.name, section.harmony) for section in sections],
            loop=arrangement.score.loop,
        ):
            _warn_once(unplayed)
        audio, parts, terms = render(arrangement, ctx, self.soundfont, self.soundfont_licence)
        return Take(
            audio=audio,
            score=arrangement.score,
            parts=parts,
            licence=terms,
            title=f"{arrangement.progression[:60]} {name_player(arrangement.kit)}",
            group=arrangement.progression,
            chords=arrangement.chords,
        )

    def make_score(self, ctx: Context) -> Score:
        """Arrange one beat."""
        return self._arrange(ctx).score

    def _arrange(self, ctx: Context) -> Arrangement:
        from lofigen_kit_plugins.band.arranger import Brief, arrange

        brief = Brief(**{field.name: getattr(self, field.name) for field in fields(Brief)})
        font = None if self.soundfont is None else resolve_inside(ctx.root, self.soundfont)
        return self._select_parts(arrange(brief, ctx.rng, _palette(font)))

    def _select_parts(self, arrangement: Arrangement) -> Arrangement:
        """Return what of the arrangement is played."""
        return arrangement


class Band(_Arranger):
    """Writes a lofi beat from its seed: drums, bass, keys and lead as a score and a rendering.

    Whatever is left out is drawn from the seed: one of eight feels, the tempo and the swing within
    the feel's range, the key, one of 33 progressions, and who plays. A choice that is fixed leaves
    the others as they were.
    """

    use: Literal["band"] = "band"


class BandSolo(_Arranger):
    """Writes a beat as `band` does, and plays one part of it alone.

    Attributes:
        part: `keys`, `bass`, `drums` or `lead`.
    """

    use: Literal["band-solo"] = "band-solo"
    part: Literal["keys", "bass", "drums", "lead"] = "keys"

    def _select_parts(self, arrangement: Arrangement) -> Arrangement:
        return arrangement.solo(self.part)


@cache
def _warn_once(message: str) -> None:
    """Log a warning, which would be the same for the next takes."""
    logging.getLogger("lofigen_kit.band").warning("%s", message)


def _palette(font: Path | None) -> Palette:
    """Return the instruments to choose from: the plugin's own, and those of a soundfont."""
    from lofigen_kit_plugins.band.arranger import Palette
    from lofigen_kit_plugins.band.fonts import list_font_instruments

    own = Palette()
    if font is None:
        return own
    kits, keys, basses = list_font_instruments(font, SAMPLE_RATE_HZ)
    return replace(
        own,
        kits=(*own.kits, *kits),
        keys=(*own.keys, *keys),
        basses=(*own.basses, *basses),
    )


@hookimpl
def lofigen_sources() -> list[type[Source]]:
    """Provide the band and its soloist."""
    return [Band, BandSolo]
