"""What networks played: given back as it was, within its bound, whoever else uses the folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from lofigen_kit.preset.schema import Preset
from lofigen_kit.render.cache import Cache
from lofigen_kit.render.take import render_takes


def key(number: int) -> str:
    return f"{number:064x}"[::-1]


def test_samples_are_given_back_bit_for_bit(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "new")
    samples = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    assert cache.get(key(1)) is None
    cache.put(key(1), samples)
    again = Cache(tmp_path / "new").get(key(1))
    assert again is not None
    np.testing.assert_array_equal(again, samples)


def test_the_least_used_go_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path, most_bytes=4 * 4000)
    for number in range(4):
        cache.put(key(number), np.zeros(1000, np.float32))
        os.utime(cache._path(key(number)), (number, number))
    assert cache.get(key(0)) is not None  # used just now
    cache.put(key(4), np.zeros(1000, np.float32))
    assert [cache.get(key(number)) is not None for number in range(5)] == [
        True, False, False, True, True
    ]  # fmt: skip


def test_several_may_fill_it_at_once(tmp_path: Path) -> None:
    def fill(worker: int) -> None:
        cache = Cache(tmp_path, most_bytes=40_000)
        for number in range(60):
            cache.put(key(number), np.full(1000, number, np.float32))
            found = cache.get(key((number * 7 + worker) % 60))
            assert found is None or len(set(found)) == 1

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(fill, range(4)))
    assert sum(path.stat().st_size for path in tmp_path.glob("*/*")) <= 40_000
    assert not list(tmp_path.rglob(".lofigen-*"))


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    cache = Cache(tmp_path / "file")
    cache.put(key(1), np.zeros(10, np.float32))
    assert cache.get(key(1)) is None


@pytest.fixture
def preset(load: Callable[..., Preset]) -> Preset:
    return load()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many tracks each call of the engine was given."""
    from lofigen_kit.engine import batch

    counted: list[int] = []
    generate = batch.generate

    def count(network: object, sampler: object, tracks: list[object], **more: object) -> object:
        counted.append(len(tracks))
        return generate(network, sampler, tracks, **more)  # type: ignore[arg-type]

    monkeypatch.setattr("lofigen_kit.engine.batch.generate", count)
    return counted


def test_another_effect_needs_no_other_performance(
    tmp_path: Path, preset: Preset, calls: list[int]
) -> None:
    cache = Cache(tmp_path / "cache")
    first = list(render_takes(preset, [0, 1], cache=cache))
    dry = preset.model_copy(update={"effects": ()})
    second = list(render_takes(dry, [0, 1, 2], cache=cache))
    assert calls == [2, 1]
    fresh = list(render_takes(dry, [0, 1, 2]))
    for kept, new in zip(second, fresh, strict=True):
        np.testing.assert_array_equal(kept.audio.samples, new.audio.samples)
    assert not np.array_equal(first[0].audio.samples, second[0].audio.samples)


def test_another_sampler_seed_attempt_or_source_is_another_performance(
    tmp_path: Path, preset: Preset, calls: list[int]
) -> None:
    cache = Cache(tmp_path / "cache")
    faster = preset.source.model_copy(update={"tempo_bpm": 190.0})
    for other in (preset, preset.model_copy(update={"seed": 99}),
                  preset.model_copy(update={"source": faster})):  # fmt: skip
        list(render_takes(other, [0], cache=cache))
    list(render_takes(preset, [0], attempt=1, cache=cache))
    assert calls == [1, 1, 1, 1]
    list(render_takes(preset, [0], cache=cache))
    assert calls == [1, 1, 1, 1]


def test_another_attempt_sounds_different_and_is_the_same_again(preset: Preset) -> None:
    first, second, again = (
        next(render_takes(preset, [3], attempt=attempt)) for attempt in (0, 1, 1)
    )
    assert second.attempt == 1
    assert not np.array_equal(first.audio.samples, second.audio.samples)
    np.testing.assert_array_equal(second.audio.samples, again.audio.samples)
