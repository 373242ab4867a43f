"""Seeding: one random generator for each (seed, take, stage), and no global seed."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import numpy as np

MAX_SEED = 2**64 - 1


def rng_for(seed: int, take: int, stage: str) -> np.random.Generator:
    """Return the random generator of one stage of one take (PCG64).

    The stage is identified by its name (`effects.tape-hiss#0`) and not by a number, so adding an
    effect does not change the noise of the others. The take is part of the key, so take 37 rendered
    alone equals take 37 of 500.

    Args:
        seed: Seed of the preset, 0 to 2**64 - 1.
        take: Number of the take, from 0.
        stage: Name of the stage in the chain.
    """
    import numpy as np

    sequence = np.random.SeedSequence(seed, spawn_key=(take, *_name_to_key(stage)))
    return np.random.Generator(np.random.PCG64(sequence))


def rng_for_part(rng: np.random.Generator, part: str) -> np.random.Generator:
    """Return the random generator of a part of a stage, independent of earlier draws of the stage.

    Args:
        rng: The stage's generator.
        part: Name of the part within the stage.
    """
    import numpy as np

    parent = cast("np.random.SeedSequence", rng.bit_generator.seed_seq)
    sequence = np.random.SeedSequence(
        parent.entropy, spawn_key=(*parent.spawn_key, *_name_to_key(part))
    )
    return np.random.Generator(np.random.PCG64(sequence))


def _name_to_key(name: str) -> list[int]:
    """Return a name as four 32-bit integers, from its SHA-256."""
    import numpy as np

    digest = hashlib.sha256(name.encode()).digest()
    return list(np.frombuffer(digest[:16], dtype="<u4").tolist())
