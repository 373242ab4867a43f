"""What tests of the command line share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


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
