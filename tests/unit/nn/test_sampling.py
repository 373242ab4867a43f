from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lofigen_kit.nn.sampling import HeadKind, SamplingParams, draw, mulaw_decode, mulaw_encode

COUNT = 20_000
UNIFORMS = np.random.default_rng(0).random((COUNT, 2))


def mixture(weights: list[float], means: list[float], scales: list[float]) -> np.ndarray:
    row = np.concatenate([np.log(weights), means, np.log(scales)])
    return np.tile(row, (COUNT, 1))


def test_a_mixture_is_drawn_with_its_weights_means_and_widths() -> None:
    drawn = draw(
        mixture([0.25, 0.75], [-0.5, 0.5], [0.01, 0.02]), "mol", SamplingParams(), UNIFORMS
    )
    left = drawn < 0
    assert left.mean() == pytest.approx(0.25, abs=0.01)
    assert drawn[left].mean() == pytest.approx(-0.5, abs=1e-3)
    # A logistic's deviation is pi / sqrt(3) times its scale.
    assert drawn[~left].std() == pytest.approx(0.02 * np.pi / np.sqrt(3), rel=0.03)


def test_temperature_narrows_and_zero_is_the_mode() -> None:
    outputs = mixture([0.4, 0.6], [-0.5, 0.5], [0.01, 0.02])
    cold = draw(outputs, "mol", SamplingParams(temperature=0.0), UNIFORMS)
    np.testing.assert_allclose(cold, 0.5, atol=1e-6)
    half = draw(outputs[:, [1, 3, 5]], "mol", SamplingParams(temperature=0.5), UNIFORMS)
    assert half.std() == pytest.approx(0.01 * np.pi / np.sqrt(3), rel=0.03)


def test_the_mean_draws_nothing() -> None:
    drawn = draw(
        mixture([0.25, 0.75], [-0.4, 0.4], [0.01, 0.01]),
        "mol",
        SamplingParams(spread=0.0),
        UNIFORMS,
    )
    np.testing.assert_allclose(drawn, 0.2, atol=1e-6)


def test_a_spread_moves_every_draw_towards_the_mean() -> None:
    outputs = mixture([0.25, 0.75], [-0.4, 0.4], [0.01, 0.02])
    wide, narrow = (draw(outputs, "mol", SamplingParams(spread=s), UNIFORMS) for s in (1.0, 0.25))
    np.testing.assert_allclose(narrow, 0.2 + 0.25 * (wide - 0.2), atol=1e-6)
    assert narrow.std() == pytest.approx(0.25 * wide.std(), rel=1e-3)


def test_a_tail_bounds_the_spikes() -> None:
    outputs = mixture([1.0], [0.0], [0.01])
    reach = 0.01 * np.log(0.99 / 0.01)
    assert np.abs(draw(outputs, "mol", SamplingParams(tail=0.01), UNIFORMS)).max() <= reach + 1e-6
    assert np.abs(draw(outputs, "mol", SamplingParams(), UNIFORMS)).max() > reach


@pytest.mark.parametrize(
    ("law", "kept"),
    [
        (SamplingParams(top_k=1), {3}),
        (SamplingParams(top_k=2), {1, 3}),
        (SamplingParams(top_p=0.55), {1, 3}),
        (SamplingParams(top_p=0.5), {3}),
        (SamplingParams(), {0, 1, 2, 3}),
    ],
)
def test_top_k_and_top_p_keep_the_heaviest(law: SamplingParams, kept: set[int]) -> None:
    weights = np.full(256, 1e-30)
    weights[:4] = [0.1, 0.3, 0.1, 0.5]
    drawn = draw(np.tile(np.log(weights), (COUNT, 1)), "mulaw", law, UNIFORMS)
    assert set(mulaw_encode(drawn)) == kept


def test_mu_law_levels_survive_the_way_there_and_back() -> None:
    levels = np.arange(256)
    np.testing.assert_array_equal(mulaw_encode(mulaw_decode(levels)), levels)


@given(
    kind=st.sampled_from(["mse", "mol", "mulaw"]),
    temperature=st.floats(0, 2),
    top_k=st.integers(0, 12),
    top_p=st.floats(0.01, 1),
    tail=st.floats(0, 0.49),
    spread=st.floats(0, 1),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_draw_is_a_sample_of_sound(
    *,
    kind: HeadKind,
    temperature: float,
    top_k: int,
    top_p: float,
    tail: float,
    spread: float,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    outputs = rng.normal(0, 5, (64, {"mse": 1, "mol": 30, "mulaw": 256}[kind]))
    law = SamplingParams(temperature, top_k, top_p, tail, spread)
    drawn = draw(outputs, kind, law, rng.random((64, 2)))
    assert drawn.shape == (64,)
    assert drawn.dtype == np.float32
    assert np.abs(drawn).max() <= 1
