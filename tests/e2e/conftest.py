"""What tests of the command line share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.audio.files import write_audio


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A second of noise, outside the folder in which commands are called."""
    path = tmp_path / "piano.wav"
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 22_050))
    write_audio(path, AudioBuffer(noise, 22_050), format="wav", bit_depth=16, comment="", rng=None)
    return path


@pytest.fixture
def refused(run: Callable[..., tuple[int, str, str]]) -> Callable[..., str]:
    """Run a command that must be refused, and return its one line."""

    def call(*arguments: object) -> str:
        before = sorted(Path().rglob("*"))
        code, out, err = run(*arguments)
        assert code == 2, err
        assert out == ""
        assert "Traceback" not in err
        assert err.count("\n") == 1, err
        assert err.startswith("lofigen-kit: ")
        assert sorted(Path().rglob("*")) == before
        return err.removeprefix("lofigen-kit: ").rstrip("\n")

    return call
