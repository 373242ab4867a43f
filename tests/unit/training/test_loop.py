from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lofigen_kit.components.base import Context
from lofigen_kit.corpus.crops import Crops
from lofigen_kit.corpus.songs import (
    SAMPLE_RATE_HZ,
    Split,
    make_corpus,
    read_manifest,
    read_songs,
    resample_take,
    split_groups,
)
from lofigen_kit.errors import InputError, RenderError
from lofigen_kit.evaluation.prediction import compute_linear_residuals, compute_residual_nats
from lofigen_kit.music.conditioning import channel_names
from lofigen_kit.nn.checkpoint import load
from lofigen_kit.nn.network import CausalStack
from lofigen_kit.nn.spec import make_stack_spec
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit.training.callbacks import Callbacks
from lofigen_kit.training.config import TrainingConfig, compute_learning_rate
from lofigen_kit.training.loop import train
from lofigen_kit_plugins.beatmaker import Beatmaker

SPLITS: tuple[Split, ...] = ("train", "valid", "test")
SMALL = [(1, 8, 32), (8, 8, 32), (8, 1, 16)]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    make_corpus(folder, Beatmaker(bars=1), minutes=1.0, seed=5)
    return folder


def test_a_corpus_holds_what_its_manifest_says(corpus: Path) -> None:
    manifest, _ = read_manifest(corpus)
    assert manifest["minutes"] >= 1.0
    for number, entry in enumerate(manifest["songs"]):
        take = Beatmaker(bars=1).make_take(Context(rng_for(5, number, "source")))
        assert entry["title"] == take.title
        assert entry["licence"] == "CC0-1.0"
    train_songs = read_songs(corpus, "train")
    assert len(train_songs) == sum(s["split"] == "train" for s in manifest["songs"])
    take = Beatmaker(bars=1).make_take(Context(rng_for(5, 0, "source")))
    songs = [song for split in SPLITS for song in read_songs(corpus, split)]
    first = next(song for song in songs if song.score == take.score)
    np.testing.assert_allclose(first.samples, resample_take(take), atol=0.51 / 2**23)


def test_a_corpus_is_the_same_made_again(corpus: Path, tmp_path: Path) -> None:
    make_corpus(tmp_path / "again", Beatmaker(bars=1), minutes=1.0, seed=5)
    assert read_manifest(tmp_path / "again") == read_manifest(corpus)


def test_no_group_stands_in_two_splits(corpus: Path) -> None:
    manifest, _ = read_manifest(corpus)
    splits: dict[str, set[str]] = {}
    for song in manifest["songs"]:
        splits.setdefault(song["group"], set()).add(song["split"])
    assert all(len(found) == 1 for found in splits.values())
    assert set().union(*splits.values()) == {"train", "valid", "test"}


def test_the_split_does_not_depend_on_the_order() -> None:
    names = [f"g{n}" for n in range(30)]
    assert split_groups(names) == split_groups(reversed(names))
    assert sum(split == "test" for split in split_groups(names).values()) == 3


def test_a_song_that_was_changed_is_refused(tmp_path: Path) -> None:
    make_corpus(tmp_path / "c", Beatmaker(bars=1), minutes=0.05, seed=1)
    manifest = json.loads((tmp_path / "c" / "manifest.json").read_text())
    manifest["songs"][0]["sha256"] = "0" * 64
    (tmp_path / "c" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match=r"0000\.flac.*not the one"):
        read_songs(tmp_path / "c", manifest["songs"][0]["split"])


def test_a_corpus_never_overwrites(corpus: Path) -> None:
    with pytest.raises(InputError, match="not empty"):
        make_corpus(corpus, Beatmaker(), minutes=1, seed=1)


def test_a_loop_is_resampled_around_its_seam() -> None:
    take = Beatmaker(bars=1).make_take(Context(rng_for(2, 0, "source")))
    samples = resample_take(take)
    assert len(samples) == round(take.score.duration_s * SAMPLE_RATE_HZ)
    assert abs(samples[0] - samples[-1]) <= np.abs(np.diff(samples)).max()


def test_a_target_is_the_next_sample_and_its_guide_stands_beside_it(corpus: Path) -> None:
    songs = read_songs(corpus, "train")
    spec = make_stack_spec(SMALL, guide=channel_names(s.score for s in songs))
    crops = Crops(songs, spec, frames=64)
    start = len(songs[0].samples) - 10  # around the seam
    batch = crops.cut_crops([(0, start)])
    np.testing.assert_array_equal(batch.x[0, 0, 1:], batch.target[0, 0, :-1])
    np.testing.assert_array_equal(batch.target[0, 0, :9], songs[0].samples[-9:])
    np.testing.assert_array_equal(batch.target[0, 0, 9:], songs[0].samples[: 64 - 9])
    kick_s = songs[0].score.onsets_s("kick")[0]
    onset = int(np.ceil(kick_s * SAMPLE_RATE_HZ))
    assert batch.guide is not None
    struck = crops.cut_crops([(0, onset - 1)])
    assert struck.guide is not None
    row = spec.guide.index("kick.fast")
    assert struck.guide[0, row, 0] == struck.guide[0, row].max() > 0


def test_training_learns_and_repeats_bit_for_bit(corpus: Path, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    songs = read_songs(corpus, "train")
    spec = make_stack_spec(SMALL, mixtures=3, guide=channel_names(s.score for s in songs))
    config = TrainingConfig(steps=60, batch=2, window=512, warm_up=10)
    losses: list[float] = []
    hashes = []
    for name in ("a", "b"):
        losses.clear()
        path = tmp_path / f"{name}.safetensors"
        facts = train(
            spec,
            songs,
            config,
            path,
            facts={"licence": "CC0-1.0"},
            callbacks=Callbacks(progress=lambda now: losses.append(now.loss)),
        )
        hashes.append(load(path).sha256)
    assert hashes[0] == hashes[1]
    assert losses[-1] < losses[0] - 0.2
    assert load(path).facts["steps"] == facts["steps"] == 60
    assert load(path).licence == "CC0-1.0"


def test_a_loss_that_is_no_number_stops_and_names_the_step(corpus: Path, tmp_path: Path) -> None:
    songs = read_songs(corpus, "train")
    config = TrainingConfig(steps=5, batch=1, window=64, learning_rate=float("inf"), warm_up=1)
    with pytest.raises(RenderError, match="not a number at step"):
        train(make_stack_spec(SMALL), songs, config, tmp_path / "m.safetensors", facts={})
    assert not list(tmp_path.glob("*.safetensors"))


def test_the_rate_warms_up_and_goes_down_to_a_hundredth() -> None:
    config = TrainingConfig(steps=1000, warm_up=100, learning_rate=1.0)
    rates = [compute_learning_rate(config, step) for step in range(1000)]
    assert rates[0] == pytest.approx(0.01, rel=0.01)
    assert int(np.argmax(rates)) == 99
    assert rates[-1] == pytest.approx(0.01, abs=1e-3)


def test_linear_prediction_of_white_noise_gains_nothing_and_of_a_tone_much(corpus: Path) -> None:
    song = read_songs(corpus, "train")[0]
    rng = np.random.default_rng(0)

    def nats(samples: np.ndarray) -> float:
        fitted, judged = (replace(song, samples=half) for half in np.split(samples, 2))
        return compute_residual_nats(*compute_linear_residuals([fitted], [judged]))[0]

    noise = 0.1 * rng.standard_normal(40_000)
    assert nats(noise) == pytest.approx(0.5 * np.log(2 * np.pi * math.e * 0.01), abs=0.02)
    tone = 0.1 * np.sin(np.arange(40_000) * 0.3) + 1e-3 * rng.standard_normal(40_000)
    assert nats(tone) < nats(noise) - 3


def test_seeds_make_networks() -> None:
    weights = [
        CausalStack(make_stack_spec(SMALL), seed=s).convolutions[0].weight for s in (1, 1, 2)
    ]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_a_crop_of_self_play_has_the_played_past_and_the_songs_future(corpus: Path) -> None:
    songs = read_songs(corpus, "train")[:2]
    spec = make_stack_spec(SMALL, guide=channel_names(s.score for s in songs))
    crops = Crops(songs, spec, frames=256)
    played = np.full(len(songs[1].samples), 0.5, np.float32)
    crops.set_self_play({1: played})
    rng = np.random.default_rng(0)
    batch = crops.draw_batch(rng, 16, self_play_share=1.0)
    assert (batch.x == 0.5).all()
    plain = crops.draw_batch(np.random.default_rng(0), 16)
    assert not (plain.x == 0.5).any()
    for row in batch.target[:, 0].numpy():
        around = np.concatenate([songs[1].samples, songs[1].samples[:256]])
        start = np.flatnonzero(around == row[0])
        assert any(
            np.array_equal(around[i : i + 256], row) for i in start if i + 256 <= len(around)
        )


def test_training_goes_on_from_a_model_with_self_play(corpus: Path, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    songs = read_songs(corpus, "train")
    spec = make_stack_spec(SMALL, mixtures=3, guide=channel_names(s.score for s in songs))
    first = tmp_path / "first.safetensors"
    train(spec, songs, TrainingConfig(steps=40, batch=2, window=512, warm_up=10), first, facts={})
    config = TrainingConfig(
        steps=20, batch=2, window=512, warm_up=1, learning_rate=1e-4, self_play_every=10,
        self_play_songs=2,
    )  # fmt: skip
    hashes = []
    for name in ("a", "b"):
        path = tmp_path / f"{name}.safetensors"
        train(spec, songs, config, path, facts={}, start=load(first))
        hashes.append(load(path).sha256)
    assert hashes[0] == hashes[1]
    drift = np.abs(load(path).weights[1] - load(first).weights[1]).max()
    assert 0 < drift < 20 * 1e-4 * 1.5
