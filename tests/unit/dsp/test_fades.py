from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lofigen_kit.audio.buffer import AudioFormat
from lofigen_kit.dsp.fades import apply_fades

RATE_HZ = 8_000


def gains(frames: int, sizes: list[int], fade_in_ms: float, fade_out_ms: float) -> np.ndarray:
    """Return what becomes of a constant 1, faded in pieces of these sizes."""
    ones = np.split(np.ones((2, frames), np.float32), np.minimum(np.cumsum(sizes), frames), axis=1)
    sound = AudioFormat(2, frames, RATE_HZ)
    pieces = list(apply_fades(ones, sound, fade_in_ms=fade_in_ms, fade_out_ms=fade_out_ms))
    whole = np.concatenate(pieces, axis=1)
    np.testing.assert_array_equal(whole[0], whole[1])
    return np.asarray(whole[0])


@settings(deadline=None)
@given(
    st.integers(1, 5_000), st.lists(st.integers(0, 2_000), max_size=4),
    st.floats(0, 400), st.floats(0, 400),
)  # fmt: skip
def test_in_pieces_as_whole(frames: int, sizes: list[int], into_ms: float, out_ms: float) -> None:
    whole = gains(frames, [], into_ms, out_ms)
    np.testing.assert_array_equal(gains(frames, sizes, into_ms, out_ms), whole)


def test_half_a_cosine_at_either_end() -> None:
    curve = gains(8_000, [], 100, 500)
    assert curve[[0, -1]].tolist() == [0.0, 0.0]
    assert (curve[800 : 8_000 - 4_001] == 1.0).all()
    assert abs(curve[400] - 0.5) < 1e-6
    assert abs(curve[-2_001] - 0.5) < 1e-6
    assert (np.diff(curve[:801]) > 0).all()
    assert (np.diff(curve[-4_001:]) < 0).all()


def test_without_fades_the_sound_passes_bit_for_bit() -> None:
    assert (gains(100, [30], 0, 0) == 1.0).all()
