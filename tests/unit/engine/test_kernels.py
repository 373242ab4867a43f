"""The compiled draw is the numpy draw."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numpy.testing import assert_allclose

from lofigen_kit.engine.compiled_stream import FORM, pack_sampling_params
from lofigen_kit.engine.draw import draw as inner_draw
from lofigen_kit.engine.plan import HEADS
from lofigen_kit.nn.sampling import HeadKind, SamplingParams, draw

WIDTHS: dict[HeadKind, int] = {"mse": 1, "mol": 30, "mulaw": 256}


@njit
def compiled_draw(numbers, form, law, pair, scratch):  # type: ignore[no-untyped-def]
    """Draw as the kernels do: `draw.draw` itself cannot be called from Python."""
    return inner_draw(numbers, 0, form, law, pair[0], pair[1], scratch)


laws = st.builds(
    SamplingParams,
    temperature=st.one_of(st.just(0.0), st.floats(0.05, 3.0)),
    top_k=st.integers(0, 300),
    top_p=st.one_of(st.just(1.0), st.floats(0.01, 1.0)),
    tail=st.floats(0.0, 0.4),
    spread=st.sampled_from([0.0, 0.1, 1.0]),
)


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(list(WIDTHS)), laws, st.integers(0, 2**32))
def test_the_compiled_draw_is_the_numpy_draw(
    head: HeadKind, law: SamplingParams, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    outputs = (rng.standard_normal((4, WIDTHS[head])) * 3).astype(np.float32)
    uniforms = rng.random((4, 2))
    form = np.zeros(1, FORM)
    form["head_kind"], form["head_outputs"] = HEADS.index(head), WIDTHS[head]
    scratch = np.empty((2, WIDTHS[head]))
    compiled = [
        compiled_draw(row, form[0], pack_sampling_params(law)[0], pair, scratch)
        for row, pair in zip(outputs, uniforms, strict=True)
    ]
    assert_allclose(compiled, draw(outputs, head, law, uniforms), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("head", WIDTHS)
def test_what_is_not_finite_is_not_a_number(head: HeadKind, wrong: float) -> None:
    form = np.zeros(1, FORM)
    form["head_kind"], form["head_outputs"] = HEADS.index(head), WIDTHS[head]
    outputs = np.zeros(WIDTHS[head], np.float32)
    outputs[-1] = wrong
    law = pack_sampling_params(SamplingParams(top_p=0.5))[0]
    assert np.isnan(compiled_draw(outputs, form[0], law, np.zeros(2), np.empty((2, 256))))
