from __future__ import annotations

import numpy as np
import pytest

from lofigen_kit.components.base import Context
from lofigen_kit.corpus.songs import Song, resample_sound
from lofigen_kit.evaluation.parts import (
    OCTAVES_HZ,
    group_by_take,
    measure_part,
    measure_sum,
    sum_songs,
    summarise_parts,
    to_row,
)
from lofigen_kit.evaluation.plots import plot_takes
from lofigen_kit.evaluation.tables import make_tables
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit_plugins.band import Band

RATE = 24_000


@pytest.fixture(scope="module")
def songs() -> list[Song]:
    """Four bars of the band, each part alone."""
    take = Band(bars=4, kit="jazz", feel="boom-bap", lead_density=1.0).make_take(
        Context(rng_for(4, 0, "source"))
    )
    return [
        Song(
            resample_sound(sound, take.score, RATE), take.score.solo(name), "test", take.title,
            f"0000-{name}.flac", RATE, name,
        )
        for name, sound in take.parts.items()
    ]  # fmt: skip


def pick(songs: list[Song], part: str) -> Song:
    return next(song for song in songs if song.part == part)


def test_the_reference_beside_itself_is_the_ceiling(songs: list[Song]) -> None:
    for song in songs:
        measured = measure_part(song, song.samples)
        assert (measured.level_db, measured.high_db, measured.mel_distance_db) == (0, 0, 0)
        assert measured.onsets == measured.onsets_reference
        assert measured.chroma == measured.chroma_reference
        assert measured.findings == ()  # also where the part rests
    drums = measure_part(pick(songs, "drums"), pick(songs, "drums").samples)
    assert min(drums.onsets[drum] for drum in ("kick", "snare", "hat")) > 0.85
    assert drums.chroma is None
    keys = measure_part(pick(songs, "keys"), pick(songs, "keys").samples)
    assert keys.onsets == {}
    assert keys.chroma is not None
    assert keys.chroma > 0.7
    lead = measure_part(pick(songs, "lead"), pick(songs, "lead").samples)
    assert lead.chroma is not None
    assert lead.chroma > 0.7


def test_what_is_wrong_with_a_part_is_seen(songs: list[Song]) -> None:
    drums = pick(songs, "drums")
    spectrum = np.fft.rfft(drums.samples)
    spectrum[np.fft.rfftfreq(len(drums.samples), 1 / RATE) > 4000] = 0
    dull = measure_part(drums, np.fft.irfft(spectrum, len(drums.samples)).astype(np.float32))
    assert dull.high_db < -20
    soft = measure_part(drums, 0.5 * drums.samples)
    assert soft.level_db == pytest.approx(-6.02, abs=0.01)
    late = measure_part(drums, np.roll(drums.samples, round(0.2 * RATE)))
    assert late.onsets["kick"] < 0.5
    noise = 0.003 * np.random.default_rng(1).normal(size=len(drums.samples))
    noisy = measure_part(drums, drums.samples + noise.astype(np.float32))
    assert noisy.noise_floor_dbfs > noisy.noise_floor_reference_dbfs + 10
    silent = measure_part(drums, np.zeros_like(drums.samples))
    assert {finding.fault for finding in silent.findings} == {"silence"}


def test_a_longer_rollout_goes_round(songs: list[Song]) -> None:
    bass = pick(songs, "bass")
    longer = measure_part(bass, np.tile(bass.samples, 2)[: round(1.5 * len(bass.samples))])
    assert longer.mel_distance_db == pytest.approx(0, abs=0.01)


def test_the_sum_is_that_of_all_parts(songs: list[Song]) -> None:
    played = {song.part: song.samples for song in songs}
    whole = measure_sum(songs, played)
    assert whole.mel_distance_db == pytest.approx(0, abs=1e-3)
    assert len(whole.octaves_db) == len(OCTAVES_HZ) - 1
    less = measure_sum(songs, {**played, "bass": np.zeros_like(played["bass"])})
    lost = dict(zip(OCTAVES_HZ, less.octaves_db, strict=False))
    assert min(lost[20], lost[60], lost[120]) < -3
    assert lost[4000] > -0.5
    mix = sum_songs(songs)
    assert mix.part == ""
    assert len(mix.score.notes) == sum(len(song.score.notes) for song in songs)
    assert mix.score.hits == pick(songs, "drums").score.hits


def test_takes_are_their_parts_and_a_mix_is_a_take_alone(songs: list[Song]) -> None:
    mix = Song(songs[0].samples, songs[0].score, "test", "mix", "0001.flac")
    takes = group_by_take([*songs, mix])
    assert [len(take) for take in takes] == [4, 1]
    assert sum_songs(takes[1]) is mix


def test_the_tables_have_every_part(songs: list[Song]) -> None:
    parts = [measure_part(song, song.samples) for song in songs]
    sums = [measure_sum(songs, {song.part: song.samples for song in songs})]
    facts = summarise_parts(parts, sums)
    assert facts["parts"]["drums"]["kick_f"] == facts["parts"]["drums"]["kick_f_reference"]
    by_part, whole = make_tables({"by_part": facts})
    assert [row[0] for row in by_part.rows] == [song.part for song in songs]
    assert by_part.rows[0][1].startswith("kick ")
    assert ("takes that collapsed", "0 of 1") in whole.rows
    rows = [to_row(part) for part in parts]
    assert "hat_onsets" in rows[0]
    pytest.importorskip("matplotlib")
    png = plot_takes({"by_part": facts, "songs": rows})
    assert png.startswith(b"\x89PNG")
