"""Dropouts: how many, how deep, how dull, and nothing but them."""

import numpy as np
import pytest

from lofigen_kit.api import AudioBuffer, AudioFormat, Context
from lofigen_kit.audio.blocks import split_blocks
from lofigen_kit_plugins.dropout import Dropout

RATE_HZ = 44_100


def played(
    effect: Dropout, samples: np.ndarray, rate_hz: int = RATE_HZ, seed: int = 0
) -> np.ndarray:
    context = Context(rng=np.random.default_rng(seed))
    return effect.apply(AudioBuffer(samples, rate_hz), context).samples


def gain_at(frequency_hz: float, effect: Dropout) -> np.ndarray:
    """Return the gain of a tone over 60 s, in dB, in windows of 10 ms."""
    phase = 2 * np.pi * frequency_hz * np.arange(60 * RATE_HZ) / RATE_HZ
    wet = played(effect, np.sin(phase)[None])[0]
    windows = (wet * np.exp(-1j * phase)).reshape(-1, RATE_HZ // 100).mean(axis=1)
    return np.asarray(20 * np.log10(2 * np.abs(windows)))


def dips(wet: np.ndarray) -> list[tuple[int, int]]:
    """Return the beginning and the end of each stretch below the level of 1."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], wet < 0.999, [0]]).astype(int)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


@pytest.mark.parametrize(("rate_per_min", "seed"), [(6, 1), (6, 2), (20, 3)])
def test_as_many_as_chance_has_it(rate_per_min: float, seed: int) -> None:
    minutes, rate_hz = 60, 2000
    effect = Dropout(rate_per_min=rate_per_min, length_ms=60)
    found = dips(played(effect, np.ones((1, minutes * 60 * rate_hz)), rate_hz, seed)[0])
    expected = rate_per_min * minutes
    assert len(found) == pytest.approx(expected, abs=3 * np.sqrt(expected))
    lengths_s = np.diff(found, axis=1) / rate_hz
    assert np.median(lengths_s) == pytest.approx(0.06, rel=0.1)


@pytest.mark.parametrize("depth_db", [3.0, 12.0, 40.0])
def test_as_deep_as_asked_and_deeper_in_the_treble(depth_db: float) -> None:
    effect = Dropout(rate_per_min=12, depth_db=depth_db, treble_loss_db=10)
    assert gain_at(100, effect).min() == pytest.approx(-depth_db, abs=0.2)
    assert gain_at(10_000, effect).min() == pytest.approx(-depth_db - 10, abs=0.3)
    assert gain_at(5000, effect).min() == pytest.approx(-depth_db - 5, abs=0.3)


def test_between_them_the_sound_passes_bit_for_bit() -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, (2, 10 * RATE_HZ)).astype(np.float32)
    wet = played(Dropout(rate_per_min=30), noise)
    steady = played(Dropout(rate_per_min=30), np.ones((2, 10 * RATE_HZ)))
    outside = steady[0] == 1
    assert 0.5 < outside.mean() < 0.99
    assert np.array_equal(wet[:, outside], noise[:, outside])
    assert np.array_equal(played(Dropout(rate_per_min=0), noise), noise)


def test_their_edges_make_no_click() -> None:
    effect = Dropout(rate_per_min=120, depth_db=40, length_ms=40)
    gain = played(effect, np.ones((1, 20 * RATE_HZ)))[0].astype(np.float64)
    assert len(dips(gain)) > 20
    assert np.abs(np.diff(gain)).max() < 0.02


def test_a_loop_has_none_on_its_seam() -> None:
    effect = Dropout(rate_per_min=120, length_ms=300)
    for seed in range(20):
        gain = played(effect, np.ones((1, RATE_HZ)), seed=seed)[0]
        assert gain[[0, -1]] == pytest.approx(1, abs=1e-4)


def test_automation_moves_the_depth_without_a_step() -> None:
    sound = AudioFormat(1, 8 * RATE_HZ, RATE_HZ)
    process = Dropout(rate_per_min=120, length_ms=2000).start(
        sound, Context(rng=np.random.default_rng(0))
    )
    blocks = split_blocks(np.ones((1, sound.frames), np.float32))
    depths_db = (0, 30, 3, 24)
    wet = [process(b, Dropout(depth_db=depths_db[n % 4])) for n, b in enumerate(blocks)]
    gain = np.concatenate(wet, axis=1)[0, 200:]
    assert gain.min() < 0.1
    assert np.abs(np.diff(gain)).max() < 0.002
