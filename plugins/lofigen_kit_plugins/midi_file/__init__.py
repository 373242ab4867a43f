"""`midi-file`: a song of the producer's own as a source."""

from __future__ import annotations

import re
import reprlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, WithJsonSchema

from lofigen_kit.api import (
    AnyInstrument,
    Context,
    Field,
    InputError,
    Instrument,
    PartName,
    PresetPath,
    Source,
    Take,
    did_you_mean,
    field_validator,
    find_kit,
    hookimpl,
    make_instrument,
    read_midi,
    render_part,
    resolve_inside,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from lofigen_kit.api import Hit, Note, Score

DEFAULTS = {"drums": "kit", "bass": "round-bass", "lead": "soft-lead"}
"""The instrument of a part for which none is named."""
DEFAULT_INSTRUMENT = "tine-piano"
MAX_PARTS = 16
_LATE_S, _UNEVEN = 0.012, 0.15
"""The deviations of a fully humanised stroke: its time, and its velocity as a share."""

TrackName = Annotated[str, Field(min_length=1, max_length=64)]


def _check_key(number: str) -> str:
    if re.fullmatch(_KEY, number):
        return number
    raise ValueError(f"{reprlib.repr(number)} is no key, which is a whole number from 0 to 127")


_KEY = r"^([0-9]|[1-9][0-9]|1[01][0-9]|12[0-7])$"
KeyNumber = Annotated[
    str, AfterValidator(_check_key), WithJsonSchema({"type": "string", "pattern": _KEY})
]
DrumName = Literal["kick", "snare", "rim", "hat", "open-hat", "ride", "none"]


class MidiFile(Source):
    """Plays a Standard MIDI File, of type 0 or 1, in 4/4 and at one tempo.

    Tempo, key and markers, which name sections, are the file's. Channel 10 is the drums, by the
    General MIDI drum map. A track's part is told by `parts`; else it is found by the track's
    name, its program, or what it plays: low and one note at a time is the bass, high and one note
    at a time the lead, chords the keys. Strings, pads, winds and sound effects are parts of their
    own. Tracks of one part are played together.

    Attributes:
        path: The file, relative to the preset's folder, which it may not leave.
        first_bar: Where to begin, counted from 1.
        bars: How many bars; all the rest where left out.
        loop: Whether the end leads into the beginning.
        tempo_bpm: Quarter notes a minute, in place of the file's tempo and its changes.
        swing_pct: Moves the off-beat sixteenth to this place of its eighth; left out, all stays as
            it was played.
        humanise: How unevenly it is played, from 0, as written, to 1: up to a few hundredths of a
            second and a sixth of the velocity, by the seed.
        parts: Which part a track plays, by its name or its number from 1 (in a type 0 file, its
            channel's): `{2: lead, Rhodes: keys, Click: none}`.
        drum_map: Which drum a key plays, beside the General MIDI map: `{41: kick, 60: none}`.
        kit: What plays the drums: a kit's name, such as `jazz`, an instrument's, or a mapping such
            as `{use: sample-kit, path: my-drums}`.
        bass: What plays the bass.
        keys: What plays the keys.
        lead: What plays the lead.
        instruments: What plays other parts of the file, by their name; the keys' instrument where
            left out.
        licence: Under which terms the song may be used, as an SPDX name.
    """

    use: Literal["midi-file"] = "midi-file"
    file_parameter: ClassVar = "path"
    file_suffixes: ClassVar = (".kar", ".mid", ".midi", ".smf")
    path: PresetPath
    first_bar: int = Field(default=1, ge=1, le=10_000)
    bars: int | None = Field(default=None, ge=1, le=1000)
    loop: bool = False
    tempo_bpm: float | None = Field(default=None, ge=20, le=300)
    swing_pct: float | None = Field(default=None, ge=50, le=75)
    humanise: float = Field(default=0.0, ge=0, le=1)
    parts: dict[TrackName, PartName] = Field(default={}, max_length=64)
    drum_map: dict[KeyNumber, DrumName] = Field(default={}, max_length=128)
    kit: AnyInstrument | None = None
    bass: AnyInstrument | None = None
    keys: AnyInstrument | None = None
    lead: AnyInstrument | None = None
    instruments: dict[PartName, AnyInstrument] = Field(default={}, max_length=MAX_PARTS)
    licence: str = Field(default="unknown", min_length=1, max_length=64)

    @classmethod
    def reads_file(cls, path: Path) -> bool:
        """Return whether a file begins as a Standard MIDI File does."""
        with path.open("rb") as file:
            return file.read(4) == b"MThd"

    @field_validator("kit", mode="before")
    @classmethod
    def _find_kit(cls, kit: Any) -> Any:
        """Read `kit: jazz` and `kit: 808` as `band` does: a kit that an instrument has."""
        named = isinstance(kit, str | int) and not isinstance(kit, bool)
        return find_kit(str(kit)) or kit if named else kit

    def make_take(self, ctx: Context) -> Take:
        """Read the song, and play it part by part."""
        from lofigen_kit.api import mix_parts

        score, players = self._cast(ctx)
        sounds = {
            name: render_part(player, score, name, replace(ctx, rng=_rng_for(ctx, name)))
            for name, player in players.items()
        }
        terms = (self.licence, *(player.terms for player in players.values()))
        return Take(
            audio=mix_parts(sounds, loop=score.loop),
            score=score,
            parts=sounds,
            licence=" AND ".join(dict.fromkeys(terms)),
            title=Path(self.path).stem,
        )

    def make_score(self, ctx: Context) -> Score:
        """Read the song."""
        return self._cast(ctx)[0]

    def _cast(self, ctx: Context) -> tuple[Score, dict[str, Instrument]]:
        """Return what is played, and by whom: an instrument for each part."""
        from lofigen_kit_plugins.midi_file.arrange import Request, list_parts, make_score

        request = Request(
            **self.model_dump(
                include={"first_bar", "bars", "tempo_bpm", "swing_pct", "loop", "parts", "drum_map"}
            )
        )
        song = read_midi(resolve_inside(ctx.root, self.path))
        score = make_score(song, request, self.path)
        self._check_instruments(list_parts(song, request, self.path))
        if len(score.part_names) > MAX_PARTS:
            raise InputError(
                f"{len(score.part_names)} parts are more than {MAX_PARTS}",
                where=self.path,
                remedy="let several tracks play one part, with parts",
            )
        players = {name: self._choose_instrument(name) for name in score.part_names}
        return _name_players(_fold(_humanise(score, self.humanise, ctx), players), players), players

    def _check_instruments(self, parts: Sequence[str]) -> None:
        """Refuse an instrument for a part that the song has not."""
        for told in self.instruments:
            if told not in parts:
                listed = f"its parts are {', '.join(parts)}"
                near = did_you_mean(told, parts)
                raise InputError(
                    f"instruments: the song has no part {told!r}",
                    where=self.path,
                    remedy=f"{near} {listed}" if near else listed,
                )

    def _choose_instrument(self, part: str) -> Instrument:
        """Return what plays a part: as told, or what such a part is played by."""
        named = {"drums": self.kit, "bass": self.bass, "keys": self.keys, "lead": self.lead}
        told = self.instruments.get(part) or named.get(part)
        if told is None and part not in named:
            told = self.keys
        return told or make_instrument(DEFAULTS.get(part, DEFAULT_INSTRUMENT))


def _rng_for(ctx: Context, part: str) -> np.random.Generator:
    from lofigen_kit.api import rng_for_part

    return rng_for_part(ctx.rng, part)


def _humanise(score: Score, amount: float, ctx: Context) -> Score:
    """Return a score whose strokes and notes are a little early or late, softer or louder."""
    import numpy as np

    if not amount:
        return score
    rng = _rng_for(ctx, "humanise")

    def moved(event: Note | Hit) -> dict[str, float]:
        late, uneven = np.clip(rng.normal(size=2), -2.0, 2.0)
        onset_s = event.onset_s + amount * _LATE_S * float(late)
        return {
            "onset_s": min(max(onset_s, 0.0), max(score.duration_s - 1e-3, 0.0)),
            "velocity": min(max(event.velocity * (1.0 + amount * _UNEVEN * float(uneven)), 0), 1),
        }

    return score.model_copy(
        update={
            "notes": tuple(note.model_copy(update=moved(note)) for note in score.notes),
            "hits": tuple(hit.model_copy(update=moved(hit)) for hit in score.hits),
        }
    )


def _fold(score: Score, players: Mapping[str, Instrument]) -> Score:
    """Return a score whose notes lie within their instruments' ranges, by octaves."""

    def folded(note: Note) -> Note:
        low, high = players[note.part].range_midi
        midi = note.midi
        while midi < low and midi + 12 <= high:
            midi += 12
        while midi > high and midi - 12 >= low:
            midi -= 12
        return note if midi == note.midi else note.model_copy(update={"midi": midi})

    return score.model_copy(update={"notes": tuple(map(folded, score.notes))})


def _name_players(score: Score, players: Mapping[str, Instrument]) -> Score:
    """Return a score that says who plays."""
    parts = tuple(
        part.model_copy(update={"instrument": _label(players[part.name])}) for part in score.parts
    )
    return score.model_copy(update={"parts": parts})


def _label(player: Instrument) -> str:
    """Return the name of an instrument; of a drum kit, which kit it is."""
    return str(getattr(player, "kit", player.use))


@hookimpl
def lofigen_sources() -> list[type[Source]]:
    """Provide the MIDI file."""
    return [MidiFile]
