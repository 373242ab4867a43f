"""How a network is laid out for the kernels: packed weights, and where each layer finds its own.

A packed network is read-only and shared by every decoder and thread. The sizes in it fix the order
in which a network's sums are taken, so they depend on nothing but its layers.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lofigen_kit.nn.sampling import HeadKind

if TYPE_CHECKING:
    from lofigen_kit.nn.checkpoint import Network

WIDTH = 16
"""Channels come in blocks of one SIMD vector."""

CHAINS = 4
"""Sums that every output is made of, side by side; what they run over comes in fours."""

BLOCK = 128
"""Outputs from one look-back to the next."""

NEAR = 8
"""Lags, at most, that every step sums; FFT tiles do the rest. A power of two."""

SHORT = 16
"""Layers of as many taps, or fewer, sum all of them at every step."""


HEADS: tuple[HeadKind, ...] = ("mse", "mol", "mulaw")
"""The heads, as the kernels number them."""


def record(*fields: str) -> np.dtype:
    """Return the type of a record of integers, as the kernels read it."""
    return np.dtype([(field, np.int64) for field in fields])


LAYER = record(
    "inputs",  # channels in, padded: floats in one row of the history
    "blocks",  # vectors of output channels
    "hidden",  # whether guide and ReLU apply: all layers but the head
    "relaxed",  # whether tiles do the older lags
    "taps",  # lags in the weights that a step sums
    "near",  # their start: [block][lag, oldest first][input][16]
    "bias",  # start of the bias: [block][16]
    "place",  # the first of its blocks among those of all layers
    # In the state:
    "history",  # start of the first lane's inputs: [row][input]
    "history_lane",  # floats from one lane's to the next's
    "older",  # start of the first lane's older contributions: [step of the block][block][16]
    "older_lane",
    "out",  # start of the first lane's outputs: the next layer's history, or the head
    "out_lane",
    "out_row",  # floats from one step's outputs to the next's
)
"""Where a layer finds its own: offsets and strides count floats."""

TILE = record(
    "reads",  # newest rows of the history that go in
    "writes",  # steps of the block that come out
    "first",  # whether it is the look-back, which starts the block's sums
    "length",  # of the real FFT
    "twiddles",  # start of the table exp(-2 pi i k / length): [k][real, imaginary]
    "spectrum",  # start of the weights' spectrum: [block][bin][input][16 real | 16 imaginary]
)
"""One square of input rows against output steps, done by FFT."""


@dataclass(frozen=True, eq=False)
class PackedNetwork:
    """A network, packed.

    Attributes:
        layers: One `LAYER` record each; the fields of the state are left to it.
        tiles: `TILE` records [shape=(layers, levels + 1)], the look-back last.
        weights: All numbers that the records point to.
        channels: How many channels guide each hidden layer, in whole fours.
        guide: Start of their weights: [block, of all hidden layers][guide channel][16].
        head_kind: Index into `HEADS`.
        head_outputs: How many numbers the head gives.
        memory: Rows of the past that a history keeps.
        receptive_field: How many samples of the past one output depends on.
    """

    layers: np.ndarray
    tiles: np.ndarray
    weights: np.ndarray
    channels: int
    guide: int
    head_kind: int
    head_outputs: int
    memory: int
    receptive_field: int


_packed_networks: weakref.WeakKeyDictionary[Network, PackedNetwork] = weakref.WeakKeyDictionary()


def get_packed_network(network: Network) -> PackedNetwork:
    """Return the network's plan, packed once."""
    plan = _packed_networks.get(network)
    if plan is None:
        plan = _packed_networks[network] = _pack(network)
    return plan


def allocate_aligned(size: int) -> np.ndarray:
    """Return zeros [shape=(size,), dtype=float32] that start on a cache line."""
    raw = np.zeros(4 * size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + 4 * size].view(np.float32)


def round_up(count: int, unit: int = WIDTH) -> int:
    """Return the count, rounded up to whole units."""
    return -(-count // unit) * unit


def tile_sizes() -> list[int]:
    """Return the sizes of the tiles within a block: the powers of two between."""
    return [1 << k for k in range(NEAR.bit_length() - 1, BLOCK.bit_length() - 1)]


class _Pool:
    """Arrays laid end to end, each on a cache line of its own."""

    def __init__(self) -> None:
        self._parts: list[np.ndarray] = []
        self._size = 0

    def add(self, array: np.ndarray) -> int:
        """Append an array and return where it starts."""
        start = self._size
        self._parts.append(array.astype(np.float32, order="C"))
        self._size += round_up(array.size)
        return start

    def flat(self) -> np.ndarray:
        """Return everything that was added, in one array."""
        whole = allocate_aligned(self._size)
        start = 0
        for part in self._parts:
            whole[start : start + part.size] = part.ravel()
            start += round_up(part.size)
        return whole


def _pack(network: Network) -> PackedNetwork:
    spec = network.spec
    levels = tile_sizes()
    layers = np.zeros(len(spec.layers), LAYER)
    tiles = np.zeros((len(layers), len(levels) + 1), TILE)
    pool = _Pool()
    twiddles: dict[int, int] = {}
    for index, layer in enumerate(layers):
        scale = spec.input_scale if index == 0 else 1.0
        lags = _by_lag(network.weights[index] * np.float32(scale))
        layer["bias"] = pool.add(_by_block(network.biases[index]))
        layer["inputs"], layer["blocks"] = lags.shape[1], lags.shape[2] // WIDTH
        layer["place"] = layers["blocks"][:index].sum()
        layer["hidden"] = index < len(layers) - 1
        layer["relaxed"] = lags.shape[1] > 1 and len(lags) > SHORT
        near = lags[:NEAR] if layer["relaxed"] else lags
        layer["taps"], layer["near"] = len(near), pool.add(_by_block(near[::-1]))
        if layer["relaxed"]:
            tiles[index] = _pack_tiles(lags, levels, pool, twiddles)
    channels = round_up(len(spec.guide), CHAINS)
    guide = pool.add(_join_guides(network, channels))
    deepest = max(tiles["reads"].max(), *(layers["taps"] * (1 - layers["relaxed"])))
    return PackedNetwork(
        layers=layers,
        tiles=tiles,
        weights=pool.flat(),
        channels=channels,
        guide=guide,
        head_kind=HEADS.index(spec.head),
        head_outputs=spec.head_outputs,
        memory=round_up(int(deepest)),
        receptive_field=spec.receptive_field,
    )


def _by_lag(weights: np.ndarray) -> np.ndarray:
    """Return a layer's weights by lag, zero-padded.

    Args:
        weights: [shape=(out, in, kernel)]; tap 0 is the oldest sample.

    Returns:
        np.ndarray [shape=(lags, inputs, outputs)], lag 0 the newest. Channels come in whole
        vectors; the waveform's one channel stays single and gets a multiple of four lags, as the
        kernels sum in fours.
    """
    lags = weights.transpose(2, 1, 0)[::-1]
    kernel, inputs, outputs = lags.shape
    inputs_more = 0 if inputs == 1 else round_up(inputs) - inputs
    lags_more = round_up(kernel, CHAINS) - kernel if inputs == 1 else 0
    return np.pad(lags, ((0, lags_more), (0, inputs_more), (0, round_up(outputs) - outputs)))


def _join_guides(network: Network, channels: int) -> np.ndarray:
    """Return the guide's weights of all hidden layers [shape=(blocks, channels, 16)]."""
    columns = [weights.T for weights in network.guide_weights]
    if not columns:
        return np.zeros((0, channels, WIDTH), np.float32)
    more = channels - len(columns[0])
    return np.concatenate([_by_block(np.pad(each, ((0, more), (0, 0)))) for each in columns])


def _by_block(array: np.ndarray) -> np.ndarray:
    """Return [shape=(blocks, ..., 16)] of [shape=(..., outputs)], zero-padded."""
    more = round_up(array.shape[-1]) - array.shape[-1]
    whole = np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, more)])
    return np.moveaxis(whole.reshape(*array.shape[:-1], -1, WIDTH), -2, 0)


def _pack_tiles(
    lags: np.ndarray, levels: Sequence[int], pool: _Pool, twiddles: dict[int, int]
) -> np.ndarray:
    """Return a layer's tiles, the look-back last, and add their spectra to the pool.

    A tile of size U sees lags 1 to 2U - 1. Where no lag is that long, a smaller tile has the same
    effect and takes its place.
    """
    reach = len(lags) - 1
    tiles = np.zeros(len(levels) + 1, TILE)
    for level, size in enumerate(levels):
        if level and levels[level - 1] >= reach:
            tiles[level] = tiles[level - 1]
        else:
            tiles[level] = (size, size, 0, 2 * size, 0, pool.add(_spectrum(lags, 2 * size)))
    reads = round_up(reach, 2)
    length = fft_length(reads + BLOCK)
    tiles[-1] = (reads, BLOCK, 1, length, 0, pool.add(_spectrum(lags, length)))
    for tile in tiles:
        length = int(tile["length"])
        if length not in twiddles:
            turns = np.exp(-2j * np.pi * np.arange(length) / length)
            twiddles[length] = pool.add(np.stack([turns.real, turns.imag], 1))
        tile["twiddles"] = twiddles[length]
    return tiles


def fft_length(least: int) -> int:
    """Return the next of 2**k and 3 * 2**k."""
    power = 1 << (least - 1).bit_length()
    return power * 3 // 4 if power * 3 // 4 >= least else power


def _spectrum(lags: np.ndarray, length: int) -> np.ndarray:
    """Return the spectrum of the first `length` lags, as `kernels.multiply` reads it.

    The transforms there double every bin but the two real ones on their way in and double all on
    their way out, and leave the inverse unscaled: that is folded in here.
    """
    bins = np.fft.rfft(lags[:length].astype(np.float64), length, axis=0)
    parts = np.stack([bins.real[:-1], bins.imag[:-1]], -2) / (2 * length)
    parts[0] = np.stack([bins.real[0], bins.real[-1]], -2) / length
    return _by_block(parts)
