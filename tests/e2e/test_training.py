"""A training that is killed and interrupted from outside, and goes on by its command."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.audio.files import write_audio
from lofigen_kit.components.base import Context
from lofigen_kit.corpus.songs import make_corpus, read_manifest
from lofigen_kit.errors import CheckpointError
from lofigen_kit.nn.checkpoint import load
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit.training import state
from lofigen_kit_plugins.beatmaker import Beatmaker

SMALL = '''
from typing import ClassVar, Literal

from lofigen_kit.api import Context, Model, hookimpl
from lofigen_kit.nn.checkpoint import Network


class Small(Model):
    """Two small convolutions to train."""

    use: Literal["small"] = "small"
    layers: ClassVar[tuple[tuple[int, int, int], ...]] = ((1, 4, 8), (4, 1, 8))

    def load(self, ctx: Context) -> Network:
        raise NotImplementedError


@hookimpl
def lofigen_models():
    return [Small]
'''
OPTIONS = [
    "--model", "small", "--mixtures", 2, "--steps", 150, "--batch", 1, "--window", 64,
    "--validate-every", 0, "--rehearse-every", 40, "--convolution", "direct",
]  # fmt: skip


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus") / "c"
    make_corpus(folder, Beatmaker(bars=1), minutes=0.3, seed=5)
    return folder


@pytest.fixture
def train(tmp_path: Path, run: Callable[..., Any]) -> Callable[..., Any]:
    (tmp_path / "small.d").mkdir()
    (tmp_path / "small.d" / "small.py").write_text(SMALL)
    return lambda *words: run("--plugin-dir", tmp_path / "small.d", "train", *words)


def begin(tmp_path: Path, *words: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "lofigen_kit", "--plugin-dir", str(tmp_path / "small.d"), "train"]
        + [str(word) for word in words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until_past(step: int, process: subprocess.Popen[str], place: Path) -> None:
    for _ in range(6000):
        assert process.poll() is None, process.communicate()
        try:
            if state.read(place).step > step:
                return
        except CheckpointError:
            assert not place.exists()
        time.sleep(0.01)
    raise AssertionError("it never began")


def test_killed_then_interrupted_it_goes_on_to_the_same_weights(
    corpus: Path, train: Callable[..., Any], tmp_path: Path
) -> None:
    straight, path = tmp_path / "straight.safetensors", tmp_path / "m.safetensors"
    assert train(corpus, "-o", straight, *OPTIONS).code == 0
    place = state.get_state_path(path)
    killed = begin(tmp_path, corpus, "-o", path, *OPTIONS, "--save-every", 0)
    wait_until_past(5, killed, place)
    killed.kill()
    killed.communicate()
    load(path)  # is whole
    kept = state.read(place).step
    resumed = begin(tmp_path, corpus, "-o", path, "--resume", "--save-every", 0)
    wait_until_past(kept, resumed, place)
    resumed.send_signal(signal.SIGINT)
    out, err = resumed.communicate()
    assert resumed.returncode == 130
    assert out == ""
    assert f"go on with `lofigen-kit train {corpus} -o {path} --resume`" in err
    assert len(err.splitlines()) == 1
    assert kept < state.read(place).step < 150
    done = train(corpus, "-o", path, "--resume")
    assert done.code == 0, done.err
    assert load(path).sha256 == load(straight).sha256
    assert not place.exists()


def test_what_was_begun_is_neither_lost_nor_mixed_up(
    corpus: Path, train: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "m.safetensors"
    alone = train(corpus, "-o", path, "--resume")
    assert (alone.code, len(alone.err.splitlines())) == (2, 1)
    assert "there is no training to resume" in alone.err
    process = begin(tmp_path, corpus, "-o", path, *OPTIONS, "--save-every", 0)
    wait_until_past(2, process, state.get_state_path(path))
    process.kill()
    process.communicate()
    path.unlink()
    again = train(corpus, "-o", path, *OPTIONS)
    assert again.code == 2
    assert "--resume" in again.err
    other = train(corpus, "-o", path, "--resume", "--learning-rate", 0.5)
    assert other.code == 2
    assert "learning_rate is 0.5 now and was 0.003" in other.err
    wider = train(corpus, "-o", path, "--resume", "--mixtures", 3)
    assert wider.code == 2
    assert "mixtures is 3 now and was 2" in wider.err
    assert train(corpus, "-o", path, "--force", *OPTIONS, "--steps", 1).code == 0


def test_a_mean_is_trained_as_the_reference_does(
    corpus: Path, train: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "m.safetensors"
    few = ["--steps", 2, "--batch", 2, "--validate-every", 0, "--convolution", "direct"]
    done = train(corpus, "-o", path, "--model", "small", "--head", "mse", *few)
    assert done.code == 0, done.err
    network = load(path)
    recipe = network.facts["recipe"]
    assert network.spec.guide == ()
    assert network.facts["split"] == "reference"
    assert (recipe["window"], recipe["learning_rate"], recipe["clip"]) == (8192, 1e-5, 0)
    assert network.facts["convolution"] == ["direct", "direct"]


def test_help_tells_the_defaults_that_hold(train: Callable[..., Any]) -> None:
    text = " ".join(train("--help").out.split())
    assert "[default: 8; mse: 128]" in text
    assert "--steps <int> Number of updates. [default: 10000]" in text
    for hidden in ("--most-error", "--rehearse-every", "--window"):
        assert hidden not in text


def test_a_file_of_settings_trains_and_is_printed(
    corpus: Path, train: Callable[..., Any], tmp_path: Path
) -> None:
    path, file = tmp_path / "m.safetensors", tmp_path / "train.yaml"
    file.write_text(
        "model: small\nmixtures: 2\nsteps: 9\nbatch: 1\nwindow: 64\nvalidate_every: 0\n"
        "self_play_every: 0\nema_decay: 0.5\nnoise_max: 0.1\nconvolution: direct\n"
    )
    told = ["--config", file, "--set", "steps=3", "--set", "most_error=0.2", "--set", "batch=3"]
    printed = train(*told, "--batch", 2, "--print-config")
    assert printed.code == 0, printed.err
    for line in ("model: small", "steps: 3", "batch: 2", "noise_max: 0.2", "ema_decay: 0.5"):
        assert f"\n{line}\n" in printed.out
    whole = tmp_path / "whole.yaml"
    whole.write_text(printed.out)
    assert train("--config", whole, "--print-config").out == printed.out
    for given in (told, ["--config", whole]):
        done = train(corpus, "-o", path, *given, "--batch", 2, "--force")
        assert done.code == 0, done.err
        facts = load(path).facts
        recipe = facts["recipe"]
        assert (facts["steps"], recipe["batch"], recipe["window"]) == (3, 2, 64)
        assert (recipe["most_error"], recipe["average"]) == (0.2, 0.5)


def test_options_that_help_does_not_list_still_work(train: Callable[..., Any]) -> None:
    former = {
        "--mixtures": ("mixtures", 3), "--split": ("split", "reference"), "--window": ("window", 9),
        "--learning-rate": ("learning_rate", 0.25), "--most-error": ("noise_max", 0.25),
        "--last-error": ("noise_final", 0.25), "--guide-dropout": ("guide_dropout", 0.25),
        "--rehearse-every": ("self_play_every", 9), "--rehearse-from": ("self_play_from", 0.25),
        "--rehearsal-spread": ("self_play_spread", 0.25), "--validate-every": ("validate_every", 9),
        "--precision": ("precision", "float32"), "--convolution": ("convolution", "fft"),
        "--threads": ("threads", 2), "--save-every": ("save_every_s", 9.0),
        "--energy": ("energy_country", "DEU"),
    }  # fmt: skip
    words = [word for option, (_, value) in former.items() for word in (option, value)]
    printed = train(*words, "--no-guide", "--tensorboard", "--print-config", "--json")
    found = json.loads(printed.out)
    assert {name: found[name] for name, _ in former.values()} == dict(former.values())
    assert (found["guide"], found["tensorboard"]) == (False, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--set", "stesp=3"],
            "--set stesp=3: stesp: there is no such field; did you mean 'steps'?",
        ),
        (["--batch", 0], "--batch: batch: 0 is below the minimum 1; give 1 to 1048576"),
        (["--most-error", -1], "--most-error: noise_max: -1.0 is below the minimum 0"),
        (["--config", "t.yaml"], "t.yaml:2:8: batch: 'many' is not a whole number"),
        (["--set", "model=conv5"], "--set model=conv5: there is no model 'conv5'"),
        (["--set", "convolution=fast"], "--set convolution=fast: 'fast' is neither auto"),
        (["--set", "precision=bf16", "--device", "cpu"], "--set precision=bf16: bf16 needs CUDA"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_place(
    corpus: Path, train: Callable[..., Any], tmp_path: Path, words: list[object], said: str
) -> None:
    Path("t.yaml").write_text("steps: 3\nbatch: many\n")
    done = train(corpus, "-o", tmp_path / "m.safetensors", *words)
    assert done.code == 2
    assert done.err.startswith(f"lofigen-kit: {said}"), done.err
    assert len(done.err.splitlines()) == 1
    assert not (tmp_path / "m.safetensors").exists()


def test_what_is_missing_is_named(corpus: Path, train: Callable[..., Any]) -> None:
    assert "no corpus is given" in train("-o", "m.safetensors").err
    assert "no model is named" in train(corpus).err
    assert "no model is named" in train(corpus, "--resume").err


def test_recordings_of_ones_own_become_a_corpus(run: Callable[..., Any], tmp_path: Path) -> None:
    take = Beatmaker(bars=2).make_take(Context(rng_for(4, 0, "source")))
    (tmp_path / "recordings").mkdir()
    write_audio(
        tmp_path / "recordings" / "mine.wav",
        AudioBuffer(take.audio.samples, take.audio.sample_rate_hz),
        format="wav", bit_depth=16, comment="", rng=rng_for(4, 0, "dither"),
    )  # fmt: skip
    make = ["corpus", "make", "--source", "folder", "--minutes", "0.1", "-o"]
    done = run(*make, tmp_path / "mine", "--set", f"path={tmp_path / 'recordings'}")
    assert done.code == 0, done.err
    manifest, _ = read_manifest(tmp_path / "mine")
    assert manifest["songs"][0]["title"] == "mine"
    wrong = run(*make, tmp_path / "other", "--set", "tempo=3")
    assert (wrong.code, len(wrong.err.splitlines())) == (2, 1)
