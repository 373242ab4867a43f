"""The score as a Standard MIDI File: chords, bass and drums as they are played, swing and all."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lofigen_kit.music.keys import abbreviate_key
from lofigen_kit.music.score import Drum, Part, Score

if TYPE_CHECKING:
    from mido import Message, MidiTrack

TICKS_PER_BEAT = 960
MAX_TEMPO_US = (1 << 24) - 1
CHANNELS: dict[Part, int] = {"chords": 0, "bass": 1}
PROGRAMS: dict[Part, int] = {"chords": 4, "bass": 33}
"""General MIDI: electric piano, fingered bass; counted from 0."""
DRUM_CHANNEL = 9
DRUM_NOTES: dict[Drum, int] = {"kick": 36, "snare": 38, "hat": 42}
DRUM_S = 0.05

_TimedNote = tuple[float, float, int, float]
"""Onset and end in seconds, note and velocity."""


def to_midi(score: Score) -> bytes:
    """Return a score as a file of format 1 that lies under the sound: time 0 is the sound's start.

    A note ends where its own key is struck again, and all of them where the piece does, so that
    what loops as sound loops as MIDI.
    """
    from mido import Message, MidiFile

    clock = _TickClock(min(round(60e6 / score.tempo_bpm), MAX_TEMPO_US), score.duration_s)
    file = MidiFile(type=1, ticks_per_beat=TICKS_PER_BEAT)
    file.tracks.append(_conductor(score, clock))
    for part, channel in CHANNELS.items():
        notes = [n for n in score.notes if n.part == part]
        played = [(n.onset_s, n.onset_s + n.duration_s, round(n.midi), n.velocity) for n in notes]
        program = Message("program_change", channel=channel, program=PROGRAMS[part])
        file.tracks.append(_track(part, program, played, clock))
    strokes = [(h.onset_s, h.onset_s + DRUM_S, DRUM_NOTES[h.drum], h.velocity) for h in score.hits]
    kit = Message("program_change", channel=DRUM_CHANNEL, program=0)
    file.tracks.append(_track("drums", kit, strokes, clock))
    blob = io.BytesIO()
    file.save(file=blob)
    return blob.getvalue()


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
    track.append(MetaMessage("end_of_track", time=clock.end))
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
