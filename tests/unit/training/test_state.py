"""A training that stops and goes on is the one that never stopped."""

from __future__ import annotations

import csv
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lofigen_kit.audio.files import read_audio
from lofigen_kit.corpus.songs import Song, make_corpus, read_songs
from lofigen_kit.errors import CheckpointError, InputError, RenderError, StoppedError
from lofigen_kit.music.conditioning import channel_names
from lofigen_kit.nn.checkpoint import load
from lofigen_kit.nn.spec import NetworkSpec, make_stack_spec
from lofigen_kit.training import checkpointing, curve, state, validation
from lofigen_kit.training.callbacks import Callbacks, TrainingProgress
from lofigen_kit.training.config import TrainingConfig, to_json
from lofigen_kit.training.loop import train
from lofigen_kit_plugins.beatmaker import Beatmaker

CONFIG = TrainingConfig(
    steps=7, batch=2, window=128, warm_up=3, self_play_every=2, self_play_songs=1,
    validate_every=4, validated_songs=1, validated_seconds=0.5,
)  # fmt: skip


class Killed(BaseException):
    """Stands for a process that ends at once."""


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> list[Song]:
    folder = tmp_path_factory.mktemp("corpus") / "c"
    make_corpus(folder, Beatmaker(bars=1), minutes=0.2, seed=5)
    train_songs = read_songs(folder, "train")[:2]
    return [replace(song, samples=song.samples[:6000]) for song in train_songs]


@pytest.fixture(scope="module")
def spec(songs: list[Song]) -> NetworkSpec:
    torch.set_num_threads(1)
    return make_stack_spec(
        [(1, 4, 8), (4, 1, 8)], mixtures=2, guide=channel_names(s.score for s in songs)
    )


@pytest.fixture(autouse=True)
def curve_at_every_second_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curve, "CURVE_EVERY", 2)
    monkeypatch.setattr(validation, "can_draw", lambda: False)  # once is enough, in `straight`


def go(spec: NetworkSpec, songs: list[Song], path: Path, **more: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"config": CONFIG, "facts": {"licence": "CC0-1.0"}, "valid": songs[:1]}
    given |= more
    return train(spec, songs, given.pop("config"), path, **given)


def kill_at(step: int, stage: str = "training") -> Callbacks:
    def progress(now: TrainingProgress) -> None:
        if now.stage == stage and (stage != "training" or now.step == step):
            raise Killed

    return Callbacks(progress=progress)


def rows_without_seconds(path: Path) -> list[list[str]]:
    with path.open() as file:
        return [row[:2] for row in csv.reader(file)]


@pytest.fixture(scope="module")  # and so set up before the drawing is switched off
def straight(
    spec: NetworkSpec, songs: list[Song], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = tmp_path_factory.mktemp("straight") / "m.safetensors"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(curve, "CURVE_EVERY", 2)
        go(spec, songs, path)
    return path


def check_same_outcome(path: Path, straight: Path) -> None:
    ours, theirs = load(path), load(straight)
    assert ours.sha256 == theirs.sha256
    assert ours.facts["loss"] == theirs.facts["loss"]
    assert rows_without_seconds(path.with_suffix(".csv")) == rows_without_seconds(
        straight.with_suffix(".csv")
    )
    tables = [p.with_suffix(".validation.csv").read_text() for p in (path, straight)]
    assert tables[0] == tables[1]
    assert not state.get_state_path(path).exists()


@pytest.mark.parametrize(("step", "save_every_s"), [(1, 0.0), (4, 0.0), (7, 0.0), (6, 1000.0)])
def test_killed_and_resumed_it_is_the_same_to_the_last_bit(
    *,
    step: int,
    save_every_s: float,
    spec: NetworkSpec,
    songs: list[Song],
    straight: Path,
    tmp_path: Path,
) -> None:
    path = tmp_path / "m.safetensors"
    with pytest.raises(Killed):
        go(spec, songs, path, save_every_s=save_every_s, callbacks=kill_at(step))
    kept = state.read(state.get_state_path(path)).step
    assert kept == step - 1 if save_every_s == 0.0 else kept < step
    with path.with_suffix(".csv").open("a") as curve:
        curve.write("6,-0.1")  # what a process that is killed may leave
    go(spec, songs, path, resume=True)
    check_same_outcome(path, straight)


@pytest.mark.parametrize("stage", ["self-play", "validation"])
def test_killed_while_it_plays_it_goes_on_the_same(
    stage: str, spec: NetworkSpec, songs: list[Song], straight: Path, tmp_path: Path
) -> None:
    path = tmp_path / "m.safetensors"
    with pytest.raises(Killed):
        go(spec, songs, path, save_every_s=0.0, callbacks=kill_at(0, stage))
    go(spec, songs, path, resume=True)
    check_same_outcome(path, straight)


def test_killed_between_the_two_files_it_goes_on_the_same(
    spec: NetworkSpec,
    songs: list[Song],
    straight: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "m.safetensors"

    def killed(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(checkpointing, "save", killed)
        with pytest.raises(Killed):
            go(spec, songs, path, save_every_s=0.0)
    assert not path.exists()
    go(spec, songs, path, resume=True)
    check_same_outcome(path, straight)


def test_every_bit_of_the_state_comes_back(
    spec: NetworkSpec, songs: list[Song], tmp_path: Path
) -> None:
    path = tmp_path / "m.safetensors"
    with pytest.raises(Killed):
        go(spec, songs, path, save_every_s=0.0, callbacks=kill_at(6))
    place = state.get_state_path(path)
    found = state.read(place)
    assert found.self_play
    assert found.step == 5
    state.write(tmp_path / "again.state", found)
    assert (tmp_path / "again.state").read_bytes() == place.read_bytes()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("stage", ["training", "self-play"])
def test_a_signal_stops_between_two_updates_and_keeps_everything(
    *, number: int, stage: str, spec: NetworkSpec, songs: list[Song], straight: Path, tmp_path: Path
) -> None:
    path = tmp_path / "m.safetensors"

    def progress(now: TrainingProgress) -> None:
        if now.stage == stage and (stage != "training" or now.step == 3):
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    with pytest.raises(StoppedError, match="of 7 updates, which are kept") as stopped:
        go(spec, songs, path, callbacks=Callbacks(progress=progress))
    assert stopped.value.exit_code == 128 + number
    assert signal.getsignal(number) == before
    go(spec, songs, path, resume=True)
    check_same_outcome(path, straight)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"config": replace(CONFIG, window=64)}, "window is 64 now and was 128"),
        ({"config": replace(CONFIG, learning_rate=0.5)}, "learning_rate is 0.5 now and was 0.003"),
        ({"config": replace(CONFIG, noise_max=0.1)}, "noise_max is 0.1 now and was 0.15"),
        ({"facts": {"licence": "MIT"}}, 'licence is "MIT" now and was "CC0-1.0"'),
        ({"start": True}, "start is .* now and was null"),
    ],
)
def test_it_does_not_go_on_with_other_hyperparameters(
    *, change: dict[str, Any], message: str, spec: NetworkSpec, songs: list[Song],
    straight: Path, tmp_path: Path,
) -> None:  # fmt: skip
    path = tmp_path / "m.safetensors"
    with pytest.raises(Killed):
        go(spec, songs, path, callbacks=kill_at(1))
    before = state.get_state_path(path).read_bytes()
    if "start" in change:
        change = {"start": load(straight)}
    with pytest.raises(InputError, match=message):
        go(spec, songs, path, resume=True, **change)
    assert state.get_state_path(path).read_bytes() == before


def test_it_does_not_go_on_with_another_corpus(
    spec: NetworkSpec, songs: list[Song], tmp_path: Path
) -> None:
    path = tmp_path / "m.safetensors"
    with pytest.raises(Killed):
        go(spec, songs, path, callbacks=kill_at(1))
    samples = songs[1].samples.copy()
    samples[100] = np.nextafter(samples[100], np.float32(1))
    with pytest.raises(InputError, match="songs is"):
        go(spec, [songs[0], replace(songs[1], samples=samples)], path, resume=True)


@pytest.mark.parametrize("damage", ["cut", "flip", "checkpoint", "huge", "none"])
def test_a_damaged_state_is_refused_in_one_line(
    *, damage: str, spec: NetworkSpec, songs: list[Song], straight: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    path = tmp_path / "m.safetensors"
    with pytest.raises(Killed):
        go(spec, songs, path, callbacks=kill_at(1))
    place = state.get_state_path(path)
    data = bytearray(place.read_bytes())
    if damage == "cut":
        place.write_bytes(data[:-7])
    elif damage == "flip":
        data[-5] ^= 1
        place.write_bytes(data)
    elif damage == "checkpoint":
        place.write_bytes(straight.read_bytes())
    elif damage == "huge":
        monkeypatch.setattr(state, "MAX_BYTES", 0)
        with place.open("ab") as file:
            file.truncate((1 << 24) + 1)
    else:
        place.unlink()
    with pytest.raises(CheckpointError) as refused:
        go(spec, songs, path, resume=True)
    assert "\n" not in str(refused.value)


def test_a_network_with_no_numbers_is_never_saved(
    spec: NetworkSpec, songs: list[Song], tmp_path: Path
) -> None:
    path = tmp_path / "m.safetensors"
    config = replace(CONFIG, learning_rate=float("inf"), warm_up=1, self_play_every=0)
    # The first loss is a number; the weights after it are not.
    with pytest.raises(RenderError, match="not a number"):
        go(spec, songs, path, config=config, save_every_s=0.0)
    assert not path.exists()
    assert state.read(state.get_state_path(path)).step == 0


def test_it_is_judged_on_what_it_plays(straight: Path) -> None:
    with straight.with_suffix(".validation.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["4", "7"]
    assert all(np.isfinite(float(value)) for row in rows for value in row.values())
    assert {"loss", "kick_f", "chroma", "mel_distance_db", "worst_level_db"} <= set(rows[0])
    folder = straight.with_name("m_training")
    made = {path.name for path in folder.iterdir()}
    assert {"step-0000004.flac", "step-0000007.png", "curve.png"} <= made
    sound = read_audio(folder / "step-0000007.flac")
    assert sound.duration_s == 0.5
    assert sound.samples.std() > 0
    assert (folder / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_judging_changes_no_weights(
    spec: NetworkSpec, songs: list[Song], straight: Path, tmp_path: Path
) -> None:
    path = tmp_path / "m.safetensors"
    facts = go(spec, songs, path, config=replace(CONFIG, validate_every=0))
    assert load(path).sha256 == load(straight).sha256
    assert not path.with_name("m_training").exists()
    assert facts["recipe"] == to_json(replace(CONFIG, validate_every=0))
    assert facts["device_seconds"] >= 0
