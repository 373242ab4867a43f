"""`mix`: several chains of effects side by side."""

from __future__ import annotations

from typing import Literal

from lofigen_kit.api import BranchedEffect, Effect, hookimpl


class Mix(BranchedEffect):
    """Lets several chains of effects hear the same sound, and adds up what they make of it.

    Attributes:
        branches: Effects one after another in each; an empty branch is the dry sound.
        levels_db: How loud each branch is in the sum; left out, each is as loud as it is.
    """

    use: Literal["mix"] = "mix"


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the mix."""
    return [Mix]
