"""Writes the figures of docs/checkpoints.md from the evaluations in docs/checkpoints/.

    lofigen-kit evaluate MODEL CORPUS --output DIR
    cp DIR/evaluate.json docs/checkpoints/NAME.json
    python docs/make_checkpoints.py

What stands between `<!-- figures: NAME -->` and `<!-- end of figures -->` is written anew; the rest
of the page is left as it is. With `--check`, nothing is written, and the exit code is 1 where the
page is not what it would be.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from lofigen_kit.evaluation import tables
from lofigen_kit.evaluation.model_card import read_evaluation

DOCS = Path(__file__).parent
PAGE = DOCS / "checkpoints.md"
FIGURES = re.compile(r"(<!-- figures: ([\w.-]+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)


def figures(found: re.Match[str]) -> str:
    """Return a stretch of the page with its figures as they are now."""
    evaluation = read_evaluation(DOCS / "checkpoints" / f"{found[2]}.json")
    return f"{found[1]}\n{tables.format_as_markdown(evaluation)}\n{found[3]}"


def main(*, check: bool) -> int:
    """Write the page, or compare it, and return the exit code."""
    before = PAGE.read_text()
    after = FIGURES.sub(figures, before)
    if check:
        return int(after != before)
    PAGE.write_text(after)
    return 0


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
