"""Copies of training songs are found, and songs that were never heard are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import signal

from lofigen_kit.corpus.songs import Song, make_corpus, read_songs
from lofigen_kit.evaluation.memorisation import COPY_THRESHOLD, SongIndex
from lofigen_kit_plugins.beatmaker import Beatmaker

RATE_HZ = 8_000
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("remembered") / "corpus"
    make_corpus(folder, Beatmaker(bars=2), minutes=1.5, seed=6)
    return folder


@pytest.fixture(scope="module")
def songs(corpus: Path) -> list[Song]:
    return read_songs(corpus, "train")


@pytest.fixture(scope="module")
def memory(songs: list[Song]) -> SongIndex:
    return SongIndex(songs)


def noisy(samples: np.ndarray) -> np.ndarray:
    return np.asarray(samples + 0.316 * samples.std() * RNG.standard_normal(len(samples)))


def dull(samples: np.ndarray) -> np.ndarray:
    low_pass = signal.butter(2, 800, fs=RATE_HZ, output="sos")
    return np.asarray(signal.sosfilt(low_pass, samples))


CHANGES: list[Callable[[np.ndarray], np.ndarray]] = [
    lambda x: x,
    lambda x: -0.1 * x,
    noisy,
    dull,
    lambda x: (x[1:] + x[:-1]) / 2,
]


@pytest.mark.parametrize("change", CHANGES, ids=["same", "soft", "noisy", "dull", "late"])
@pytest.mark.parametrize("number", [1, 4])
def test_a_planted_copy_is_found_where_it_was_taken(
    songs: list[Song], memory: SongIndex, number: int, change: Callable[[np.ndarray], np.ndarray]
) -> None:
    start = 6_789
    clip = change(songs[number].samples[start : start + 26_000].astype(np.float64))
    found = memory.find_nearest(clip)
    assert [like.clip_s for like in found] == [0.0, 1.0]
    for like in found:
        assert like.is_copy
        assert like.similarity <= 1.0
        assert like.file == songs[number].file
        place_s = start / RATE_HZ + like.clip_s
        assert like.song_s % songs[number].score.duration_s == pytest.approx(place_s, abs=0.002)


def test_a_copy_around_the_seam_is_found(songs: list[Song], memory: SongIndex) -> None:
    around = np.roll(songs[2].samples, RATE_HZ)[: 2 * RATE_HZ]
    (found,) = memory.find_nearest(around)
    assert found.is_copy
    assert found.song_s == pytest.approx(songs[2].score.duration_s - 1.0, abs=0.01)


def test_two_copied_seconds_in_a_song_of_its_own_are_found(
    corpus: Path, songs: list[Song], memory: SongIndex
) -> None:
    clip = read_songs(corpus, "test")[0].samples[: 5 * RATE_HZ].copy()
    clip[2 * RATE_HZ : 5 * RATE_HZ] = songs[3].samples[: 3 * RATE_HZ]
    found = {like.clip_s: like for like in memory.find_nearest(clip)}
    assert found[2.0].is_copy
    assert found[2.0].file == songs[3].file
    assert not found[0.0].is_copy


def test_songs_that_were_never_heard_are_no_copies(corpus: Path, memory: SongIndex) -> None:
    highest = [
        like.similarity
        for split in ("valid", "test")
        for song in read_songs(corpus, split)
        for like in memory.find_nearest(song.samples)
    ]
    assert max(highest) < COPY_THRESHOLD - 0.03
    assert min(highest) > 0.1  # they are kin


def test_noise_is_like_nothing_and_silence_is_not_compared(memory: SongIndex) -> None:
    noise = 0.1 * RNG.standard_normal(3 * RATE_HZ)
    assert all(like.similarity < 0.5 for like in memory.find_nearest(noise))
    assert memory.find_nearest(np.zeros(3 * RATE_HZ)) == []


def test_a_short_clip_is_compared_as_a_whole(songs: list[Song], memory: SongIndex) -> None:
    (found,) = memory.find_nearest(songs[0].samples[4_000:12_000])
    assert found.similarity > 0.95
    assert found.song_s == pytest.approx(0.5, abs=0.002)
