"""Head bump: its height, its place, and what it leaves alone."""

import numpy as np
import pytest

from lofigen_kit.api import AudioBuffer, Context
from lofigen_kit_plugins.head_bump import HeadBump

RATE_HZ = 44_100


def response_db(effect: HeadBump) -> np.ndarray:
    """Return the gain at every whole frequency in Hz."""
    context = Context(rng=np.random.default_rng(0))
    impulse = effect.apply(AudioBuffer(np.eye(1, RATE_HZ), RATE_HZ), context).samples[0]
    return np.asarray(20 * np.log10(np.abs(np.fft.rfft(impulse.astype(np.float64)))))


@pytest.mark.parametrize("bump_hz", [40, 80, 150])
@pytest.mark.parametrize("bump_db", [0.0, 2.5, 6.0])
def test_as_high_as_asked_where_asked(bump_hz: float, bump_db: float) -> None:
    gain_db = response_db(HeadBump(bump_hz=bump_hz, bump_db=bump_db))
    assert gain_db[round(bump_hz)] == pytest.approx(bump_db, abs=0.2)
    if bump_db:
        assert np.argmax(gain_db) == pytest.approx(bump_hz, abs=1)
    assert gain_db[10] == pytest.approx(0, abs=0.6)
    assert gain_db[1500:] == pytest.approx(0, abs=0.1)
