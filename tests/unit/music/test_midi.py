"""MIDI of scores, read back note by note."""

from __future__ import annotations

import io
from operator import itemgetter
from typing import Any

import mido
import pytest

from lofigen_kit.components.base import Context
from lofigen_kit.errors import InputError
from lofigen_kit.music.keys import abbreviate_key
from lofigen_kit.music.midi import DRUM_CHANNEL, DRUM_NOTES, from_midi, to_midi
from lofigen_kit.music.score import DRUMS, Hit, Note, Score, Section
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit_plugins.beatmaker import Beatmaker

CHANNELS = {"keys": 0, "bass": 1}

Struck = list[tuple[float, float, int, int]]
"""Onset and end in seconds, note and velocity."""


def read(blob: bytes) -> tuple[mido.MidiFile, dict[int, Struck]]:
    """Return a file and the notes of each channel, by the file's own tempo."""
    file = mido.MidiFile(file=io.BytesIO(blob))
    now, sounding = 0.0, {}
    channels: dict[int, Struck] = {}
    for message in file:
        now += message.time
        if message.type == "note_on":
            sounding[message.channel, message.note] = (now, message.velocity)
        elif message.type == "note_off":
            onset, velocity = sounding.pop((message.channel, message.note))
            channels.setdefault(message.channel, []).append((onset, now, message.note, velocity))
    assert not sounding
    return file, channels


def meta(file: mido.MidiFile, kind: str) -> mido.MetaMessage:
    return next(m for m in file.tracks[0] if m.type == kind)


@pytest.fixture(params=[(60.0, 50.0), (78.0, 58.0), (91.7, 66.0)], ids=str)
def score(request: pytest.FixtureRequest) -> Score:
    tempo_bpm, swing_pct = request.param
    source = Beatmaker(bars=8, tempo_bpm=tempo_bpm, swing_pct=swing_pct, key="Eb minor")
    return source.make_take(Context(rng_for(5, 0, "source"))).score


def test_every_note_comes_back_within_a_millisecond(score: Score) -> None:
    _, channels = read(to_midi(score))
    for part, channel in CHANNELS.items():
        notes = sorted((round(n.midi), n.onset_s, n) for n in score.notes if n.part == part)
        found = sorted((midi, onset, velocity) for onset, _, midi, velocity in channels[channel])
        assert len(found) == len(notes) > 0
        for (midi, onset, note), (pitch, at, velocity) in zip(notes, found, strict=True):
            assert pitch == midi
            assert at == pytest.approx(onset, abs=1e-3)
            assert velocity == pytest.approx(127 * note.velocity, abs=0.51)


def test_a_note_ends_on_time_unless_its_key_is_struck_again(score: Score) -> None:
    _, channels = read(to_midi(score))
    for part, channel in CHANNELS.items():
        notes = [n for n in score.notes if n.part == part]
        for onset, end, midi, _ in channels[channel]:
            note = min(
                (n for n in notes if round(n.midi) == midi), key=lambda n: abs(n.onset_s - onset)
            )
            again = [n.onset_s for n in notes if n.midi == midi and n.onset_s > note.onset_s]
            expected = min([note.onset_s + note.duration_s, score.duration_s, *again])
            assert end == pytest.approx(expected, abs=1e-3)


def test_every_stroke_comes_back_as_swung(score: Score) -> None:
    _, channels = read(to_midi(score))
    for drum, key in DRUM_NOTES.items():
        found = sorted(onset for onset, _, note, _ in channels[DRUM_CHANNEL] if note == key)
        assert found == pytest.approx(list(score.onsets_s(drum)), abs=1e-3)


def test_tempo_metre_key_and_length(score: Score) -> None:
    file, _ = read(to_midi(score))
    assert mido.tempo2bpm(meta(file, "set_tempo").tempo) == pytest.approx(score.tempo_bpm, rel=1e-6)
    assert meta(file, "key_signature").key == abbreviate_key(score.key)
    metre = meta(file, "time_signature")
    assert (metre.numerator, metre.denominator) == (4, 4)
    ticks = [sum(message.time for message in track) for track in file.tracks]
    assert set(ticks) == {8 * 4 * file.ticks_per_beat}  # every track is as long as the bars


def test_a_key_struck_twice_sounds_twice() -> None:
    notes = [
        Note(part="bass", midi=40, onset_s=onset_s, duration_s=1.0, velocity=0.5)
        for onset_s in (0.0, 0.5, 1.75)
    ]
    hits = (Hit(drum="hat", onset_s=0.0), Hit(drum="hat", onset_s=0.02))
    score = Score(tempo_bpm=120, bars=1, duration_s=2.0, notes=tuple(notes), hits=hits)
    file, channels = read(to_midi(score))
    played = [(round(on, 3), round(off, 3)) for on, off, _, _ in channels[0]]
    assert played == [(0.0, 0.5), (0.5, 1.5), (1.75, 2.0)]
    assert len(channels[DRUM_CHANNEL]) == 2
    assert not [m for m in file.tracks[0] if m.type == "key_signature"]


def test_a_tempo_too_slow_for_midi_keeps_its_seconds() -> None:
    hits = (Hit(drum="kick", onset_s=0.0), Hit(drum="kick", onset_s=59.0))
    score = Score(tempo_bpm=1, bars=1, duration_s=240.0, hits=hits)
    _, channels = read(to_midi(score))
    assert [onset for onset, *_ in channels[DRUM_CHANNEL]] == pytest.approx([0, 59], abs=0.02)


def test_a_score_comes_back_from_its_midi() -> None:
    notes = tuple(
        Note(part=part, midi=40 + n, onset_s=0.31 * n, duration_s=0.3, velocity=0.1 * (n + 1))
        for n, part in enumerate(["bass", "keys", "pad-2", "bass", "lead", "keys"])
    )
    hits = tuple(Hit(drum=drum, onset_s=0.27 * n) for n, drum in enumerate(DRUMS))
    sections = (Section(name="A", first_bar=0, bars=1), Section(name="B", first_bar=1, bars=1))
    score = Score(
        tempo_bpm=120, key="F# minor", bars=2, duration_s=4, notes=notes, hits=hits,
        sections=sections,
    )  # fmt: skip
    found = from_midi(to_midi(score), "a.mid")
    assert (found.tempo_bpm, found.key, found.sections) == (120, "F# minor", sections)
    assert set(found.part_names) == {"bass", "keys", "pad-2", "lead", "drums"}
    assert found.bars == 2
    assert found.duration_s == pytest.approx(4, abs=1e-3)
    key = itemgetter(1)
    pairs = zip(sorted(map(list_facts, found.notes), key=key), map(list_facts, notes), strict=True)
    for one, other in pairs:
        assert one[0] == other[0]
        assert one[1:] == pytest.approx(other[1:], abs=0.005)
    assert [hit.drum for hit in found.hits] == [hit.drum for hit in hits]
    onsets = [hit.onset_s for hit in hits]
    assert [hit.onset_s for hit in found.hits] == pytest.approx(onsets, abs=1e-3)


def list_facts(note: Note) -> tuple[Any, ...]:
    return note.part, note.onset_s, note.duration_s, note.midi, note.velocity


def test_what_is_no_score_is_refused() -> None:
    empty = Score(tempo_bpm=120, bars=1, duration_s=2)
    changes = mido.MidiFile(
        tracks=[[mido.MetaMessage("set_tempo", tempo=t) for t in (400_000, 500_000)]]
    )
    blob = io.BytesIO()
    changes.save(file=blob)
    for data, said in (
        (b"RIFF", "no MIDI file"),
        (to_midi(empty), "0 notes"),
        (blob.getvalue(), "its tempo"),
    ):
        with pytest.raises(InputError, match=said):
            from_midi(data, "a.mid")


def test_tracks_of_other_programs_have_names_that_parts_can_have() -> None:
    tracks = [
        [
            mido.MetaMessage("track_name", name=name),
            mido.Message("note_on", channel=channel, note=note, velocity=64),
            mido.Message("note_off", channel=channel, note=note, time=480),
        ]
        for name, channel, note in (
            ("01 Grand Piano", 0, 60), ("", 1, 61), ("Beat", 9, 36), ("x", 9, 99), ("drums", 2, 62)
        )
    ]  # fmt: skip
    blob = io.BytesIO()
    mido.MidiFile(tracks=tracks, ticks_per_beat=480).save(file=blob)
    score = from_midi(blob.getvalue(), "a.mid")
    assert [note.part for note in score.notes] == ["grand-piano", "track-2", "track-5"]
    assert [hit.drum for hit in score.hits] == ["kick"]
    assert score.part_names == ("grand-piano", "track-2", "drums", "track-5")
