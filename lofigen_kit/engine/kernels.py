"""The compiled kernels: relaxed convolution, step by step, and the draw after each.

Arrays are flat
float32 addressed by offset: `weights` is the plan's, `state` a stream's; the records say where a
layer finds its own in both (`plan.py` describes their fields). `like` is a value of as many
vectors as a kernel carries lanes side by side, and fixes nothing but that.

References: Gardner, "Efficient convolution without input-output delay", JAES 43(3), 1995;
van der Hoeven, "Relax, but don't be too lazy", JSC 34(6), 2002; Oncescu et al., "Flash Inference",
arXiv 2410.12982.
"""

# ruff: noqa: PLR0917 - compiled kernels take plain positional arguments

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from lofigen_kit.engine import simd
from lofigen_kit.engine.compiling import entry, inner
from lofigen_kit.engine.draw import draw
from lofigen_kit.engine.fft import fft, split, unsplit
from lofigen_kit.engine.simd import (
    fma,
    load,
    load_rows,
    relu,
    splat_rows,
    store,
    store_rows,
    zeros,
    zeros_like,
)

Array: TypeAlias = np.ndarray
Vectors: TypeAlias = Any
Record: TypeAlias = Any

ROWS = 4 if simd.IN_ONE_REGISTER else 1
"""Lanes side by side, as many as the registers hold: four chains of sums for each hide the latency
of an addition, and what does not fit is spilled to memory. A take's bits do not depend on it."""


# ------------------------------------------------------------------------------- the schedule


@entry
def run(
    form: Record,
    layers: Array,
    tiles: Array,
    weights: Array,
    state: Array,
    clock: Array,
    samples: Array,
    guide: Array,
    outputs: Array,
    drawing: bool,
    uniforms: Array,
    laws: Array,
    scratch: Array,
) -> None:
    """Advance every lane by one step for each row of `samples` but the last.

    The outputs come in blocks. Before a block, the look-back sums over all inputs older than it.
    Within it, step j takes the lags that reach back to the last multiple of `near`; when a run of
    U = 2**k >= near inputs is complete (U is the largest power of two that divides j), a square
    tile adds what they contribute to the next U outputs. So each pair of input and output meets
    exactly once, and no input is needed before it exists.

    Args:
        form: The state's measures.
        layers: One record for each layer.
        tiles: One record for each layer and size of tile, the look-back last.
        weights: The plan's numbers.
        state: The stream's numbers.
        clock: The row that the next inputs go to, and the step within the block.
        samples: [shape=(steps + 1, lanes)]; row 0 is the first step's input. All rows are given,
            or, when drawing, step t writes row t + 1.
        guide: What conditions each step: [lane][channel][step, or more].
        outputs: Takes the head's numbers [shape=(steps or 0, lanes, head outputs)].
        drawing: Whether to draw samples.
        uniforms: Two random numbers for each draw [shape=(steps or 0, lanes, 2)].
        laws: How to draw each lane [shape=(lanes,)].
        scratch: Room for the draw [shape=(2, head outputs), dtype=float64].
    """
    steps = len(samples) - 1
    for t in range(steps):
        catch_up(form, layers, tiles, weights, state, clock)
        slot = clock[1] % form.near
        if t == 0 or slot == 0:
            count = min(form.near - slot, steps - t)
            begin(count, t, form, layers, weights, state, clock, guide)
        for lane in range(form.lanes):
            state[layers[0].history + lane * layers[0].history_lane + clock[0]] = samples[t, lane]
        for index in range(len(layers)):
            convolve(form, layers[index], weights, state, clock)
        for lane in range(form.lanes):
            start = form.head + lane * form.head_lane
            if len(outputs) > 0:
                for i in range(form.head_outputs):
                    outputs[t, lane, i] = state[start + i]
            if drawing:
                u = uniforms[t, lane, 0]
                v = uniforms[t, lane, 1]
                samples[t + 1, lane] = draw(state, start, form, laws[lane], u, v, scratch)
        clock[0] += 1
        clock[1] = (clock[1] + 1) % form.block


@inner
def catch_up(
    form: Record, layers: Array, tiles: Array, weights: Array, state: Array, clock: Array
) -> None:
    """Do what falls due before a step: the look-back, or the tiles whose inputs are complete."""
    level = 0
    if clock[1] == 0:
        level = form.levels
        make_room(form, layers, state, clock)
    else:
        size = clock[1] & -clock[1]
        if size < form.near:
            return
        while form.near << level < size:
            level += 1
    for index in range(len(layers)):
        if layers[index].relaxed:
            apply_tile(form, layers[index], tiles[index, level], weights, state, clock)


@inner
def make_room(form: Record, layers: Array, state: Array, clock: Array) -> None:
    """Where a block no longer fits, move the newest rows of every history to its front."""
    shift = clock[0] - form.memory
    if clock[0] + form.block <= form.rows:
        return
    for index in range(len(layers)):
        layer = layers[index]
        for lane in range(form.lanes):
            to = layer.history + lane * layer.history_lane
            for i in range(to, to + form.memory * layer.inputs, 16):
                store(state, i, load(state, i + shift * layer.inputs))
    clock[0] = form.memory


# ------------------------------------------------------------------------------------- sums


@inner
def begin(
    count: int,
    t: int,
    form: Record,
    layers: Array,
    weights: Array,
    state: Array,
    clock: Array,
    guide: Array,
) -> None:
    """Sum what is known of the next `count` steps, up to a multiple of `near`, before the first.

    In this order: the bias and the tiles; the guide; of layers that sum all lags directly, those
    that reach back before these steps. So their weights are read once for several steps.
    """
    row = form.sum_row
    pitch = len(guide) // max(1, form.lanes * form.channels)
    for lane in range(form.lanes):
        sums = form.sums + (lane * form.near + clock[1] % form.near) * row
        for index in range(len(layers)):
            begin_layer(lane, count, sums, row, layers[index], weights, state, clock)
        x = lane * form.channels * pitch + t
        accumulate(
            True, count, layers[-1].place, state, sums, row,
            weights, form.guide, form.channels * 16, guide, x, 1, form.channels, pitch,
        )  # fmt: skip
        for index in range(len(layers)):
            layer = layers[index]
            known = (layer.taps - form.near) * layer.inputs
            x = layer.history + lane * layer.history_lane
            x += (clock[0] + 1 - layer.taps) * layer.inputs
            if not layer.relaxed and known > 0:
                accumulate(
                    not layer.hidden, count, layer.blocks, state, sums + layer.place * 64, row,
                    weights, layer.near, layer.taps * layer.inputs * 16,
                    state, x, layer.inputs, known, 1,
                )  # fmt: skip


@inner
def begin_layer(
    lane: int,
    count: int,
    sums: int,
    row: int,
    layer: Record,
    weights: Array,
    state: Array,
    clock: Array,
) -> None:
    """Write the first chains of a layer's sums: the bias, and what the tiles add to it."""
    for block in range(layer.blocks):
        bias = load(weights, layer.bias + 16 * block)
        y = sums + (layer.place + block) * 64
        older = layer.older + lane * layer.older_lane + (clock[1] * layer.blocks + block) * 16
        for _ in range(count):
            a = bias
            if layer.relaxed:
                a = a + load(state, older)
            store(state, y, a)
            y += row
            older += layer.blocks * 16


@inner
def convolve(form: Record, layer: Record, weights: Array, state: Array, clock: Array) -> None:
    """Add a layer's newest lags to the sums that were begun, and write its outputs."""
    taps = min(layer.taps, form.near)
    if layer.relaxed:
        taps = clock[1] % form.near + 1
    fresh = not layer.hidden and (layer.relaxed or layer.taps <= form.near)
    sums = form.sums + clock[1] % form.near * form.sum_row + layer.place * 64
    row = form.near * form.sum_row
    w = layer.near + (layer.taps - taps) * layer.inputs * 16
    x = layer.history + (clock[0] + 1 - taps) * layer.inputs
    accumulate(
        fresh, form.lanes, layer.blocks, state, sums, row,
        weights, w, layer.taps * layer.inputs * 16,
        state, x, layer.history_lane, taps * layer.inputs, 1,
    )  # fmt: skip
    out = layer.out + clock[0] * layer.out_row
    for lane in range(form.lanes):
        for block in range(layer.blocks):
            x = sums + lane * row + 64 * block
            y = (load(state, x) + load(state, x + 16)) + (load(state, x + 32) + load(state, x + 48))
            if layer.hidden:
                y = relu(y)
            store(state, out + lane * layer.out_lane + 16 * block, y)


@inner
def accumulate(
    fresh: bool,
    rows: int,
    blocks: int,
    state: Array,
    sums: int,
    row: int,
    weights: Array,
    w: int,
    span: int,
    numbers: Array,
    x: int,
    stride: int,
    count: int,
    pitch: int,
) -> None:
    """Add weights @ numbers to rows of sums, which are lanes or steps.

    A sum over `count` numbers is taken in four chains, as one alone would wait for each
    multiply-add to end.

    Where they are `fresh`, all but the first chain begin at zero. Sums are [row][block][chain][16],
    `row` apart; weights [block][number][16], `span` apart; numbers lie `stride` apart from row to
    row, and `pitch` within one.
    """
    whole = rows - rows % ROWS
    for block in range(0, blocks - 1, 2):
        y = sums + 64 * block
        v = w + block * span
        for r in range(0, whole, ROWS):
            add_pair(
                zeros(ROWS), fresh, state, y + r * row, row, weights, v, span,
                numbers, x + r * stride, stride, count, pitch,
            )  # fmt: skip
        for r in range(whole, rows):
            add_pair(
                zeros(1), fresh, state, y + r * row, row, weights, v, span,
                numbers, x + r * stride, stride, count, pitch,
            )  # fmt: skip
    if blocks % 2:
        y = sums + 64 * (blocks - 1)
        v = w + (blocks - 1) * span
        for r in range(0, whole, ROWS):
            add_block(
                zeros(ROWS), fresh, state, y + r * row, row, weights, v,
                numbers, x + r * stride, stride, count, pitch,
            )  # fmt: skip
        for r in range(whole, rows):
            add_block(
                zeros(1), fresh, state, y + r * row, row, weights, v,
                numbers, x + r * stride, stride, count, pitch,
            )  # fmt: skip


@inner
def add_block(
    like: Vectors,
    fresh: bool,
    state: Array,
    sums: int,
    row: int,
    weights: Array,
    w: int,
    numbers: Array,
    x: int,
    stride: int,
    count: int,
    pitch: int,
) -> None:
    """Add to the four chains of a block, for as many rows as `like` has."""
    a = load_rows(like, state, sums, row)
    b = zeros_like(like)
    c = zeros_like(like)
    d = zeros_like(like)
    if not fresh:
        b = load_rows(like, state, sums + 16, row)
        c = load_rows(like, state, sums + 32, row)
        d = load_rows(like, state, sums + 48, row)
    for _ in range(0, count, 4):
        a = fma(load(weights, w), splat_rows(like, numbers, x, stride), a)
        x += pitch
        b = fma(load(weights, w + 16), splat_rows(like, numbers, x, stride), b)
        x += pitch
        c = fma(load(weights, w + 32), splat_rows(like, numbers, x, stride), c)
        x += pitch
        d = fma(load(weights, w + 48), splat_rows(like, numbers, x, stride), d)
        x += pitch
        w += 64
    store_rows(state, sums, row, a)
    store_rows(state, sums + 16, row, b)
    store_rows(state, sums + 32, row, c)
    store_rows(state, sums + 48, row, d)


@inner
def add_pair(
    like: Vectors,
    fresh: bool,
    state: Array,
    sums: int,
    row: int,
    weights: Array,
    w: int,
    span: int,
    numbers: Array,
    x: int,
    stride: int,
    count: int,
    pitch: int,
) -> None:
    """Add to two blocks, two chains of each at a time: a number that is read serves both."""
    for half in range(2):
        a = load_rows(like, state, sums, row)
        b = zeros_like(like)
        c = load_rows(like, state, sums + 64, row)
        d = zeros_like(like)
        if fresh and half > 0:
            a = zeros_like(like)
            c = zeros_like(like)
        if not fresh:
            b = load_rows(like, state, sums + 16, row)
            d = load_rows(like, state, sums + 80, row)
        v = w + 32 * half
        z = x + 2 * pitch * half
        for _ in range(0, count, 4):
            y = splat_rows(like, numbers, z, stride)
            a = fma(load(weights, v), y, a)
            c = fma(load(weights, v + span), y, c)
            y = splat_rows(like, numbers, z + pitch, stride)
            b = fma(load(weights, v + 16), y, b)
            d = fma(load(weights, v + span + 16), y, d)
            v += 64
            z += 4 * pitch
        store_rows(state, sums, row, a)
        store_rows(state, sums + 16, row, b)
        store_rows(state, sums + 64, row, c)
        store_rows(state, sums + 80, row, d)
        sums += 32


# --------------------------------------------------------------------------------- FFT tiles


@inner
def apply_tile(
    form: Record, layer: Record, tile: Record, weights: Array, state: Array, clock: Array
) -> None:
    """Add what the newest `reads` rows contribute to the `writes` sums from this step on."""
    row = clock[0]
    for lane in range(form.lanes):
        x = layer.history + lane * layer.history_lane + (row - tile.reads) * layer.inputs
        transform(form, layer, tile, weights, state, x, form.spectra + lane * form.spectra_lane)
    for block in range(layer.blocks):
        multiply(form, layer, tile, block, weights, state)
        for lane in range(form.lanes):
            y = layer.older + lane * layer.older_lane + (clock[1] * layer.blocks + block) * 16
            restore(form, layer, tile, weights, state, form.products + lane * form.products_lane, y)


@inner
def transform(
    form: Record, layer: Record, tile: Record, weights: Array, state: Array, x: int, spectra: int
) -> None:
    """Write twice the real FFT of the rows at x, [group][bin][16 real | 16 imaginary].

    Two rows make one complex row of an FFT of half the length, whose spectrum is then split
    (Sorensen et al., IEEE TASSP 35(6), 1987). Bin 0 holds DC and Nyquist, not doubled.
    """
    half = tile.length // 2
    for group in range(layer.inputs // 16):
        source = x + 16 * group
        for n in range(half):
            if 2 * n < tile.reads:
                store(state, form.work + 32 * n, load(state, source))
                store(state, form.work + 32 * n + 16, load(state, source + layer.inputs))
                source += 2 * layer.inputs
            else:
                store(state, form.work + 32 * n, zeros(1))
                store(state, form.work + 32 * n + 16, zeros(1))
        z = fft(state, form.work, form.work + 32 * half, half, weights, tile.twiddles)
        f = spectra + group * 32 * (half + 1)
        re = load(state, z)
        im = load(state, z + 16)
        store(state, f, re + im)
        store(state, f + 16, re - im)
        for k in range(1, half // 2 + 1):
            split(state, z, f, k, half, weights, tile.twiddles)


@inner
def restore(
    form: Record, layer: Record, tile: Record, weights: Array, state: Array, products: int, y: int
) -> None:
    """Inverse of `transform`: add the `writes` rows from `reads` on to a block of sums at y.

    The look-back, which comes first in a block, sets them instead.
    """
    half = tile.length // 2
    width = layer.blocks * 16
    # With real and imaginary parts swapped, the forward transform computes the inverse.
    re = load(state, products)
    im = load(state, products + 16)
    store(state, form.work, re - im)
    store(state, form.work + 16, re + im)
    for k in range(1, half // 2 + 1):
        unsplit(state, products, form.work, k, half, weights, tile.twiddles)
    z = fft(state, form.work, form.work + 32 * half, half, weights, tile.twiddles)
    z += 16 * tile.reads
    for _ in range(0, tile.writes, 2):
        even = load(state, z + 16)
        odd = load(state, z)
        if not tile.first:
            even = even + load(state, y)
            odd = odd + load(state, y + width)
        store(state, y, even)
        store(state, y + width, odd)
        y += 2 * width
        z += 32


@inner
def multiply(
    form: Record, layer: Record, tile: Record, block: int, weights: Array, state: Array
) -> None:
    """Write products = weights @ spectra of a block of outputs, bin by bin; bin 0 is two reals.

    The weights are [block][bin][input][16 real | 16 imaginary]: each is read once for all lanes.
    """
    half = tile.length // 2
    w = tile.spectrum + block * half * layer.inputs * 32
    whole = form.lanes - form.lanes % ROWS
    for k in range(half):
        for lane in range(0, whole, ROWS):
            multiply_bin(zeros(ROWS), lane, k, half, form, layer, weights, w, state)
        for lane in range(whole, form.lanes):
            multiply_bin(zeros(1), lane, k, half, form, layer, weights, w, state)
        w += layer.inputs * 32


@inner
def multiply_bin(
    like: Vectors,
    lane: int,
    k: int,
    half: int,
    form: Record,
    layer: Record,
    weights: Array,
    w: int,
    state: Array,
) -> None:
    """Multiply bin k, for as many lanes as `like` has rows, from `lane` on."""
    stride = form.spectra_lane
    a = zeros_like(like)
    b = zeros_like(like)
    c = zeros_like(like)
    d = zeros_like(like)
    for group in range(layer.inputs // 16):
        x = form.spectra + lane * stride + 32 * (group * (half + 1) + k)
        for i in range(x, x + 16):
            wr = load(weights, w)
            wi = load(weights, w + 16)
            xr = splat_rows(like, state, i, stride)
            xi = splat_rows(like, state, i + 16, stride)
            a = fma(wr, xr, a)
            b = fma(wi, xi, b)
            c = fma(wr, xi, c)
            d = fma(wi, xr, d)
            w += 32
    if k > 0:
        a = a - b
        b = c + d
    y = form.products + lane * form.products_lane + 32 * k
    store_rows(state, y, form.products_lane, a)
    store_rows(state, y + 16, form.products_lane, b)
