"""The page of figures is what the evaluations say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_figures_are_those_of_the_evaluations() -> None:
    command = [sys.executable, str(DOCS / "make_checkpoints.py"), "--check"]
    assert subprocess.run(command, check=False).returncode == 0, "run docs/make_checkpoints.py"
