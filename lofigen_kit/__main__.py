"""The entry point of the installed command and of `python -m lofigen_kit`."""

from __future__ import annotations

import gc
from collections.abc import Sequence

COLLECT_AFTER = 100_000
"""New objects between two garbage collections. Imports make about that many objects and free none:
with Python's default of 700 the collector takes a tenth of a short command's time."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line.

    Args:
        arguments: The arguments after `lofigen-kit`; by default those of the process.
    """
    gc.set_threshold(COLLECT_AFTER)
    from lofigen_kit.cli import main as run

    run(arguments)


if __name__ == "__main__":
    main()
