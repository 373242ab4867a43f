from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from lofigen_kit.errors import CheckpointError
from lofigen_kit.music.mix_channels import CHANNELS
from lofigen_kit.nn import heads
from lofigen_kit.nn.checkpoint import load, save
from lofigen_kit.nn.deepen import deepen, extend_guide
from lofigen_kit.nn.fftconv import BLOCK, _CausalFFTConv, causal_conv1d
from lofigen_kit.nn.linear_prediction import compute_residual, fit_linear_predictor
from lofigen_kit.nn.network import (
    CausalStack,
    from_network,
    initialize_linear,
    to_network,
    to_tensors,
)
from lofigen_kit.nn.spec import make_stack_spec

fft_conv = cast("Callable[[Tensor, Tensor, int], Tensor]", _CausalFFTConv.apply)
Shape = tuple[int, int, int]
VARIANTS = {
    "conv4": ([(1, 16, 128), (16, 64, 256), (64, 16, 256), (16, 1, 128)], 528_481, 765),
    "conv6": (
        [(1, 16, 128), (16, 64, 256), (64, 128, 256), (128, 64, 256), (64, 16, 256), (16, 1, 128)],
        4_722_977,
        1275,
    ),
}


@settings(deadline=None, max_examples=40)
@given(
    batch=st.integers(1, 3),
    channels=st.integers(1, 6),
    outputs=st.integers(1, 6),
    taps=st.integers(1, 301),
    frames=st.integers(1, 1500),
    seed=st.integers(0, 2**31),
)
def test_fft_convolution_equals_direct_in_value_and_gradient(
    *, batch: int, channels: int, outputs: int, taps: int, frames: int, seed: int
) -> None:
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(batch, channels, frames, generator=rng, dtype=torch.double, requires_grad=True)
    w = torch.randn(outputs, channels, taps, generator=rng, dtype=torch.double, requires_grad=True)
    fast = fft_conv(x, w, max(BLOCK, 2 * taps))
    direct = functional.conv1d(functional.pad(x, (taps - 1, 0)), w)
    torch.testing.assert_close(fast, direct, rtol=1e-9, atol=1e-9)
    upstream = torch.randn(direct.shape, generator=rng, dtype=torch.double)
    for ours, theirs in zip(
        torch.autograd.grad(fast, (x, w), upstream),
        torch.autograd.grad(direct, (x, w), upstream),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-8)


def test_in_single_precision_fft_is_within_float32_rounding() -> None:
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(2, 16, 4096, generator=rng)
    w = torch.randn(64, 16, 256, generator=rng) / 64
    exact = functional.conv1d(functional.pad(x.double(), (255, 0)), w.double())
    error = (causal_conv1d(x, w) - exact).std() / exact.std()
    assert error < 1e-6


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_variants_are_those_of_the_reference(variant: str) -> None:
    shapes, parameters, receptive_field = VARIANTS[variant]
    spec = make_stack_spec(shapes, head="mse")
    network = CausalStack(spec)
    assert sum(p.numel() for p in network.parameters()) == parameters
    assert spec.receptive_field == receptive_field


def test_the_output_knows_the_past_alone_and_no_more_than_its_receptive_field() -> None:
    spec = make_stack_spec([(1, 8, 20), (8, 1, 30)], mixtures=2)
    network = CausalStack(spec, seed=1)
    x = torch.randn(1, 1, 200, generator=torch.Generator().manual_seed(2), requires_grad=True)
    network(x)[0, :, 120].sum().backward()
    assert x.grad is not None
    heard = torch.nonzero(x.grad[0, 0]).flatten()
    assert heard.max() == 120
    assert heard.min() >= 120 - spec.receptive_field + 1


def test_the_guide_reaches_the_output_at_once() -> None:
    spec = make_stack_spec([(1, 8, 4), (8, 1, 4)], mixtures=2, guide=CHANNELS)
    network = CausalStack(spec, seed=1)
    x, guide = torch.zeros(1, 1, 50), torch.zeros(1, len(CHANNELS), 50)
    struck = guide.clone()
    struck[0, 0, 20] = 1.0
    changed = (network(x, guide) != network(x, struck)).any(dim=1)[0]
    assert torch.nonzero(changed).flatten().tolist() == [20, 21, 22, 23]


def test_weights_pass_through_a_checkpoint_unchanged(tmp_path) -> None:  # type: ignore[no-untyped-def]
    network = CausalStack(make_stack_spec([(1, 8, 4), (8, 1, 4)], guide=CHANNELS), seed=3)
    path = tmp_path / "model.safetensors"
    save(path, network.spec, to_tensors(network), {})
    again = from_network(load(path))
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], tensor, rtol=0, atol=0)


SHALLOW = ((1, 8, 20), (8, 8, 30), (8, 1, 16))


@pytest.mark.parametrize("between", [[(8, 8, 5)], [(8, 12, 5), (12, 9, 7), (9, 8, 3)]])
def test_a_deeper_network_begins_as_the_shallower_one(between: list[Shape]) -> None:
    shallow = CausalStack(make_stack_spec(SHALLOW, mixtures=4, guide=CHANNELS), seed=1)
    shape = [*SHALLOW[:2], *between, *SHALLOW[2:]]
    deeper = deepen(to_network(shallow), make_stack_spec(shape, mixtures=4, guide=CHANNELS), seed=2)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 1, 300, generator=generator)
    guide = torch.rand(1, len(CHANNELS), 300, generator=generator)
    stack_of_both = shallow(x, guide), from_network(deeper)(x, guide)
    torch.testing.assert_close(*stack_of_both, rtol=1e-5, atol=1e-5)
    assert deeper.spec.receptive_field == shallow.spec.receptive_field + sum(
        kernel - 1 for *_, kernel in between
    )


@pytest.mark.parametrize(
    "shape",
    [
        SHALLOW,
        [*SHALLOW[:2], (8, 4, 5), (4, 8, 5), SHALLOW[2]],
        [(1, 8, 20), (8, 8, 31), (8, 8, 31), (8, 1, 16)],
        [(1, 1, 5), *SHALLOW],
    ],
    ids=["as deep", "too narrow", "of other layers", "before the first"],
)
def test_what_is_not_deeper_is_refused(shape: list[Shape]) -> None:
    shallow = to_network(CausalStack(make_stack_spec(SHALLOW), seed=1))
    with pytest.raises(CheckpointError, match="other layers"):
        deepen(shallow, make_stack_spec(shape))


def test_a_network_that_hears_more_channels_begins_as_it_was() -> None:
    before = CausalStack(make_stack_spec(SHALLOW, mixtures=4, guide=CHANNELS), seed=1)
    names = (*CHANNELS, "plays.kit:new", "plays.keys:new")
    after = extend_guide(to_network(before), names)
    assert after.spec.guide == names
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 1, 200, generator=generator)
    guide = torch.rand(1, len(names), 200, generator=generator)
    of_both = before(x, guide[:, : len(CHANNELS)]), from_network(after)(x, guide)
    torch.testing.assert_close(*of_both, rtol=1e-6, atol=1e-6)
    with pytest.raises(CheckpointError, match="another guide"):
        extend_guide(to_network(before), ("new", *CHANNELS))


def test_a_mixture_is_a_density() -> None:
    rng = np.random.default_rng(0)
    outputs = torch.from_numpy(rng.normal(0, 1, (1, 12, 1))).expand(1, 12, 200_001)
    grid = torch.linspace(-200, 200, 200_001, dtype=torch.double)[None, None]
    logits, means, log_scales = outputs[0, :, 0].chunk(3)
    z = (grid[0, 0][:, None] - means) * torch.exp(-log_scales)
    density = (
        torch.softmax(logits, 0) * torch.exp(-log_scales) / (4 * torch.cosh(z / 2) ** 2)
    ).sum(1)
    assert torch.trapezoid(density, grid[0, 0]) == pytest.approx(1, abs=1e-3)
    middle = 100_000
    nll = heads.mixture_nll(outputs[..., :1], grid[..., middle : middle + 1])
    assert -nll == pytest.approx(torch.log(density[middle]).item(), abs=1e-9)


def test_a_mu_law_head_that_knows_nothing_costs_eight_bits() -> None:
    spec = make_stack_spec([(1, 4, 2), (4, 1, 2)], head="mulaw")
    target = torch.rand(2, 1, 100, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert heads.loss(torch.zeros(2, 256, 100), target, spec).item() == pytest.approx(8 * np.log(2))


def test_a_linear_start_is_the_linear_predictor() -> None:
    rng = np.random.default_rng(0)
    song = np.convolve(rng.standard_normal(20_000), np.hanning(40), "same") * 0.02
    coefficients, deviation = fit_linear_predictor([song], order=8, noise=1e-4)
    spec = make_stack_spec([(1, 8, 20), (8, 8, 30), (8, 1, 16)], mixtures=4, guide=CHANNELS)
    network = CausalStack(spec, seed=1)
    initialize_linear(network, coefficients, deviation)
    x = torch.from_numpy(song[:500]).float()[None, None]
    noise = torch.rand(1, len(CHANNELS), 500, generator=torch.Generator().manual_seed(0))
    guide = 0.1 * noise  # most channels are silent most of the time
    _, means, _ = network(x, guide).detach().chunk(3, dim=1)
    predicted = song[8:500] - compute_residual(song[:500], coefficients)
    # The head's other weights are small, not nothing: the prediction shows through them.
    error = means[0].mean(dim=0).numpy()[7:499] - predicted
    hidden = [layer.weight[2:] for layer in network.convolutions[:-1]]
    assert all(weights.abs().max() > 0 for weights in hidden)
    with torch.no_grad():
        network.convolutions[-1].weight[:, 2:] = 0
        network.convolutions[-1].weight[:, :2, :-8] = 0
    exact = network(x, guide).detach().chunk(3, dim=1)[1][0].mean(dim=0).numpy()[7:499]
    np.testing.assert_allclose(exact, predicted, atol=2e-6)
    assert error.std() < song.std()


def test_a_linear_start_needs_a_tap_for_each_coefficient() -> None:
    with pytest.raises(ValueError, match="a tap for each coefficient"):
        initialize_linear(CausalStack(make_stack_spec([(1, 4, 8), (4, 1, 4)])), np.ones(5), 0.1)
