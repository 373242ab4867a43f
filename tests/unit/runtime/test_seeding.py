from __future__ import annotations

import subprocess
import sys

from lofigen_kit.runtime.seeding import MAX_SEED, rng_for


def first(seed: int, take: int, stage: str) -> int:
    return int(rng_for(seed, take, stage).integers(2**63))


def test_a_stream_repeats() -> None:
    assert first(7, 3, "source") == first(7, 3, "source")


def test_seed_take_and_stage_each_give_another_stream() -> None:
    drawn = {
        first(seed, take, stage)
        for seed in (0, 1, 2**32, MAX_SEED)
        for take in (0, 1, 500)
        for stage in ("source", "sampler", "effects.tape-hiss#0", "effects.tape-hiss#1")
    }
    assert len(drawn) == 4 * 3 * 4


def test_streams_are_the_same_in_every_process() -> None:
    code = (
        "from lofigen_kit.runtime.seeding import rng_for; "
        "print(rng_for(7, 3, 'source').integers(2**63))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, check=True, text=True
        ).stdout.strip()
        for _ in range(2)
    }
    assert outputs == {str(first(7, 3, "source"))}


def test_streams_do_not_resemble_each_other() -> None:
    a, b = rng_for(7, 0, "source").standard_normal(10_000), rng_for(7, 1, "source")
    assert abs(float((a * b.standard_normal(10_000)).mean())) < 0.05
