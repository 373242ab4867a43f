"""The engine is exact, and a take depends on its own track alone."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from lofigen_kit import engine
from lofigen_kit.components.contracts import ParametricSampler, Sampler
from lofigen_kit.engine import CompiledDecoder, Ring, Track, compiling, generate, predict
from lofigen_kit.engine.plan import BLOCK
from lofigen_kit.engine.reference import generate_track
from lofigen_kit.errors import InputError, RenderError
from lofigen_kit.nn.checkpoint import Network
from lofigen_kit.nn.sampling import HeadKind, SamplingParams
from lofigen_kit.nn.spec import NetworkSpec, make_stack_spec

HEADS: tuple[HeadKind, ...] = ("mse", "mol", "mulaw")
unhurried = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])


def test_what_the_engine_offers_is_there_and_a_cpu_gets_compiled_code() -> None:
    assert all(hasattr(engine, name) for name in engine.__all__)
    assert isinstance(engine.make_decoder(GUIDED, ByLaw(), device="cpu"), CompiledDecoder)


class ByLaw(ParametricSampler):
    """Draw by the law, compiled."""

    use: Literal["by-law"] = "by-law"
    top_p: float = 1.0
    spread: float = 1.0

    def sampling_params(self) -> SamplingParams:
        return SamplingParams(temperature=0.9, top_p=self.top_p, tail=1e-3, spread=self.spread)


class Given(ParametricSampler):
    """Draw by parameters that are given."""

    use: Literal["given"] = "given"
    params: SamplingParams

    def __init__(self, params: SamplingParams) -> None:
        super().__init__(params=params)  # type: ignore[call-arg]

    def sampling_params(self) -> SamplingParams:
        return self.params


class InPython(Sampler):
    """The same law by way of Python."""

    use: Literal["in-python"] = "in-python"

    def draw(self, outputs: np.ndarray, head: HeadKind, uniforms: np.ndarray) -> np.ndarray:
        return ByLaw().draw(outputs, head, uniforms)


def make_network(
    shapes: list[tuple[int, int, int]], head: HeadKind = "mol", guides: int = 0, seed: int = 0
) -> Network:
    """Return a random network whose signals keep their level from layer to layer."""
    guide = tuple(f"guide-{i}" for i in range(guides))
    spec = make_stack_spec(shapes, head=head, mixtures=3, guide=guide)
    rng = np.random.default_rng(seed)

    def normal(shape: tuple[int, ...], deviation: float) -> np.ndarray:
        return (rng.standard_normal(shape) * deviation).astype(np.float32)

    weights, biases = [], []
    for layer in spec.layers:
        fan_in = layer.in_channels * layer.kernel
        shape = (layer.out_channels, layer.in_channels, layer.kernel)
        weights.append(normal(shape, (2.0 / fan_in) ** 0.5))
        biases.append(normal((layer.out_channels,), 0.1))
    weights[-1] *= 0.1 if head != "mulaw" else 1.0
    guide_weights = [normal((layer.out_channels, guides), 0.3) for layer in spec.layers[:-1]]
    return Network(spec, tuple(weights), tuple(biases), tuple(guide_weights) if guides else ())


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Random stacks: 1 to 8 layers, kernels 1 to 301, odd and even widths, any head."""
    widths = draw(st.lists(st.integers(1, 35), max_size=7))
    kernels = [
        draw(st.one_of(st.integers(1, 301), st.sampled_from([1, 2, 8, 9, 128, 255, 256, 257])))
        for _ in range(len(widths) + 1)
    ]
    shapes = list(zip([1, *widths], [*widths, 1], kernels, strict=True))
    seed = draw(st.integers(0, 2**16))
    return make_network(shapes, draw(st.sampled_from(HEADS)), draw(st.integers(0, 3)), seed)


def full_forward(
    network: Network, samples: np.ndarray, guide: np.ndarray, dtype: torch.dtype
) -> np.ndarray:
    """Return the padded forward pass as torch does it [shape=(n, head outputs)]."""
    x = torch.from_numpy(samples).to(dtype)[None, None] * network.spec.input_scale
    drive = torch.from_numpy(guide[:, 1:]).to(dtype)
    last = len(network.weights) - 1
    with torch.no_grad():
        for index, weight in enumerate(network.weights):
            x = torch.nn.functional.pad(x, (weight.shape[2] - 1, 0))
            bias = torch.from_numpy(network.biases[index]).to(dtype)
            x = torch.nn.functional.conv1d(x, torch.from_numpy(weight).to(dtype), bias)
            if index < last:
                if network.guide_weights:
                    x = x + torch.from_numpy(network.guide_weights[index]).to(dtype) @ drive
                x = torch.relu(x)
    return x[0].T.numpy()


def make_signals(network: Network, frames: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    guide = rng.standard_normal((len(network.spec.guide), frames + 1)).astype(np.float32)
    return rng.standard_normal(frames).astype(np.float32) * 0.2, guide


def make_tracks(
    network: Network, lengths: list[int], primes: list[int] | None = None
) -> list[Track]:
    """Return guided, primed tracks, the same ones at every call."""
    tracks = []
    for number, frames in enumerate(lengths):
        known = primes[number] if primes else (37 * number) % 101
        rng = np.random.default_rng([7, number])
        prime = rng.standard_normal(known).astype(np.float32) * 0.1
        guide = rng.standard_normal((len(network.spec.guide), known + frames)).astype(np.float32)
        tracks.append(Track(frames, prime, guide, np.random.default_rng([8, number])))
    return tracks


GUIDED = make_network([(1, 16, 33), (16, 40, 70), (40, 9, 150), (9, 1, 64)], guides=2)


@unhurried
@given(networks(), st.integers(1, 700), st.integers(0, 999))
def test_teacher_forced_outputs_are_the_forward_pass(
    network: Network, frames: int, seed: int
) -> None:
    samples, guide = make_signals(network, frames, seed)
    truth = full_forward(network, samples, guide, torch.float64)
    plain = full_forward(network, samples, guide, torch.float32)
    cached = predict(network, samples, guide)
    allowed = max(1e-5 * truth.std(), 2 * np.abs(plain - truth).max(), 1e-6)
    assert np.abs(cached - truth).max() <= allowed


@pytest.mark.parametrize("widths", [(16, 64, 16), (16, 64, 128, 64, 16)])
def test_full_size_networks_are_exact(widths: tuple[int, ...]) -> None:
    taps = [128, *[256] * (len(widths) - 1), 128]
    shapes = list(zip([1, *widths], [*widths, 1], taps, strict=True))
    network = make_network(shapes, guides=9)
    samples, guide = make_signals(network, 4000, 0)
    truth = full_forward(network, samples, guide, torch.float64)
    assert np.abs(predict(network, samples, guide) - truth).max() <= 1e-5 * truth.std()


@unhurried
@given(networks(), st.integers(0, 999))
def test_ring_is_the_forward_pass(network: Network, seed: int) -> None:
    samples, guide = make_signals(network, 50, seed)
    ring = Ring(network, np.float64)
    outputs = [ring.step(x, column) for x, column in zip(samples, guide.T[1:], strict=True)]
    truth = full_forward(network, samples, guide, torch.float64)
    assert_allclose(outputs, truth, rtol=1e-9, atol=1e-9)


@unhurried
@given(
    networks(),
    st.lists(st.integers(0, 300), min_size=1, max_size=9),
    st.lists(st.integers(1, 200), min_size=1, max_size=6),
)
def test_a_take_depends_on_its_own_track_alone(
    network: Network, lengths: list[int], chunks: list[int]
) -> None:
    batch = generate(network, ByLaw(), make_tracks(network, lengths))
    threaded = generate(network, ByLaw(), make_tracks(network, lengths), threads=2)
    for number in range(len(lengths)):
        track = make_tracks(network, lengths)[number]
        stream = CompiledDecoder(network, ByLaw())
        stream.prime(track)
        pieces = [stream.run(0)[0]]
        while stream.frames_left(0):
            pieces.append(
                stream.run(min(stream.frames_left(0), chunks[len(pieces) % len(chunks)]))[0]
            )
        assert_array_equal(np.concatenate(pieces), batch[number])
        assert_array_equal(threaded[number], batch[number])


def test_a_track_is_drawn_as_it_says_itself() -> None:
    lengths = [300, 200, 260, 0, 150, 140]
    own = [SamplingParams(spread=0.0), None, SamplingParams(temperature=0.9, tail=0.2, spread=0.4)]
    tracks = [
        replace(track, sampling_params=own[number % 3])
        for number, track in enumerate(make_tracks(GUIDED, lengths))
    ]
    together = generate(GUIDED, ByLaw(), tracks, threads=2)
    for number, params in enumerate(own):
        [track] = make_tracks(GUIDED, lengths)[number : number + 1]
        sampler = ByLaw() if params is None else Given(params)
        assert_array_equal(generate(GUIDED, sampler, [track])[0], together[number])
        [again] = make_tracks(GUIDED, lengths)[number : number + 1]
        slow = generate_track(GUIDED, ByLaw(), replace(again, sampling_params=params))
        assert_allclose(slow, together[number], atol=2e-5)


def test_a_temperature_that_is_turned_holds_for_all_tracks() -> None:
    [track] = make_tracks(GUIDED, [2 * BLOCK])
    stream = CompiledDecoder(GUIDED, ByLaw())
    stream.prime(replace(track, sampling_params=SamplingParams(spread=0.5)))
    stream.set_sampling_params(SamplingParams(temperature=0.3))
    [alike] = make_tracks(GUIDED, [2 * BLOCK])
    [expected] = generate(GUIDED, Given(SamplingParams(temperature=0.3, spread=0.5)), [alike])
    assert_array_equal(stream.run(2 * BLOCK)[0], expected)


@pytest.mark.parametrize("lanes", [1, 2, 4, 5, 7, 33, 64])
def test_every_lane_gives_the_same_bits(lanes: int) -> None:
    lengths = [350] * lanes
    [alone] = generate(GUIDED, ByLaw(), make_tracks(GUIDED, lengths)[-1:])
    stream = CompiledDecoder(GUIDED, ByLaw(), lanes=lanes)
    for lane, track in enumerate(make_tracks(GUIDED, lengths)):
        stream.prime(track, lane)
    assert_array_equal(stream.run(350)[-1], alone)


def test_a_fifth_part_costs_no_more_than_a_lane() -> None:
    four, five, six = (CompiledDecoder(GUIDED, ByLaw(), lanes=lanes).nbytes for lanes in (4, 5, 6))
    assert five - four == six - five


def test_more_tracks_than_lanes_refill_them(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = [400, 10, 260, 0, 129, 128, 127, 300, 5, 700, 256]
    wide = generate(GUIDED, ByLaw(), make_tracks(GUIDED, lengths))
    monkeypatch.setattr("lofigen_kit.engine.batch.MAX_LANES", 4)
    narrow = generate(GUIDED, ByLaw(), make_tracks(GUIDED, lengths), threads=2)
    assert [len(audio) for audio in wide] == lengths
    for one, other in zip(wide, narrow, strict=True):
        assert_array_equal(one, other)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("known", [0, 1, 2, 50, 400])
def test_free_running_follows_the_ring(head: HeadKind, known: int) -> None:
    network = make_network([(1, 12, 30), (12, 20, 65), (20, 1, 64)], head, guides=2)
    [fast] = generate(network, ByLaw(), make_tracks(network, [150], [known]))
    slow = generate_track(network, ByLaw(), make_tracks(network, [150], [known])[0])
    assert_allclose(fast, slow, atol=2e-5)


@pytest.mark.parametrize("lanes", [1, 3])
def test_copies_go_on_alike(lanes: int) -> None:
    stream = CompiledDecoder(GUIDED, ByLaw(), lanes=lanes)
    for lane, track in enumerate(make_tracks(GUIDED, [500] * lanes)):
        stream.prime(track, lane)
    stream.run(141)
    twin = stream.copy()
    first = stream.run(200)
    assert_array_equal(twin.run(200), first)
    assert not np.array_equal(stream.run(100), first[:, :100])


def test_lanes_that_are_kept_go_on_alike() -> None:
    stream = CompiledDecoder(GUIDED, ByLaw(), lanes=6)
    for lane, track in enumerate(make_tracks(GUIDED, [500] * 6)):
        stream.prime(track, lane)
    stream.run(256)
    twin = stream.copy()
    twin.keep([4, 1])
    assert_array_equal(twin.run(100), stream.run(100)[[4, 1]])


def test_a_lane_changes_its_track_between_blocks_alone() -> None:
    stream = CompiledDecoder(GUIDED, ByLaw(), lanes=2)
    stream.run(5)
    assert not stream.aligned
    with pytest.raises(ValueError, match="between blocks"):
        stream.prime(Track(10), 1)


def test_reset_forgets() -> None:
    stream = CompiledDecoder(GUIDED, ByLaw(spread=0.0))
    fresh = stream.run(100)
    stream.run(50)
    stream.reset()
    assert_array_equal(stream.run(100), fresh)


@pytest.mark.parametrize("head", HEADS)
def test_a_sampler_in_python_draws_what_the_kernel_draws(head: HeadKind) -> None:
    network = make_network([(1, 8, 20), (8, 1, 40)], head, guides=1)
    fast = generate(network, ByLaw(), make_tracks(network, [140, 60]))
    slow = generate(network, InPython(), make_tracks(network, [140, 60]))
    for one, other in zip(fast, slow, strict=True):
        assert_allclose(one, other, atol=1e-5)


def test_only_the_receptive_field_of_a_long_prime_counts() -> None:
    reach = GUIDED.spec.receptive_field
    [long] = make_tracks(GUIDED, [200], [reach + 500])
    assert long.guide is not None
    short = Track(200, long.prime[500:], long.guide[:, 500:], np.random.default_rng([8, 0]))
    assert_array_equal(generate(GUIDED, ByLaw(), [long])[0], generate(GUIDED, ByLaw(), [short])[0])


def test_progress_counts_every_frame() -> None:
    calls: list[tuple[int, int]] = []
    generate(
        GUIDED,
        ByLaw(),
        make_tracks(GUIDED, [300, 200, 50]),
        progress=lambda done, total: calls.append((done, total)),
    )
    assert calls[-1] == (550, 550)
    assert sorted(calls) == calls


def test_an_error_in_progress_stops_every_thread() -> None:
    def fail(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(GUIDED, ByLaw(), make_tracks(GUIDED, [10**5] * 4), threads=2, progress=fail)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="guide has the shape"):
        generate(GUIDED, ByLaw(), [Track(10, guide=np.zeros((2, 9)))])
    with pytest.raises(InputError, match="finite mono"):
        generate(GUIDED, ByLaw(), [Track(10, prime=np.array([np.nan]))])
    with pytest.raises(InputError, match="-1 frames"):
        generate(GUIDED, ByLaw(), [Track(-1)])


def test_overflow_is_an_error() -> None:
    network = make_network([(1, 4, 3), (4, 1, 3)], "mse")
    wild = Network(
        network.spec, tuple(w * np.float32(1e30) for w in network.weights), network.biases
    )
    with pytest.raises(RenderError, match="not a number"):
        generate(wild, ByLaw(), [Track(2000, np.full(8, 0.5, np.float32))])


def test_no_tracks_give_no_audio() -> None:
    assert generate(GUIDED, ByLaw(), []) == []


def test_without_numba_the_ring_plays(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = generate(GUIDED, ByLaw(), make_tracks(GUIDED, [30, 20]))
    monkeypatch.setitem(sys.modules, "lofigen_kit.engine.compiled_stream", None)
    calls: list[tuple[int, int]] = []
    slow = generate(
        GUIDED,
        ByLaw(),
        make_tracks(GUIDED, [30, 20]),
        progress=lambda done, total: calls.append((done, total)),
    )
    assert calls == [(30, 50), (50, 50)]
    for one, other in zip(fast, slow, strict=True):
        assert_allclose(one, other, atol=1e-5)


def test_compiling_is_announced_once_where_it_is_due(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="lofigen_kit.engine.compiling")
    monkeypatch.setattr(compiling._config, "CACHE_DIR", str(tmp_path))
    compiling.announce.cache_clear()
    compiling.announce()
    compiling.announce()
    assert len(caplog.records) == 1
    assert "once" in caplog.text


def test_importing_the_engine_imports_no_compiler() -> None:
    code = "import lofigen_kit.engine, sys; print({'numba', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_spec_knows_its_reach() -> None:
    assert isinstance(GUIDED.spec, NetworkSpec)
    assert GUIDED.spec.receptive_field == 1 + 32 + 69 + 149 + 63
