"""Corpora by part, at the rate of a network that plays parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lofigen_kit.audio.files import read_audio
from lofigen_kit.corpus.crops import Crops, find_own_noise, weigh_songs
from lofigen_kit.corpus.songs import CorpusFormat, Song, describe, make_corpus, read_songs
from lofigen_kit.errors import InputError
from lofigen_kit.music.conditioning import (
    channel_names,
    find_noise_rows,
    plays_parts,
    render_conditioning,
)
from lofigen_kit.nn.spec import make_stack_spec
from lofigen_kit_plugins.band import Band
from lofigen_kit_plugins.beatmaker import Beatmaker

RATE_HZ = 24_000
BAND = Band(bars=1, chords="Dm9", key="Dm", feel="boom-bap", lead_density=1.0)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three takes of a bar, each part a song."""
    folder = tmp_path_factory.mktemp("corpus")
    make_corpus(folder, BAND, minutes=0.5, seed=3, form=CorpusFormat(RATE_HZ, by_part=True))
    return folder


@pytest.fixture(scope="module")
def songs(corpus: Path) -> list[Song]:
    return read_songs(corpus, "train", order="reference")


def test_each_part_is_a_song_with_its_own_score(corpus: Path, songs: list[Song]) -> None:
    assert {song.part for song in songs} == {"drums", "bass", "keys", "lead"}
    for song in songs:
        assert song.score.part_names == (song.part,)
        assert song.sample_rate_hz == RATE_HZ
        assert len(song.samples) == round(song.score.duration_s * RATE_HZ)
        assert read_audio(corpus / song.file).sample_rate_hz == RATE_HZ
        assert song.file.endswith(f"-{song.part}.flac")
    assert describe(corpus)["by_part"] is True


def test_a_part_is_the_dry_rendering_of_the_source(songs: list[Song]) -> None:
    drums = next(song for song in songs if song.part == "drums")
    spectrum = np.abs(np.fft.rfft(drums.samples)) ** 2
    hz = np.fft.rfftfreq(len(drums.samples), 1 / RATE_HZ)
    assert spectrum[(hz > 5000) & (hz < 11_000)].sum() > 1e-4 * spectrum.sum()


def test_a_source_without_parts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not render its parts"):
        make_corpus(
            tmp_path, Beatmaker(bars=1), minutes=0.1, seed=1,
            form=CorpusFormat(RATE_HZ, by_part=True),
        )  # fmt: skip


def test_crops_hear_the_guide_of_their_part(songs: list[Song]) -> None:
    names = channel_names((song.score for song in songs), by_part=True)
    assert plays_parts(names)
    assert not plays_parts(channel_names(song.score for song in songs))
    spec = make_stack_spec([(1, 8, 9), (8, 1, 9)], guide=names, sample_rate_hz=RATE_HZ)
    crops = Crops(songs, spec, frames=500)
    for number, song in enumerate(songs):
        start = len(song.samples) - 200  # goes on at the beginning
        batch = crops.cut_crops([(number, start)])
        whole = render_conditioning(
            song.score, names, start=start + 1, frames=500, sample_rate_hz=RATE_HZ
        )
        whole[find_noise_rows(names)] *= find_own_noise(song)[
            (start + 1 + np.arange(500)) % len(song.samples)
        ]
        assert batch.guide is not None
        np.testing.assert_array_equal(batch.guide[0], whole.astype(np.float16).astype(np.float32))
        index = (start + np.arange(500)) % len(song.samples)
        np.testing.assert_array_equal(batch.x[0, 0], song.samples[index])


def test_drums_are_drawn_as_often_as_is_asked_for(songs: list[Song]) -> None:
    drums = np.array([song.part == "drums" for song in songs])
    for share in (0.1, 0.5, 0.9):
        weights = weigh_songs(songs, share)
        assert weights.sum() == pytest.approx(1.0)
        assert weights[drums].sum() == pytest.approx(share)
    lengths = np.array([len(song.samples) for song in songs], np.float64)
    np.testing.assert_array_equal(weigh_songs(songs, 0.0), lengths / lengths.sum())
    alone = [song for song in songs if song.part == "drums"]
    assert weigh_songs(alone, 0.5).sum() == pytest.approx(1.0)
