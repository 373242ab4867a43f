"""VST3 plugins to try, made on the spot."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent / "vst3" / "plugin.c"

MakePlugin = Callable[..., Path]


def compiled(folder: Path, name: str, source: Path, *options: str) -> Path:
    """Return a bundle in a folder, of a file in C."""
    if sys.platform != "linux":
        pytest.skip("the plugins for tests are made for Linux")
    if not (compiler := shutil.which("cc")):
        pytest.skip("there is no C compiler to make plugins with")
    bundle = folder / f"{name}.vst3"
    library = bundle / "Contents" / f"{platform.machine()}-linux" / f"{name}.so"
    library.parent.mkdir(parents=True)
    command = [compiler, "-shared", "-fPIC", "-O1", "-w", *options, "-o", library, source, "-lm"]
    subprocess.run(command, check=True)
    return bundle


@pytest.fixture
def vst3(tmp_path: Path) -> MakePlugin:
    """Make a plugin in a bundle beside the test's files, with the faults that are asked for."""

    def make(name: str = "Gain", **options: str | int) -> Path:
        return compiled(tmp_path, name, SOURCE, *(f"-D{k}={v}" for k, v in options.items()))

    return make
