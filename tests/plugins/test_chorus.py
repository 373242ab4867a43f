"""Chorus: how far its voices' pitch sways, where they stand, and loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from lofigen_kit.api import AudioBuffer, AudioFormat, Context
from lofigen_kit.audio.blocks import split_blocks
from lofigen_kit.effects import rack
from lofigen_kit_plugins.chorus import Chorus

RATE_HZ = 44_100


def played(effect: Chorus, samples: np.ndarray, rate_hz: int = RATE_HZ) -> np.ndarray:
    context = Context(rng=np.random.default_rng(0))
    return effect.apply(AudioBuffer(samples, rate_hz), context).samples


def tone(frequency_hz: float, duration_s: float) -> np.ndarray:
    t = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    return np.repeat(0.5 * np.sin(2 * np.pi * frequency_hz * t)[None], 2, axis=0)


def deviation_pct(samples: np.ndarray, frequency_hz: float) -> np.ndarray:
    """Return the deviation of pitch, demodulated, without half a second at either end."""
    carrier = signal.hilbert(samples.astype(np.float64))
    pitch_hz = np.diff(np.unwrap(np.angle(carrier))) * RATE_HZ / (2 * np.pi)
    return np.asarray(100 * (pitch_hz[RATE_HZ // 2 : -RATE_HZ // 2] / frequency_hz - 1))


@pytest.mark.parametrize(("rate_hz", "depth_ms"), [(0.5, 2.0), (2.0, 1.0), (5.0, 0.3), (0.5, 10)])
def test_pitch_deviates_by_the_formula(rate_hz: float, depth_ms: float) -> None:
    effect = Chorus(rate_hz=rate_hz, depth_ms=depth_ms, voices=1)
    deviation = deviation_pct(played(effect, tone(1000, 6))[0], 1000)
    expected_pct = 100 * 2 * np.pi * rate_hz * depth_ms / 1000
    assert deviation.max() == pytest.approx(expected_pct, rel=0.05)
    assert deviation.min() == pytest.approx(-expected_pct, rel=0.05)


def test_voices_come_when_they_are_due() -> None:
    effect = Chorus(delay_ms=20, depth_ms=0, voices=3)
    click = np.zeros((1, 9000))
    click[0, 8000] = 1
    out = played(effect, click)[0]
    assert np.argmax(out) == 8000 + 882
    assert np.abs(np.delete(out, 8882)).max() < 0.01


def test_the_voices_together_are_as_loud_as_the_player() -> None:
    noise = np.random.default_rng(0).normal(0, 0.2, (2, 4 * RATE_HZ))
    for voices in (1, 2, 4):
        out = played(Chorus(voices=voices), noise)[:, RATE_HZ:]
        assert 20 * np.log10(np.std(out) / 0.2) == pytest.approx(0, abs=1.0)


def test_high_notes_keep_their_level() -> None:
    out = played(Chorus(voices=1), tone(15_000, 2))[0, RATE_HZ:]
    assert 20 * np.log10(np.sqrt(2) * np.std(out) / 0.5) == pytest.approx(0, abs=0.05)


def test_left_and_right_sway_apart() -> None:
    left, right = played(Chorus(voices=1), tone(1000, 5))
    correlation = np.corrcoef(deviation_pct(left, 1000), deviation_pct(right, 1000))[0, 1]
    assert abs(correlation) < 0.1  # a quarter of a turn


def test_a_loop_has_no_seam() -> None:
    loop = tone(220, 3)  # whole cycles
    context = Context(rng=np.random.default_rng(0))
    effect = Chorus(rate_hz=0.5, mix=1)  # which it does not hold a whole number of times
    out = rack.apply_effect(effect, AudioBuffer(loop, RATE_HZ), context, loop=True).samples[0]
    seam = np.concatenate([out[-2000:], out[:2000]])
    assert np.abs(np.diff(seam, 2)).max() < 1.1 * np.abs(np.diff(out, 2)).max()
    assert np.abs(np.diff(seam, 3)).max() < 1.5 * np.abs(np.diff(out[5000:-5000], 3)).max()


def test_parameters_that_are_moved_make_no_click() -> None:
    sound, context = AudioFormat(1, 4 * 8192, RATE_HZ), Context(rng=np.random.default_rng(0))
    moves = [
        Chorus(delay_ms=ms, voices=1, depth_ms=d) for ms, d in ((5, 1), (30, 5), (5, 5), (9, 0))
    ]
    process = moves[0].start(sound, context)
    blocks = split_blocks(tone(220, 1)[:1].astype(np.float32)[:, : 4 * 8192])
    out = np.concatenate([process(block, now) for block, now in zip(blocks, moves, strict=True)], 1)
    assert np.abs(np.diff(out[0, 2000:])).max() < 1.3 * 0.5 * 2 * np.pi * 220 / RATE_HZ


@settings(deadline=None, max_examples=30)
@given(
    st.builds(
        Chorus,
        rate_hz=st.floats(0.05, 5),
        depth_ms=st.floats(0, 10),
        delay_ms=st.floats(1, 40),
        voices=st.integers(1, 4),
    ),
    st.sampled_from((8000, 44_100, 96_000)),
    st.integers(1, 2),
    st.integers(0, 20_000),
)
def test_any_parameters(effect: Chorus, rate_hz: int, channels: int, frames: int) -> None:
    noise = np.random.default_rng(1).uniform(-1, 1, (channels, frames))
    heard = round(effect.tail_s * rate_hz) + 16
    out = played(effect, np.pad(noise, ((0, 0), (0, heard + 100))), rate_hz)
    assert np.abs(out).max(initial=0) < 6
    assert not out[:, frames + heard :].any()
