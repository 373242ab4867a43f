"""`mix`: several chains of effects in parallel."""

from __future__ import annotations

from typing import Literal

from lofigen_kit.api import BranchedEffect, Effect, hookimpl


class Mix(BranchedEffect):
    """Runs several chains of effects in parallel on the same sound, and adds their outputs.

    Attributes:
        branches: The effects of each chain, in order; an empty chain is the dry sound.
        levels_db: Level of each chain in the sum; empty leaves the levels as they are.
    """

    use: Literal["mix"] = "mix"


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the mix."""
    return [Mix]
