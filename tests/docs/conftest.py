"""What tests of the pages share: a maker of pages, called as a program."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable

import pytest

Make = Callable[..., int]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Make:
    """Run a program of tools/ in this process, and return its exit code."""

    def run(program: str, *options: object) -> int:
        monkeypatch.setattr(sys, "argv", [program, *map(str, options)])
        with pytest.raises(SystemExit) as stopped:
            runpy.run_module(f"tools.{program}", run_name="__main__")
        code = stopped.value.code
        assert isinstance(code, int)
        return code

    return run
