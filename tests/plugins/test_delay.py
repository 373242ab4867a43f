"""Delay: when the echoes come, how loud and how dull they are."""

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lofigen_kit.api import AudioBuffer, AudioFormat, BeatGrid, Context, RenderError
from lofigen_kit.audio.blocks import split_blocks
from lofigen_kit_plugins.delay import Delay, Division

RATE_HZ = 44_100


def context(tempo_bpm: float = 120.0) -> Context:
    return Context(rng=np.random.default_rng(0), grid=BeatGrid(tempo_bpm=tempo_bpm))


def echoed(effect: Delay, samples: np.ndarray, tempo_bpm: float = 120.0) -> np.ndarray:
    return effect.apply(AudioBuffer(samples, RATE_HZ), context(tempo_bpm)).samples


def click(duration_s: float) -> np.ndarray:
    samples = np.zeros((2, round(duration_s * RATE_HZ)))
    samples[:, 100] = 0.5
    return samples


def open_delay(**parameters: object) -> Delay:
    """Return a delay that hardly dulls."""
    return Delay.model_validate({"high_cut_hz": 20_000, **parameters})


@pytest.mark.parametrize("time_ms", [10.0, 100.0, 375.0, 2000.0])
def test_echoes_come_on_time_and_fall_as_asked(time_ms: float) -> None:
    out = echoed(open_delay(time_ms=time_ms, feedback_pct=50), click(7))[0]
    apart = round(time_ms / 1000 * RATE_HZ)
    echoes = [out[100 + n * apart - 5 : 100 + n * apart + 40] for n in (1, 2, 3)]
    sums = [float(echo.sum()) for echo in echoes]
    assert sums == pytest.approx([0.5, 0.25, 0.125], rel=0.001)
    assert [np.argmax(echo) for echo in echoes] == [5, 5, 5]
    assert not out[: 100 + apart].any()  # the echoes alone


@pytest.mark.parametrize("division", get_args(Division))
def test_divisions_are_notes_on_the_beat_grid(division: str) -> None:
    beats = {"1/2": 2, "1/4": 1, "1/8": 0.5, "1/16": 0.25}[division.rstrip("dt")]
    beats *= {"d": 1.5, "t": 2 / 3}.get(division[-1], 1)
    out = echoed(open_delay(division=division, feedback_pct=0), click(3), tempo_bpm=90)[0]
    assert (np.argmax(out) - 100) / RATE_HZ == pytest.approx(beats * 60 / 90, abs=0.5 / RATE_HZ)
    assert np.ptp(np.flatnonzero(np.abs(out) > 0.01)) < 30  # no second one


def test_each_pass_leaves_less_treble() -> None:
    effect = Delay(time_ms=500, feedback_pct=90, high_cut_hz=3000)
    out = echoed(effect, click(3))[0]
    gains_db = []
    for n in (1, 2, 3):
        start = 100 + n * RATE_HZ // 2
        spectrum = np.abs(np.fft.rfft(out[start : start + RATE_HZ // 4]))  # by 4 Hz
        gains_db.append(20 * np.log10(spectrum[3000 // 4] / spectrum[1]))
    assert gains_db == pytest.approx([-3.01, -6.02, -9.03], abs=0.05)


def test_a_time_that_is_moved_makes_no_click() -> None:
    wave = 0.5 * np.sin(2 * np.pi * 220 * np.arange(5 * 8192) / RATE_HZ)[None].astype(np.float32)
    moves = [open_delay(time_ms=ms, feedback_pct=0) for ms in (20, 20, 33.3, 50, 50)]
    process = moves[0].start(AudioFormat(1, wave.shape[1], RATE_HZ), context())
    pairs = zip(split_blocks(wave), moves, strict=True)
    out = np.concatenate([process(block, now) for block, now in pairs], axis=1)[0, 2000:]
    assert np.abs(np.diff(out)).max() < 1.05 * np.abs(np.diff(wave)).max()
    settled = wave[0, 4 * 8192 - 2205 : -2205]  # 50 ms ago
    assert out[-8192:] == pytest.approx(settled, abs=0.02)


def test_a_note_longer_than_the_tape_is_an_error() -> None:
    with pytest.raises(RenderError, match=r"1/2 at 20 bpm is 6\.0 s"):
        echoed(Delay(division="1/2"), click(1), tempo_bpm=20)


@settings(deadline=None, max_examples=15)
@given(
    st.builds(
        Delay,
        time_ms=st.floats(10, 500),
        feedback_pct=st.floats(0, 60),
        high_cut_hz=st.floats(500, 20_000),
    ),
    st.integers(0, 20_000),
)
def test_any_parameters_echo_no_longer_than_they_say(effect: Delay, frames: int) -> None:
    noise = np.random.default_rng(1).uniform(-1, 1, (2, frames))
    heard = round(effect.tail_s * RATE_HZ)
    out = echoed(effect, np.pad(noise, ((0, 0), (0, heard + 1000))))
    assert np.abs(out).max(initial=0) < 4
    assert np.abs(out[:, frames + heard :]).max() < 1e-4
