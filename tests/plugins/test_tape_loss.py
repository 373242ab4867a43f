"""Tape loss: Wallace's law and the gap's sinc, measured from the impulse response."""

import numpy as np
import pytest

from lofigen_kit.api import AudioBuffer, Context
from lofigen_kit_plugins.tape_loss import TapeLoss

RATE_HZ = 44_100


def played(effect: TapeLoss, samples: np.ndarray, rate_hz: int = RATE_HZ) -> np.ndarray:
    context = Context(rng=np.random.default_rng(0))
    return effect.apply(AudioBuffer(samples, rate_hz), context).samples


@pytest.mark.parametrize("rate_hz", [44_100, 48_000])
@pytest.mark.parametrize(
    ("speed_ips", "gap_um", "spacing_um"),
    [(7.5, 3, 1), (15, 3, 1), (3.75, 3, 1), (1.875, 2, 0.5), (1.875, 0, 10), (30, 20, 0)],
)
def test_response_is_that_of_the_theory(
    speed_ips: float, gap_um: float, spacing_um: float, rate_hz: int
) -> None:
    effect = TapeLoss(speed_ips=speed_ips, gap_um=gap_um, spacing_um=spacing_um)
    impulse = played(effect, np.eye(1, rate_hz, rate_hz // 2), rate_hz)[0].astype(np.float64)
    frequency_hz = np.arange(rate_hz // 2 + 1)
    wavelength_um = speed_ips * 25_400 / np.maximum(frequency_hz, 1e-9)
    theory = np.exp(-2 * np.pi * spacing_um / wavelength_um) * np.sinc(gap_um / wavelength_um)
    audible = (frequency_hz <= 15_000) & (np.abs(theory) > 0.01)
    measured = np.abs(np.fft.rfft(impulse))
    error_db = 20 * np.log10(measured[audible] / np.abs(theory[audible]))
    assert np.abs(error_db).max() < 0.5


def test_every_pitch_stays_in_time() -> None:
    wet = played(TapeLoss(), np.eye(1, 4001, 2000))[0]
    assert wet == pytest.approx(wet[::-1], abs=1e-7)
    assert np.argmax(wet) == 2000


def test_no_gap_and_no_spacing_lose_nothing() -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, (2, 20_000))
    assert played(TapeLoss(gap_um=0, spacing_um=0), noise) == pytest.approx(noise, abs=1e-6)
