"""Pump: how deep, how often, in time with the grid, without clicks."""

import numpy as np
import pytest

from lofigen_kit.api import AudioBuffer, BeatGrid, Context
from lofigen_kit_plugins.sidechain_pump import SidechainPump

RATE_HZ = 44_100


def gain(effect: SidechainPump, tempo_bpm: float, start_s: float = 0.0) -> np.ndarray:
    """Return the gain over 20 s."""
    grid = BeatGrid(tempo_bpm=tempo_bpm, start_s=start_s)
    context = Context(rng=np.random.default_rng(0), grid=grid)
    steady = AudioBuffer(np.ones((2, 20 * RATE_HZ)), RATE_HZ)
    left, right = effect.apply(steady, context).samples.astype(np.float64)
    assert np.array_equal(left, right)
    return np.asarray(left)


def onsets_s(steady: np.ndarray) -> np.ndarray:
    """Return when the gain begins to fall."""
    falling = np.diff(steady) < 0
    return (np.flatnonzero(np.diff(falling.astype(int)) == 1) + 1) / RATE_HZ


@pytest.mark.parametrize("depth_db", [3.0, 6.0, 20.0])
@pytest.mark.parametrize("tempo_bpm", [60.0, 78.0, 173.0])
def test_as_deep_as_asked_on_every_beat(depth_db: float, tempo_bpm: float) -> None:
    wet = gain(SidechainPump(depth_db=depth_db), tempo_bpm, start_s=0.4)
    beat_s = 60 / tempo_bpm
    starts_s = onsets_s(wet)
    beats = (starts_s - 0.4) / beat_s
    assert len(starts_s) >= int(19 / beat_s)
    assert np.abs(beats - np.round(beats)).max() * beat_s < 0.001
    assert np.diff(starts_s) == pytest.approx(beat_s, abs=0.001)
    for start_s in starts_s[:-1]:
        first = round(start_s * RATE_HZ)
        lowest = wet[first : first + round(beat_s * RATE_HZ)]
        assert 20 * np.log10(lowest.min()) == pytest.approx(-depth_db, abs=0.5)
        assert np.argmin(lowest) / RATE_HZ == pytest.approx(0.005, abs=0.001)
    assert wet.max() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("division", "beats"), [("1/1", 4), ("1/2", 2), ("1/4", 1), ("1/8", 0.5), ("1/16", 0.25)]
)
def test_at_every_note_of_a_length(division: str, beats: float) -> None:
    effect = SidechainPump.model_validate({"division": division, "release_beats": 0.2})
    assert np.diff(onsets_s(gain(effect, 90))) == pytest.approx(beats * 60 / 90, abs=0.001)


@pytest.mark.parametrize("release_beats", [0.05, 0.5, 4.0])
@pytest.mark.parametrize("attack_ms", [1.0, 100.0])
@pytest.mark.parametrize("division", ["1/4", "1/16"])
def test_it_reaches_its_depth_and_makes_no_click(
    division: str, attack_ms: float, release_beats: float
) -> None:
    effect = SidechainPump.model_validate(
        {"division": division, "attack_ms": attack_ms, "release_beats": release_beats}
    )
    wet = gain(effect, 120)
    assert 20 * np.log10(wet.min()) == pytest.approx(-6, abs=0.01)
    fastest_s = min(attack_ms / 1000, release_beats * 0.5)
    assert np.abs(np.diff(wet)).max() < 1.2 / (fastest_s * RATE_HZ)


def test_a_loop_of_whole_beats_pumps_on_over_its_seam() -> None:
    wet = gain(SidechainPump(depth_db=12, release_beats=2), 120)
    step = np.abs(np.diff(np.tile(wet, 2)))
    assert step[len(wet) - 1] <= step[: len(wet) - 1].max()


def kicked(kicks_s: tuple[float, ...], loop_s: float | None = None, **fields: object) -> np.ndarray:
    """Return the gain over 4 s of a pump that follows the kick."""
    effect = SidechainPump.model_validate({"trigger": "kick", "depth_db": 12, **fields})
    grid = BeatGrid(tempo_bpm=120, kicks_s=kicks_s)
    context = Context(rng=np.random.default_rng(0), grid=grid, loop_s=loop_s)
    steady = AudioBuffer(np.ones((2, 4 * RATE_HZ)), RATE_HZ)
    return np.asarray(effect.apply(steady, context).samples[0], np.float64)


def test_it_follows_the_kick_of_the_score() -> None:
    kicks_s = (0.5, 1.31, 2.0, 2.17)
    wet = kicked(kicks_s, release_beats=0.25)
    assert onsets_s(wet) == pytest.approx(kicks_s, abs=0.001)
    assert wet[: round(0.49 * RATE_HZ)].min() == 1.0
    for kick_s in kicks_s:
        lowest = wet[round(kick_s * RATE_HZ) : round((kick_s + 0.1) * RATE_HZ)].min()
        assert 20 * np.log10(lowest) == pytest.approx(-12, abs=0.1)
    assert np.abs(np.diff(wet)).max() < 0.01  # no click, however close the kicks


def test_without_kicks_it_follows_the_clock() -> None:
    assert np.diff(onsets_s(kicked(()))) == pytest.approx(0.5, abs=0.001)


def test_the_last_kick_of_a_loop_is_heard_in_its_beginning() -> None:
    wet = kicked((1.0, 3.9), loop_s=4.0, release_beats=1.0)
    assert wet[0] < 0.5
    assert kicked((1.0, 3.9), release_beats=1.0)[0] == 1.0
