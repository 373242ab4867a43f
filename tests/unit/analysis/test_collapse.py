from __future__ import annotations

import numpy as np
import pytest

from lofigen_kit.analysis.collapse import examine
from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.components.base import Context
from lofigen_kit.corpus.songs import SAMPLE_RATE_HZ, resample_take
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit_plugins.beatmaker import Beatmaker

RATE = SAMPLE_RATE_HZ
T = np.arange(10 * RATE) / RATE
RNG = np.random.default_rng(0)

COLLAPSED = {
    "silence": 1e-4 * RNG.standard_normal(len(T)),
    "DC": 0.3 + 0.01 * RNG.standard_normal(len(T)),
    "hum": 0.2 * np.sin(2 * np.pi * 52 * T) + 0.005 * RNG.standard_normal(len(T)),
    "noise": 0.3 * RNG.standard_normal(len(T)),
    "periodic lock": 0.1 * sum(np.sin(2 * np.pi * 110 * k * T + k) for k in range(1, 8)),
    "clipping": np.clip(5 * np.sin(2 * np.pi * 90 * T) * (1 + np.sin(2 * np.pi * 2 * T)), -1, 1),
}


def beat(seed: int) -> np.ndarray:
    take = Beatmaker().make_take(Context(rng_for(seed, 0, "source")))
    return resample_take(take)


@pytest.mark.parametrize("fault", COLLAPSED)
def test_each_collapse_is_named(fault: str) -> None:
    findings = examine(AudioBuffer(COLLAPSED[fault][None], RATE))
    assert [f.fault for f in findings] == [fault]
    assert (findings[0].start_s, findings[0].end_s) == (0, 10)


@pytest.mark.parametrize("seed", range(8))
def test_a_beat_is_healthy(seed: int) -> None:
    assert examine(AudioBuffer(beat(seed)[None], RATE)) == []


@pytest.mark.parametrize("fault", COLLAPSED)
def test_a_beat_that_collapses_is_found_where_it_does(fault: str) -> None:
    alive = beat(3)[: 8 * RATE]
    findings = examine(AudioBuffer(np.concatenate([alive, COLLAPSED[fault]])[None], RATE))
    assert {f.fault for f in findings} == {fault}
    assert findings[0].start_s == 8
    assert findings[-1].end_s == 18


def test_a_clip_shorter_than_a_window_is_examined_too() -> None:
    findings = examine(AudioBuffer(np.zeros((1, 800)), RATE))
    assert [f.fault for f in findings] == ["silence"]
    assert examine(AudioBuffer(np.zeros((1, 0)), RATE)) == []
