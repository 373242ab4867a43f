from __future__ import annotations

import numpy as np
import pytest
from lofigen_kit.api import Context, Note
from lofigen_kit.testing import ContractSuite

from lofigen_kit_example.glass import Glass

RATE_HZ = 44_100


class TestContract(ContractSuite):
    component = Glass


def test_the_second_partial_is_that_of_a_free_bar_and_grows_with_velocity() -> None:
    shares = []
    for velocity in (0.3, 1.0):
        note = Note(part="keys", midi=69, onset_s=0.0, duration_s=1.0, velocity=velocity)
        wave = Glass().play(note, RATE_HZ, Context(rng=np.random.default_rng(0)))
        spectrum = np.abs(np.fft.rfft(wave[0, :RATE_HZ] * np.hanning(RATE_HZ)))
        second = 600 + int(spectrum[600:1800].argmax())
        assert second == pytest.approx(2.756 * 440.0, abs=1.0)
        shares.append(spectrum[second] / spectrum[440])
    assert shares[1] == pytest.approx(shares[0] / 0.3, rel=0.02)
