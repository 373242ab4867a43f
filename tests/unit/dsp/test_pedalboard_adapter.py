"""The pedalboard adapter: the layouts that pedalboard guesses wrong, and clean state."""

from typing import cast

import numpy as np
import pedalboard
import pytest

from lofigen_kit.audio.buffer import AudioBuffer, AudioFormat
from lofigen_kit.dsp.pedalboard_adapter import PedalboardChain, run_pedalboard
from lofigen_kit.errors import RenderError

RATE_HZ = 44_100


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("frames", [0, 1, 2, 3, 40, 20_000])
def test_every_shape_keeps_its_layout(channels: int, frames: int) -> None:
    samples = np.arange(1, channels + 1)[:, None] * np.full((channels, frames), 0.1)
    louder = run_pedalboard([pedalboard.Gain(6.0)], AudioBuffer(samples, RATE_HZ))
    assert louder.samples == pytest.approx(samples * 10 ** (6 / 20), rel=1e-5)


def test_plugins_run_in_order_from_a_clean_state() -> None:
    click = AudioBuffer(np.eye(1, 5000), RATE_HZ)
    delay = pedalboard.Delay(delay_seconds=0.01, feedback=0.5, mix=1.0)
    gain = pedalboard.Gain(-6.0)
    first = run_pedalboard([delay, gain], click)
    assert np.array_equal(run_pedalboard([delay, gain], click).samples, first.samples)
    assert first.samples.max() == pytest.approx(10 ** (-6 / 20), rel=1e-3)


def test_a_long_sound_equals_one_chunk() -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, (2, 30_000)).astype(np.float32)
    reverb = run_pedalboard([pedalboard.Reverb()], AudioBuffer(noise, RATE_HZ))
    whole = pedalboard.Reverb().process(noise, RATE_HZ, buffer_size=30_000)
    assert np.array_equal(reverb.samples, whole)


class Broken:
    """Stands for a plugin whose filter has blown up."""

    def process(self, samples: np.ndarray, *_: float, **__: bool) -> np.ndarray:
        return samples * np.float32(np.nan)


def test_broken_samples_are_an_error_that_names_the_plugin() -> None:
    sound = AudioBuffer(np.ones((1, 2000)), RATE_HZ)
    with pytest.raises(RenderError, match="Broken gave samples that are not numbers"):
        run_pedalboard([cast("pedalboard.Plugin", Broken())], sound)


@pytest.mark.parametrize("frames", [1, 5000, 20_000])
def test_block_by_block_it_is_the_whole(frames: int) -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, (2, frames)).astype(np.float32)
    board = PedalboardChain(
        [pedalboard.Phaser(), pedalboard.Reverb()], AudioFormat(2, frames, RATE_HZ)
    )
    blocks = [board(noise[:, start : start + 4096]) for start in range(0, frames, 4096)]
    whole = run_pedalboard([pedalboard.Phaser(), pedalboard.Reverb()], AudioBuffer(noise, RATE_HZ))
    np.testing.assert_array_equal(np.concatenate(blocks, axis=1), whole.samples)


def test_more_latency_than_was_said_is_an_error() -> None:
    board = PedalboardChain(
        [pedalboard.GSMFullRateCompressor()], AudioFormat(1, 9000, RATE_HZ), latency_frames=10
    )
    with pytest.raises(RenderError, match="held back"):
        board(np.zeros((1, 4096), np.float32))
