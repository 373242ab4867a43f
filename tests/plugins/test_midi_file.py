from __future__ import annotations

import io
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import mido
import numpy as np
import pytest
import soundfile
from pydantic import ValidationError

from lofigen_kit.api import (
    DRUMS,
    Context,
    Hit,
    InputError,
    Instrument,
    LofigenError,
    Note,
    Part,
    Score,
    Section,
    Take,
    mix_parts,
)
from lofigen_kit.music.midi import to_midi
from lofigen_kit.music.midi_reader import MAX_BYTES, parse_midi
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit.testing import check_component
from lofigen_kit_plugins.instruments.kit import Kit
from lofigen_kit_plugins.instruments.sample_instrument import SampleInstrument
from lofigen_kit_plugins.midi_file import MidiFile
from lofigen_kit_plugins.midi_file.arrange import (
    DRUM_OF_KEY,
    Request,
    find_part,
    make_score,
)

BEAT = 480
Played = tuple[float, float, int]
"""The first beat of a note, its last, and its key."""


class Sines(Instrument):
    """Plays sines.

    Attributes:
        level: How loud.
    """

    use: Literal["sines"] = "sines"
    range_midi: ClassVar[tuple[int, int]] = (36, 96)
    level: float = 0.2

    def play(self, event: Note | Hit, sample_rate_hz: int, ctx: Context) -> np.ndarray:
        assert isinstance(event, Note)
        t = np.arange(round(event.duration_s * sample_rate_hz)) / sample_rate_hz
        wave = self.level * event.velocity * np.sin(2 * np.pi * event.frequency_hz * t)
        return (wave * np.minimum(1, (event.duration_s - t) * 100))[None].astype(np.float32)


PLAYERS: dict[str, Any] = {"kit": Kit(), **dict.fromkeys(("bass", "keys", "lead"), Sines())}


def track(
    notes: Sequence[Played] = (), *, channel: int = 1, name: str = "", program: int | None = None,
    meta: Sequence[tuple[float, mido.MetaMessage]] = (), velocity: int = 100,
) -> mido.MidiTrack:  # fmt: skip
    timed: list[tuple[float, int, Any]] = [(beat, 0, message) for beat, message in meta]
    for start, end, key in notes:
        on, off = (
            mido.Message(kind, channel=channel - 1, note=key, velocity=velocity)
            for kind in ("note_on", "note_off")
        )
        timed += [(start, 2, on), (end, 1, off)]
    made, now = mido.MidiTrack(), 0
    if name:
        made.append(mido.MetaMessage("track_name", name=name))
    if program is not None:
        made.append(mido.Message("program_change", channel=channel - 1, program=program))
    for beat, _, message in sorted(timed, key=lambda item: item[:2]):
        made.append(message.copy(time=round(beat * BEAT) - now))
        now = round(beat * BEAT)
    return made


def midi(*tracks: mido.MidiTrack, kind: int = 1, ticks: int = BEAT) -> bytes:
    file = mido.MidiFile(type=kind, ticks_per_beat=ticks)
    file.tracks.extend(tracks)
    blob = io.BytesIO()
    file.save(file=blob)
    return blob.getvalue()


def meta(kind: str, **fields: Any) -> mido.MetaMessage:
    return mido.MetaMessage(kind, **fields)


def read(data: bytes, **request: Any) -> Score:
    return make_score(parse_midi(data, "a.mid"), Request(**request), "a.mid")


LINE = [(beat, beat + 0.5, 72) for beat in range(8)]
CHORDS = [(beat, beat + 2, key) for beat in (0, 2, 4, 6) for key in (60, 64, 67)]
BASS = [(beat, beat + 1, 36) for beat in range(8)]
BEATS = [(beat + off, beat + off + 0.1, key) for beat in range(0, 8, 2)
         for off, key in ((0, 36), (1, 38), (0.5, 42), (1.5, 46))]  # fmt: skip
CONDUCTOR = track(
    meta=[
        (0, meta("set_tempo", tempo=600_000)),
        (0, meta("time_signature", numerator=4, denominator=4)),
        (0, meta("key_signature", key="Dm")),
        (0, meta("marker", text="intro")),
        (4, meta("marker", text="A")),
    ]
)
SONG = midi(
    CONDUCTOR,
    track(BEATS, channel=10),
    track(BASS, channel=2, program=33),
    track(CHORDS, channel=3, program=4),
    track(LINE, channel=4, name="Melody"),
)


@pytest.fixture
def song(tmp_path: Path) -> Path:
    path = tmp_path / "Song.mid"
    path.write_bytes(SONG)
    return path


def take_of(path: Path, seed: int = 1, root: Path | None = None, **fields: Any) -> Take:
    source = MidiFile(path=str(path), **{**PLAYERS, **fields})
    return source.make_take(Context(rng=rng_for(seed, 0, "source"), root=root))


def test_an_instrument_for_a_part_that_the_file_has_not_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "song.mid"
    path.write_bytes(SONG)
    listed = "its parts are drums, bass, keys, lead"
    with pytest.raises(InputError) as refused:
        take_of(path, instruments={"bass": Sines(), "strings": Sines()})
    assert str(refused.value) == f"{path}: instruments: the song has no part 'strings'; {listed}"
    with pytest.raises(InputError, match=rf"did you mean 'keys'\? {listed}"):
        take_of(path, instruments={"kees": Sines()})
    # A part that rests in the bars that are played is one of the file.
    late = tmp_path / "late.mid"
    late.write_bytes(midi(track(notes=LINE, name="Lead"), track(notes=[(8, 9, 60)], name="Pad")))
    assert take_of(late, bars=1, instruments={"pad": Sines()}).score.part_names == ("lead",)


# What is read.


def test_a_song_is_a_score() -> None:
    score = read(SONG)
    assert (score.tempo_bpm, score.key, score.bars) == (100.0, "D minor", 2)
    assert score.duration_s == pytest.approx(4.8)
    assert [(s.name, s.first_bar, s.bars) for s in score.sections] == [
        ("intro", 0, 1), ("A", 1, 1),
    ]  # fmt: skip
    assert [(p.name, p.kind, p.program) for p in score.parts] == [
        ("drums", "percussive", 0), ("bass", "pitched", 33), ("keys", "pitched", 4),
        ("lead", "pitched", 0),
    ]  # fmt: skip
    assert Counter(n.part for n in score.notes) == {"bass": 8, "keys": 12, "lead": 8}
    assert Counter(h.drum for h in score.hits) == {
        "kick": 4, "snare": 4, "hat": 4, "open-hat": 4,
    }  # fmt: skip
    first = next(n for n in score.notes if n.part == "lead")
    assert (first.midi, first.onset_s) == (72, 0.0)
    assert first.duration_s == pytest.approx(0.3)
    assert first.velocity == pytest.approx(100 / 127)


def test_a_score_comes_back_out_of_its_own_midi_file() -> None:
    hits = tuple(Hit(drum=drum, onset_s=n / 2, velocity=0.5) for n, drum in enumerate(DRUMS))
    notes = tuple(
        Note(part=part, midi=60 + n, onset_s=n / 2, duration_s=0.25, velocity=0.5)
        for n, part in enumerate(("bass", "keys", "lead"))
    )
    parts = tuple(Part(name=n, instrument="x", program=7) for n in ("bass", "keys", "lead"))
    score = Score(
        tempo_bpm=120, key="C major", bars=2, duration_s=4, notes=notes, hits=hits, parts=parts,
        sections=(Section(name="A", first_bar=0, bars=1), Section(name="B", first_bar=1, bars=1)),
    )  # fmt: skip
    again = read(to_midi(score))
    assert (again.tempo_bpm, again.key, again.bars) == (120, "C major", 2)
    assert again.sections == score.sections
    before: list[Note | Hit] = [*notes, *hits]
    after: list[Note | Hit] = [*again.notes, *again.hits]
    for old, new in zip(before, after, strict=True):
        assert new.onset_s == pytest.approx(old.onset_s, abs=1e-6)
        assert new.velocity == pytest.approx(0.5, abs=0.01)
    assert [(n.part, n.midi) for n in again.notes] == [(n.part, n.midi) for n in notes]
    assert [h.drum for h in again.hits] == list(DRUMS)


def test_one_track_of_all_channels_is_told_apart_by_channel() -> None:
    merged = mido.merge_tracks([CONDUCTOR, track(BEATS, channel=10), track(BASS, channel=2),
                                track(CHORDS, channel=3), track(LINE, channel=4)])  # fmt: skip
    score = read(midi(merged, kind=0))
    assert Counter(n.part for n in score.notes) == {"bass": 8, "keys": 12, "lead": 8}
    assert len(score.hits) == 16
    assert "solo" in read(midi(merged, kind=0), parts={"4": "solo"}).part_names


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"name": "Drum Rack"}, "drums"),
        ({"name": "Sub Bass"}, "bass"),
        ({"name": "VOCALS", "program": 33}, "lead"),
        ({"name": "Rhodes"}, "keys"),
        ({"name": "Piano", "program": 35}, "bass"),
        ({"name": "Warm Pad"}, "pad"),
        ({"program": 48}, "strings"),
        ({"program": 73}, "lead"),
        ({"program": 73, "notes": CHORDS}, "winds"),
        ({"program": 11}, "lead"),
        ({"program": 11, "notes": CHORDS}, "keys"),
        ({"program": 90}, "pad"),
        ({"notes": BASS}, "bass"),
        ({"notes": CHORDS}, "keys"),
        ({"notes": [(s, e, 55) for s, e, _ in LINE]}, "keys"),
        ({}, "lead"),
        ({"channel": 10}, "drums"),
    ],
)
def test_the_part_of_a_track(fields: dict[str, Any], part: str) -> None:
    parsed = parse_midi(midi(track(**{"notes": LINE, **fields})), "a.mid")
    assert find_part(parsed, parsed.voices[0], {}) == part


def test_parts_are_as_told_and_tracks_of_one_part_play_together() -> None:
    told = {"3": "lead", "melody": "arp", "2": "none"}
    score = read(SONG, parts=told)
    assert Counter(n.part for n in score.notes) == {"lead": 8, "keys": 12, "arp": 8}
    assert not score.hits
    both = read(SONG, parts={"4": "keys", "5": "keys"})
    assert Counter(n.part for n in both.notes) == {"bass": 8, "keys": 20}
    with pytest.raises(InputError, match=r"no track 'melodi' with notes; did you mean 'melody'"):
        read(SONG, parts={"Melodi": "lead"})
    with pytest.raises(InputError, match=r"no track '9' with notes; it has 2, 3, 4, 5 'Melody'"):
        read(SONG, parts={"9": "lead"})


def test_the_general_midi_drum_map_is_six_drums_and_may_be_told_otherwise() -> None:
    assert set(DRUM_OF_KEY.values()) == set(DRUMS)
    data = midi(track([(0, 1, 36), (0, 1, 35), (1, 2, 41), (2, 3, 49), (3, 4, 72)], channel=10))
    assert [h.drum for h in read(data).hits] == ["kick", "rim", "ride"]
    mapped = read(data, drum_map={"41": "kick", "72": "snare", "49": "none"})
    assert [h.drum for h in mapped.hits] == ["kick", "kick", "snare"]


def test_bars_are_cut_out() -> None:
    score = read(SONG, first_bar=2, bars=1)
    assert score.bars == 1
    assert min(n.onset_s for n in score.notes) == 0.0
    assert Counter(n.part for n in score.notes) == {"bass": 4, "keys": 6, "lead": 4}
    assert [(s.name, s.first_bar, s.bars) for s in score.sections] == [("A", 0, 1)]
    assert max(n.onset_s + n.duration_s for n in score.notes) <= score.duration_s + 1e-9
    with pytest.raises(InputError, match="nothing is played in these bars"):
        read(SONG, first_bar=9)


def test_the_sustain_pedal_holds_notes() -> None:
    down, up = (
        mido.Message("control_change", control=64, value=value) for value in (127, 0)
    )  # fmt: skip
    data = midi(track([(0, 0.5, 60), (3, 3.5, 64)], meta=[(0.25, down), (2, up)]))
    held, free = read(data).notes
    assert held.duration_s == pytest.approx(1.0)
    assert free.duration_s == pytest.approx(0.25)


def test_a_key_that_is_never_let_go_sounds_to_the_end() -> None:
    data = midi(track(meta=[(0, mido.Message("note_on", note=60, velocity=9)),
                            (4, meta("text", text="bye"))]))  # fmt: skip
    [only] = read(data).notes
    assert only.duration_s == pytest.approx(2.0)


def test_swing_moves_the_off_beat_sixteenth_alone() -> None:
    data = midi(track([(n / 4, n / 4 + 0.2, 60) for n in range(16)], program=4))
    straight, swung = read(data), read(data, swing_pct=60)
    beat_s = straight.grid.beat_s
    late = [b.onset_s - a.onset_s for a, b in zip(straight.notes, swung.notes, strict=True)]
    assert late == pytest.approx([0.0, 0.1 * beat_s / 2] * 8, abs=1e-9)
    assert (straight.swing_pct, swung.swing_pct) == (50, 60)


def test_a_tempo_that_changes_is_refused_or_made_one() -> None:
    changing = track(
        LINE,
        meta=[(0, meta("set_tempo", tempo=500_000)), (4, meta("set_tempo", tempo=600_000))],
    )
    with pytest.raises(InputError, match=r"changes from 120 to 100 BPM in bar 2; give tempo_bpm"):
        read(midi(changing))
    assert read(midi(changing), tempo_bpm=84).duration_s == pytest.approx(8 * 60 / 84)
    assert read(midi(changing), bars=1).tempo_bpm == pytest.approx(120)
    assert read(midi(changing), first_bar=2).tempo_bpm == pytest.approx(100)
    wavering = track(LINE, meta=[(n, meta("set_tempo", tempo=500_000 + 999 * n)) for n in range(5)])
    assert read(midi(wavering)).tempo_bpm == pytest.approx(120)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (midi(track(LINE, meta=[(0, meta("time_signature", numerator=3, denominator=4))])),
         "bar 1 is in 3/4: only 4/4 is played; export"),
        (midi(track(LINE, meta=[(4, meta("time_signature", numerator=6, denominator=8))])),
         "bar 2 is in 6/8: only 4/4 is played; choose bars before it"),
        (midi(track(LINE, meta=[(0, meta("set_tempo", tempo=0))])), "outside 20 to 300"),
        (midi(track(LINE, meta=[(0, meta("set_tempo", tempo=9_000_000))])), "outside 20 to 300"),
        (midi(track()), "nothing is played"),
        (midi(CONDUCTOR), "nothing is played"),
        (midi(track([(0, 1e5, 60)])), "more than 10"),
        (midi(track([(4000, 4001, 60)])), "minutes, more than 10"),
        (midi(track([(n / 99, n / 99 + 0.01, 60) for n in range(20_001)])),
         "20001 notes are more than 20000"),
        (midi(track([(0, 60, key) for key in range(128)] * 10)), "too many long notes at once"),
    ],
)  # fmt: skip
def test_what_cannot_be_played_is_one_line(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read(data)
    assert str(caught.value).startswith("a.mid: ")
    assert "\n" not in str(caught.value)


def header(kind: int = 1, division: int = 480, tracks: int = 1) -> bytes:
    return b"MThd" + b"".join(
        number.to_bytes(size) for number, size in ((6, 4), (kind, 2), (tracks, 2), (division, 2))
    )


def chunk(body: bytes) -> bytes:
    return b"MTrk" + len(body).to_bytes(4) + body


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("empty", b"", "no MIDI file"),
        ("text", b"la la la" * 9, "no MIDI file"),
        ("type 2", header(2) + chunk(b""), "type 2 is no single song"),
        ("no ticks", header(division=0) + chunk(b""), "its beats have no ticks"),
        ("SMPTE", header(division=0xE728) + chunk(b""), "SMPTE frames"),
        ("cut", SONG[:-20], "cut short"),
        ("lies of its length", header() + b"MTrk\xff\xff\xff\xff\0", "cut short"),
        ("no status", header() + chunk(b"\0\x40\x40"), "a message has no kind"),
        ("half a message", header() + chunk(b"\0\x90\x40\x90\x40"), "a message is cut short"),
        ("endless number", header() + chunk(b"\xff" * 4_000_000), "a number has no end"),
        ("huge meta", header() + chunk(b"\0\xff\x01\xff\xff\xff\x7f"), "cut short"),
        ("a billion ticks", header() + chunk(b"\xff\xff\xff\x7f\x90\x40\x40" * 9), "minutes"),
        ("for ever", header(tracks=1) + chunk(b"\xff\xff\xff\x7f\x90\x40\x40" * 9000),
         "lasts for ever"),
        ("a million notes", header() + chunk(b"\0\x90" + b"\x40\x40\0" * 999_999 + b"\0\0"),
         "more than 200000 notes"),
        ("a million on and off", header() + chunk(b"\0\x90" + b"\x40\x40\1\x40\0\1" * 600_000 +
                                                  b"\0\0"), "more than 200000 notes"),
        ("many tracks", header(tracks=60_000) + chunk(b"\0\xff\x2f\0") * 60_000,
         "more than 1024 tracks"),
        ("no tracks", header(tracks=0), "nothing is played"),
        ("large", header() + bytes(MAX_BYTES), "more than 4 MiB"),
    ],
)  # fmt: skip
def test_a_hostile_file_is_one_line_within_seconds(name: str, data: bytes, message: str) -> None:
    began = time.process_time()
    with pytest.raises(InputError, match=message) as caught:
        read(data)
    assert time.process_time() - began < 5.0, name
    assert str(caught.value).startswith("a.mid: ")
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_odd_but_sound_files_are_read() -> None:
    odd = (
        b"\0\xff\x59\x02\x63\x07"  # a key signature of 99 sharps
        b"\0\xff\x03\x04\xe9\x0a\x1b\x41"  # a name that is not UTF-8, with control characters
        b"\0\xf0\x03\x01\x02\xf7"  # system exclusive
        b"\0\xfe"  # active sensing
        b"\0\x90\x40\x40\x83\x60\x40\0"  # running status, off by velocity 0
    )
    rubbish = b"XFIH\0\0\0\2ab"
    score = read(header() + rubbish + chunk(odd) + b"trailing")
    assert [(n.midi, n.duration_s) for n in score.notes] == [(64, 0.5)]
    assert score.key == ""


# What is heard.


def test_a_take_plays_every_part(song: Path) -> None:
    take = take_of(song, loop=True, licence="CC-BY-4.0")
    assert list(take.parts) == ["drums", "bass", "keys", "lead"]
    assert take.audio.samples.shape == (2, round(4.8 * 44_100))
    np.testing.assert_array_equal(take.audio.samples, mix_parts(take.parts, loop=True).samples)
    assert 0.2 < np.abs(take.audio.samples).max() <= 0.91
    assert take.licence == "CC-BY-4.0 AND CC0-1.0"
    assert take.title == "Song"
    assert take.score.instruments == ("kit:dusty", "bass:sines", "keys:sines", "lead:sines")


def test_notes_sound_where_the_score_has_them(song: Path) -> None:
    take = take_of(song)
    rate_hz = take.audio.sample_rate_hz
    lead = take.parts["lead"].samples[0]
    for note in take.score.notes:
        if note.part == "lead":
            first = round(note.onset_s * rate_hz)
            heard = lead[first : first + round(0.25 * rate_hz)]
            hz = np.argmax(np.abs(np.fft.rfft(heard, 1 << 17))) * rate_hz / (1 << 17)
            assert abs(1200 * np.log2(hz / note.frequency_hz)) < 10
            rest = lead[first + round(0.35 * rate_hz) : first + round(0.55 * rate_hz)]
            assert np.abs(rest).max() < 1e-6


def test_the_contract(song: Path, tmp_path: Path) -> None:
    t = np.arange(88_200) / 44_100
    soundfile.write(tmp_path / "C4.wav", np.exp(-t) * np.sin(2 * np.pi * 261.6256 * t), 44_100)
    installed = SampleInstrument(path=str(tmp_path))
    players = dict.fromkeys(("bass", "keys", "lead"), installed)
    closed = {"46": "hat"}  # to the contract's ear an open hat is one more stroke of the closed one
    check_component(
        MidiFile, path=str(song), drum_map=closed, instruments={"lead": installed}, **players
    )


def test_other_parts_are_played_as_told_or_as_the_keys_are(song: Path) -> None:
    loud = Sines(level=0.5)
    take = take_of(song, parts={"melody": "arp", "4": "bells"}, instruments={"bells": loud})
    assert list(take.parts) == ["drums", "bass", "arp", "bells"]
    source = MidiFile(path=str(song), keys=loud)
    assert source._choose_instrument("arp") is loud
    assert source._choose_instrument("drums").use == "kit"


def test_notes_beyond_an_instrument_are_played_an_octave_nearer(tmp_path: Path) -> None:
    path = tmp_path / "low.mid"
    path.write_bytes(midi(track([(0, 1, 20), (1, 2, 108), (2, 3, 60)], program=33)))
    take = take_of(path)
    assert [n.midi for n in take.score.notes] == [44, 96, 60]


def test_humanise_is_a_matter_of_the_seed(song: Path) -> None:
    plain, some, more = (take_of(song, humanise=amount).score for amount in (0.0, 0.3, 1.0))
    assert plain == read(SONG).model_copy(update={"parts": plain.parts})

    def apart(score: Score) -> tuple[float, float]:
        written: list[Note | Hit] = [*plain.notes, *plain.hits]
        played: list[Note | Hit] = [*score.notes, *score.hits]
        pairs = list(zip(written, played, strict=True))
        return (
            max(abs(a.onset_s - b.onset_s) for a, b in pairs),
            max(abs(a.velocity - b.velocity) for a, b in pairs),
        )

    assert 0.0 < apart(some)[0] < apart(more)[0] < 0.025
    assert 0.0 < apart(some)[1] < apart(more)[1] < 0.25
    assert take_of(song, humanise=1.0).score == more
    assert take_of(song, seed=2, humanise=1.0).score != more


def test_a_take_repeats_bit_for_bit(song: Path) -> None:
    np.testing.assert_array_equal(
        take_of(song, humanise=0.5).audio.samples, take_of(song, humanise=0.5).audio.samples
    )


def test_too_many_parts_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "many.mid"
    path.write_bytes(midi(*(track(LINE) for _ in range(17))))
    told = {str(n + 1): f"part-{n}" for n in range(17)}
    with pytest.raises(InputError, match="17 parts are more than 16"):
        take_of(path, parts=told)


@pytest.mark.parametrize(
    "fields",
    [
        {"path": ""}, {"bars": 0}, {"first_bar": 0}, {"humanise": 2}, {"tempo_bpm": 5},
        {"swing_pct": 80}, {"parts": {"1": "Lead"}}, {"parts": {"": "lead"}},
        {"drum_map": {"128": "kick"}}, {"drum_map": {"36": "tom"}}, {"licence": ""},
        {"keys": "no-such"}, {"keys": 3}, {"kit": {"use": "kit", "kit": "none"}},
    ],
)  # fmt: skip
def test_fields_are_bounded(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        MidiFile(**{"path": "a.mid", **fields})


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"parts": {"1": "Leed"}}, "did you mean 'lead'?"),
        ({"instruments": {"Warm Pad": "sines"}}, "did you mean 'warm-pad'?"),
        ({"drum_map": {"128": "kick"}}, "'128' is no key, which is a whole number from 0 to 127"),
    ],
)
def test_a_name_that_cannot_be_is_told_in_words(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        MidiFile(**{"path": "a.mid", **fields})
    assert said in str(refused.value)
    assert "pattern" not in str(refused.value)


def test_a_preset_reaches_no_further_than_its_folder(song: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "link.mid").symlink_to(song)
    for path in (song, "../Song.mid", "link.mid"):
        with pytest.raises(InputError, match="outside the preset's folder"):
            take_of(Path(path), root=root)
    assert take_of(Path(song.name), root=tmp_path).title == "Song"


@pytest.mark.parametrize(
    "spoil", [lambda p: p.unlink(), lambda p: (p.unlink(), p.mkdir()), lambda p: p.write_bytes(b"")]
)
def test_what_is_no_file_is_one_line(song: Path, spoil: Callable[[Path], object]) -> None:
    spoil(song)
    with pytest.raises(InputError) as caught:
        take_of(song)
    assert str(caught.value).startswith(f"{song}: ")


# Music that nobody here wrote.


def find_songs() -> Iterator[Path]:
    """Yield MIDI files of packages that are installed.

    LOFIGEN_TEST_MIDI names a folder with more.
    """
    import importlib.util

    folders = [Path("/usr/share/games"), Path("/usr/share/sounds"), Path("/usr/share/openttd")]
    if named := os.environ.get("LOFIGEN_TEST_MIDI"):
        folders.insert(0, Path(named))
    specs = map(importlib.util.find_spec, ("music21", "pretty_midi", "miditoolkit"))
    folders += [Path(spec.origin).parent for spec in specs if spec and spec.origin]
    for folder in folders:
        yield from (p for p in sorted(folder.rglob("*.mid")) if p.is_file())


def test_real_songs_are_scores_or_one_line_and_are_read_as_mido_reads_them() -> None:
    songs = [path for path, _ in zip(find_songs(), range(20), strict=False)]
    if not songs:
        pytest.skip("no package with MIDI files is installed: openttd-openmsx has some")
    refused = {}
    for path in songs:
        parsed = parse_midi(path.read_bytes(), path)
        expected = sum(
            message.type == "note_on" and message.velocity > 0
            for played in mido.MidiFile(path, clip=True).tracks
            for message in played
        )
        assert sum(len(voice.notes) for voice in parsed.voices) == expected, path
        try:
            score = make_score(parsed, Request(tempo_bpm=90), path)
        except LofigenError as error:
            refused[path] = str(error)
            continue
        assert score.notes or score.hits
        assert all(n.onset_s < score.duration_s for n in score.notes)
    assert len(refused) <= len(songs) // 2
    assert all(line.startswith(f"{path}: ") for path, line in refused.items())


# What is asked for in vain.


def test_a_file_that_lacks_tracks_is_cut_short() -> None:
    data = SONG
    second = data.index(b"MTrk", data.index(b"MTrk") + 4)
    with pytest.raises(InputError, match="cut short: it has 1 of"):
        parse_midi(data[:second], "a.mid")
    with pytest.raises(InputError, match="cut short"):
        parse_midi(data[: len(data) // 2], "a.mid")


def test_bars_that_are_not_there_are_refused() -> None:
    with pytest.raises(InputError, match="the song has 2 bars and not 99"):
        read(SONG, bars=99)
    assert read(SONG, bars=1).bars == 1


def test_a_kit_may_be_named_alone(song: Path) -> None:
    take = MidiFile(path=str(song), kit="jazz").make_take(Context(rng=rng_for(1, 0, "source")))
    assert take.score.kit == "jazz"
    with pytest.raises(ValidationError):
        MidiFile(path=str(song), kit="marching")
