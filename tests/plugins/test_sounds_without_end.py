"""Every effect that goes through a sound in blocks can go on without an end."""

from __future__ import annotations

import numpy as np
import pytest

from lofigen_kit.audio.blocks import BLOCK, split_blocks
from lofigen_kit.audio.buffer import AudioFormat
from lofigen_kit.components.base import Context
from lofigen_kit.effects import rack
from lofigen_kit.effects.effect import BlockEffect
from lofigen_kit.plugins.loader import load_plugins
from lofigen_kit_plugins.dropout import Dropout
from lofigen_kit_plugins.vinyl_crackle import VinylCrackle
from lofigen_kit_plugins.vinyl_warp import VinylWarp
from lofigen_kit_plugins.wow_flutter import WowFlutter, _TapeTransport

RATE_HZ = 44_100
SOUND = AudioFormat(2, None, RATE_HZ)
CLASSES = {
    name: cls
    for name, cls in load_plugins().classes("effect").items()
    if issubclass(cls, BlockEffect) and not cls.native
}
NEEDED = {"convolution": {"path": "room.wav"}}


def noise(seconds: float) -> np.ndarray:
    frames = round(seconds * RATE_HZ)
    return np.random.default_rng(0).uniform(-0.5, 0.5, (2, frames)).astype(np.float32)


def context() -> Context:
    return Context(np.random.default_rng(3))


def heard(effect: BlockEffect, dry: np.ndarray, size: int) -> np.ndarray:
    pieces = rack.apply_blocks(effect, SOUND, context(), split_blocks(dry, size))
    return np.concatenate(list(pieces), axis=1)


@pytest.mark.parametrize("name", sorted(CLASSES.keys() - NEEDED.keys()))
def test_what_comes_out_does_not_depend_on_the_pieces(name: str) -> None:
    effect, dry = CLASSES[name].model_validate({"use": name}), noise(2.0)
    whole = heard(effect, dry, dry.shape[1])
    assert whole.shape == dry.shape
    assert np.array_equal(heard(effect, dry, 5000), whole)


def test_dropouts_go_on_coming_and_nothing_is_kept_of_them() -> None:
    rng = np.random.default_rng(0)
    events = Dropout(rate_per_min=60)._events(SOUND, rng)
    known = [next(events) for _ in range(3000)]
    onsets = np.array([onset for onset, _ in known])
    lengths = np.array([length for _, length in known]) / RATE_HZ
    minutes = onsets[-1] / RATE_HZ / 60
    assert abs(3000 - 60 * minutes) < 3 * np.sqrt(3000)
    assert (np.diff(onsets) > 0).all()
    assert np.std(np.diff(onsets)) == pytest.approx(np.mean(np.diff(onsets)), rel=0.1)
    assert lengths.min() == pytest.approx(0.06, rel=0.05)
    assert lengths.max() == pytest.approx(0.18, rel=0.05)
    assert next(Dropout(rate_per_min=0)._events(SOUND, rng), None) is None


def test_dropouts_are_heard_late_in_a_stream() -> None:
    still = np.full((2, RATE_HZ), 0.5, np.float32)
    pieces = (still for _ in range(120))
    effect = Dropout(rate_per_min=60, depth_db=12)
    quiet = [
        int((np.abs(block[0]) < 0.3).any())
        for block in rack.apply_blocks(effect, SOUND, context(), pieces)
    ]
    blocks_a_second = RATE_HZ / BLOCK
    late = sum(quiet[round(60 * blocks_a_second) :])
    assert 25 < late < 150  # 60 dropouts, some in two blocks


def speeds(tape: WowFlutter, seconds: float) -> np.ndarray:
    motion = _TapeTransport(SOUND, np.random.default_rng(1))
    frames = np.arange(round(seconds * RATE_HZ))
    positions = np.concatenate(
        [motion.positions(block, tape) for block in np.array_split(frames, 100)]
    )
    assert positions[0] == 0.0
    return 100.0 * (np.diff(positions) - 1.0)


@pytest.mark.slow
def test_the_tape_varies_as_it_is_set_and_does_not_run_away() -> None:
    still = {"wow_depth_pct": 0.0, "flutter_depth_pct": 0.0, "drift_pct": 0.0}
    wow = speeds(WowFlutter(**{**still, "wow_depth_pct": 0.3, "wow_rate_hz": 0.77}), 60)
    assert np.abs(wow).max() == pytest.approx(0.3, rel=1e-3)
    spectrum = np.abs(np.fft.rfft(wow * np.hanning(len(wow))))
    assert np.argmax(spectrum) / 60 == pytest.approx(0.77, abs=0.02)
    drift = speeds(WowFlutter(**{**still, "drift_pct": 0.5}), 1200)
    assert np.sqrt(np.mean(drift**2)) == pytest.approx(0.5, rel=0.15)
    assert abs(drift.mean()) < 0.01


@pytest.mark.slow
def test_drift_does_not_come_round() -> None:
    tape = WowFlutter(wow_depth_pct=0, flutter_depth_pct=0, drift_pct=0.5)
    drift = speeds(tape, 1800)[:: RATE_HZ // 4]
    first = drift[: 4 * 60]
    likeness = [
        np.corrcoef(first, drift[start : start + len(first)])[0, 1]
        for start in range(4 * 60, len(drift) - len(first))
    ]
    assert max(likeness) < 0.9


def test_crackle_goes_on() -> None:
    silence = (np.zeros((2, RATE_HZ), np.float32) for _ in range(60))
    effect = VinylCrackle(rate_hz=20, pop_rate_hz=0)
    blocks = list(rack.apply_blocks(effect, SOUND, context(), silence))
    halves = [sum(np.abs(block).sum() for block in blocks[half::2]) for half in (0, 1)]
    assert halves[0] == pytest.approx(halves[1], rel=0.5)
    assert np.abs(blocks[-2]).max() > 0


def test_a_record_turns_at_its_own_rate() -> None:
    t = np.arange(20 * RATE_HZ) / RATE_HZ
    tone = np.tile(0.5 * np.sin(2 * np.pi * 1000 * t), (2, 1)).astype(np.float32)
    wet = heard(VinylWarp(rate_hz=0.5556, depth_pct=1.0), tone, RATE_HZ)[0].astype(np.float64)
    spectrum = np.fft.fft(wet)
    spectrum[len(spectrum) // 2 :] = 0.0
    hz = np.diff(np.unwrap(np.angle(np.fft.ifft(spectrum)))) * RATE_HZ / (2 * np.pi)
    deviation = (hz[RATE_HZ:-RATE_HZ] / 1000 - 1)[::100]
    assert np.percentile(np.abs(deviation), 99.5) == pytest.approx(0.01, rel=0.03)
    turns = np.abs(np.fft.rfft(deviation * np.hanning(len(deviation)), 1 << 18))
    per_turn = np.argmax(turns) * (RATE_HZ / 100) / (1 << 18)
    assert per_turn == pytest.approx(0.5556, rel=0.01)
