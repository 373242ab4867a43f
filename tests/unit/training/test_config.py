from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lofigen_kit.corpus.crops import Crops
from lofigen_kit.corpus.songs import (
    Song,
    hash_songs,
    make_corpus,
    read_manifest,
    read_songs,
    split_in_time,
)
from lofigen_kit.errors import InputError
from lofigen_kit.music.conditioning import channel_names
from lofigen_kit.nn import fftconv
from lofigen_kit.nn.checkpoint import load
from lofigen_kit.nn.network import CausalStack
from lofigen_kit.nn.spec import make_stack_spec
from lofigen_kit.nn.variant import list_checkpoints
from lofigen_kit.training.config import (
    LATER,
    TrainingConfig,
    compute_learning_rate,
    compute_noise_max,
    from_json,
    is_self_play_step,
    make_default_config,
    to_json,
)
from lofigen_kit.training.update import augment_batch
from lofigen_kit_plugins.beatmaker import Beatmaker


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus") / "c"
    make_corpus(folder, Beatmaker(bars=1), minutes=0.4, seed=5)
    return folder


@pytest.fixture(scope="module")
def songs(corpus: Path) -> list[Song]:
    return read_songs(corpus, "train")


def test_hyperparameters_pass_through_json_and_their_bounds_hold() -> None:
    config = TrainingConfig(steps=3, learning_rate=2e-4, noise_max=0.2)
    assert from_json(to_json(config)) == config
    assert from_json(asdict(config)) == config
    assert from_json({**to_json(config), "batch": 3}) == replace(config, batch=3)
    for wrong, said in (
        ({"batch": 10**12}, "batch"),
        ({"average": 1.5}, "ema_decay"),
        ({"steps": 0}, "steps"),
        ({"schedule": "steep"}, "schedule"),
        ({"pace": 1}, "pace"),
        ({"most_error": 0.1, "noise_max": 0.1}, "noise_max is given twice, also as most_error"),
    ):
        with pytest.raises(InputError, match=said):
            from_json(wrong)


def test_files_have_the_keys_of_their_first_version() -> None:
    # As states and checkpoints have been written since before the fields were renamed.
    assert list(to_json(TrainingConfig(**LATER))) == [
        "steps", "batch", "window", "learning_rate", "warm_up", "schedule", "second_moment",
        "least_error", "most_error", "last_error", "anonymous", "guide_dropout", "clip", "average",
        "rehearse_every", "rehearse_from", "rehearsed_songs", "rehearsed_share",
        "rehearsal_spread", "validate_every", "validated_songs", "validated_seconds", "seed",
    ]  # fmt: skip
    recipe = load(list_checkpoints()["conv4-lofi-guided"]).facts["recipe"]
    config = from_json(recipe)
    assert config.noise_max == recipe["most_error"] == 0.01
    assert config.self_play_spread == recipe["rehearsal_spread"] == 0.02
    assert to_json(config).items() >= recipe.items()


def test_the_reference_lays_nothing_on_its_input_and_keeps_its_rate(songs: list[Song]) -> None:
    config = replace(make_default_config("mse"), batch=4, window=32)
    spec = make_stack_spec([(1, 4, 8), (4, 1, 8)], head="mse")
    crops = Crops(songs, spec, frames=64)
    batch = augment_batch(crops, config, 0, 8000)
    torch.testing.assert_close(batch.x[..., 1:], batch.target[..., :-1], rtol=0, atol=0)
    assert {compute_learning_rate(config, step) for step in (0, 1, 9_999)} == {1e-5}


def test_guide_dropout_silences_its_share_of_crops_and_changes_nothing_else(
    songs: list[Song],
) -> None:
    spec = make_stack_spec([(1, 4, 8), (4, 1, 8)], guide=channel_names(s.score for s in songs))
    config = TrainingConfig(batch=200, instrument_dropout=0.0)
    crops = Crops(songs, spec, frames=32)
    whole = augment_batch(crops, config, 0, 8000)
    some = augment_batch(crops, replace(config, guide_dropout=0.3), 0, 8000)
    assert whole.guide is not None
    assert some.guide is not None
    told = some.guide.abs().amax(dim=(1, 2)) > 0
    assert 0.6 < told.float().mean() < 0.8
    assert torch.equal(some.guide[told], whole.guide[told])
    assert torch.equal(some.x, whole.x)


def test_the_references_split_is_in_the_order_of_time(corpus: Path) -> None:
    assert split_in_time([10] * 10) == ["train"] * 7 + ["valid"] * 2 + ["test"]
    manifest, _ = read_manifest(corpus)
    titles = [
        song.title
        for split in ("train", "valid", "test")
        for song in read_songs(corpus, split, order="reference")
    ]
    assert titles == [entry["title"] for entry in manifest["songs"]]


def test_songs_hash_by_sound_and_score(songs: list[Song]) -> None:
    louder = songs[0].score.model_copy(update={"tempo_bpm": songs[0].score.tempo_bpm + 1})
    others = [replace(songs[0], score=louder), replace(songs[0], samples=songs[0].samples[1:])]
    hashes = {hash_songs([song]) for song in [songs[0], *others]}
    assert len(hashes) == 3


def test_the_way_of_convolving_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = make_stack_spec([(1, 16, 128), (16, 16, 64), (16, 1, 64)], head="mse")
    tried: list[fftconv.Method] = []

    def seconds(x: torch.Tensor, weight: torch.Tensor, method: fftconv.Method) -> float:
        tried.append(method)
        assert x.shape[1:] == (weight.shape[1], 500)
        narrow = weight.shape[0] == 1
        return {"fft": 1.0, "direct": 10.0 if narrow else 2.0}[method]

    monkeypatch.setattr(fftconv, "_measure_s", seconds)
    chosen = fftconv.measure_methods(spec, batch=8, frames=500, device="cpu")
    assert chosen == ("direct", "fft", "fft")  # twice as fast is not enough for the first
    assert set(tried) == {"fft", "direct"}


def test_every_way_of_convolving_gives_the_same_network() -> None:
    network = CausalStack(make_stack_spec([(1, 8, 40), (8, 1, 20)], mixtures=2), seed=1)
    x = torch.randn(1, 1, 300, generator=torch.Generator().manual_seed(0))
    outputs = []
    for methods in (["direct", "direct"], ["fft", "fft"], None):
        network.set_conv_methods(methods)  # type: ignore[arg-type]
        outputs.append(network(x).detach().numpy())
    np.testing.assert_allclose(outputs[0], outputs[1], atol=1e-5)
    np.testing.assert_array_equal(outputs[0], outputs[2])
    assert fftconv.measure_methods(network.spec, batch=1, frames=300, device="cpu")


def test_self_play_begins_in_the_middle_and_the_noise_fades() -> None:
    config = TrainingConfig(steps=1000, self_play_every=100, self_play_from=0.5)
    assert [step for step in range(1001) if is_self_play_step(config, step)] == [
        500,
        600,
        700,
        800,
        900,
    ]
    levels = [compute_noise_max(config, step) for step in (0, 500, 750, 1000)]
    even = (0.15 * 0.005) ** 0.5  # half way in decibels
    assert levels == pytest.approx([0.15, 0.15, even, 0.005])


def test_without_self_play_the_noise_stays() -> None:
    config = TrainingConfig(steps=1000, self_play_every=0)
    assert not any(is_self_play_step(config, step) for step in range(1001))
    assert {compute_noise_max(config, step) for step in (0, 500, 1000)} == {0.15}
