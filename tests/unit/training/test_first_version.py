"""A state that was written before the fields of the hyperparameters were renamed still resumes."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lofigen_kit.corpus.songs import Song
from lofigen_kit.errors import InputError
from lofigen_kit.music.score import Score
from lofigen_kit.nn.checkpoint import load
from lofigen_kit.nn.spec import make_stack_spec
from lofigen_kit.training import state
from lofigen_kit.training.config import TrainingConfig, from_json
from lofigen_kit.training.loop import train

STATE = Path(__file__).parent / "data" / "first_version.state"
"""Three of six updates, and what the network played before the third."""

CONFIG = TrainingConfig(
    steps=6, batch=2, window=32, learning_rate=1e-3, learning_rate_scaling="none", warm_up=2,
    beta2=0.98, noise_min=1e-3, noise_max=0.1,
    noise_final=0.01, instrument_dropout=0.25, max_grad_norm=2.0, ema_decay=0.99,
    self_play_every=2, self_play_from=0.25, self_play_songs=1, self_play_share=0.75,
    self_play_spread=0.2, validate_every=0, seed=3,
)  # fmt: skip
LOSS_THEN = 1.7184727


@pytest.fixture
def songs() -> list[Song]:
    score = Score(tempo_bpm=80.0, key="C minor", bars=1, loop=True, duration_s=0.1)
    waves = [((np.arange(800) * k) % 97 / 97 - 0.5).astype(np.float32) for k in (7, 13)]
    return [
        Song(wave, score, "train", f"song {k}", f"{k}.flac")
        for wave, k in zip(waves, (7, 13), strict=True)
    ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    shutil.copy(STATE, tmp_path / "m.state")
    return tmp_path / "m.safetensors"


def test_its_keys_are_read_as_the_fields_of_today(path: Path) -> None:
    found = state.read(path.with_suffix(".state"))
    assert found.about["recipe"]["most_error"] == 0.1
    assert from_json(found.about["recipe"]) == CONFIG
    assert (found.step, found.self_play_step, found.validation_step) == (3, 2, -1)
    assert list(found.self_play) == [1]


def test_what_is_written_today_is_the_same_file(path: Path, tmp_path: Path) -> None:
    found = state.read(path.with_suffix(".state"))
    state.write(tmp_path / "again.state", found)
    assert (tmp_path / "again.state").read_bytes() == STATE.read_bytes()


def test_it_resumes_to_what_it_became_then(path: Path, songs: list[Song]) -> None:
    torch.set_num_threads(1)
    spec = make_stack_spec([(1, 4, 8), (4, 1, 8)], mixtures=2)
    facts = train(spec, songs, CONFIG, path, facts={"licence": "CC0-1.0"}, resume=True)
    assert facts["loss"] == pytest.approx(LOSS_THEN, abs=1e-5)
    recorded = load(path).facts["recipe"]
    stored = json.loads(json.dumps(state.read(STATE).about["recipe"]))
    assert recorded == stored


def test_another_value_is_refused_by_the_name_of_today(path: Path, songs: list[Song]) -> None:
    spec = make_stack_spec([(1, 4, 8), (4, 1, 8)], mixtures=2)
    other = replace(CONFIG, self_play_share=0.5)
    with pytest.raises(InputError, match=r"self_play_share is 0\.5 now and was 0\.75"):
        train(spec, songs, other, path, facts={}, resume=True)
