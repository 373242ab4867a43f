"""Crackle: how many, how loud, how short; and the pops."""

import numpy as np
import pytest
from scipy import signal

from lofigen_kit.api import AudioBuffer, Context
from lofigen_kit_plugins.vinyl_crackle import VinylCrackle

RATE_HZ = 44_100


def noise(effect: VinylCrackle, duration_s: float, channels: int = 2, seed: int = 0) -> np.ndarray:
    silence = AudioBuffer(np.zeros((channels, round(duration_s * RATE_HZ))), RATE_HZ)
    return effect.apply(silence, Context(rng=np.random.default_rng(seed))).samples


def events(samples: np.ndarray, apart_s: float = 0.003) -> list[np.ndarray]:
    """Return what sounds, cut wherever there is silence for a while."""
    loud = np.flatnonzero(np.abs(samples).max(axis=0) > 1e-5)
    gaps = np.flatnonzero(np.diff(loud) > apart_s * RATE_HZ) + 1
    return [samples[:, piece[0] : piece[-1] + 1] for piece in np.split(loud, gaps)]


@pytest.mark.parametrize(("rate_hz", "pop_rate_hz", "seed"), [(8, 0, 1), (8, 0.15, 2), (3, 0, 3)])
def test_as_many_as_chance_has_it(rate_hz: float, pop_rate_hz: float, seed: int) -> None:
    effect = VinylCrackle(rate_hz=rate_hz, pop_rate_hz=pop_rate_hz)
    expected = 120 * (rate_hz + pop_rate_hz)
    found = len(events(noise(effect, 120, seed=seed)))
    assert found == pytest.approx(expected, abs=3 * np.sqrt(expected))


def test_as_many_pops_as_chance_has_it() -> None:
    found = len(events(noise(VinylCrackle(rate_hz=0, pop_rate_hz=1.5), 200)))
    assert found == pytest.approx(300, abs=3 * np.sqrt(300))


def test_crackles_are_short_of_random_size_colour_and_side() -> None:
    found = events(noise(VinylCrackle(rate_hz=4, pop_rate_hz=0), 120))
    peaks = np.array([np.abs(event).max(axis=1) for event in found])
    mono = noise(VinylCrackle(rate_hz=4, pop_rate_hz=0), 120, channels=1)
    sizes_db = 20 * np.log10([np.abs(event).max() for event in events(mono)])
    assert np.median(sizes_db) == pytest.approx(-34, abs=1)
    assert 4 < np.std(sizes_db) < 6
    assert sizes_db.max() < -23
    sides_db = 20 * np.log10(peaks[:, 0] / peaks[:, 1])
    assert np.mean(sides_db) == pytest.approx(0, abs=1)
    assert np.std(sides_db) > 3
    lengths_ms = np.array([event.shape[1] for event in found]) / RATE_HZ * 1000
    assert np.quantile(lengths_ms, 0.95) < 4


def share_below(samples: np.ndarray, frequency_hz: float) -> float:
    frequencies_hz, power = signal.welch(samples[0], RATE_HZ, nperseg=8192)
    return float(power[frequencies_hz < frequency_hz].sum() / power.sum())


def test_crackles_are_a_band_and_pops_lie_lower() -> None:
    crackle = noise(VinylCrackle(rate_hz=50, pop_rate_hz=0), 20)
    assert share_below(crackle, 15_000) > 0.99
    assert share_below(crackle, 500) < 0.1
    pops = noise(VinylCrackle(rate_hz=0, pop_rate_hz=5), 20)
    assert share_below(pops, 800) > 0.9
    assert np.abs(pops).max() > np.abs(crackle).max()


def test_it_is_laid_over_the_sound_and_cut_nowhere() -> None:
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, (2, RATE_HZ)).astype(np.float32)
    effect = VinylCrackle(rate_hz=100, pop_rate_hz=5)
    wet = effect.apply(AudioBuffer(sound, RATE_HZ), Context(rng=np.random.default_rng(3))).samples
    alone = noise(effect, 1, seed=3)
    assert wet - sound == pytest.approx(alone, abs=1e-7)
    assert np.abs(alone[:, -1]).max() < 1e-4
