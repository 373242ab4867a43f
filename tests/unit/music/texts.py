"""Texts at random, for readers of what musicians type."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import TypeVar

from lofigen_kit.music.keys import NotationError

Read = TypeVar("Read")


def read_random_texts(
    read: Callable[[str], Read], letters: str, *, longest: int, seed: int
) -> Iterator[Read]:
    """Yield what is read of 10,000 texts; a hundred are more than that, the rest are refused."""
    rng = random.Random(seed)  # noqa: S311 - a test
    count = 0
    for _ in range(10_000):
        text = "".join(rng.choice(letters) for _ in range(rng.randrange(longest)))
        try:
            found = read(text)
        except NotationError:
            continue
        count += 1
        yield found
    assert count > 100
