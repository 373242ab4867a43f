"""Listing things must not pay for what rendering needs."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

HEAVY = ("torch", "librosa", "scipy", "pedalboard", "soundfile", "soxr", "numba", "matplotlib")
ROUNDS = 7
MAX_RATIO = 3.0


def seconds(code: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def command(*arguments: str) -> str:
    return f"from lofigen_kit.cli import main; main({list(arguments)!r})"


@pytest.mark.parametrize("arguments", [("--help",), ("plugins", "list"), ("chain", "list")])
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


# Typer's own least: one command with one option, for which it imports pydantic.
BARE_COMMAND = """
import typer
app = typer.Typer(rich_markup_mode=None)
@app.command()
def bare(flag: bool = False): pass
app([], standalone_mode=False)
"""


@pytest.mark.parametrize(
    ("bare", "arguments"),
    [("import typer", ("--help",)), (BARE_COMMAND, ("plugins", "list"))],
)
def test_listing_takes_less_than_three_times_as_long_as_typer_alone(
    bare: str, arguments: tuple[str, ...]
) -> None:
    # The best of alternating runs: what else the machine does slows both, and only ever slows.
    bare_s, ours_s = [], []
    for _ in range(ROUNDS):
        bare_s.append(seconds(bare))
        ours_s.append(seconds(command(*arguments)))
    assert min(ours_s) < MAX_RATIO * min(bare_s)
