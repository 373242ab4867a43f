from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lofigen_kit.api import (
    AudioBuffer,
    AudioError,
    AudioFormat,
    BeatGrid,
    BlockEffect,
    Context,
    Effect,
    Field,
    Process,
)
from lofigen_kit.audio.blocks import split_blocks
from lofigen_kit.effects import rack
from lofigen_kit.effects.effect import compute_tail_s
from lofigen_kit.errors import RenderError
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit_plugins.lowpass import Lowpass
from lofigen_kit_plugins.mix import Mix
from lofigen_kit_plugins.varispeed import Varispeed

RATE_HZ = 8000
NOISE = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 20_001)).astype(np.float32)


class Late(BlockEffect):
    """Passes what it hears, 300 frames late, and adds a little noise of its own."""

    use: Literal["late"] = "late"
    noise: float = 0.01

    def latency_frames(self, sound: AudioFormat) -> int:
        return 300

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
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

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        return lambda block, _: block * np.float32(np.nan)


def context() -> Context:
    return Context(rng=rng_for(1, 0, "test"))


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
    whole = rack.apply_effect(effect, audio, context(), loop=False)
    sound = AudioFormat(2, frames, RATE_HZ)
    bits = list(rack.apply_blocks(effect, sound, context(), pieces(audio.samples, sizes)))
    np.testing.assert_array_equal(np.concatenate(bits, axis=1), whole.samples)


def test_latency_is_taken_off() -> None:
    audio = AudioBuffer(NOISE, RATE_HZ)
    heard = rack.apply_effect(Late(noise=0.0), audio, context(), loop=False)
    np.testing.assert_array_equal(heard.samples, audio.samples)


def test_what_is_no_number_is_found_in_blocks_too() -> None:
    blocks = rack.apply_blocks(
        Breaks(), AudioFormat(2, 20_001, RATE_HZ), context(), split_blocks(NOISE)
    )
    with pytest.raises(RenderError, match="not numbers"):
        next(blocks)


class Ring(BlockEffect):
    """Rings on for a while: what it hears comes once more, later."""

    use: Literal["ring"] = "ring"
    delay_s: float = Field(default=0.25, ge=0, le=2)
    gain: float = Field(default=0.5, ge=0, le=1)

    @property
    def tail_s(self) -> float:
        return self.delay_s

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        held = np.zeros((sound.channels, round(self.delay_s * sound.sample_rate_hz)), np.float32)

        def process(block: np.ndarray, now: Ring) -> np.ndarray:
            nonlocal held
            heard = np.concatenate([held, block], axis=1)
            held = heard[:, block.shape[1] :]
            return np.asarray(block + np.float32(now.gain) * heard[:, : block.shape[1]])

        return process


def played(
    effects: list[Effect], samples: np.ndarray, *, loop: bool = False, tail: bool = True
) -> np.ndarray:
    *_, (_, last) = rack.process_whole(
        effects, AudioBuffer(samples, RATE_HZ), contexts, loop=loop, tail=tail
    )
    return last.samples


def contexts(stage: str) -> Context:
    return Context(rng=rng_for(1, 0, stage), grid=BeatGrid(tempo_bpm=120, start_s=0.5))


def test_a_tail_rings_on_to_where_it_is_silent() -> None:
    out = played([Ring(), Ring(delay_s=0.5)], NOISE)
    assert out.shape == (2, 20_001 + 6000)
    assert out[:, -2000:] == pytest.approx(0.25 * NOISE[:, -2000:])
    np.testing.assert_array_equal(out[:, :20_001], played([Ring(), Ring(delay_s=0.5)], NOISE,
                                                          tail=False))  # fmt: skip


def test_a_tail_that_nobody_hears_is_cut() -> None:
    quiet = Ring(delay_s=2, gain=1e-4)  # below -80 dBFS
    assert played([quiet], NOISE).shape == NOISE.shape
    fading = np.pad(NOISE, ((0, 0), (0, 9000)))
    assert played([Ring(delay_s=0.5)], fading).shape == fading.shape
    assert played([Ring(delay_s=2)], fading).shape == (2, 20_001 + 16_000)


def test_a_tail_reaches_round_a_loop_however_short() -> None:
    short = NOISE[:, :1500]
    out = played([Ring(delay_s=0.25)], short, loop=True)
    assert out == pytest.approx(short + 0.5 * np.roll(short, 2000 % 1500, axis=1))


def test_the_longest_tail_of_what_moves_is_heard() -> None:
    moving = Ring.model_validate({"delay_s": {"at": {"0": 0.125, "1": 0.5}}})
    assert compute_tail_s([moving]) == 0.5
    assert compute_tail_s([moving.model_copy(update={"mix": 0.0})]) == 0.0


def test_a_loop_is_heard_ahead_of_its_end() -> None:
    class Ahead(Late):
        """Gives what is to come in 300 frames."""

        def start(self, sound: AudioFormat, ctx: Context) -> Process:
            return lambda block, _: block

    out = played([Ahead()], NOISE, loop=True)
    np.testing.assert_array_equal(out, np.roll(NOISE, -300, axis=1))


CHAINS: dict[str, list[Effect]] = {
    "nothing": [],
    "blocks": [Late(), Lowpass(cutoff_hz=900, mix=0.5), Ring()],
    "whole": [Ring(), Backwards(), Late(mix=0.3)],
    "speed": [Late(), Varispeed(semitones=5), Ring(), Varispeed(semitones=-5), Ring(delay_s=0.1)],
    "branches": [
        Mix(branches=((), (Late(), Ring()), (Ring(mix=0.5),)), levels_db=(0, -6, 3)),
        Late(),
    ],
    "moves": [Lowpass.model_validate({"cutoff_hz": {"at": {"0": 900, "2beats": 3000}}}), Ring()],
}  # fmt: skip


@pytest.mark.parametrize("name", CHAINS)
@settings(deadline=None, max_examples=12)
@given(
    frames=st.integers(1, 20_001),
    sizes=st.lists(st.integers(0, 9000), max_size=5),
    tail=st.booleans(),
)
def test_a_chain_in_pieces_of_any_size_is_the_same_as_whole(
    name: str, frames: int, sizes: list[int], tail: bool
) -> None:
    effects = CHAINS[name]
    audio = AudioBuffer(NOISE[:, :frames], RATE_HZ)
    sound, blocks = rack.process_stream(
        effects, AudioFormat(2, frames, RATE_HZ), contexts, pieces(audio.samples, sizes), tail=tail
    )
    together = np.concatenate([audio.samples[:, :0], *blocks], axis=1)
    after = [
        audio.samples,
        *(
            wet.samples
            for _, wet in rack.process_whole(effects, audio, contexts, loop=False, tail=tail)
        ),
    ]
    np.testing.assert_array_equal(together, after[-1])
    assert sound.frames == frames
    assert (together.shape[1] > frames) == (tail and any(e.tail_s for e in effects))


def test_beats_fall_where_the_speed_brings_them() -> None:
    seen: list[tuple[float, float]] = []

    class Listens(Backwards):
        """Looks at the beats."""

        def apply(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
            seen.append((ctx.grid.tempo_bpm, ctx.grid.start_s))
            return audio

    listens = Listens()
    chain: list[Effect] = [Varispeed(semitones=12), listens, Varispeed(semitones=-12), listens]
    played(chain, NOISE)
    assert seen == [(240, 0.25), (120, 0.5)]


def test_what_goes_wrong_in_a_stream_names_its_stage_and_not_the_next() -> None:
    _, blocks = rack.process_stream(
        [Late(), Breaks(), Late()], AudioFormat(2, 20_001, RATE_HZ), contexts, split_blocks(NOISE)
    )
    with pytest.raises(RenderError, match=r"^effects\.late#1: it gave samples that are not"):
        list(blocks)


def test_a_broken_file_is_not_the_effects_fault() -> None:
    def reading() -> Iterator[np.ndarray]:
        yield NOISE[:, :9000]
        raise AudioError("cut short", where="take.wav")

    _, blocks = rack.process_stream([Late()], AudioFormat(2, 20_001, RATE_HZ), contexts, reading())
    with pytest.raises(AudioError, match=r"^take\.wav: cut short"):
        list(blocks)
