"""VST3 plugins to try, made on the spot."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

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
