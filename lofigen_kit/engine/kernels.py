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
from lofigen_kit.engine.simd import (
    constant,
    fma,
    fnma,
    load,
    load_rows,
    relu,
    splat,
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

HALF = np.float32(0.5)
SIN_60 = np.float32(0.75**0.5)

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
        guide: What conditions each step [shape=(steps * lanes * channels,)].
        outputs: Takes the head's numbers [shape=(steps or 0, lanes, head outputs)].
        drawing: Whether to draw samples.
        uniforms: Two random numbers for each draw [shape=(steps or 0, lanes, 2)].
        laws: How to draw each lane [shape=(lanes,)].
        scratch: Room for the draw [shape=(2, head outputs), dtype=float64].
    """
    for t in range(len(samples) - 1):
        catch_up(form, layers, tiles, weights, state, clock)
        for lane in range(form.lanes):
            state[layers[0].history + lane * layers[0].history_lane + clock[0]] = samples[t, lane]
        if form.lanes == 1:
            step(zeros(1), 0, t, form, layers, weights, state, clock, guide)
        else:
            for lane in range(0, form.lanes, ROWS):
                step(zeros(ROWS), lane, t, form, layers, weights, state, clock, guide)
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
            for i in range(to, to + form.memory * layer.inputs):
                state[i] = state[i + shift * layer.inputs]
    clock[0] = form.memory


# ----------------------------------------------------------------------------------- one step


@inner
def step(
    like: Vectors,
    lane: int,
    t: int,
    form: Record,
    layers: Array,
    weights: Array,
    state: Array,
    clock: Array,
    guide: Array,
) -> None:
    """Run every layer once, for as many lanes as `like` has rows, from `lane` on."""
    column = (t * form.lanes + lane) * form.channels
    for index in range(len(layers)):
        convolve(like, lane, form, layers[index], weights, state, clock, guide, column)


@inner
def convolve(
    like: Vectors,
    lane: int,
    form: Record,
    layer: Record,
    weights: Array,
    state: Array,
    clock: Array,
    guide: Array,
    column: int,
) -> None:
    """Write a layer's outputs: bias and older inputs, the guide, the newest lags.

    They are summed in four chains, as one alone would wait for each multiply-add to end.
    """
    taps = layer.taps
    if layer.relaxed:
        taps = clock[1] % form.near + 1
    stride = layer.history_lane
    newest = layer.history + lane * stride + (clock[0] + 1) * layer.inputs
    older = layer.sums + lane * layer.sums_lane + clock[1] * layer.blocks * 16
    out = layer.out + lane * layer.out_lane + clock[0] * layer.out_row
    for block in range(layer.blocks):
        a = load_rows(like, weights, layer.bias + 16 * block, 0)
        b = zeros_like(like)
        c = zeros_like(like)
        d = zeros_like(like)
        if layer.relaxed:
            a = a + load_rows(like, state, older + 16 * block, layer.sums_lane)
        if layer.hidden:
            w = layer.guide + block * form.channels * 16
            for i in range(column, column + form.channels, 4):
                a = fma(load(weights, w), splat_rows(like, guide, i, form.channels), a)
                b = fma(load(weights, w + 16), splat_rows(like, guide, i + 1, form.channels), b)
                c = fma(load(weights, w + 32), splat_rows(like, guide, i + 2, form.channels), c)
                d = fma(load(weights, w + 48), splat_rows(like, guide, i + 3, form.channels), d)
                w += 64
        w = layer.near + ((block + 1) * layer.taps - taps) * layer.inputs * 16
        x = newest - taps * layer.inputs
        while x < newest:
            a = fma(load(weights, w), splat_rows(like, state, x, stride), a)
            b = fma(load(weights, w + 16), splat_rows(like, state, x + 1, stride), b)
            c = fma(load(weights, w + 32), splat_rows(like, state, x + 2, stride), c)
            d = fma(load(weights, w + 48), splat_rows(like, state, x + 3, stride), d)
            w += 64
            x += 4
        y = (a + b) + (c + d)
        if layer.hidden:
            y = relu(y)
        store_rows(state, out + 16 * block, layer.out_lane, y)


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
    if form.lanes == 1:
        multiply(zeros(1), form, layer, tile, weights, state)
    else:
        multiply(zeros(ROWS), form, layer, tile, weights, state)
    for lane in range(form.lanes):
        y = layer.sums + lane * layer.sums_lane + clock[1] * layer.blocks * 16
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
    """Inverse of `transform`: add the `writes` rows from `reads` on to the sums at y.

    The look-back, which comes first in a block, sets them instead.
    """
    half = tile.length // 2
    width = layer.blocks * 16
    for block in range(layer.blocks):
        f = products + block * 32 * (half + 1)
        # With real and imaginary parts swapped, the forward transform computes the inverse.
        re = load(state, f)
        im = load(state, f + 16)
        store(state, form.work, re - im)
        store(state, form.work + 16, re + im)
        for k in range(1, half // 2 + 1):
            unsplit(state, f, form.work, k, half, weights, tile.twiddles)
        z = fft(state, form.work, form.work + 32 * half, half, weights, tile.twiddles)
        z += 16 * tile.reads
        target = y + 16 * block
        for _ in range(0, tile.writes, 2):
            even = load(state, z + 16)
            odd = load(state, z)
            if not tile.first:
                even = even + load(state, target)
                odd = odd + load(state, target + width)
            store(state, target, even)
            store(state, target + width, odd)
            target += 2 * width
            z += 32


@inner
def split(
    state: Array, source: int, to: int, k: int, half: int, weights: Array, turns: int
) -> None:
    """Turn bins k and half - k of a half-length spectrum into twice the real one's."""
    m = 32 * (half - k)
    c = splat(weights, turns + 2 * k)
    s = splat(weights, turns + 2 * k + 1)
    k *= 32
    ar = load(state, source + k)
    ai = load(state, source + k + 16)
    br = load(state, source + m)
    bi = load(state, source + m + 16)
    er = ar + br
    ei = ai - bi
    dr = ar - br
    di = ai + bi
    pr = fma(c, di, s * dr)
    pi = fnma(c, dr, s * di)
    store(state, to + k, er + pr)
    store(state, to + k + 16, ei + pi)
    store(state, to + m, er - pr)
    store(state, to + m + 16, pi - ei)


@inner
def unsplit(
    state: Array, source: int, to: int, k: int, half: int, weights: Array, turns: int
) -> None:
    """Inverse of `split`, doubled once more, with real and imaginary parts swapped."""
    m = 32 * (half - k)
    c = splat(weights, turns + 2 * k)
    s = splat(weights, turns + 2 * k + 1)
    k *= 32
    ar = load(state, source + k)
    ai = load(state, source + k + 16)
    br = load(state, source + m)
    bi = load(state, source + m + 16)
    er = ar + br
    ei = ai - bi
    dr = ar - br
    di = ai + bi
    pr = fnma(c, di, s * dr)
    pi = fma(c, dr, s * di)
    store(state, to + k, ei + pi)
    store(state, to + k + 16, er + pr)
    store(state, to + m, pi - ei)
    store(state, to + m + 16, er - pr)


@inner
def multiply(
    like: Vectors, form: Record, layer: Record, tile: Record, weights: Array, state: Array
) -> None:
    """Write products = weights @ spectra, bin by bin; bin 0 is two real numbers.

    The weights are [bin][block][input][16 real | 16 imaginary]: each is read once for all lanes.
    """
    half = tile.length // 2
    stride = form.spectra_lane
    for k in range(half):
        for lane in range(0, form.lanes, ROWS):
            w = tile.spectrum + k * layer.blocks * layer.inputs * 32
            for block in range(layer.blocks):
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
                y = form.products + lane * form.products_lane + 32 * (block * (half + 1) + k)
                if k > 0:
                    a = a - b
                    b = c + d
                store_rows(state, y, form.products_lane, a)
                store_rows(state, y + 16, form.products_lane, b)


@inner
def fft(state: Array, z: int, spare: int, length: int, weights: Array, turns: int) -> int:
    """Transform `length` complex rows at z, and return where the result is: z or spare.

    Stockham's autosort algorithm, decimation in frequency, radix 4, then 2 and 3, on 16 channels
    at a time. `turns` is a table of exp(-2 pi i k / (2 length)).
    """
    n = length
    while n > 1:
        s = length // n
        if n % 4 == 0:
            pass_4(state, z, spare, n // 4, s, weights, turns)
            n //= 4
        elif n % 2 == 0:
            pass_2(state, z, spare, n // 2, s, weights, turns)
            n //= 2
        else:
            pass_3(state, z, spare, n // 3, s, weights, turns)
            n //= 3
        z, spare = spare, z
    return z


@inner
def put(state: Array, o: int, re: Vectors, im: Vectors, c: Vectors, s: Vectors) -> None:
    """Store (re + i im)(c + i s)."""
    store(state, o, fnma(im, s, re * c))
    store(state, o + 16, fma(im, c, re * s))


@inner
def pass_4(state: Array, z: int, out: int, m: int, s: int, weights: Array, turns: int) -> None:
    """Do one radix-4 pass: m groups of s butterflies."""
    d = 32 * s * m
    o = 32 * s
    for p in range(m):
        t = turns + 4 * s * p
        c1 = splat(weights, t)
        s1 = splat(weights, t + 1)
        t += 4 * s * p
        c2 = splat(weights, t)
        s2 = splat(weights, t + 1)
        t += 4 * s * p
        c3 = splat(weights, t)
        s3 = splat(weights, t + 1)
        i = z + 32 * s * p
        j = out + 128 * s * p
        for _ in range(s):
            ar = load(state, i)
            ai = load(state, i + 16)
            br = load(state, i + d)
            bi = load(state, i + d + 16)
            cr = load(state, i + 2 * d)
            ci = load(state, i + 2 * d + 16)
            dr = load(state, i + 3 * d)
            di = load(state, i + 3 * d + 16)
            er = ar + cr
            ei = ai + ci
            fr = ar - cr
            fi = ai - ci
            gr = br + dr
            gi = bi + di
            hr = br - dr
            hi = bi - di
            store(state, j, er + gr)
            store(state, j + 16, ei + gi)
            put(state, j + o, fr + hi, fi - hr, c1, s1)
            put(state, j + 2 * o, er - gr, ei - gi, c2, s2)
            put(state, j + 3 * o, fr - hi, fi + hr, c3, s3)
            i += 32
            j += 32


@inner
def pass_2(state: Array, z: int, out: int, m: int, s: int, weights: Array, turns: int) -> None:
    """Do one radix-2 pass."""
    d = 32 * s * m
    for p in range(m):
        c = splat(weights, turns + 4 * s * p)
        e = splat(weights, turns + 4 * s * p + 1)
        i = z + 32 * s * p
        j = out + 64 * s * p
        for _ in range(s):
            ar = load(state, i)
            ai = load(state, i + 16)
            br = load(state, i + d)
            bi = load(state, i + d + 16)
            store(state, j, ar + br)
            store(state, j + 16, ai + bi)
            put(state, j + 32 * s, ar - br, ai - bi, c, e)
            i += 32
            j += 32


@inner
def pass_3(state: Array, z: int, out: int, m: int, s: int, weights: Array, turns: int) -> None:
    """Do one radix-3 pass."""
    d = 32 * s * m
    o = 32 * s
    half = constant(HALF)
    sin = constant(SIN_60)
    for p in range(m):
        t = turns + 4 * s * p
        c1 = splat(weights, t)
        s1 = splat(weights, t + 1)
        t += 4 * s * p
        c2 = splat(weights, t)
        s2 = splat(weights, t + 1)
        i = z + 32 * s * p
        j = out + 96 * s * p
        for _ in range(s):
            ar = load(state, i)
            ai = load(state, i + 16)
            br = load(state, i + d)
            bi = load(state, i + d + 16)
            cr = load(state, i + 2 * d)
            ci = load(state, i + 2 * d + 16)
            er = br + cr
            ei = bi + ci
            fr = fnma(half, er, ar)
            fi = fnma(half, ei, ai)
            gr = sin * (br - cr)
            gi = sin * (bi - ci)
            store(state, j, ar + er)
            store(state, j + 16, ai + ei)
            put(state, j + o, fr + gi, fi - gr, c1, s1)
            put(state, j + 2 * o, fr - gi, fi + gr, c2, s2)
            i += 32
            j += 32
