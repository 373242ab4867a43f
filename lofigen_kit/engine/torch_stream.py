"""The engine in torch, for GPUs: relaxed convolution, a block of 128 steps at each launch.

On a GPU one step is dozens of tiny operations, and launching them takes longer than running them.
But every step of a block finds its numbers at the same addresses in every block, so a block is
captured once in a CUDA graph, draw included, and replayed; between blocks the host refills the
guide and the random numbers. On the CPU the same operations run one by one, which is what the
tests compare; the compiled engine is faster there.

The schedule is that of `kernels.py`, with sizes that make few operations rather than few sums.
"""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor

from lofigen_kit.components.contracts import ParametricSampler, Sampler
from lofigen_kit.engine.plan import BLOCK, SHORT, fft_length
from lofigen_kit.engine.torch_sampling import TorchSampler
from lofigen_kit.engine.track import Track, draw_in_python, list_sampling_params, read_step_inputs
from lofigen_kit.nn.distribution import SamplingParams
from lofigen_kit.nn.fftconv import causal_fft_conv1d

if TYPE_CHECKING:
    from lofigen_kit.nn.checkpoint import Network

Precision = Literal["float32", "bfloat16", "float16"]

LANES = 64
"""Lanes that a CUDA device always carries, as libraries choose their kernels by shape."""

NEAR = 16
"""Lags, at most, that every step sums: wider than on the CPU, as each tile costs launches."""


@contextmanager
def plain_float32() -> Iterator[None]:
    """Multiply float32 in float32, without gradients: no TF32, whatever the program has set."""
    matmul: Any = torch.backends.cuda.matmul
    restore: Callable[[str], Any] = torch.set_float32_matmul_precision
    try:
        before = torch.get_float32_matmul_precision()
    except RuntimeError:  # it was set by the newer of torch's two interfaces
        before, restore = matmul.fp32_precision, partial(setattr, matmul, "fp32_precision")
    if before != "highest":
        torch.set_float32_matmul_precision("highest")
    try:
        with torch.no_grad():
            yield
    finally:
        if before != "highest":
            restore(before)


class TorchDecoder:
    """The `Decoder` for GPUs: several tracks, its lanes, in torch.

    It generates whole blocks and hands them out in pieces as `run` asks; a track's rng is therefore
    up to a block ahead of the frames that were handed out. On a CUDA device it always computes
    `LANES` lanes, spare ones idling, so that a track's sums do not depend on how many others there
    are.

    A `ParametricSampler` is drawn inside the CUDA graph. Any other sampler is called in Python at
    each step: the graph is not used, every operation is launched by itself, and the GPU waits for
    the host once a step. For such a sampler the compiled engine is likely the faster one.

    Args:
        network: The network.
        sampler: How samples are drawn.
        lanes: How many tracks are carried side by side; on a CUDA device at most `LANES`.
        device: `cuda` or `cpu`.
        precision: In which type weights and what they multiply are held; biases, guide, sums and
            state are float32 always.
    """

    def __init__(
        self,
        network: Network,
        sampler: Sampler,
        *,
        lanes: int,
        device: str = "cuda",
        precision: Precision = "float32",
    ) -> None:
        if device != "cpu" and lanes > LANES:
            raise ValueError(f"a CUDA device carries at most {LANES} lanes, not {lanes}")
        self._network = network
        self._sampler = sampler
        self._plan = get_torch_packed_network(network, device, precision)
        self._sampling_params: SamplingParams | None = None
        self._turned = False
        if isinstance(sampler, ParametricSampler):
            self._sampling_params = sampler.sampling_params()
        self._state = _State(self._plan, _choose_lane_count(self._plan.device, lanes))
        self._torch_sampler = self._make_sampler()
        self._generate_block = self._prepare_block()
        self._tracks = [Track(0)] * lanes
        self._steps = [0] * lanes
        self._ready = np.zeros((lanes, 0), np.float32)

    @property
    def lanes(self) -> int:
        """How many tracks are carried side by side."""
        return len(self._tracks)

    @property
    def aligned(self) -> bool:
        """Whether all of the last block was handed out, so that a lane can take a new track."""
        return self._ready.shape[1] == 0

    @plain_float32()
    def prime(self, track: Track, lane: int = 0) -> None:
        """Put a track's start into a lane, forgetting what was there; see `Decoder.prime`."""
        track.check(self._network.spec)
        if self.lanes == 1:
            self._ready = self._ready[:, :0]
        self._check_aligned()
        known = track.first_inputs
        start = max(0, len(known) - self._network.spec.receptive_field)
        guide = track.read_guide(start, len(known) - 1, self._plan.channels)
        self._state.prime(lane, known[start:], guide)
        self._tracks[lane] = track
        self._steps[lane] = 0
        self._set_lanes()

    def set_sampling_params(self, params: SamplingParams) -> None:
        """Draw with other parameters from the next block on, on the CPU alone.

        A CUDA graph keeps the `top_k` and `top_p` that it was captured with.
        """
        if self._torch_sampler and self._plan.device.type == "cpu":
            self._sampling_params, self._turned = params, True
            self._torch_sampler = self._make_sampler()
            self._set_lanes()
            self._generate_block = self._prepare_block()

    def _make_sampler(self) -> TorchSampler | None:
        if self._sampling_params is None:
            return None
        head, device = self._network.spec.head, self._plan.device
        return TorchSampler(head, self._sampling_params, device, self._state.lanes)

    def _set_lanes(self) -> None:
        """Let the sampler draw each lane as its track says."""
        if self._torch_sampler and self._sampling_params:
            self._torch_sampler.set_lanes(
                list_sampling_params(self._tracks, self._sampling_params, turned=self._turned)
            )

    def reset(self, lane: int = 0) -> None:
        """Let a lane forget its track and start from silence."""
        self.prime(Track(0), lane)

    def keep(self, lanes: Iterable[int]) -> None:
        """Keep these lanes alone, numbered anew; they go on as before. Needs to be `aligned`.

        What is computed does not shrink: the lanes that are given up idle.
        """
        self._check_aligned()
        kept = list(lanes)
        self._state.move(kept)
        self._tracks = [self._tracks[lane] for lane in kept]
        self._steps = [self._steps[lane] for lane in kept]
        self._ready = self._ready[kept]
        self._set_lanes()

    def copy(self) -> TorchDecoder:
        """Return an independent decoder that goes on exactly as this one would."""
        twin: TorchDecoder = copy.copy(self)
        twin._state = _State(self._plan, self._state.lanes)
        twin._torch_sampler = twin._make_sampler()
        twin._set_lanes()
        twin._generate_block = twin._prepare_block()
        twin._state.adopt(self._state)
        twin._tracks = copy.deepcopy(self._tracks)
        twin._steps = list(self._steps)
        return twin

    def frames_left(self, lane: int) -> int:
        """Return how many of the lane's frames are still to be handed out."""
        handed_out = self._steps[lane] - self._ready.shape[1]
        return max(0, self._tracks[lane].frames - handed_out)

    @plain_float32()
    def run(self, steps: int) -> np.ndarray:
        """Generate the next samples of every lane.

        Returns:
            np.ndarray [shape=(lanes, steps), dtype=float32]. What lies beyond a track's end means
            nothing.
        """
        pieces, count = [self._ready], self._ready.shape[1]
        while count < steps:
            pieces.append(self._next_block())
            count += BLOCK
        drawn = np.concatenate(pieces, axis=1)
        self._ready = drawn[:, steps:]
        return drawn[:, :steps]

    def _check_aligned(self) -> None:
        if not self.aligned:
            raise ValueError(f"a lane changes its track between blocks of {BLOCK} steps alone")

    def _next_block(self) -> np.ndarray:
        state = self._state
        guide, uniforms = read_step_inputs(
            self._tracks, self._steps, BLOCK, lanes=state.lanes, channels=self._plan.channels
        )
        state.guide.copy_(torch.from_numpy(guide[..., :BLOCK]).permute(2, 0, 1))
        state.uniforms.copy_(torch.from_numpy(uniforms))
        self._generate_block()
        self._steps = [before + BLOCK for before in self._steps]
        drawn: np.ndarray = state.drawn[: self.lanes].cpu().numpy()
        return drawn.copy()  # on the CPU the next block is written to the same place

    @plain_float32()
    def _prepare_block(self) -> Callable[[], None]:
        """Return what generates a block: a graph's replay, or the operations one by one."""
        if self._torch_sampler is None:
            return self._draw_in_python
        block = partial(self._state.draw_block, self._torch_sampler)
        return block if self._plan.device.type == "cpu" else self._capture_graph(block)

    def _capture_graph(self, block: Callable[[], None]) -> Callable[[], None]:
        """Return the replay of a block's CUDA graph. The state is zero before and after.

        A graph knows addresses alone: plan, sampler and state are kept by the decoder.
        """
        # Libraries plan and load kernels at a first call, which a capture would not survive.
        side: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        current = torch.cuda.current_stream()
        side.wait_stream(current)
        with torch.cuda.stream(side):
            block()
            block()
        current.wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            block()
        self._state.clear()
        return graph.replay

    def _draw_in_python(self) -> None:
        state, head = self._state, self._network.spec.head
        uniforms = state.uniforms[:, : self.lanes].cpu().numpy()

        def draw(step: int, outputs: Tensor) -> Tensor:
            rows = outputs[: self.lanes].cpu().numpy()
            drawn = draw_in_python(self._sampler, rows, head, uniforms[step])
            return torch.from_numpy(drawn).to(outputs.device)

        state.run_block(draw)


@plain_float32()
def predict(
    network: Network,
    samples: np.ndarray,
    guide: np.ndarray | None = None,
    *,
    device: str = "cuda",
    precision: Precision = "float32",
) -> np.ndarray:
    """Return what the head says after each given sample, as `compiled_stream.predict` does.

    Args:
        network: The network.
        samples: Mono audio at the network's rate [shape=(n,)].
        guide: As in a `Track` that continues the audio by one frame
            [shape=(guide channels, n + 1)].
        device: `cuda` or `cpu`.
        precision: As of a `TorchDecoder`.

    Returns:
        np.ndarray [shape=(n, head outputs), dtype=float32]; row t predicts sample t + 1.
    """
    track = Track(1, np.asarray(samples, np.float32), guide)
    track.check(network.spec)
    plan = get_torch_packed_network(network, device, precision)
    state = _State(plan, _choose_lane_count(plan.device, 1))
    blocks = -(-len(track.prime) // BLOCK)
    inputs = torch.zeros(blocks * BLOCK + 1, device=plan.device)
    inputs[: len(track.prime)] = torch.from_numpy(track.prime)
    state.prime(0, inputs[:1].cpu().numpy(), np.zeros((0, plan.channels), np.float32))
    outputs = torch.empty(blocks * BLOCK, network.spec.head_outputs, device=plan.device)
    for start in range(0, blocks * BLOCK, BLOCK):
        columns = track.read_guide(start, start + BLOCK, plan.channels)
        state.guide[:, 0] = torch.from_numpy(columns)

        def follow(step: int, head: Tensor, start: int = start) -> Tensor:
            outputs[start + step] = head[0]
            return inputs[start + step + 1 : start + step + 2]

        state.run_block(follow)
    return outputs[: len(track.prime)].cpu().numpy()


def _choose_lane_count(device: torch.device, lanes: int) -> int:
    """Return how many lanes a device carries for so many tracks."""
    return lanes if device.type == "cpu" else LANES


@dataclass(frozen=True, eq=False)
class _Tile:
    """A square of input rows against output steps, done by FFT.

    Attributes:
        reads: Newest rows of the history that go in.
        writes: Steps of the block that come out.
        length: Of the FFT.
        spectrum: Of the weights [shape=(bins, 2 * in, 2 * out)]: the complex product as a real
            one, of which every type has a matrix multiplication.
    """

    reads: int
    writes: int
    length: int
    spectrum: Tensor


@dataclass(frozen=True, eq=False)
class _Layer:
    """One layer, packed.

    Attributes:
        memory: Rows of the past that its outputs depend on: kernel - 1.
        near: Weights of the lags that a step sums, oldest first [shape=(lags * in, out)].
        near_lags: How many these are.
        bias: [shape=(out,)].
        guide: The guide's weights [shape=(guide channels, out)]; None where there is no guide.
        tiles: By size, the squares within a block; empty where a step sums all lags.
        look_back: Over all rows before the block.
        weight: As trained, for priming [shape=(out, in, kernel)].
    """

    memory: int
    near: Tensor
    near_lags: int
    bias: Tensor
    guide: Tensor | None
    tiles: dict[int, _Tile]
    look_back: _Tile | None
    weight: Tensor

    def first_row(self, step: int) -> int:
        """Return the first row of the history that a step of the block sums by itself."""
        lags = step % NEAR + 1 if self.look_back else self.near_lags
        return self.memory + step + 1 - lags

    def tile_before(self, step: int) -> _Tile | None:
        """Return the tile that is due before a step of the block, if any."""
        size = step & -step
        # No lag reaches further than the largest tile: it has the effect of the larger ones.
        return self.tiles[min(size, max(self.tiles))] if self.tiles and size >= NEAR else None


@dataclass(frozen=True, eq=False)
class _TorchPackedNetwork:
    """A network, packed for one device in one precision."""

    layers: list[_Layer]
    device: torch.device
    precision: torch.dtype
    channels: int
    head_outputs: int

    def multiply(self, rows: Tensor, weights: Tensor) -> Tensor:
        """Return the product in float32, of matrices or of stacks of them."""
        if self.precision is torch.float32:
            return rows @ weights
        rows = rows.to(self.precision)
        if weights.dtype is torch.float32:  # holds rounded numbers: see `_holds`
            return rows.float() @ weights
        if rows.dim() == 2:
            return torch.mm(rows, weights, out_dtype=torch.float32)
        return torch.bmm(rows, weights, out_dtype=torch.float32)

    def add_product(self, total: Tensor, rows: Tensor, weights: Tensor) -> None:
        """Add a product of matrices, in one operation where there is one."""
        if self.precision is torch.float32:
            total.addmm_(rows, weights)
        else:
            total.add_(self.multiply(rows, weights))

    def convolve(self, tile: _Tile, rows: Tensor) -> Tensor:
        """Return a tile's part of its outputs [shape=(writes, lanes, out)].

        Args:
            tile: The tile.
            rows: Its inputs [shape=(lanes, reads, in)].
        """
        bins = torch.view_as_real(torch.fft.rfft(rows, tile.length, dim=1))
        products = self.multiply(bins.flatten(2).transpose(0, 1), tile.spectrum)
        spectrum = torch.view_as_complex(products.view(*products.shape[:2], -1, 2))
        outputs: Tensor = torch.fft.irfft(spectrum, tile.length, dim=0)
        return outputs[tile.reads : tile.reads + tile.writes]


class _State:
    """What the lanes remember, and the buffers that a block reads and writes: none ever moves.

    Attributes:
        lanes: How many there are, idle ones included.
        guide: Of the block to come [shape=(BLOCK, lanes, guide channels)].
        uniforms: Of the block to come [shape=(BLOCK, lanes, 2), dtype=float64].
        drawn: Samples of the last block [shape=(lanes, BLOCK)].
    """

    def __init__(self, plan: _TorchPackedNetwork, lanes: int) -> None:
        zeros = partial(torch.zeros, device=plan.device)
        self._plan = plan
        self.lanes = lanes
        self.guide = zeros(BLOCK, lanes, plan.channels)
        self.uniforms = zeros(BLOCK, lanes, 2, dtype=torch.float64)
        self.drawn = zeros(lanes, BLOCK)
        # A layer's inputs: its memory, and those of the block, the newest sample among them.
        self._histories = [
            zeros(lanes, layer.memory + BLOCK + 1, layer.weight.shape[1]) for layer in plan.layers
        ]
        # Its outputs before the ReLU, as far as they are summed.
        self._sums = [zeros(BLOCK, lanes, layer.weight.shape[0]) for layer in plan.layers]

    def clear(self) -> None:
        """Forget everything."""
        for history in self._histories:
            history.zero_()

    def adopt(self, other: _State) -> None:
        """Take over another state's lanes."""
        for history, source in zip(self._histories, other._histories, strict=True):
            history.copy_(source)

    def move(self, lanes: Sequence[int]) -> None:
        """Bring these lanes to the front."""
        index = torch.tensor(lanes, dtype=torch.int64, device=self._plan.device)
        for history in self._histories:
            history[: len(lanes)] = history[index]

    def prime(self, lane: int, known: np.ndarray, guide: np.ndarray) -> None:
        """Set a lane to what the padded forward pass leaves behind.

        Args:
            lane: Which.
            known: The inputs, that of the next step included [shape=(n,)].
            guide: [shape=(n - 1, guide channels)].
        """
        device = self._plan.device
        inputs = torch.from_numpy(known[:-1]).to(device)[None, None]
        columns = torch.from_numpy(guide).to(device)
        frames = inputs.shape[2]
        for layer, history in zip(self._plan.layers, self._histories, strict=True):
            history[lane] = 0.0
            if recent := min(frames, layer.memory):
                rows = slice(layer.memory - recent, layer.memory)
                history[lane, rows] = inputs[0, :, -recent:].T
            if frames and layer is not self._plan.layers[-1]:
                sums = causal_fft_conv1d(inputs, layer.weight) + layer.bias[:, None]
                if layer.guide is not None:
                    sums = sums + (columns @ layer.guide).T
                inputs = torch.where(torch.isneginf(sums), sums, sums.clamp(min=0.0))
        self._histories[0][lane, self._plan.layers[0].memory] = float(known[-1])

    def draw_block(self, sampler: TorchSampler) -> None:
        """Generate a block without waiting for the host."""
        noise = sampler.prepare_noise(self.uniforms)
        self.run_block(lambda step, outputs: sampler.draw(outputs, noise[step]))

    def run_block(self, draw: Callable[[int, Tensor], Tensor]) -> None:
        """Take the steps of a block.

        Args:
            draw: Given the step and what the head says [shape=(lanes, head outputs)], returns the
                next sample of the first so many lanes.
        """
        waveform, start = self._histories[0], self._plan.layers[0].memory + 1
        self._start_sums()
        for step in range(BLOCK):
            drawn = draw(step, self._take_step(step))
            waveform[: len(drawn), start + step, 0] = drawn
        self.drawn.copy_(waveform[:, start:, 0])
        self.drawn.masked_fill_(self._overflowed()[:, None], torch.nan)
        for layer, history in zip(self._plan.layers, self._histories, strict=True):
            history[:, : layer.memory + 1] = history[:, BLOCK:].clone()

    def _overflowed(self) -> Tensor:
        """Return in which lanes a sum of the block is not finite [shape=(lanes,), dtype=bool].

        The ReLU makes zero of minus infinity, so each layer's sums are looked at before it.
        """
        finite = [torch.isfinite(sums).all(2).all(0) for sums in self._sums]
        return ~torch.stack(finite).all(0)

    def _start_sums(self) -> None:
        """Begin the sums of the block: bias, guide, and all that lies before the block."""
        for layer, history, sums in self._iterate_layers():
            sums.copy_(layer.bias.expand_as(sums))
            if layer.guide is not None:
                sums.view(-1, sums.shape[2]).addmm_(self.guide.flatten(0, 1), layer.guide)
            if layer.look_back:
                sums.add_(self._plan.convolve(layer.look_back, history[:, : layer.memory]))

    def _take_step(self, step: int) -> Tensor:
        """Return what the head says at a step of the block [shape=(lanes, head outputs)]."""
        for index, (layer, history, sums) in enumerate(self._iterate_layers()):
            row = layer.memory + step
            if tile := layer.tile_before(step):
                tail = self._plan.convolve(tile, history[:, row - tile.reads : row])
                sums[step : step + tile.writes] += tail
            window = history[:, layer.first_row(step) : row + 1].flatten(1)
            self._plan.add_product(sums[step], window, layer.near[-window.shape[1] :])
            if index + 1 < len(self._histories):
                following = self._plan.layers[index + 1].memory + step
                torch.clamp(sums[step], min=0.0, out=self._histories[index + 1][:, following])
        return self._sums[-1][step]

    def _iterate_layers(self) -> Iterator[tuple[_Layer, Tensor, Tensor]]:
        return zip(self._plan.layers, self._histories, self._sums, strict=True)


_torch_packed_networks: weakref.WeakKeyDictionary[
    Network, dict[tuple[str, str], _TorchPackedNetwork]
]
_torch_packed_networks = weakref.WeakKeyDictionary()


def get_torch_packed_network(
    network: Network, device: str, precision: Precision
) -> _TorchPackedNetwork:
    """Return the network's plan, packed once for each device and precision."""
    plans = _torch_packed_networks.setdefault(network, {})
    if (device, precision) not in plans:
        plans[device, precision] = _pack(network, torch.device(device), precision)
    return plans[device, precision]


def _pack(network: Network, device: torch.device, precision: Precision) -> _TorchPackedNetwork:
    dtype: torch.dtype = getattr(torch, precision)
    layers = []
    for index, weight in enumerate(network.weights):
        scaled = weight * np.float32(network.spec.input_scale) if index == 0 else weight
        layers.append(_pack_layer(network, index, scaled, partial(_round_weights, device, dtype)))
    spec = network.spec
    return _TorchPackedNetwork(layers, device, dtype, len(spec.guide), spec.head_outputs)


def _round_weights(device: torch.device, dtype: torch.dtype, numbers: np.ndarray) -> Tensor:
    """Return numbers rounded to a type, and held in it where float32 products of it are to be had.

    That is off the CPU, from torch 2.8 on; elsewhere float32 holds the rounded numbers.
    """
    rounded = torch.from_numpy(np.ascontiguousarray(numbers, np.float32)).to(device, dtype)
    version = tuple(int(part) for part in torch.__version__.split(".")[:2])
    return rounded if device.type != "cpu" and version >= (2, 8) else rounded.float()


def _pack_layer(
    network: Network, index: int, weight: np.ndarray, held: Callable[[np.ndarray], Tensor]
) -> _Layer:
    lags = weight.transpose(2, 1, 0)[::-1]  # [lag, newest first][in][out]
    kernel, inputs, outputs = lags.shape
    relaxed = inputs > 1 and kernel > SHORT
    near_lags = min(NEAR, kernel) if relaxed else kernel
    look_back, tiles = None, {}
    if relaxed:
        look_back = _pack_tile(lags, kernel - 1, BLOCK, fft_length(kernel - 1 + BLOCK), held)
        for size in _tile_sizes(kernel - 1):
            tiles[size] = _pack_tile(lags, size, size, 2 * size, held)
    near = held(lags[:near_lags][::-1].reshape(-1, outputs))

    def plain(numbers: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(numbers, np.float32)).to(near.device)

    guided = index < len(network.guide_weights)
    return _Layer(
        memory=kernel - 1,
        near=near,
        near_lags=near_lags,
        bias=plain(network.biases[index]),
        guide=plain(network.guide_weights[index].T) if guided else None,
        tiles=tiles,
        look_back=look_back,
        weight=plain(weight),
    )


def _tile_sizes(reach: int) -> list[int]:
    """Return the sizes of a layer's tiles, up to the first that no lag outreaches."""
    sizes = [NEAR]
    while sizes[-1] < min(reach, BLOCK // 2):
        sizes.append(2 * sizes[-1])
    return sizes


def _pack_tile(
    lags: np.ndarray, reads: int, writes: int, length: int, held: Callable[[np.ndarray], Tensor]
) -> _Tile:
    bins = np.fft.rfft(lags[:length].astype(np.float64), length, axis=0)
    count, inputs, outputs = bins.shape
    matrix = np.empty((count, inputs, 2, outputs, 2))
    matrix[:, :, 0, :, 0] = matrix[:, :, 1, :, 1] = bins.real
    matrix[:, :, 0, :, 1] = bins.imag
    matrix[:, :, 1, :, 0] = -bins.imag
    return _Tile(reads, writes, length, held(matrix.reshape(count, 2 * inputs, 2 * outputs)))
