"""The compiled FFT, on 16 channels at a time; two real rows make one complex row.

A complex row is 16 real parts and 16 imaginary ones. `turns` is where a table of
exp(-2 pi i k / (2 length)) begins in the weights.
"""

# ruff: noqa: PLR0917 - compiled kernels take plain positional arguments

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from lofigen_kit.engine.compiling import inner
from lofigen_kit.engine.simd import constant, fma, fnma, load, splat, store

Array: TypeAlias = np.ndarray
Vectors: TypeAlias = Any

HALF = np.float32(0.5)
SIN_60 = np.float32(0.75**0.5)


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
