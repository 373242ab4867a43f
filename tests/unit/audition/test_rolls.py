"""The piano rolls of the sheet: nothing is lost that can be seen, and they stay small."""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lofigen_kit.audition.rolls import (
    COLUMNS,
    FIRST_DRUM,
    MAX_PACKED_BYTES,
    PARTS,
    SheetRoll,
    make_roll,
    read_roll,
)
from lofigen_kit.audition.takes import find_takes, read_takes
from lofigen_kit.music.midi import to_midi
from lofigen_kit.music.roll import DRUM_ROWS
from lofigen_kit.music.score import DRUMS, Hit, Note, Score, Section
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit_plugins.band.arranger import Brief, arrange

WriteTake = Callable[..., dict[str, Any]]


def unpack(roll: SheetRoll) -> list[tuple[int, ...]]:
    """Return column, length, row, part and velocity of each event, as the page reads them."""
    table = np.frombuffer(zlib.decompress(b64decode(roll.events)), np.uint8)
    since, since_low, length, length_low, row, look = table.reshape(6, roll.count).astype(int)
    columns = np.cumsum(256 * since + since_low)
    rows = zip(columns, 256 * length + length_low, row, look >> 4, look & 15, strict=True)
    return [tuple(map(int, event)) for event in rows]


def test_every_event_is_in_its_place() -> None:
    rng = np.random.default_rng(5)
    notes = [
        Note(
            part=[*PARTS, "pad"][n % 4], midi=n, onset_s=rng.uniform(0, 19), duration_s=1.0,
            velocity=rng.uniform(),
        )
        for n in range(128)
    ]  # fmt: skip
    hits = [
        Hit(drum=DRUMS[n % 6], onset_s=rng.uniform(0, 20), velocity=rng.uniform())
        for n in range(40)
    ]
    sections = (Section(name="A", first_bar=0, bars=2), Section(name="B", first_bar=2, bars=90))
    score = Score(
        tempo_bpm=60, bars=5, duration_s=20, notes=tuple(notes), hits=tuple(hits),
        sections=sections,
    )  # fmt: skip
    roll = make_roll(score, 20.0)
    scale = COLUMNS / 20
    expected = [
        (round(n.onset_s * scale), round(scale), n.midi, k % 4, round(15 * n.velocity))
        for k, n in enumerate(notes)
    ] + [
        (
            round(h.onset_s * scale),
            1,
            FIRST_DRUM + DRUM_ROWS.index(h.drum),
            3,
            round(15 * h.velocity),
        )
        for h in hits
    ]
    assert unpack(roll) == sorted(expected)
    assert (roll.low, roll.high, roll.bar) == (0, 127, 0.2)
    assert roll.sections == ((0.0, "A"), (0.4, "B"))
    assert len(roll.drums) == 6


def test_what_lasts_beyond_the_take_ends_with_it() -> None:
    notes = (
        Note(part="keys", midi=60, onset_s=1.0, duration_s=9.0),
        Note(part="keys", midi=60, onset_s=2.5, duration_s=1.0),
    )
    roll = make_roll(Score(tempo_bpm=60, bars=1, duration_s=4, notes=notes), 2.0)
    assert unpack(roll) == [(COLUMNS // 2, COLUMNS // 2, 60, 1, round(0.7 * 15))]


def test_two_hundred_songs_take_less_than_a_megabyte() -> None:
    sizes = []
    for seed in range(4):
        score = arrange(Brief(form="song", plan="standard"), rng_for(seed, 0, "source")).score
        roll = make_roll(score, score.duration_s)
        assert roll.columns == COLUMNS
        sizes.append(len(roll.events) + len(roll.about) + 40 * len(roll.sections))
    assert 200 * np.mean(sizes) < 1_000_000


def test_a_long_piece_is_drawn_coarser_and_whole() -> None:
    rng = np.random.default_rng(1)
    notes = tuple(
        Note(part="keys", midi=float(rng.integers(30, 90)), onset_s=time_s, duration_s=0.3)
        for time_s in np.sort(rng.uniform(0, 3600, 20_000))
    )
    roll = make_roll(Score(tempo_bpm=80, bars=1200, duration_s=3600, notes=notes), 3600.0)
    assert roll.columns < COLUMNS
    assert len(roll.events) <= 4 * MAX_PACKED_BYTES / 3 + 4
    columns = [column for column, *_ in unpack(roll)]
    assert min(columns) == 0
    assert max(columns) == roll.columns - 1


def test_the_score_is_looked_for_beside_the_take(tmp_path: Path, write_take: WriteTake) -> None:
    folder = tmp_path / "beats"
    for name in ("a", "b", "c", "d"):
        write_take(folder / f"{name}.wav", seconds=2.0)
    score = Score(
        tempo_bpm=120, bars=1, duration_s=2, hits=(Hit(drum="kick", onset_s=1.0, velocity=1),)
    )
    (folder / "a.mid").write_bytes(to_midi(score))
    (folder / "b.mid").write_bytes(b"MThd is not enough")
    (tmp_path / "secret.mid").write_bytes(to_midi(score))
    (folder / "c.mid").symlink_to(tmp_path / "secret.mid")
    a, *others = read_takes(folder, find_takes(folder))
    assert a.roll is not None
    assert unpack(a.roll) == [(COLUMNS // 2, 1, FIRST_DRUM + 5, 3, 15)]
    assert a.roll.about == "120 BPM, straight, 1 bar, 0:02. drums, 1 stroke."
    assert [(take.roll, take.error) for take in others] == [(None, None)] * 3


def test_a_roll_is_of_the_file_beside_the_take_or_of_its_recipe(tmp_path: Path) -> None:
    def score(midi: int) -> Score:
        note = Note(part="keys", midi=midi, onset_s=0.0, duration_s=1.0)
        return Score(tempo_bpm=60, bars=1, duration_s=4.0, notes=(note,))

    facts = {"midi": b64encode(to_midi(score(64))).decode()}
    from_recipe = read_roll(tmp_path, "take.wav", 4.0, facts)
    assert from_recipe is not None
    assert [event[2] for event in unpack(from_recipe)] == [64]
    (tmp_path / "take.mid").write_bytes(to_midi(score(71)))
    beside = read_roll(tmp_path, "take.wav", 4.0, facts)
    assert beside is not None
    assert [event[2] for event in unpack(beside)] == [71]
    for damaged in ({}, {"midi": 3}, {"midi": "?"}, {"midi": "TVRoZA=="}, {"midi": None}):
        assert read_roll(tmp_path, "other.wav", 4.0, damaged) is None
