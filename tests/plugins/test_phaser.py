"""Phaser: notches, and how often they come round."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from lofigen_kit.api import AudioBuffer, Context
from lofigen_kit.effects import rack
from lofigen_kit_plugins.phaser import Phaser

RATE_HZ = 44_100


def played(effect: Phaser, samples: np.ndarray, rate_hz: int = RATE_HZ) -> np.ndarray:
    context = Context(rng=np.random.default_rng(0))
    return effect.apply(AudioBuffer(samples, rate_hz), context).samples


def response_db(effect: Phaser) -> np.ndarray:
    """Return the response at each multiple of 2 Hz, while it stands still."""
    click = np.zeros((1, RATE_HZ))
    click[0, RATE_HZ // 2] = 1.0
    return np.asarray(20 * np.log10(np.abs(np.fft.rfft(played(effect, click)[0, RATE_HZ // 2 :]))))


def test_three_notches_and_no_loss_between_them() -> None:
    response = response_db(Phaser(depth_octaves=0, feedback_pct=0, centre_hz=800))
    notches, _ = signal.find_peaks(-response, height=20)
    assert len(notches) == 3
    assert 2 * notches[1] == pytest.approx(800, rel=0.05)
    peaks, _ = signal.find_peaks(response)
    assert response[peaks] == pytest.approx(0, abs=0.1)


def test_feedback_makes_what_lies_between_stand_out() -> None:
    plain, fed = (response_db(Phaser(depth_octaves=0, feedback_pct=pct)).max() for pct in (0, 70))
    assert fed > plain + 3


@pytest.mark.parametrize("rate_hz", [0.5, 2.0])
def test_the_notches_come_round_as_often_as_asked(rate_hz: float) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 800 * np.arange(16 * RATE_HZ) / RATE_HZ)
    out = played(
        Phaser(rate_hz=rate_hz, depth_octaves=1, feedback_pct=0, centre_hz=600), tone[None]
    )
    envelope = np.abs(signal.hilbert(out[0].astype(np.float64)))[RATE_HZ:-RATE_HZ:441]
    likeness = signal.correlate(envelope - envelope.mean(), envelope - envelope.mean())
    likeness = likeness[len(envelope) - 1 :] / np.arange(len(envelope), 0, -1)
    period_s = (25 + np.argmax(likeness[25 : round(150 / rate_hz)])) / 100
    assert period_s == pytest.approx(1 / rate_hz, rel=0.05)


def test_a_loop_has_no_seam() -> None:
    tone = 0.5 * np.sin(2 * np.pi * 800 * np.arange(3 * RATE_HZ) / RATE_HZ)[None]
    context = Context(rng=np.random.default_rng(0))
    effect = Phaser(rate_hz=0.5, centre_hz=600)  # one cycle and a half
    out = rack.apply_effect(effect, AudioBuffer(tone, RATE_HZ), context, loop=True).samples[0]
    twice = np.abs(signal.hilbert(np.tile(out, 2).astype(np.float64)))
    steps = np.abs(np.diff(twice))
    seam = steps[len(out) - 50 : len(out) + 50].max()
    assert seam < 1.5 * steps[1000 : len(out) - 1000].max()


def test_left_and_right_wander_apart() -> None:
    tone = 0.5 * np.sin(2 * np.pi * 800 * np.arange(10 * RATE_HZ) / RATE_HZ)
    out = played(Phaser(rate_hz=0.5, centre_hz=600, feedback_pct=0), np.array([tone, tone]))
    envelopes = np.abs(signal.hilbert(out.astype(np.float64)))[:, RATE_HZ:-RATE_HZ]
    assert (
        envelopes[1, RATE_HZ // 2 :]
        == pytest.approx(  # a quarter of two seconds later
            envelopes[0, : -RATE_HZ // 2], abs=0.005
        )
    )


@settings(deadline=None, max_examples=15)
@given(
    st.builds(
        Phaser,
        rate_hz=st.floats(0.05, 8),
        depth_octaves=st.floats(0, 4),
        centre_hz=st.floats(100, 5000),
        feedback_pct=st.floats(0, 90),
    ),
    st.sampled_from((22_050, 44_100)),
    st.integers(1, 2),
    st.integers(0, 20_000),
)
def test_any_parameters(effect: Phaser, rate_hz: int, channels: int, frames: int) -> None:
    noise = np.random.default_rng(1).uniform(-1, 1, (channels, frames))
    heard = round(effect.tail_s * rate_hz)
    out = played(effect, np.pad(noise, ((0, 0), (0, heard + 100))), rate_hz)
    assert np.array_equal(out, played(effect, np.pad(noise, ((0, 0), (0, heard + 100))), rate_hz))
    loudest = float(np.abs(out).max(initial=0))
    assert loudest < 12
    assert np.abs(out[:, frames + heard :]).max() <= 1e-4 * max(1.0, loudest)
