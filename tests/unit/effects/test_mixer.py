from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.components.base import Context
from lofigen_kit.effects import rack
from lofigen_kit.effects.mixer import mix_parts, place_part, sum_parts
from lofigen_kit.effects.strip import (
    DEFAULTS,
    NO_ROOM_DB,
    Strip,
    complete_settings,
    default_strip,
)
from lofigen_kit.music.score import BeatGrid
from lofigen_kit.runtime.seeding import rng_for

RATE = 44_100
PLAIN: dict[str, object] = {"level_db": 0.0, "pan_pct": 0.0, "width_pct": 100.0, "room_db": -60.0}


def make_context(stage: str) -> Context:
    return Context(rng=rng_for(1, 0, stage), grid=BeatGrid(tempo_bpm=100))


def place(
    sound: AudioBuffer, *, loop: bool = False, tail: bool = False, **fields: object
) -> AudioBuffer:
    strip = Strip.model_validate({**PLAIN, **fields})
    return place_part("keys", strip, sound, make_context, loop=loop, tail=tail)


def noise(channels: int, seconds: float = 0.8, seed: int = 3) -> AudioBuffer:
    samples = 0.1 * np.random.default_rng(seed).normal(size=(channels, round(seconds * RATE)))
    return AudioBuffer(samples.astype(np.float32), RATE)


def split(sound: AudioBuffer) -> tuple[np.ndarray, np.ndarray]:
    left, right = sound.samples.astype(np.float64)
    return (left + right) / 2, (left - right) / 2


def db(part: np.ndarray, whole: np.ndarray) -> float:
    return float(20 * np.log10(part.std() / whole.std()))


def test_a_strip_without_settings_passes_every_bit() -> None:
    sound = noise(2)
    np.testing.assert_array_equal(place(sound).samples, sound.samples)
    np.testing.assert_array_equal(place(sound, loop=True).samples, sound.samples)


def test_a_mono_part_becomes_wide_and_stays_whole_in_mono() -> None:
    sound = noise(1, 2.0)
    middle, side = split(place(sound))
    np.testing.assert_allclose(middle, sound.samples[0], atol=1e-6)
    assert -11 < db(side, middle) < -6
    spectrum = np.abs(np.fft.rfft(side)) ** 2 / np.maximum(np.abs(np.fft.rfft(middle)) ** 2, 1e-9)
    hz = np.fft.rfftfreq(len(side), 1 / RATE)
    low, high = np.median(spectrum[hz < 80]), np.median(spectrum[(hz > 1000) & (hz < 8000)])
    assert low < 0.1 * high  # the bass stays in the middle


def test_width_scales_the_side_alone() -> None:
    sound = noise(2)
    middle, side = split(sound)
    for width_pct in (0.0, 50.0, 200.0):
        placed_middle, placed_side = split(place(sound, width_pct=width_pct))
        np.testing.assert_allclose(placed_middle, middle, atol=1e-6)
        np.testing.assert_allclose(placed_side, width_pct / 100 * side, atol=1e-6)


@pytest.mark.parametrize(("pan_pct", "left", "right"), [(-100, 2**0.5, 0), (100, 0, 2**0.5)])
def test_pan_keeps_the_power(pan_pct: float, left: float, right: float) -> None:
    sound = noise(1)
    placed = place(sound, width_pct=0, pan_pct=pan_pct).samples
    np.testing.assert_allclose(placed[0], left * sound.samples[0], atol=1e-6)
    np.testing.assert_allclose(placed[1], right * sound.samples[0], atol=1e-6)


def test_the_room_is_as_loud_as_it_says_and_sounds_on() -> None:
    dry = noise(1, 2.0)
    wet = place(dry, width_pct=0, room_db=-6.0, tail=True)
    assert dry.duration_s + 0.3 < wet.duration_s <= dry.duration_s + 1.0
    room = wet.samples[:, : dry.frames].astype(np.float64) - dry.samples
    band = np.abs(np.fft.rfft(room[0]))
    hz = np.fft.rfftfreq(dry.frames, 1 / RATE)
    heard = band[(hz > 500) & (hz < 3000)]
    own = np.abs(np.fft.rfft(dry.samples[0]))[(hz > 500) & (hz < 3000)]
    # Its energy is one over all pitches; between its corners it stands higher.
    assert -3 < 20 * np.log10(np.sqrt((heard**2).mean() / (own**2).mean())) < 3
    assert abs(np.corrcoef(room)[0, 1]) < 0.2  # apart on both sides


def test_a_loop_rings_into_its_own_beginning() -> None:
    beat = np.zeros((1, RATE), np.float32)
    beat[0, RATE - 2000 : RATE - 1900] = 0.5
    placed = place(AudioBuffer(beat, RATE), loop=True, width_pct=0, room_db=0.0).samples
    assert np.abs(placed[:, :4000]).max() > 1e-3
    twice = place(AudioBuffer(np.tile(beat, 2), RATE), loop=True, width_pct=0, room_db=0.0).samples
    np.testing.assert_allclose(twice[:, :RATE], placed, atol=1e-5)
    np.testing.assert_allclose(twice[:, RATE:], placed, atol=1e-5)


@settings(deadline=None, max_examples=15)
@given(st.lists(st.integers(1, 5000), min_size=1, max_size=5), st.integers(0, 99))
def test_the_sum_is_every_part_in_order(lengths: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    parts = [AudioBuffer(rng.normal(size=(2, n)).astype(np.float32), RATE) for n in lengths]
    mix = sum_parts(parts)
    expected = np.zeros((2, max(lengths)), np.float32)
    for part in parts:
        expected += np.pad(part.samples, ((0, 0), (0, max(lengths) - part.frames)))
    np.testing.assert_array_equal(mix.samples, expected)


def test_a_level_moves_without_a_step() -> None:
    sound = AudioBuffer(np.full((2, RATE), 0.25, np.float32), RATE)
    placed = place(sound, level_db={"at": {"0": -20, "1": 0}}).samples[0]
    assert placed[10] == pytest.approx(0.025, rel=0.05)
    assert placed[-10] == pytest.approx(0.25, rel=0.05)
    assert np.abs(np.diff(placed)).max() < 2e-4


def test_in_blocks_it_is_the_whole() -> None:
    sound = noise(2, 1.5)
    strip = default_strip("keys")
    whole = place_part("keys", strip, sound, make_context, loop=False, tail=False)
    pieces = iter(np.array_split(sound.samples, 7, axis=1))
    _, blocks = rack.process_stream([strip], sound.format, make_context, pieces, tail=False)
    np.testing.assert_array_equal(np.concatenate(list(blocks), axis=1), whole.samples)


def test_the_low_cut_takes_rumble_and_leaves_the_rest() -> None:
    times_s = np.arange(4 * RATE) / RATE
    for hz, kept in ((5.0, 0.07), (400.0, 1.0)):
        tone = AudioBuffer(np.sin(2 * np.pi * hz * times_s)[None].astype(np.float32), RATE)
        heard = place(tone, width_pct=0, low_cut_hz=25.0).samples[0, 2 * RATE :].std()
        assert heard / tone.samples.std() == pytest.approx(kept, rel=0.7 if kept < 1 else 0.01)


def test_a_default_mix_is_loud_enough_and_does_not_clip() -> None:
    loud = {
        name: AudioBuffer(12 * noise(1, seed=n).samples, RATE) for n, name in enumerate(DEFAULTS)
    }
    assert np.abs(mix_parts(loud, loop=True).samples).max() == pytest.approx(0.89, abs=1e-3)
    soft = {name: noise(1, seed=n) for n, name in enumerate(DEFAULTS)}
    quarter = {name: AudioBuffer(0.25 * s.samples, RATE) for name, s in soft.items()}
    once, less = mix_parts(soft, loop=True), mix_parts(quarter, loop=True)
    if np.abs(once.samples).max() < 0.89:
        np.testing.assert_allclose(less.samples, 0.25 * once.samples, atol=1e-6)


def test_what_is_left_out_has_the_default_of_its_name() -> None:
    assert complete_settings("bass", {"level_db": -6.0}) == {
        "level_db": -6.0, "width_pct": 0.0, "room_db": NO_ROOM_DB, "low_cut_hz": 25.0,
    }  # fmt: skip
    assert default_strip("keys").room_db == DEFAULTS["keys"]["room_db"]
    assert default_strip("bells").level_db == -4.0


@pytest.mark.parametrize(
    "fields", [{"pan_pct": 101}, {"width_pct": -1}, {"by": "me"}, {"level_db": 30}, {"gain": 1}]
)
def test_what_is_out_of_range_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Strip.model_validate(fields)
