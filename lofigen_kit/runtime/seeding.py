"""One stream of randomness for each (seed, take, stage); never a global seed."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import numpy as np

MAX_SEED = 2**64 - 1


def rng_for(seed: int, take: int, stage: str) -> np.random.Generator:
    """Return the random generator of one stage of one take.

    The stage is named (`effects.tape-hiss#0`), not numbered, so that adding an effect leaves the
    noise of the others as it was; the take is part of the key, so that take 37 rendered alone
    equals take 37 of 500.

    Args:
        seed: The preset's seed, 0 to 2**64 - 1.
        take: The take's number, from 0.
        stage: The stage's name within the chain.
    """
    import numpy as np

    sequence = np.random.SeedSequence(seed, spawn_key=(take, *_words(stage)))
    return np.random.Generator(np.random.PCG64(sequence))


def rng_for_part(rng: np.random.Generator, part: str) -> np.random.Generator:
    """Return the random generator of a part of a stage, whatever the stage has drawn so far.

    Args:
        rng: The stage's own.
        part: The part's name within the stage.
    """
    import numpy as np

    own = cast("np.random.SeedSequence", rng.bit_generator.seed_seq)
    sequence = np.random.SeedSequence(own.entropy, spawn_key=(*own.spawn_key, *_words(part)))
    return np.random.Generator(np.random.PCG64(sequence))


def _words(name: str) -> list[int]:
    import numpy as np

    digest = hashlib.sha256(name.encode()).digest()
    return list(np.frombuffer(digest[:16], dtype="<u4").tolist())
