"""`Score`: what is played and when; the network's guide and every judgement are drawn from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from lofigen_kit.music.keys import transpose_key

if TYPE_CHECKING:
    import numpy as np

Part = Literal["chords", "bass"]
Drum = Literal["kick", "snare", "hat"]
PITCH_CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Note(_Event):
    """One pitched note: `midi` 60 is middle C, velocity 0 to 1, times in seconds."""

    part: Part
    midi: float = Field(ge=0, le=127)
    onset_s: float = Field(ge=0)
    duration_s: float = Field(gt=0)
    velocity: float = Field(default=0.7, ge=0, le=1)

    @property
    def frequency_hz(self) -> float:
        """The fundamental in equal temperament, A4 = 440 Hz."""
        return float(440.0 * 2.0 ** ((self.midi - 69.0) / 12.0))


class Hit(_Event):
    """One drum stroke; a ghost note is a hit of low velocity."""

    drum: Drum
    onset_s: float = Field(ge=0)
    velocity: float = Field(default=0.7, ge=0, le=1)


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
        instruments: Who plays, as `kit:jazz`; empty where unknown. A network that knows the
            names keeps to one sound through a piece.
    """

    tempo_bpm: float = Field(gt=0, le=400)
    key: str = ""
    swing_pct: float = Field(default=50.0, ge=50, le=75)
    bars: int = Field(ge=0, le=10_000)
    start_s: float = Field(default=0.0, ge=0)
    duration_s: float = Field(gt=0)
    loop: bool = False
    instruments: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    hits: tuple[Hit, ...] = ()

    @property
    def grid(self) -> BeatGrid:
        """The beat grid that tempo-locked effects follow."""
        return BeatGrid(tempo_bpm=self.tempo_bpm, start_s=self.start_s)

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
    """Where the beats fall: `start_s + n * 60 / tempo_bpm`."""

    tempo_bpm: float = Field(default=120.0, gt=0, le=400)
    start_s: float = Field(default=0.0, ge=0)

    @property
    def beat_s(self) -> float:
        """The length of one quarter note in seconds."""
        return 60.0 / self.tempo_bpm

    def change_speed(self, speed: float) -> BeatGrid:
        """Return where the beats fall at another speed."""
        return self.model_copy(
            update={"tempo_bpm": self.tempo_bpm * speed, "start_s": self.start_s / speed}
        )
