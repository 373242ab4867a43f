"""Listing things must not pay for what rendering needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "torch", "librosa", "scipy", "pedalboard", "soundfile", "soxr", "numba", "matplotlib", "numpy",
)  # fmt: skip


def command(*arguments: str) -> str:
    return f"from lofigen_kit.__main__ import main; main({list(arguments)!r})"


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("plugins", "list"), ("chain", "list"), ("play", "--help"), ("stream", "--help")],
)
def test_listing_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    code = (
        "import atexit, sys\n"
        f"heavy = {HEAVY!r}\n"
        "atexit.register(lambda: print(sorted(set(heavy) & set(sys.modules)), file=sys.stderr))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code + command(*arguments)],
        capture_output=True,
        check=True,
        text=True,
    )
    assert ran.stderr.splitlines()[-1] == "[]"
