"""Dither: no harmonics, no offset, no wrap-around."""

import numpy as np

from lofigen_kit.audio.dither import to_pcm16, to_pcm24

RATE_HZ = 48_000


def spectrum_db(samples: np.ndarray) -> np.ndarray:
    windowed = samples * np.blackman(len(samples))
    return np.asarray(20 * np.log10(np.abs(np.fft.rfft(windowed)) + 1e-12))


def test_a_sine_below_the_last_bit_survives_without_harmonics() -> None:
    tone = 10 ** (-90 / 20) * np.sin(2 * np.pi * 1000 * np.arange(10 * RATE_HZ) / RATE_HZ)
    dithered = spectrum_db(to_pcm16(tone, np.random.default_rng(0)) / 2**15)
    rounded = spectrum_db(np.rint(tone * 2**15) / 2**15)
    harmonics = [10 * 1000 * k for k in (3, 5, 7)]
    floor = np.median(dithered)
    assert dithered[10_000] > floor + 30
    assert all(dithered[h - 2 : h + 3].max() < floor + 15 for h in harmonics)
    assert any(rounded[h] > floor + 15 for h in harmonics)  # what dither is for


def test_error_has_no_mean_and_the_power_of_triangular_dither() -> None:
    samples = 0.5 * np.sin(np.arange(200_000, dtype=np.float32))
    error = to_pcm16(samples, np.random.default_rng(1)) - samples.astype(np.float64) * 2**15
    assert abs(error.mean()) < 0.01
    assert abs(error.var() - 0.25) < 0.01  # 1/6 of the dither and 1/12 of rounding
    assert np.abs(error).max() <= 1.51


def test_full_scale_clips_and_never_wraps() -> None:
    samples = np.array([[1.5, 1.0, -1.0, -1.5]])
    for integers in (to_pcm16(samples, np.random.default_rng(2)), to_pcm24(samples)):
        assert (integers[0, :2] > 0).all()
        assert (integers[0, 2:] < 0).all()
        assert integers.shape == samples.shape


def test_types_and_rounding() -> None:
    assert to_pcm16(np.zeros((2, 3)), np.random.default_rng(3)).dtype == np.int16
    steps = np.array([0.0, 0.4, 0.6, -0.4, -0.6, 2.0**23 - 1]) / 2**23
    assert to_pcm24(steps).tolist() == [0, 0, 1, 0, -1, 2**23 - 1]
    assert to_pcm24(steps).dtype == np.int32


def test_deterministic_for_a_seed() -> None:
    samples = np.linspace(-1, 1, 1000)
    first, again, other = (to_pcm16(samples, np.random.default_rng(seed)) for seed in (4, 4, 5))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
