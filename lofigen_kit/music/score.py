"""`Score`: which parts play what and when.

The network's conditioning, the reference rendering, the MIDI file and every judgement are made from
it.
"""

from __future__ import annotations

import difflib
import re
import reprlib
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from lofigen_kit.music.keys import transpose_key

if TYPE_CHECKING:
    import numpy as np

_PART_NAME = r"^[a-z][a-z0-9-]{0,31}$"


def _check_part_name(name: str) -> str:
    """Return a name that a part may have; refuse another in words, with the nearest that it may."""
    if re.fullmatch(_PART_NAME, name):
        return name
    lowered = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-0123456789")[:32]
    near = difflib.get_close_matches(lowered, COMMON_PARTS, n=1, cutoff=0.7) or [lowered]
    hint = f"; did you mean {near[0]!r}?" if near[0] else ""
    raise ValueError(
        f"{reprlib.repr(name)} is no part's name, which begins with a small letter and has up to "
        f"32 small letters, digits and hyphens{hint}"
    )


PartName = Annotated[
    str, AfterValidator(_check_part_name), WithJsonSchema({"type": "string", "pattern": _PART_NAME})
]
"""`keys`, `bass`, `lead`, `drums`, and what else a source adds."""
COMMON_PARTS = ("drums", "bass", "keys", "lead")
"""Parts that most songs have."""
PartKind = Literal["pitched", "percussive"]
Drum = Literal["kick", "snare", "rim", "hat", "open-hat", "ride"]
"""`hat` is the closed hi-hat, which chokes the open one. `rim` is a rim shot, a clap or a snap."""
DRUMS: tuple[Drum, ...] = get_args(Drum)
DRUM_PART = "drums"
"""The part that the drum strokes belong to."""

PLAIN_KICK = 0.35
"""A softer kick is a ghost note, which moves nothing else."""

_OLD_PARTS = {"chords": "keys"}
"""Names of parts in scores that older versions wrote."""
_FAMILIES = {"drums": "kit"}
"""How an instrument's full name begins, where that is not the part's name."""
PITCH_CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Note(_Event):
    """One pitched note: `midi` 60 is middle C, velocity 0 to 1, times in seconds."""

    part: PartName
    midi: float = Field(ge=0, le=127)
    onset_s: float = Field(ge=0)
    duration_s: float = Field(gt=0)
    velocity: float = Field(default=0.7, ge=0, le=1)

    @field_validator("part", mode="before")
    @classmethod
    def _rename_part(cls, part: Any) -> Any:
        return _OLD_PARTS.get(part, part) if isinstance(part, str) else part

    @property
    def frequency_hz(self) -> float:
        """The fundamental in equal temperament, A4 = 440 Hz."""
        return float(440.0 * 2.0 ** ((self.midi - 69.0) / 12.0))


class Hit(_Event):
    """One drum stroke; a ghost note is a hit of low velocity."""

    drum: Drum
    onset_s: float = Field(ge=0)
    velocity: float = Field(default=0.7, ge=0, le=1)


class Part(_Event):
    """Who plays: a part of the score and its instrument.

    Attributes:
        name: The part's name, as its notes carry it. The drum strokes belong to `drums`.
        kind: Whether it plays notes or drum strokes.
        instrument: The name of its instrument, `vibraphone` for instance; empty where unknown.
        program: The General MIDI program that is nearest, from 0; for drums, the kit's.
    """

    name: PartName
    kind: PartKind = "pitched"
    instrument: str = Field(default="", max_length=80)
    program: int = Field(default=0, ge=0, le=127)

    @property
    def full_name(self) -> str:
        """The instrument with its family, `kit:jazz`: what a network knows it by."""
        return f"{_FAMILIES.get(self.name, self.name)}:{self.instrument}"


class Section(_Event):
    """A section of a song, of whole bars.

    Attributes:
        name: `intro`, `A`, `break`, ...
        first_bar: Its first bar, from 0.
        bars: How many bars it has.
    """

    name: str = Field(min_length=1, max_length=32)
    first_bar: int = Field(ge=0, le=10_000)
    bars: int = Field(ge=1, le=10_000)


class Score(_Event):
    """A piece in 4/4: tempo, key, swing and every note and hit, in seconds from bar 1.

    A score with `loop` set is circular: what rings past the last bar rings into the first.

    Attributes:
        tempo_bpm: Quarter notes a minute.
        key: Tonic and mode, as in `D minor`; empty where unknown.
        swing_pct: Where the off-beat sixteenth falls within its eighth; 50 is straight.
        bars: How many bars of four beats.
        start_s: Where the first beat falls (0 but for a recording with a lead-in).
        duration_s: The piece's length; `bars` bars exactly where it is not a recording.
        parts: Who plays; empty where unknown.
        sections: The song's form, in order; empty for a plain loop.
        notes: Pitched notes of all parts.
        hits: Drum strokes.
    """

    tempo_bpm: float = Field(gt=0, le=400)
    key: str = ""
    swing_pct: float = Field(default=50.0, ge=50, le=75)
    bars: int = Field(ge=0, le=10_000)
    start_s: float = Field(default=0.0, ge=0)
    duration_s: float = Field(gt=0)
    loop: bool = False
    parts: tuple[Part, ...] = ()
    sections: tuple[Section, ...] = ()
    notes: tuple[Note, ...] = ()
    hits: tuple[Hit, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _read_old_instruments(cls, data: Any) -> Any:
        """Read `instruments: [kit:jazz, keys:bell]`, as older versions wrote who plays."""
        if not isinstance(data, dict) or "instruments" not in data:
            return data
        families = {family: part for part, family in _FAMILIES.items()}
        data = dict(data)
        names = [str(name).partition(":") for name in data.pop("instruments")]
        data.setdefault(
            "parts",
            tuple(
                {
                    "name": families.get(family, family),
                    "kind": "percussive" if family in families else "pitched",
                    "instrument": instrument,
                }
                for family, _, instrument in names
            ),
        )
        return data

    @property
    def grid(self) -> BeatGrid:
        """The beat grid that tempo-locked effects follow."""
        return BeatGrid(tempo_bpm=self.tempo_bpm, start_s=self.start_s)

    @property
    def grid_with_kicks(self) -> BeatGrid:
        """The same, with the strokes of the kick drum that are no ghost notes."""
        kicks_s = sorted(
            hit.onset_s for hit in self.hits if hit.drum == "kick" and hit.velocity >= PLAIN_KICK
        )
        return self.grid.model_copy(update={"kicks_s": tuple(kicks_s)})

    @property
    def instruments(self) -> tuple[str, ...]:
        """Who plays, as a network knows the instruments: `kit:jazz`, `keys:bell`."""
        return tuple(part.full_name for part in self.parts if part.instrument)

    @property
    def kit(self) -> str:
        """The drum kit's name; empty where it is unknown."""
        return next((part.instrument for part in self.parts if part.name == DRUM_PART), "")

    @property
    def part_names(self) -> tuple[str, ...]:
        """The parts that play: those listed, and others that have notes or strokes, in order."""
        names = dict.fromkeys(part.name for part in self.parts)
        names |= dict.fromkeys([DRUM_PART] if self.hits else [])
        names |= dict.fromkeys(note.part for note in self.notes)
        return tuple(names)

    def solo(self, name: str) -> Score:
        """Return one part of the score alone."""
        return self.model_copy(
            update={
                "parts": tuple(part for part in self.parts if part.name == name),
                "notes": tuple(note for note in self.notes if note.part == name),
                "hits": self.hits if name == DRUM_PART else (),
            }
        )

    def change_speed(self, speed: float) -> Score:
        """Return the score as it is heard at another speed: tempo, times and length."""

        def moved(event: Note | Hit) -> dict[str, float]:
            times = {"onset_s": event.onset_s / speed}
            return (
                {**times, "duration_s": event.duration_s / speed}
                if isinstance(event, Note)
                else times
            )

        if speed == 1.0:
            return self
        return self.model_copy(
            update={
                "tempo_bpm": self.tempo_bpm * speed,
                "start_s": self.start_s / speed,
                "duration_s": self.duration_s / speed,
                "notes": tuple(note.model_copy(update=moved(note)) for note in self.notes),
                "hits": tuple(hit.model_copy(update=moved(hit)) for hit in self.hits),
            }
        )

    def shift_pitch(self, semitones: float) -> Score:
        """Return the score as it sounds some semitones higher.

        Where it comes to lie between two keys, it has none.
        """
        if semitones == 0.0:
            return self
        notes = (
            note.model_copy(update={"midi": min(max(note.midi + semitones, 0.0), 127.0)})
            for note in self.notes
        )
        return self.model_copy(
            update={"key": transpose_key(self.key, semitones), "notes": tuple(notes)}
        )

    def onsets_s(self, drum: Drum, *, min_velocity: float = 0.0) -> np.ndarray:
        """Return the onsets of one drum in seconds, sorted, without strokes below a velocity."""
        import numpy as np

        times = [h.onset_s for h in self.hits if h.drum == drum and h.velocity >= min_velocity]
        return np.sort(np.asarray(times, dtype=np.float64))

    def chroma(self, times_s: np.ndarray) -> np.ndarray:
        """Return which pitch classes sound at each time, weighted by velocity.

        Returns:
            np.ndarray [shape=(12, len(times_s))].
        """
        import numpy as np

        chroma = np.zeros((12, len(times_s)))
        for note in self.notes:
            elapsed = times_s - note.onset_s
            if self.loop:
                elapsed = elapsed % self.duration_s
            sounding = (elapsed >= 0) & (elapsed < note.duration_s)
            chroma[round(note.midi) % 12, sounding] += note.velocity
        return chroma

    def to_json(self) -> dict[str, Any]:
        """Return the score as plain data; `Score.model_validate` reads it back."""
        return self.model_dump(mode="json")


class BeatGrid(_Event):
    """Where the beats fall: `start_s + n * 60 / tempo_bpm`, and the kick drum.

    Attributes:
        tempo_bpm: Quarter notes a minute.
        start_s: Where the first beat falls.
        kicks_s: Where the kick is struck, ascending; empty where that is not known.
    """

    tempo_bpm: float = Field(default=120.0, gt=0, le=400)
    start_s: float = Field(default=0.0, ge=0)
    kicks_s: tuple[float, ...] = ()

    @property
    def beat_s(self) -> float:
        """The length of one quarter note in seconds."""
        return 60.0 / self.tempo_bpm

    def change_speed(self, speed: float) -> BeatGrid:
        """Return where the beats fall at another speed."""
        return self.model_copy(
            update={
                "tempo_bpm": self.tempo_bpm * speed,
                "start_s": self.start_s / speed,
                "kicks_s": tuple(kick_s / speed for kick_s in self.kicks_s),
            }
        )

    def shift(self, seconds: float) -> BeatGrid:
        """Return where the beats fall some seconds later."""
        return self.model_copy(
            update={
                "start_s": self.start_s + seconds,
                "kicks_s": tuple(kick_s + seconds for kick_s in self.kicks_s),
            }
        )
