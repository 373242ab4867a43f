"""The installed command, and `python -m lofigen_kit`."""

from __future__ import annotations

import gc
from collections.abc import Sequence

COLLECT_AFTER = 100_000
"""New objects between two garbage collections. Imports make that many and drop none: at Python's
own 700 the collector takes a tenth of a short command's time."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line.

    Args:
        arguments: What was typed after `lofigen-kit`; by default the process's own.
    """
    gc.set_threshold(COLLECT_AFTER)
    from lofigen_kit.cli import main as run

    run(arguments)


if __name__ == "__main__":
    main()
