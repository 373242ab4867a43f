"""One gain for all of it, and no peak over the ceiling, however long it goes on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from lofigen_kit.audio.blocks import split_blocks
from lofigen_kit.audio.buffer import AudioBuffer, AudioFormat
from lofigen_kit.dsp.decibels import db_to_gain
from lofigen_kit.dsp.limiter import Limiter, reduction_db
from lofigen_kit.dsp.loudness import true_peak_dbtp
from lofigen_kit.dsp.streaming_master import limit_peaks, remove_dc

RATE_HZ = 44_100
SOUND = AudioFormat(2, None, RATE_HZ)


def finished(samples: np.ndarray, *, gain_db: float, size: int = 8192) -> np.ndarray:
    blocks = limit_peaks(split_blocks(samples, size), SOUND, gain_db=gain_db, true_peak_dbtp=-1.0)
    return np.concatenate(list(blocks), axis=1)


def noise(seconds: float) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.uniform(-0.5, 0.5, (2, round(seconds * RATE_HZ))).astype(np.float32)


@pytest.mark.parametrize("size", [1, 7, 256, 5000])
def test_a_limiter_in_blocks_is_that_of_the_whole(size: int) -> None:
    rng = np.random.default_rng(0)
    excess_db = np.where(rng.random(6000) < 0.01, rng.uniform(0, 30, 6000), -5.0)
    excess_db[:100] = 0.0  # a piece is held at its first value, a stream comes out of silence
    limiter = Limiter(3150.0)
    padded = np.pad(excess_db, (0, limiter.latency_points))
    pieces = [limiter(padded[start : start + size]) for start in range(0, len(padded), size)]
    expected = reduction_db(padded, 3150.0)[: len(excess_db)]
    together = np.concatenate(pieces)[limiter.latency_points :]
    assert expected.max() > 20
    assert np.abs(together - expected).max() < 1e-9


def test_below_the_ceiling_it_is_a_gain_and_nothing_else() -> None:
    samples = noise(1.0)
    out = finished(samples, gain_db=-6.0)
    assert out.shape[1] > 0.8 * RATE_HZ
    expected = samples[:, : out.shape[1]] * np.float32(db_to_gain(-6.0))
    assert np.array_equal(out, expected)


def test_no_peak_passes_the_ceiling_however_loud_it_gets() -> None:
    rng = np.random.default_rng(1)
    t = np.arange(6 * RATE_HZ) / RATE_HZ
    drum = np.exp(-(t % 0.5) / 0.05) * np.sin(2 * np.pi * 70 * (t % 0.5))
    loud = noise(6.0) * np.repeat(rng.uniform(0, 1, 60), len(t) // 60).astype(np.float32) + drum
    for gain_db in (6.0, 24.0):
        out = finished(loud.astype(np.float32), gain_db=gain_db)
        assert -1.6 < true_peak_dbtp(AudioBuffer(out, RATE_HZ)) <= -1.0


def test_a_peak_turns_down_what_is_around_it_for_a_moment() -> None:
    t = np.arange(3 * RATE_HZ) / RATE_HZ
    tone = np.tile(0.2 * np.sin(2 * np.pi * 500 * t), (2, 1)).astype(np.float32)
    tone[0, RATE_HZ : RATE_HZ + 50] *= 10
    out = finished(tone, gain_db=0.0)
    near = slice(RATE_HZ + 20, RATE_HZ + 50)
    held = np.abs(out[1, near]).max() / np.abs(tone[1, near]).max()
    assert held == pytest.approx(10 ** (-1.2 / 20) / 2, rel=0.06)  # both sides alike
    assert np.array_equal(out[:, : RATE_HZ // 2], tone[:, : RATE_HZ // 2])
    late = slice(2 * RATE_HZ, 2 * RATE_HZ + 5000)
    assert np.array_equal(out[:, late], tone[:, late])


@pytest.mark.parametrize("size", [100, 3584, 50_000])
def test_pieces_leave_no_trace(size: int) -> None:
    samples = 3 * noise(1.5)
    whole = finished(samples, gain_db=3.0, size=samples.shape[1])
    assert np.array_equal(finished(samples, gain_db=3.0, size=size), whole)


def test_direct_current_goes_and_the_lowest_notes_stay() -> None:
    t = np.arange(4 * RATE_HZ) / RATE_HZ

    def level_db(hz: float) -> float:
        tone = np.tile(np.sin(2 * np.pi * hz * t), (2, 1)).astype(np.float32) + np.float32(0.1)

        def blocks() -> Iterator[np.ndarray]:
            yield from split_blocks(tone)

        wet = np.concatenate(list(remove_dc(blocks(), SOUND)), axis=1)[0, 2 * RATE_HZ :]
        assert abs(wet.mean()) < 1e-3
        return float(20 * np.log10(np.sqrt(2) * wet.std()))

    assert level_db(20.0) == pytest.approx(-3.0, abs=0.05)
    assert level_db(44.0) == pytest.approx(0.0, abs=0.05)
    assert level_db(5.0) < -45
