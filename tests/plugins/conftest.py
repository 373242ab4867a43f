"""VST3 plugins to try, a soundfont of sines and scores of the band, made on the spot."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from lofigen_kit_plugins.band.arranger import Arrangement
from tests.plugins.band_scores import SEEDS, write

SOURCE = Path(__file__).parent / "vst3" / "plugin.c"

MakePlugin = Callable[..., Path]


@pytest.fixture(scope="session")
def vst3(tmp_path_factory: pytest.TempPathFactory) -> MakePlugin:
    """Make a plugin with the faults that are asked for; one of each kind is enough for all tests.

    It is a bundle in a folder of its own.
    """
    if sys.platform != "linux":
        pytest.skip("the plugins for tests are made for Linux")
    if not (compiler := shutil.which("cc")):
        pytest.skip("there is no C compiler to make plugins with")

    @cache
    def make(name: str = "Gain", **options: str | int) -> Path:
        bundle = tmp_path_factory.mktemp("vst3") / f"{name}.vst3"
        library = bundle / "Contents" / f"{platform.machine()}-linux" / f"{name}.so"
        library.parent.mkdir(parents=True)
        defined = [f"-D{key}={value}" for key, value in options.items()]
        files = ["-o", str(library), str(SOURCE), "-lm"]
        command = [compiler, "-shared", "-fPIC", "-O1", "-w", *defined, *files]
        subprocess.run(command, check=True)
        return bundle

    return make


class Synth:
    """Plays every note of every instrument as a sine of its own level until it is let go."""

    def __init__(self, samplerate: int) -> None:
        self.rate_hz = samplerate
        self.sounds_off()

    def sfload(self, data: bytes) -> int:
        if data != b"font":
            raise RuntimeError("no soundfont")
        return 1

    def sfpreset_name(self, font: int, bank: int, number: int) -> str | None:
        return "there" if number < 40 else None

    def sounds_off(self) -> None:
        self.level, self.t, self.pitch_hz = 0.0, 0, 440.0

    def program_select(self, chan: int, font: int, bank: int, number: int, drums: bool) -> None:
        self.loudness = 0.01 * (1 + number)

    def noteon(self, chan: int, key: int, velocity: int) -> None:
        self.pitch_hz = 440.0 * 2.0 ** ((key - 69) / 12)
        self.level = self.loudness * velocity / 127

    def noteoff(self, chan: int, key: int) -> None:
        self.level *= 0.1

    def generate(self, frames: int) -> memoryview:
        t = (self.t + np.arange(frames)) / self.rate_hz
        self.t += frames
        wave = self.level * np.sin(2 * np.pi * self.pitch_hz * t)
        return memoryview(np.repeat(wave.astype(np.float32), 2).tobytes())


@pytest.fixture
def font(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A font that the synthesiser above plays."""
    module = ModuleType("tinysoundfont")
    module.Synth = Synth  # type: ignore[attr-defined]
    module.SoundFontException = RuntimeError  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tinysoundfont", module)
    path = tmp_path / "sines.sf2"
    path.write_bytes(b"font")
    return path


@pytest.fixture(scope="session")
def loops() -> list[Arrangement]:
    """Loops of the band, all left to the seed."""
    return [write(seed) for seed in range(SEEDS)]


@pytest.fixture(scope="session")
def songs() -> list[Arrangement]:
    """Songs of the band, all left to the seed."""
    return [write(seed, form="song") for seed in range(24)]
