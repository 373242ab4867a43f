"""The score as a Standard MIDI File, and back: a track for each part, and the sections."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from lofigen_kit.errors import InputError
from lofigen_kit.music.keys import abbreviate_key
from lofigen_kit.music.score import DRUM_PART, Drum, Hit, Note, Part, Score, Section

if TYPE_CHECKING:
    from mido import Message, MidiTrack

    from lofigen_kit.music.midi_reader import MidiSong, MidiVoice

TICKS_PER_BEAT = 960
MIN_TEMPO_US, MAX_TEMPO_US = 150_000, (1 << 24) - 1
PROGRAMS = {"keys": 4, "bass": 33}
"""General MIDI for parts whose instrument is unknown: electric piano, fingered bass; from 0."""
DRUM_CHANNEL = 9
DRUM_NOTES: dict[Drum, int] = {
    "kick": 36, "snare": 38, "rim": 37, "hat": 42, "open-hat": 46, "ride": 51,
}  # fmt: skip
DRUM_S = 0.05
_DRUMS = {note: drum for drum, note in DRUM_NOTES.items()}
MAX_BARS = 10_000
MAX_NOTES = 50_000
"""How many notes a file may have to be read as a score."""
MELODIC_CHANNELS = tuple(channel for channel in range(16) if channel != DRUM_CHANNEL)

_TimedNote = tuple[float, float, int, float]
"""Onset and end in seconds, note and velocity."""


def to_midi(score: Score) -> bytes:
    """Return a score as a Standard MIDI File of format 1, whose time 0 is the sound's start.

    Each part is a track with its General MIDI program; sections are markers. A note ends where its
    own key is struck again, and all of them where the piece does, so that what loops as sound
    loops as MIDI. Beyond 15 pitched parts, parts share the last channel.
    """
    from mido import Message, MidiFile

    clock = _TickClock(min(round(60e6 / score.tempo_bpm), MAX_TEMPO_US), score.duration_s)
    file = MidiFile(type=1, ticks_per_beat=TICKS_PER_BEAT)
    file.tracks.append(_conductor(score, clock))
    programs = {part.name: part.program for part in score.parts if part.instrument}
    channels = iter(MELODIC_CHANNELS)
    channel = MELODIC_CHANNELS[0]
    for name in score.part_names:
        if name == DRUM_PART:
            change = Message("program_change", channel=DRUM_CHANNEL, program=programs.get(name, 0))
            file.tracks.append(_track(name, change, _time_hits(score), clock))
        else:
            channel = next(channels, channel)
            program = programs.get(name, PROGRAMS.get(name, 0))
            change = Message("program_change", channel=channel, program=program)
            file.tracks.append(_track(name, change, _time_notes(score, name), clock))
    blob = io.BytesIO()
    file.save(file=blob)
    return blob.getvalue()


def _time_notes(score: Score, part: str) -> list[_TimedNote]:
    notes = (note for note in score.notes if note.part == part)
    return [(n.onset_s, n.onset_s + n.duration_s, round(n.midi), n.velocity) for n in notes]


def _time_hits(score: Score) -> list[_TimedNote]:
    return [(h.onset_s, h.onset_s + DRUM_S, DRUM_NOTES[h.drum], h.velocity) for h in score.hits]


@dataclass(frozen=True)
class _TickClock:
    """From seconds to ticks, by the tempo that the file gives in whole microseconds."""

    beat_us: int
    duration_s: float

    @property
    def end(self) -> int:
        return self.ticks(self.duration_s)

    def ticks(self, time_s: float) -> int:
        return round(time_s * 1e6 / self.beat_us * TICKS_PER_BEAT)


def _conductor(score: Score, clock: _TickClock) -> MidiTrack:
    from mido import MetaMessage, MidiTrack

    track = MidiTrack()
    track.append(MetaMessage("set_tempo", tempo=clock.beat_us))
    track.append(MetaMessage("time_signature", numerator=4, denominator=4))
    if key := abbreviate_key(score.key):
        track.append(MetaMessage("key_signature", key=key))
    now = 0
    for section in score.sections:
        tick = clock.ticks(score.start_s + 4 * section.first_bar * score.grid.beat_s)
        track.append(MetaMessage("marker", text=section.name, time=tick - now))
        now = tick
    track.append(MetaMessage("end_of_track", time=max(clock.end - now, 0)))
    return track


def _track(
    name: str, program: Message, played: Iterable[_TimedNote], clock: _TickClock
) -> MidiTrack:
    from mido import Message, MetaMessage, MidiTrack

    track = MidiTrack([MetaMessage("track_name", name=name), program])
    now = 0
    for tick, velocity, note in _make_note_events(played, clock):
        kind = "note_on" if velocity else "note_off"
        message = Message(kind, channel=program.channel, note=note, velocity=velocity)
        track.append(message.copy(time=tick - now))
        now = tick
    track.append(MetaMessage("end_of_track", time=clock.end - now))
    return track


def _make_note_events(
    played: Iterable[_TimedNote], clock: _TickClock
) -> list[tuple[int, int, int]]:
    """Return (tick, velocity, note) in order; a velocity of 0 is the end of a note."""
    events = []
    next_onset: dict[int, int] = {}
    for onset_s, end_s, note, velocity in sorted(played, reverse=True):
        start = clock.ticks(onset_s)
        end = min(clock.ticks(end_s), next_onset.get(note, clock.end))
        if end <= start:  # the key is struck twice at once, or where the piece is over
            continue
        next_onset[note] = start
        events += [(start, max(1, round(127 * velocity)), note), (end, 0, note)]
    return sorted(events)  # at one tick notes end before others begin, since their velocity is 0


def from_midi(data: bytes, where: object) -> Score:
    """Return the score of a MIDI file that `to_midi` wrote, or of one that is like it.

    Drum notes that it never writes are left out. A file that another program wrote may be of any
    meter and form: the source `midi-file` understands more of them.

    Args:
        data: The whole file.
        where: What to call it in messages.

    Raises:
        InputError: if it is no MIDI file, is empty or too large, or changes its tempo.
    """
    from lofigen_kit.music.midi_reader import parse_midi

    song = parse_midi(data, where)
    tempos = {tempo_us for _, tempo_us in song.tempos} or {500_000}
    if len(tempos) > 1 or min(tempos) < MIN_TEMPO_US:
        raise InputError("its tempo is not one, or above 400 BPM", where=where)
    beat_us = min(tempos)
    tick_s = beat_us / 1e6 / song.ticks_per_beat
    count = sum(len(voice.notes) for voice in song.voices)
    if not 0 < count <= MAX_NOTES:
        raise InputError(f"{count} notes are none, or more than {MAX_NOTES}", where=where)
    bars = _count_bars(song)
    if bars > MAX_BARS:
        raise InputError(f"it is longer than {MAX_BARS} bars", where=where)
    names = _name_voices(song.voices)
    return Score(
        tempo_bpm=60e6 / beat_us,
        key=song.key,
        bars=bars,
        duration_s=song.end * tick_s,
        parts=tuple(
            Part(name=name, kind="percussive" if name == DRUM_PART else "pitched")
            for name in dict.fromkeys(names)
        ),
        sections=tuple(_read_sections(song, bars)),
        notes=tuple(
            Note(
                part=name,
                midi=note.key,
                onset_s=note.start * tick_s,
                duration_s=(note.end - note.start) * tick_s,
                velocity=note.velocity / 127,
            )
            for name, voice in zip(names, song.voices, strict=True)
            for note in voice.notes
            if name != DRUM_PART
        ),
        hits=tuple(
            Hit(drum=_DRUMS[note.key], onset_s=note.start * tick_s, velocity=note.velocity / 127)
            for voice in song.voices
            for note in voice.notes
            if voice.channel == DRUM_CHANNEL + 1 and note.key in _DRUMS
        ),
    )


def _count_bars(song: MidiSong) -> int:
    """Return how many whole bars it has, or bars in which something begins if they are more."""
    bar = 4 * song.ticks_per_beat
    onsets = (note.start for voice in song.voices for note in voice.notes)
    last = max([*onsets, *(tick for tick, _ in song.markers)])
    return max((song.end + bar // 32) // bar, last // bar + 1)


def _name_voices(voices: Iterable[MidiVoice]) -> list[str]:
    """Return the part of each voice: its track's name, as far as a part can be called so."""
    names = []
    for voice in voices:
        words = re.sub(r"[^a-z0-9]", "-", voice.name.lower())
        name = words.lstrip("-0123456789")[:32].rstrip("-")
        if voice.channel == DRUM_CHANNEL + 1:
            name = DRUM_PART
        elif name in ("", DRUM_PART):
            name = f"track-{voice.track}"
        names.append(name)
    return names


def _read_sections(song: MidiSong, bars: int) -> Iterable[Section]:
    """Yield what the markers begin, each up to the next one."""
    starts = {round(tick / (4 * song.ticks_per_beat)): text for tick, text in song.markers}
    ordered = [bar for bar in sorted(starts) if bar < bars]
    for first, end in pairwise([*ordered, bars]):
        yield Section(name=starts[first][:32], first_bar=first, bars=end - first)
