from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from lofigen_kit.runtime import caches

CODE = """
import os, lofigen_kit
from lofigen_kit.dsp.loudness import integrated_lufs
from lofigen_kit.audio.buffer import AudioBuffer
import numpy as np
print(lofigen_kit.COMPILES_ANEW, os.environ.get("NUMBA_CACHE_DIR"))
print(integrated_lufs(AudioBuffer(np.full((1, 800), 0.1, np.float32), 8000)))
"""


def run(**environment: str) -> tuple[str, str]:
    """Return whether all is compiled anew, and where numba's code went, of a fresh process."""
    kept = {k: v for k, v in os.environ.items() if k not in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")}
    ran = subprocess.run(
        [sys.executable, "-c", CODE],
        env={**kept, **environment},
        capture_output=True,
        check=True,
        text=True,
    )
    first, loudness = ran.stdout.splitlines()
    assert float(loudness) < 0.0
    anew, _, folder = first.partition(" ")
    return anew, folder


@pytest.fixture
def nowhere(tmp_path: Path) -> str:
    """A path that nobody can create: below a file."""
    (tmp_path / "file").write_text("")
    return str(tmp_path / "file" / "home")


def test_a_named_folder_is_used(tmp_path: Path, nowhere: str) -> None:
    cache = tmp_path / "cache"
    assert run(HOME=nowhere, LOFIGEN_CACHE_DIR=str(cache)) == ("False", str(cache / "numba"))
    assert list((cache / "numba").rglob("*.nbi"))


def test_numbas_own_variable_goes_before_it(tmp_path: Path, nowhere: str) -> None:
    own = str(tmp_path / "own")
    assert run(HOME=nowhere, LOFIGEN_CACHE_DIR=nowhere, NUMBA_CACHE_DIR=own) == ("False", own)


@pytest.mark.skipif(sys.platform != "linux", reason="the cache folder is found otherwise")
def test_without_a_place_all_is_compiled_anew(nowhere: str) -> None:
    anew, folder = run(HOME=nowhere)
    assert anew == "True"
    assert "lofigen-kit-" in folder
    assert not Path(folder).exists()  # it ended with the process
    assert run(LOFIGEN_CACHE_DIR=nowhere)[0] == "True"


def test_without_a_temporary_folder_it_is_in_shared_memory(
    nowhere: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(prefix: str, dir: str | None) -> str:  # noqa: A002 - as it is called
        if dir is None:
            raise FileNotFoundError("No usable temporary directory found")
        return make_folder(prefix=prefix, dir=dir)

    make_folder = tempfile.mkdtemp
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("LOFIGEN_CACHE_DIR", nowhere)
    monkeypatch.setattr(caches, "_SHARED_MEMORY", str(tmp_path))
    monkeypatch.setattr(tempfile, "mkdtemp", make)
    assert caches.prepare_numba()
    assert Path(os.environ["NUMBA_CACHE_DIR"]).parent == tmp_path
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.setattr(caches, "_SHARED_MEMORY", nowhere)
    assert caches.prepare_numba()  # and numba says what is missing
    assert "NUMBA_CACHE_DIR" not in os.environ
