"""What tests share: small components that need no training, and a command line to call."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import platformdirs
import pytest

from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.audio.files import as_stored, write_audio
from lofigen_kit.audio.hashing import hash_audio
from lofigen_kit.engine import Track, generate
from lofigen_kit.nn.checkpoint import Network
from lofigen_kit.nn.spec import make_stack_spec
from lofigen_kit.plugins.loader import load_plugins
from lofigen_kit.plugins.registry import Registry
from lofigen_kit.preset.schema import Preset, load_preset
from lofigen_kit.provenance import recipe
from lofigen_kit_plugins.mean import Mean


def pytest_configure() -> None:
    """Give each of several test processes a cache of compiled code of its own.

    librosa's compiled functions crash where two processes write one cache at the same time.
    """
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        assert "numba" not in sys.modules  # which reads it once
        kept = platformdirs.user_cache_dir("lofigen-kit", appauthor=False)
        folder = os.environ.get("NUMBA_CACHE_DIR", f"{kept}/numba-of-tests")
        os.environ["NUMBA_CACHE_DIR"] = f"{folder}/{worker}"


FAKES = '''
from typing import ClassVar, Literal

import numpy as np

from lofigen_kit.api import (
    AudioBuffer, Context, Effect, Field, Hit, Model, Note, Score, Source, Take, hookimpl
)
from lofigen_kit.nn.checkpoint import Network, expected_shapes
from lofigen_kit.nn.spec import make_stack_spec


class Bursts(Source):
    """Bursts of noise on the beat, one bar of them."""

    use: Literal["bursts"] = "bursts"
    bars: int = Field(default=1, ge=1, le=8)
    tempo_bpm: float = Field(default=200.0, ge=60, le=240)

    def make_take(self, ctx: Context) -> Take:
        duration_s = self.bars * 240.0 / self.tempo_bpm
        samples = ctx.rng.uniform(-0.3, 0.3, (1, round(duration_s * 8000)))
        score = Score(tempo_bpm=self.tempo_bpm, key="D minor", bars=self.bars, loop=True,
                      duration_s=duration_s, hits=(Hit(drum="kick", onset_s=0.0),))
        return Take(AudioBuffer(samples, 8000), score, licence="CC0-1.0", title="bursts")


class Tiny(Model):
    """Two small convolutions with random weights."""

    use: Literal["tiny"] = "tiny"
    head: Literal["mse", "mol", "mulaw"] = "mol"

    def load(self, ctx: Context) -> Network:
        spec = make_stack_spec([(1, 8, 16), (8, 1, 16)], head=self.head, mixtures=3)
        rng = np.random.default_rng(0)
        t = {n: rng.normal(0, 0.1, s).astype(np.float32) for n, s in expected_shapes(spec).items()}
        return Network(
            spec, (t["layers.0.weight"], t["layers.1.weight"]),
            (t["layers.0.bias"], t["layers.1.bias"]),
            facts={"licence": "CC0-1.0"}, sha256="ab" * 32,
        )


class FakeNoise(Effect):
    """Adds noise of its own."""

    use: Literal["fake-noise"] = "fake-noise"
    level: float = Field(default=0.01, ge=0, le=1)

    def apply(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        return audio.with_samples(
            audio.samples + self.level * ctx.rng.standard_normal(audio.samples.shape)
        )


class Breaks(Effect):
    """Goes wrong in the way that it is told."""

    use: Literal["breaks"] = "breaks"
    how: Literal["nan", "shape", "raise"] = "nan"

    def apply(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        if self.how == "raise":
            raise ZeroDivisionError("by the plugin")
        if self.how == "nan":
            return audio.with_samples(audio.samples * np.nan)
        return audio.with_samples(audio.samples[:, 1:])


@hookimpl
def lofigen_sources():
    return [Bursts]


@hookimpl
def lofigen_models():
    return [Tiny]


@hookimpl
def lofigen_effects():
    return [FakeNoise, Breaks]
'''

PRESET = """\
version: 1
name: small
description: For tests.
seed: 7
source: {use: bursts}
model: {use: tiny}
sampler: {use: temperature}
effects:
  - use: fake-noise
    level: 0.01
  - {use: fake-noise, mix: 0.5}
"""


@pytest.fixture(scope="session")
def plugin_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plugin folder with a source, a model and effects made for tests."""
    folder = tmp_path_factory.mktemp("plugins")
    (folder / "fakes.py").write_text(FAKES)
    return folder


@pytest.fixture(scope="session")
def registry(plugin_dir: Path) -> Registry:
    """The built-in components and those made for tests."""
    return load_plugins(plugin_dir)


@pytest.fixture
def preset_file(tmp_path: Path) -> Path:
    """A small preset of the components made for tests."""
    path = tmp_path / "small.yaml"
    path.write_text(PRESET)
    return path


LoadPreset = Callable[..., Preset]


@pytest.fixture
def load(preset_file: Path, registry: Registry) -> LoadPreset:
    """Load the small preset with overrides."""
    return lambda *overrides: load_preset(preset_file, registry=registry, overrides=overrides)


WriteTake = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def write_take() -> WriteTake:
    """Write a WAV file that looks like a take, quickly, and return its recipe."""
    from lofigen_kit.dsp.loudness import integrated_lufs, true_peak_dbtp  # brings numba

    def write(
        path: Path, *, hz: float = 220.0, level: float = 0.25, seconds: float = 1.0, **facts: Any
    ) -> dict[str, Any]:
        time_s = np.arange(round(seconds * 8000)) / 8000
        beat = 0.1 + 0.9 * np.exp(-8.0 * (time_s % 0.25))
        audio = AudioBuffer(level * beat * np.sin(2 * np.pi * hz * time_s)[None], 8000)
        kept = as_stored(audio, format="wav", bit_depth=24, rng=np.random.default_rng(0))
        made = {
            "format": recipe.FORMAT,
            "preset": {"name": "tape", "source": {"use": "sines", "hz": hz, "decay_ms": 125.0}},
            "seed": 7,
            "audio_sha256": hash_audio(kept),
            "audio_sha256_of": recipe.AS_DECODED,
            "loudness_lufs": integrated_lufs(kept),
            "true_peak_dbtp": true_peak_dbtp(kept),
            **facts,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        write_audio(
            path, audio, format="wav", bit_depth=24, comment=json.dumps(made), rng=None, force=True
        )
        return made

    return write


class Ran(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def engine() -> None:
    """Compile the engine, so that no command of a test has to, and say so."""
    network = Network(
        make_stack_spec([(1, 1, 2)], head="mse"), (np.zeros((1, 1, 2)),), (np.zeros(1),)
    )
    generate(network, Mean(), [Track(1)])


@pytest.fixture
def run(
    engine: None,  # noqa: ARG001 - compiled by now
    plugin_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., Ran]:
    """Call the command line in an empty directory, with the components made for tests."""
    from lofigen_kit.cli import main

    empty = tmp_path / "cwd"
    empty.mkdir()
    monkeypatch.chdir(empty)
    monkeypatch.setenv("LOFIGEN_PLUGIN_DIR", str(plugin_dir))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def call(*arguments: object) -> Ran:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return Ran(int(stopped.value.code or 0), out, err)

    return call
