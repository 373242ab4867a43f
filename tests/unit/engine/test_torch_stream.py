"""The engine in torch plays what the compiled engine plays, on the CPU and on a CUDA device."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from lofigen_kit.components.contracts import ParametricSampler, Sampler
from lofigen_kit.engine import CompiledDecoder, Ring, TorchDecoder, Track, generate, torch_stream
from lofigen_kit.engine.batch import _Job
from lofigen_kit.engine.torch_sampling import TorchSampler
from lofigen_kit.engine.torch_stream import Precision, plain_float32, predict
from lofigen_kit.errors import InputError, RenderError
from lofigen_kit.nn.checkpoint import Network
from lofigen_kit.nn.sampling import HeadKind, SamplingParams, draw
from lofigen_kit.nn.spec import make_stack_spec

HEADS: dict[HeadKind, int] = {"mse": 1, "mol": 30, "mulaw": 256}
no_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device answers")
on_devices = pytest.mark.parametrize(
    "device", ["cpu", pytest.param("cuda", marks=[pytest.mark.gpu, no_cuda])]
)
few = settings(
    deadline=None,
    max_examples=12,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


class ByLaw(ParametricSampler):
    """Draw by a law."""

    use: Literal["by-law"] = "by-law"
    spread: float = 1.0
    top_k: int = 0

    def sampling_params(self) -> SamplingParams:
        return SamplingParams(
            temperature=0.9, top_k=self.top_k, top_p=0.95, tail=1e-3, spread=self.spread
        )


class InPython(Sampler):
    """The same law by way of Python."""

    use: Literal["in-python"] = "in-python"

    def draw(self, outputs: np.ndarray, head: HeadKind, uniforms: np.ndarray) -> np.ndarray:
        return ByLaw().draw(outputs, head, uniforms)


def make_network(
    shapes: list[tuple[int, int, int]], head: HeadKind = "mol", guides: int = 0, seed: int = 0
) -> Network:
    """Return a random network whose signals keep their level from layer to layer."""
    spec = make_stack_spec(
        shapes, head=head, mixtures=3, guide=tuple(f"guide-{number}" for number in range(guides))
    )
    rng = np.random.default_rng(seed)

    def normal(deviation: float, *shape: int) -> np.ndarray:
        return (rng.standard_normal(shape) * deviation).astype(np.float32)

    weights = [
        normal((2.0 / (a.in_channels * a.kernel)) ** 0.5, a.out_channels, a.in_channels, a.kernel)
        for a in spec.layers
    ]
    if head != "mulaw":
        weights[-1] *= 0.1
    biases = tuple(normal(0.1, layer.out_channels) for layer in spec.layers)
    guided = tuple(normal(0.3, layer.out_channels, guides) for layer in spec.layers[:-1])
    return Network(spec, tuple(weights), biases, guided if guides else ())


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Random stacks: 1 to 5 layers, kernels 1 to 301, odd and even widths, any head."""
    widths = draw(st.lists(st.integers(1, 20), max_size=4))
    kernels = [
        draw(st.one_of(st.integers(1, 301), st.sampled_from([16, 17, 18, 33, 65, 128, 129, 257])))
        for _ in range(len(widths) + 1)
    ]
    shapes = list(zip([1, *widths], [*widths, 1], kernels, strict=True))
    head = draw(st.sampled_from(list(HEADS)))
    return make_network(shapes, head, draw(st.integers(0, 3)), draw(st.integers(0, 2**16)))


def make_tracks(network: Network, lengths: list[int]) -> list[Track]:
    """Return guided, primed tracks, the same ones at every call."""
    tracks = []
    for number, frames in enumerate(lengths):
        known = (37 * number) % 301
        rng = np.random.default_rng([7, number])
        prime = rng.standard_normal(known).astype(np.float32) * 0.1
        guide = rng.standard_normal((len(network.spec.guide), known + frames)).astype(np.float32)
        tracks.append(Track(frames, prime, guide, np.random.default_rng([8, number])))
    return tracks


def play(stream: CompiledDecoder | TorchDecoder, tracks: list[Track]) -> list[np.ndarray]:
    """Return the tracks' audio as `generate` plays it."""
    job = _Job(tracks, None)
    job.work(stream)
    return job.audio


def primed(network: Network, lengths: list[int], device: str, sampler: Sampler) -> TorchDecoder:
    stream = TorchDecoder(network, sampler, lanes=len(lengths), device=device)
    for lane, track in enumerate(make_tracks(network, lengths)):
        stream.prime(track, lane)
    return stream


GUIDED = make_network([(1, 8, 33), (8, 20, 70), (20, 9, 150), (9, 1, 64)], guides=2)


@on_devices
@few
@given(networks(), st.integers(1, 300), st.integers(0, 999))
def test_teacher_forced_outputs_are_the_oracle_s(
    device: str, network: Network, frames: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    guide = rng.standard_normal((len(network.spec.guide), frames + 1)).astype(np.float32)
    samples = rng.standard_normal(frames).astype(np.float32) * 0.2
    ring = Ring(network, np.float64)
    truth = np.array([ring.step(x, g) for x, g in zip(samples, guide.T[1:], strict=True)])
    error = np.abs(predict(network, samples, guide, device=device) - truth).max()
    assert error <= max(1e-5 * truth.std(), 1e-6)


@on_devices
@pytest.mark.parametrize(("precision", "allowed"), [("bfloat16", 3e-2), ("float16", 4e-3)])
def test_half_precision_rounds_weights_and_inputs(
    device: str, precision: Precision, allowed: float
) -> None:
    samples = np.random.default_rng(0).standard_normal(700).astype(np.float32) * 0.2
    guide = np.random.default_rng(1).standard_normal((2, 701)).astype(np.float32)
    exact = predict(GUIDED, samples, guide, device=device)
    rounded = predict(GUIDED, samples, guide, device=device, precision=precision)
    error = np.abs(rounded - exact).max() / exact.std()
    assert allowed / 100 < error < allowed


@on_devices
def test_quantised_feedback_follows_the_compiled_engine_sample_by_sample(device: str) -> None:
    network = make_network([(1, 8, 40), (8, 12, 65), (12, 1, 64)], "mulaw", guides=2)
    tracks = make_tracks(network, [3000, 2500])
    stream = TorchDecoder(network, ByLaw(), lanes=2, device=device)
    for one, other in zip(
        play(stream, tracks),
        generate(network, ByLaw(), make_tracks(network, [3000, 2500])),
        strict=True,
    ):
        assert_array_equal(one, other)


@on_devices
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("sampler", [ByLaw(), ByLaw(spread=0.0)], ids=["drawn", "mean"])
def test_free_running_follows_the_compiled_engine(
    device: str, head: HeadKind, sampler: ByLaw
) -> None:
    network = make_network([(1, 8, 40), (8, 12, 65), (12, 1, 64)], head, guides=2)
    lengths = [400, 150, 0, 260]
    stream = TorchDecoder(network, sampler, lanes=2, device=device)
    played = play(stream, make_tracks(network, lengths))
    compiled = generate(network, sampler, make_tracks(network, lengths))
    for one, other in zip(played, compiled, strict=True):
        assert_allclose(one, other, atol=5e-5)


@on_devices
def test_each_lane_is_drawn_as_its_track_says(device: str) -> None:
    lengths = [300, 200, 260]
    own = [SamplingParams(temperature=0.9, top_p=0.95, spread=0.1), None,
           SamplingParams(temperature=0.9, top_p=0.95, spread=0.5)]  # fmt: skip

    def tracks() -> list[Track]:
        pairs = zip(make_tracks(GUIDED, lengths), own, strict=True)
        return [replace(track, sampling_params=params) for track, params in pairs]

    stream = TorchDecoder(GUIDED, ByLaw(), lanes=2, device=device)
    for one, other in zip(play(stream, tracks()), generate(GUIDED, ByLaw(), tracks()), strict=True):
        assert_allclose(one, other, atol=5e-5)


def test_lanes_that_cannot_be_drawn_together_are_refused() -> None:
    law = TorchSampler("mol", SamplingParams(top_k=3), torch.device("cpu"), lanes=2)
    with pytest.raises(InputError, match="same top_k"):
        law.set_lanes([SamplingParams(top_k=3), SamplingParams()])


@on_devices
@few
@given(st.lists(st.integers(0, 200), min_size=1, max_size=8))
def test_the_length_of_chunks_changes_nothing(device: str, chunks: list[int]) -> None:
    whole = primed(GUIDED, [500, 300], device, ByLaw()).run(sum(chunks))
    stream = primed(GUIDED, [500, 300], device, ByLaw())
    assert_array_equal(np.concatenate([stream.run(steps) for steps in chunks], 1), whole)
    assert stream.frames_left(0) == max(0, 500 - sum(chunks))
    assert stream.aligned == (sum(chunks) % 128 == 0)


@on_devices
def test_a_take_alone_equals_the_take_in_a_batch(device: str) -> None:
    """To the bit on a CUDA device, which carries as many lanes always; the CPU does not."""
    lengths = [300, 129, 0, 5, 128, 260]
    batch = play(
        TorchDecoder(GUIDED, ByLaw(), lanes=3, device=device), make_tracks(GUIDED, lengths)
    )
    for number, together in enumerate(batch):
        stream = TorchDecoder(GUIDED, ByLaw(), lanes=1, device=device)
        [alone] = play(stream, make_tracks(GUIDED, lengths)[number : number + 1])
        if device == "cpu":
            assert_allclose(alone, together, atol=5e-5)
        else:
            assert_array_equal(alone, together)


@on_devices
@pytest.mark.parametrize("lanes", [1, 3])
def test_copies_go_on_alike(device: str, lanes: int) -> None:
    stream = primed(GUIDED, [500] * lanes, device, ByLaw())
    stream.run(141)
    twin = stream.copy()
    first = stream.run(200)
    assert_array_equal(twin.run(200), first)
    assert not np.array_equal(stream.run(100), first[:, :100])


@on_devices
def test_lanes_that_are_kept_go_on_alike(device: str) -> None:
    stream = primed(GUIDED, [500] * 6, device, ByLaw())
    stream.run(256)
    twin = stream.copy()
    twin.keep([4, 1])
    assert twin.lanes == 2
    twice = twin.copy()
    expected = stream.run(100)[[4, 1]]
    for other in (twin, twice):
        assert_allclose(other.run(100), expected, atol=1e-6)


@on_devices
def test_reset_forgets(device: str) -> None:
    stream = TorchDecoder(GUIDED, ByLaw(spread=0.0), lanes=1, device=device)
    fresh = stream.run(100)
    stream.run(50)
    stream.reset()
    assert_array_equal(stream.run(100), fresh)


@on_devices
def test_a_lane_changes_its_track_between_blocks_alone(device: str) -> None:
    stream = TorchDecoder(GUIDED, ByLaw(), lanes=2, device=device)
    stream.run(5)
    with pytest.raises(ValueError, match="between blocks"):
        stream.prime(Track(10), 1)
    with pytest.raises(ValueError, match="between blocks"):
        stream.keep([0])


@on_devices
@pytest.mark.parametrize("head", HEADS)
def test_a_sampler_in_python_draws_what_torch_draws(device: str, head: HeadKind) -> None:
    network = make_network([(1, 8, 20), (8, 1, 40)], head, guides=1)
    played = [
        play(
            TorchDecoder(network, sampler, lanes=2, device=device),
            make_tracks(network, [140, 60, 30]),
        )
        for sampler in (ByLaw(), InPython())
    ]
    for one, other in zip(*played, strict=True):
        assert_allclose(one, other, atol=1e-5)


laws = st.builds(
    SamplingParams,
    temperature=st.one_of(st.just(0.0), st.floats(0.05, 3.0)),
    top_k=st.integers(0, 300),
    top_p=st.one_of(st.just(1.0), st.floats(0.01, 1.0)),
    tail=st.floats(0.0, 0.4),
    spread=st.sampled_from([0.0, 0.1, 1.0]),
)


@on_devices
@settings(deadline=None, max_examples=150)
@given(st.sampled_from(list(HEADS)), laws, st.integers(0, 2**32))
def test_the_draw_in_torch_is_the_numpy_draw(
    device: str, head: HeadKind, law: SamplingParams, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    outputs = (rng.standard_normal((4, HEADS[head])) * 3).astype(np.float32)
    uniforms = rng.random((4, 2))
    ours = TorchSampler(head, law, torch.device(device))
    noise = ours.prepare_noise(torch.from_numpy(uniforms).to(device))
    drawn = ours.draw(torch.from_numpy(outputs).to(device), noise).float().cpu()
    assert_allclose(drawn, draw(outputs, head, law, uniforms), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("precision", "head"), [("float32", "mse"), ("float32", "mulaw"), ("bfloat16", "mol")]
)
def test_a_block_asks_nothing_of_the_host(precision: Precision, head: HeadKind) -> None:
    """What can be captured runs on the meta device, which has no numbers to wait for."""
    network = make_network([(1, 8, 33), (8, 1, 64)], head, guides=2)
    plan = torch_stream.get_torch_packed_network(network, "meta", precision)
    law = TorchSampler(head, SamplingParams(top_k=3, top_p=0.5, tail=0.1), plan.device)
    with plain_float32():
        torch_stream._State(plan, 64).draw_block(law)
    assert plan.layers[1].near.dtype is getattr(torch, precision)


@on_devices
@pytest.mark.parametrize("head", HEADS)
def test_what_is_not_a_number_stays_so(device: str, head: HeadKind) -> None:
    law = TorchSampler(head, SamplingParams(top_p=0.5), torch.device(device))
    outputs = torch.full((1, HEADS[head]), torch.nan, device=device)
    noise = law.prepare_noise(torch.full((1, 2), 0.5, dtype=torch.float64, device=device))
    assert torch.isnan(law.draw(outputs, noise)).all()


@pytest.mark.parametrize("uniform", [0.0, np.nextafter(1.0, 0.0)])
def test_the_last_uniform_still_finds_a_level_with_weight(uniform: float) -> None:
    law = SamplingParams(top_k=3)
    outputs = np.random.default_rng(0).standard_normal((50, 256)).astype(np.float32)
    uniforms = np.full((50, 2), uniform)
    ours = TorchSampler("mulaw", law, torch.device("cpu"))
    drawn = ours.draw(torch.from_numpy(outputs), ours.prepare_noise(torch.from_numpy(uniforms)))
    assert_allclose(drawn, draw(outputs, "mulaw", law, uniforms), atol=1e-7)


def test_overflow_is_an_error() -> None:
    network = make_network([(1, 4, 3), (4, 1, 3)], "mol")
    wild = Network(
        network.spec, tuple(w * np.float32(1e30) for w in network.weights), network.biases
    )
    stream = TorchDecoder(wild, ByLaw(), lanes=1, device="cpu")
    with pytest.raises(RenderError, match="not a number"):
        play(stream, [Track(500, np.full(8, 0.5, np.float32))])


@pytest.mark.parametrize("before", ["highest", "high", "medium"])
def test_reduced_precision_is_off_within_and_as_it_was_after(before: str) -> None:
    torch.set_float32_matmul_precision(before)
    try:
        with plain_float32():
            assert torch.get_float32_matmul_precision() == "highest"
            assert not torch.is_grad_enabled()
        assert torch.get_float32_matmul_precision() == before
    finally:
        torch.set_float32_matmul_precision("highest")


def test_the_cpu_plays_in_float32_alone() -> None:
    with pytest.raises(InputError, match="float32"):
        generate(GUIDED, ByLaw(), [Track(10)], precision="bfloat16")


def test_a_cuda_device_carries_so_many_lanes_and_no_more() -> None:
    with pytest.raises(ValueError, match="at most 64 lanes"):
        TorchDecoder(GUIDED, ByLaw(), lanes=65)


@on_devices
def test_generate_refills_the_lanes_of_a_device(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths = [(97 * number) % 400 for number in range(10)]
    network = make_network([(1, 8, 40), (8, 1, 64)], "mulaw", guides=2)
    compiled = generate(network, ByLaw(), make_tracks(network, lengths))
    monkeypatch.setattr("lofigen_kit.engine.batch.choose_device", lambda _: "cuda")
    monkeypatch.setattr(torch_stream, "LANES", 4)
    on_device = partial(TorchDecoder, network, device=device)
    monkeypatch.setattr(
        torch_stream,
        "TorchDecoder",
        lambda _, sampler, lanes, **__: on_device(sampler, lanes=lanes),
    )
    played = generate(network, ByLaw(), make_tracks(network, lengths), device="cuda")
    for one, other in zip(played, compiled, strict=True):
        assert_array_equal(one, other)
