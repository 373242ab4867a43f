"""Writes the figures of docs/checkpoints.md from the evaluations in docs/checkpoints/.

    lofigen-kit evaluate MODEL CORPUS --output DIR
    cp DIR/evaluate.json docs/checkpoints/NAME.json
    python -m tools.make_checkpoints

What stands between `<!-- figures: NAME -->` and `<!-- end of figures -->` is written anew; the rest
of the page is left as it is. With `--check`, nothing is written, and the exit code is 1 where the
page would change.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from lofigen_kit.evaluation import tables
from lofigen_kit.evaluation.model_card import read_evaluation
from tools.pages import Pages, run

FIGURES = re.compile(r"(<!-- figures: ([\w.-]+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)


def make_pages(docs: Path) -> Pages:
    """Return the page of a docs folder with its figures as they are now."""

    def renew(found: re.Match[str]) -> str:
        evaluation = read_evaluation(docs / "checkpoints" / f"{found[2]}.json")
        return f"{found[1]}\n{tables.format_as_markdown(evaluation)}\n{found[3]}"

    page = docs / "checkpoints.md"
    return {page: FIGURES.sub(renew, page.read_text())}


if __name__ == "__main__":
    sys.exit(run(make_pages, about=__doc__))
