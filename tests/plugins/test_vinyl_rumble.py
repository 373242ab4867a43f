"""Rumble: its level, its depth, and a loop that it goes on over."""

import numpy as np
import pytest
from scipy import signal

from lofigen_kit.api import AudioBuffer, Context
from lofigen_kit_plugins.vinyl_rumble import VinylRumble


def noise(
    effect: VinylRumble, duration_s: float, rate_hz: int = 44_100, seed: int = 0
) -> np.ndarray:
    silence = AudioBuffer(np.zeros((2, round(duration_s * rate_hz))), rate_hz)
    wet = effect.apply(silence, Context(rng=np.random.default_rng(seed))).samples
    return np.asarray(wet, np.float64)


@pytest.mark.parametrize("level_dbfs", [-50.0, -30.0])
@pytest.mark.parametrize("rate_hz", [8000, 44_100, 48_000])
def test_as_loud_as_asked(level_dbfs: float, rate_hz: int) -> None:
    rumble = noise(VinylRumble(level_dbfs=level_dbfs), 60, rate_hz)
    rms_db = 20 * np.log10(np.sqrt(np.mean(rumble**2, axis=1)))
    assert rms_db == pytest.approx(level_dbfs, abs=0.5)


def test_nine_tenths_lie_below_60_hz() -> None:
    rumble = noise(VinylRumble(), 60)
    frequencies_hz, power = signal.welch(rumble[0], 44_100, nperseg=1 << 16)
    assert power[frequencies_hz < 60].sum() > 0.9 * power.sum()
    assert power[frequencies_hz < 5].sum() < 0.02 * power.sum()
    assert np.corrcoef(rumble)[0, 1] == pytest.approx(0.75, abs=0.1)


@pytest.mark.parametrize("duration_s", [0.5, 6.0])
def test_it_goes_on_over_the_seam_of_a_loop(duration_s: float) -> None:
    rumble = noise(VinylRumble(level_dbfs=-12), duration_s)[0]
    bend = np.abs(np.diff(np.tile(rumble, 2), 2))
    seam = len(rumble)
    assert bend[seam - 4 : seam + 4].max() < 1.5 * bend[: seam - 4].max()
    assert np.std(rumble) > 0.1
