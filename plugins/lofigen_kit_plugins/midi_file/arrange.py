"""From a MIDI file to a score: which bars, at which tempo, and who plays what."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from operator import attrgetter
from typing import TYPE_CHECKING

from lofigen_kit.api import Hit, InputError, Note, Part, Score, Section, did_you_mean

if TYPE_CHECKING:
    from lofigen_kit.api import Drum, MidiNote, MidiSong, MidiVoice

MAX_NOTES = 20_000
MAX_DURATION_S = 600.0
MAX_SOUNDING_S = 20_000.0
"""Of all notes together: what an instrument has to play."""
MAX_NOTE_S = 30.0
TEMPO_BPM = (20.0, 300.0)
DRUM_CHANNEL = 10
DRUMS, LEFT_OUT = "drums", "none"
BEATS = 4
_DEFAULT_TEMPO_US = 500_000
_SAME_TEMPO = 0.01
"""Tempos nearer than this share are one: a sequencer that follows a clock wavers."""
_RELEASE_BEATS = 0.5
"""A note that ends so little behind a bar line begins no bar of its own."""

DRUM_OF_KEY: dict[int, Drum] = {
    35: "kick", 36: "kick", 38: "snare", 40: "snare", 37: "rim", 39: "rim",
    42: "hat", 44: "hat", 46: "open-hat", 80: "hat", 81: "open-hat",
    49: "ride", 51: "ride", 52: "ride", 53: "ride", 55: "ride", 57: "ride", 59: "ride",
    54: "ride", 69: "ride", 70: "ride", 82: "ride",
    41: "rim", 43: "rim", 45: "rim", 47: "rim", 48: "rim", 50: "rim", 56: "rim",
    60: "rim", 61: "rim", 62: "rim", 63: "rim", 64: "rim", 75: "rim", 76: "rim", 77: "rim",
}  # fmt: skip
"""General MIDI's percussion on six drums: crashes and shakers are the ride, toms and hand drums the
rim. What is not here (whistles, guiros, agogos, ...) is left out."""

_NAMES = (
    (DRUMS, r"drum|\bkit\b|percussion|\bbeats?\b|\bkick|snare|\bhi-?hats?\b|\bhats?\b|\bclaps?\b"),
    ("bass", r"bass"),
    ("lead", r"lead|melod|solo|voc|voice|vox|flute|sax|trumpet|whistle|topline"),
    ("pad", r"\bpads?\b"),
    ("strings", r"string|violin|cello|viola|choir"),
    ("keys", r"key|piano|rhodes|\bep\b|chord|wurli|organ|guitar|harp|vibe|vibraph|comp"),
)
"""The part of a track whose name has one of these words; the first that fits."""
_FAMILIES = (
    (range(32), "keys"), (range(32, 40), "bass"), (range(40, 56), "strings"),
    (range(56, 80), "winds"), (range(80, 88), "lead"), (range(88, 96), "pad"),
    (range(96, 104), "effects"), (range(104, 112), "keys"), (range(112, 128), "effects"),
)  # fmt: skip
"""The part of each of General MIDI's programs. One that a single voice plays high is the lead."""
_BASSES = range(32, 40)
_SOLO_FAMILIES = ("winds",)
_MELLOW_SOLO = range(8, 16)
"""Vibraphone and its like: the lead where they play one note at a time."""
_BASS_BELOW, _LEAD_FROM = 50, 60
_SOLO_SHARE = 0.9


@dataclass(frozen=True)
class Request:
    """What of a song is asked for, and how.

    Attributes:
        first_bar: The first bar, from 1.
        bars: How many; None for all the rest.
        tempo_bpm: The tempo; None for the file's.
        swing_pct: Where the off-beat sixteenth falls within its eighth; None leaves it as played.
        loop: Whether the end leads into the beginning.
        parts: The part of a track, by its name or number; `none` leaves it out.
        drum_map: The drum of a key, beside General MIDI's; `none` leaves it out.
    """

    first_bar: int = 1
    bars: int | None = None
    tempo_bpm: float | None = None
    swing_pct: float | None = None
    loop: bool = False
    parts: Mapping[str, str] = field(default_factory=dict)
    drum_map: Mapping[str, str] = field(default_factory=dict)


def make_score(song: MidiSong, request: Request, where: object) -> Score:
    """Return the score of what is asked for.

    Raises:
        InputError: where nothing is played there, there is too much of it, the meter is not 4/4,
            the tempo changes, or a track is named that is not there.
    """
    voices = _assign(song, request, where)
    bar = BEATS * song.ticks_per_beat
    first = (request.first_bar - 1) * bar
    there_are = _count_bars(voices.values(), first, song.ticks_per_beat)
    bars = request.bars or there_are
    if bars > there_are:
        raise InputError(
            f"from bar {request.first_bar} on, the song has {there_are} bars and not {bars}",
            where=where,
            remedy="choose fewer bars, or leave bars out",
        )
    last = first + bars * bar
    played = {
        name: [note for note in notes if first <= note.start < last]
        for name, notes in voices.items()
    }
    _check_amount(played, where)
    _check_meter(song, last, where)
    tempo_bpm = request.tempo_bpm or _find_tempo(song, first, last, where)
    clock = _Clock(song.ticks_per_beat, first, tempo_bpm, request.swing_pct)
    duration_s = bars * BEATS * 60.0 / tempo_bpm
    if duration_s > MAX_DURATION_S:
        raise InputError(
            f"{bars} bars last {duration_s / 60:.0f} minutes, more than {MAX_DURATION_S / 60:.0f}",
            where=where,
            remedy="choose fewer with first_bar and bars",
        )
    notes = tuple(_notes(played, clock, math.inf if request.loop else duration_s))
    if sum(note.duration_s for note in notes) > MAX_SOUNDING_S:
        raise InputError("too many long notes at once", where=where, remedy="choose fewer bars")
    return Score(
        tempo_bpm=tempo_bpm,
        key=song.key,
        swing_pct=request.swing_pct or 50.0,
        bars=bars,
        duration_s=duration_s,
        loop=request.loop,
        parts=tuple(_parts(song, played, request)),
        sections=tuple(_sections(song, first, bars)),
        notes=notes,
        hits=tuple(_hits(played.get(DRUMS, []), request.drum_map, clock)),
    )


def list_parts(song: MidiSong, request: Request, where: object) -> list[str]:
    """Return the parts of a whole song, in order."""
    return list(_assign(song, request, where))


def _assign(song: MidiSong, request: Request, where: object) -> dict[str, list[MidiNote]]:
    """Return the notes of each part, in order; those of the drums are still keys."""
    told = {name.strip().lower(): part for name, part in request.parts.items()}
    known = [label for voice in song.voices for label in _labels(song, voice)]
    for name in told:
        if name not in known:
            listed = ", ".join(dict.fromkeys(_describe(song, voice) for voice in song.voices))
            raise InputError(
                f"parts: there is no track {name!r} with notes",
                where=where,
                remedy=did_you_mean(name, known, otherwise=f"it has {listed}"),
            )
    found: dict[str, list[MidiNote]] = {}
    for voice in song.voices:
        part = find_part(song, voice, told)
        if part != LEFT_OUT:
            found.setdefault(part, []).extend(voice.notes)
    order = (DRUMS, "bass", "keys", "lead")
    names = sorted(found, key=lambda name: (order.index(name) if name in order else 9, name))
    return {name: sorted(found[name], key=attrgetter("start", "key")) for name in names}


def find_part(song: MidiSong, voice: MidiVoice, told: Mapping[str, str]) -> str:
    """Return the part that a track plays: as told, by name, by program, or by what it plays."""
    for label in _labels(song, voice):
        if label in told:
            return told[label]
    if voice.channel == DRUM_CHANNEL:
        return DRUMS
    # The channels of a type 0 file share one name, which is the song's.
    named = "" if song.format == 0 else voice.name.lower()
    for part, words in _NAMES:
        if re.search(words, named):
            # What is called a piano and asks for a bass is one.
            return "bass" if part == "keys" and voice.program in _BASSES else part
    solo = _is_solo(voice.notes)
    if voice.program:  # 0 is what a track has that asks for nothing
        part = next(part for programs, part in _FAMILIES if voice.program in programs)
        alone = part in _SOLO_FAMILIES or voice.program in _MELLOW_SOLO
        return "lead" if solo and alone else part
    middle = sorted(note.key for note in voice.notes)[len(voice.notes) // 2]
    if solo and middle < _BASS_BELOW:
        return "bass"
    return "lead" if solo and middle >= _LEAD_FROM else "keys"


def _labels(song: MidiSong, voice: MidiVoice) -> tuple[str, ...]:
    """Return what a track may be called by: in a file of one track, the channel's number."""
    number = voice.channel if song.format == 0 else voice.track
    return (str(number), voice.name.lower()) if voice.name else (str(number),)


def _describe(song: MidiSong, voice: MidiVoice) -> str:
    return " ".join([_labels(song, voice)[0], *([repr(voice.name)] if voice.name else [])])


def _is_solo(notes: list[MidiNote]) -> bool:
    """Return whether nearly all notes sound alone, but for a little legato."""
    ordered = sorted(notes, key=attrgetter("start"))
    alone = sum(
        later.start >= note.start + (note.end - note.start) // 2 and later.start > note.start
        for note, later in pairwise(ordered)
    )
    return alone >= _SOLO_SHARE * (len(ordered) - 1)


def _count_bars(parts: Iterable[list[MidiNote]], first: int, ticks_per_beat: int) -> int:
    """Return how many bars there are until the last note, at least one."""
    slack = int(_RELEASE_BEATS * ticks_per_beat)
    ends = (max(note.start + 1, note.end - slack) for notes in parts for note in notes)
    return max(1, math.ceil((max(ends, default=0) - first) / (BEATS * ticks_per_beat)))


def _check_amount(played: Mapping[str, list[MidiNote]], where: object) -> None:
    count = sum(map(len, played.values()))
    if not count:
        raise InputError(
            "nothing is played in these bars", where=where, remedy="choose others with first_bar"
        )
    if count > MAX_NOTES:
        raise InputError(
            f"{count} notes are more than {MAX_NOTES}",
            where=where,
            remedy="choose fewer bars with first_bar and bars",
        )


def _check_meter(song: MidiSong, last: int, where: object) -> None:
    for tick, beats, value in song.signatures:
        if tick < last and beats != value:
            raise InputError(
                f"bar {_bar_number(song, tick)} is in {beats}/{value}: only 4/4 is played",
                where=where,
                remedy="choose bars before it with bars" if tick else "export what is in 4/4",
            )


def _find_tempo(song: MidiSong, first: int, last: int, where: object) -> float:
    """Return the one tempo of a stretch, the first that it has."""
    tempo_us, remaining = _DEFAULT_TEMPO_US, []
    for tick, beat_us in song.tempos:
        if tick <= first:
            tempo_us = beat_us
        elif tick < last:
            remaining.append((tick, beat_us))
    for tick, beat_us in remaining:
        if abs(beat_us - tempo_us) > _SAME_TEMPO * tempo_us:
            raise InputError(
                f"the tempo changes from {_bpm(tempo_us)} to {_bpm(beat_us)} BPM "
                f"in bar {_bar_number(song, tick)}",
                where=where,
                remedy="give tempo_bpm, at which all of it is played, or choose bars of one tempo",
            )
    low, high = TEMPO_BPM
    if not low <= 60e6 / max(tempo_us, 1) <= high:
        raise InputError(
            f"a tempo of {_bpm(tempo_us)} BPM is outside {low:g} to {high:g}",
            where=where,
            remedy="give tempo_bpm",
        )
    return 60e6 / tempo_us


def _bpm(beat_us: int) -> str:
    return f"{60e6 / max(beat_us, 1):.5g}"


def _bar_number(song: MidiSong, tick: int) -> int:
    return tick // (BEATS * song.ticks_per_beat) + 1


@dataclass(frozen=True)
class _Clock:
    """From ticks to seconds from the first bar that is played."""

    ticks_per_beat: int
    first: int
    tempo_bpm: float
    swing_pct: float | None

    def time_s(self, tick: int) -> float:
        beats = (tick - self.first) / self.ticks_per_beat
        if self.swing_pct is not None:
            beats = _swing(beats, self.swing_pct / 100.0)
        return beats * 60.0 / self.tempo_bpm


def _swing(beats: float, place: float) -> float:
    """Return a time whose off-beat sixteenth falls at a place within its eighth."""
    eighth = math.floor(2.0 * beats)
    within = 2.0 * beats - eighth
    late = 2.0 * within - 1.0
    moved = place + (late * (1.0 - place) if late > 0 else late * place)
    return (eighth + moved) / 2.0


def _notes(played: Mapping[str, list[MidiNote]], clock: _Clock, end_s: float) -> Iterator[Note]:
    for part, notes in played.items():
        if part == DRUMS:
            continue
        for note in notes:
            onset_s = clock.time_s(note.start)
            length_s = min(clock.time_s(note.end), end_s) - onset_s
            yield Note(
                part=part,
                midi=note.key,
                onset_s=onset_s,
                duration_s=min(max(length_s, 1e-3), MAX_NOTE_S),
                velocity=note.velocity / 127.0,
            )


def _hits(strokes: list[MidiNote], drum_map: Mapping[str, str], clock: _Clock) -> Iterator[Hit]:
    """Yield the strokes on the six drums; two on one drum at once are one, the louder."""
    drums: dict[int, str] = {**DRUM_OF_KEY, **{int(key): drum for key, drum in drum_map.items()}}
    for start, together in groupby(strokes, key=attrgetter("start")):
        loudest: dict[str, int] = {}
        for stroke in together:
            drum = drums.get(stroke.key, LEFT_OUT)
            loudest[drum] = max(loudest.get(drum, 0), stroke.velocity)
        loudest.pop(LEFT_OUT, None)
        for drum, velocity in loudest.items():
            yield Hit.model_validate(
                {"drum": drum, "onset_s": clock.time_s(start), "velocity": velocity / 127.0}
            )


def _parts(
    song: MidiSong, played: Mapping[str, list[MidiNote]], request: Request
) -> Iterator[Part]:
    told = {name.strip().lower(): part for name, part in request.parts.items()}
    programs: dict[str, int] = {}
    for voice in song.voices:
        programs.setdefault(find_part(song, voice, told), voice.program or 0)
    for name, notes in played.items():
        if notes:
            kind = "percussive" if name == DRUMS else "pitched"
            yield Part.model_validate({"name": name, "kind": kind, "program": programs[name]})


def _sections(song: MidiSong, first: int, bars: int) -> Iterator[Section]:
    """Yield a section for each marker, from its bar to the next marker's."""
    bar = BEATS * song.ticks_per_beat
    starts: dict[int, str] = {}
    for tick, name in song.markers:
        number = round((tick - first) / bar)
        if 0 <= number < bars:
            starts[number] = name[:32].strip()
    for number, following in pairwise([*starts, bars]):
        yield Section(name=starts[number], first_bar=number, bars=following - number)
