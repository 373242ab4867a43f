"""Copies are found wherever they were moved, and what was never heard is not called a copy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lofigen_kit.analysis import mono_8k
from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.components.base import Context
from lofigen_kit.corpus.songs import Song, make_corpus, read_songs
from lofigen_kit.effects.rack import apply_effect
from lofigen_kit.evaluation.memorisation_chroma import (
    CHROMA_COPY_THRESHOLD,
    CHROMA_SUSPECT_THRESHOLD,
    ChromaIndex,
)
from lofigen_kit.music.score import BeatGrid
from lofigen_kit.plugins.registry import Registry
from lofigen_kit_plugins.beatmaker import Beatmaker

RATE_HZ = 8_000
CLIP_S, START_S = 12, 2.0

Change = Callable[[np.ndarray], np.ndarray]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("moved") / "corpus"
    make_corpus(folder, Beatmaker(bars=8), minutes=4.0, seed=6)
    return folder


@pytest.fixture(scope="module")
def songs(corpus: Path) -> list[Song]:
    return read_songs(corpus, "train")


@pytest.fixture(scope="module")
def memory(songs: list[Song]) -> ChromaIndex:
    return ChromaIndex(songs)


def copied(song: Song) -> np.ndarray:
    start = round(START_S * RATE_HZ)
    return song.samples[start : start + CLIP_S * RATE_HZ]


@pytest.fixture(scope="module")
def changed(registry: Registry) -> Callable[..., np.ndarray]:
    """Send samples through an effect of the kit."""

    def change(samples: np.ndarray, name: str, **parameters: float) -> np.ndarray:
        effect = registry.find("effect", name).model_validate(parameters)
        ctx = Context(rng=np.random.default_rng(1), grid=BeatGrid(tempo_bpm=80.0))
        audio = AudioBuffer(samples[None], RATE_HZ)
        return mono_8k(apply_effect(effect, audio, ctx, loop=False))  # type: ignore[arg-type]

    return change


def test_a_copy_is_found_where_it_was_taken(songs: list[Song], memory: ChromaIndex) -> None:
    found = memory.find_nearest(-0.3 * copied(songs[2]))
    assert [like.clip_s for like in found] == [0.0, 1.0, 2.0, 3.0, 4.0]
    for like in found:
        assert like.is_copy
        assert 0.9 < like.similarity <= 1.0
        assert (like.semitones, like.speed, like.file) == (0, 1.0, songs[2].file)


@pytest.mark.parametrize("semitones", [-4, -2, -1, 1, 2, 4])
def test_varispeed_is_found_and_named(
    songs: list[Song], memory: ChromaIndex, changed: Callable[..., np.ndarray], semitones: int
) -> None:
    clip = changed(copied(songs[1]), "varispeed", semitones=semitones)
    best = max(memory.find_nearest(clip), key=lambda like: like.similarity)
    assert best.is_suspect
    assert best.file == songs[1].file
    assert best.semitones == semitones
    assert best.speed == pytest.approx(2 ** (semitones / 12))


@pytest.mark.parametrize("semitones", [-3, 3])
def test_a_pitch_that_was_moved_alone_is_found_and_named(
    songs: list[Song], memory: ChromaIndex, changed: Callable[..., np.ndarray], semitones: int
) -> None:
    clip = changed(copied(songs[0]), "varispeed", semitones=semitones)
    clip = changed(clip, "time-stretch", rate=2 ** (-semitones / 12))
    best = max(memory.find_nearest(clip), key=lambda like: like.similarity)
    assert best.is_suspect
    assert (best.file, best.semitones, best.speed) == (songs[0].file, semitones, 1.0)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("lowpass", {"cutoff_hz": 800}), ("reverb", {"decay_s": 2.5, "mix": 0.4}),
     ("wow-flutter", {"wow_depth_pct": 0.8}), ("time-stretch", {"rate": 0.95})],
)  # fmt: skip
def test_what_a_waveform_does_not_survive_is_found(
    songs: list[Song],
    memory: ChromaIndex,
    changed: Callable[..., np.ndarray],
    name: str,
    parameters: dict[str, float],
) -> None:
    found = memory.find_nearest(changed(copied(songs[3]), name, **parameters))
    best = max(found, key=lambda like: like.similarity)
    assert best.is_suspect
    assert best.file == songs[3].file


def test_what_was_never_heard_is_no_copy(corpus: Path, memory: ChromaIndex) -> None:
    highest = [
        like.similarity
        for split in ("valid", "test")
        for song in read_songs(corpus, split)
        for like in memory.find_nearest(song.samples)
    ]
    assert max(highest) < CHROMA_COPY_THRESHOLD
    assert min(highest) > 0.1  # they are kin


def test_noise_and_silence(memory: ChromaIndex) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(10 * RATE_HZ)
    assert all(
        like.similarity < CHROMA_SUSPECT_THRESHOLD - 0.2 for like in memory.find_nearest(noise)
    )
    assert memory.find_nearest(np.zeros(10 * RATE_HZ)) == []
    assert memory.find_nearest(noise[: 7 * RATE_HZ]) == []


def test_a_song_that_is_shorter_than_a_window_goes_round(
    songs: list[Song],
) -> None:
    short = songs[0].samples[: 5 * RATE_HZ]
    song = Song(short, songs[0].score, "train", "short", "short.flac")
    (first, *_) = ChromaIndex([song]).find_nearest(np.resize(short, 10 * RATE_HZ))
    assert first.is_copy
