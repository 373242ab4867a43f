"""Warp: its depth and its rate, demodulated from a tone."""

import numpy as np
import pytest
from scipy import signal

from lofigen_kit.api import AudioBuffer, Context
from lofigen_kit_plugins.vinyl_warp import VinylWarp

RATE_HZ = 44_100
TEST_TONE_HZ = 3150
SLOW_HZ = 1470


def played(effect: VinylWarp, samples: np.ndarray, seed: int = 0) -> np.ndarray:
    context = Context(rng=np.random.default_rng(seed))
    return effect.apply(AudioBuffer(samples, RATE_HZ), context).samples


def speed_deviation(effect: VinylWarp, duration_s: float = 36.0) -> np.ndarray:
    """Return the deviation of speed in per cent, demodulated from the tone, without its ends."""
    t = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    tone = played(effect, 0.5 * np.sin(2 * np.pi * TEST_TONE_HZ * t)[None])[0].astype(np.float64)
    carrier = signal.hilbert(tone)
    speed = np.diff(np.unwrap(np.angle(carrier))) * RATE_HZ / (2 * np.pi * TEST_TONE_HZ) - 1
    return 100 * np.asarray(signal.resample_poly(speed, 1, RATE_HZ // SLOW_HZ)[SLOW_HZ:-SLOW_HZ])


@pytest.mark.parametrize(
    ("rate_hz", "depth_pct"), [(0.5556, 0.25), (0.75, 1.0), (1.3, 2.0), (0.2, 2.0)]
)
def test_as_deep_and_as_often_as_asked(rate_hz: float, depth_pct: float) -> None:
    deviation = speed_deviation(VinylWarp(rate_hz=rate_hz, depth_pct=depth_pct))
    whole_hz = round(36 * rate_hz) / 36
    phase = 2 * np.pi * whole_hz * np.arange(len(deviation)) / SLOW_HZ
    basis = np.stack([np.sin(phase), np.cos(phase), np.ones_like(phase)], axis=1)
    fit, *_ = np.linalg.lstsq(basis, deviation, rcond=None)
    assert np.hypot(*fit[:2]) == pytest.approx(depth_pct, rel=0.02)
    assert fit[2] == pytest.approx(0, abs=0.01 * depth_pct)
    assert np.std(deviation - basis @ fit) < 0.02 * depth_pct


def test_a_flat_record_changes_nothing() -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, (2, 30_000))
    assert played(VinylWarp(depth_pct=0), noise) == pytest.approx(noise, abs=1e-6)


@pytest.mark.parametrize("duration_s", [0.05, 1.0, 7.3])
def test_starts_and_ends_on_time(duration_s: float) -> None:
    t = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    tone = 0.9 * np.cos(2 * np.pi * 440 * t)[None]
    out = played(VinylWarp(depth_pct=2), tone)
    assert out[0, [0, -1]] == pytest.approx(tone[0, [0, -1]], abs=1e-4)
    assert np.abs(np.diff(out[0])).max() < 1.1 * np.abs(np.diff(tone[0])).max()  # no click


def test_a_loop_stays_in_step_over_its_seam() -> None:
    frames = 6 * RATE_HZ
    loop = np.sin(2 * np.pi * 220 * np.arange(frames) / RATE_HZ)[None]
    out = played(VinylWarp(depth_pct=2), loop)[0].astype(np.float64)
    seam = np.concatenate([out[-2000:], out[:2000]])
    carrier = signal.hilbert(seam * np.hanning(len(seam)))
    speed = np.diff(np.unwrap(np.angle(carrier)))[500:-500]
    assert np.abs(np.diff(speed)).max() < 0.02 * speed.mean()


def test_each_take_starts_elsewhere_in_the_turn() -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, (1, RATE_HZ))
    first, other = (played(VinylWarp(), noise, seed=seed) for seed in (1, 2))
    assert not np.allclose(first, other, atol=0.1)
