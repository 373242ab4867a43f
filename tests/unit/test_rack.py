from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lofigen_kit import rack
from lofigen_kit.api import AudioBuffer, BlockEffect, Context, Effect, Process, Sound
from lofigen_kit.errors import RenderError
from lofigen_kit.seeding import stream
from lofigen_kit_plugins.lowpass import Lowpass

RATE_HZ = 8000
NOISE = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 20_001)).astype(np.float32)


class Late(BlockEffect):
    """Passes what it hears, 300 frames late, and adds a little noise of its own."""

    use: Literal["late"] = "late"
    noise: float = 0.01

    def latency_frames(self, sound: Sound) -> int:
        return 300

    def start(self, sound: Sound, ctx: Context) -> Process:
        held = np.zeros((sound.channels, 300), np.float32)

        def process(block: np.ndarray, now: Late) -> np.ndarray:
            nonlocal held
            heard = np.concatenate([held, block], axis=1)
            held = heard[:, block.shape[1] :]
            noise = ctx.rng.standard_normal(block.shape, dtype=np.float32)
            return np.asarray(heard[:, : block.shape[1]] + now.noise * noise)

        return process


class Backwards(Effect):
    """Needs the whole sound."""

    use: Literal["backwards"] = "backwards"

    def apply(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        return audio.with_samples(audio.samples[:, ::-1])


class Breaks(Late):
    """Divides by nothing."""

    def start(self, sound: Sound, ctx: Context) -> Process:
        return lambda block, _: block * np.float32(np.nan)


def context() -> Context:
    return Context(rng=stream(1, 0, "test"))


def pieces(samples: np.ndarray, sizes: list[int]) -> Iterator[np.ndarray]:
    start = 0
    for size in sizes:
        yield samples[:, start : start + size]
        start += size
    yield samples[:, start:]


@pytest.mark.parametrize("mix", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("effect", [Late(), Lowpass(cutoff_hz=900), Backwards()], ids=repr)
@settings(deadline=None, max_examples=15)
@given(frames=st.integers(1, 20_001), sizes=st.lists(st.integers(0, 9000), max_size=5))
def test_in_pieces_of_any_size_a_sound_is_the_same_as_whole(
    effect: Effect, mix: float, frames: int, sizes: list[int]
) -> None:
    effect = effect.model_copy(update={"mix": mix})
    audio = AudioBuffer(NOISE[:, :frames], RATE_HZ)
    whole = rack.applied(effect, audio, context(), loop=False)
    sound = Sound(2, frames, RATE_HZ)
    bits = list(rack.streamed(effect, sound, context(), pieces(audio.samples, sizes)))
    np.testing.assert_array_equal(np.concatenate(bits, axis=1), whole.samples)


def test_latency_is_taken_off() -> None:
    audio = AudioBuffer(NOISE, RATE_HZ)
    heard = rack.applied(Late(noise=0.0), audio, context(), loop=False)
    np.testing.assert_array_equal(heard.samples, audio.samples)


def test_what_is_no_number_is_found_in_blocks_too() -> None:
    blocks = rack.streamed(Breaks(), Sound(2, 20_001, RATE_HZ), context(), rack.cut(NOISE))
    with pytest.raises(RenderError, match="not numbers"):
        next(blocks)


def test_a_loop_tells_how_long_it_is_without_its_memory() -> None:
    told: list[float | None] = []

    class Listens(Backwards):
        """Remembers a while."""

        memory_s: ClassVar[float] = 0.1

        def apply(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
            told.append(ctx.loop_s)
            return audio

    for loop in (True, False):
        rack.applied(Listens(), AudioBuffer(NOISE[:, :4000], RATE_HZ), context(), loop=loop)
    assert told == [0.5, None]
