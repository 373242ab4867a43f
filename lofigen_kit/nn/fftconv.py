"""Causal convolution by overlap-save FFT, for training: the result of Conv1d in less time.

For a layer of 256 taps, direct convolution takes 256 multiplications per sample and channel pair.
In blocks of N = 768 samples, each with N - K + 1 outputs, the FFT takes a few (Stockham's
overlap-save). The gradients are convolutions too and reuse the spectra.

Which method is faster depends on the layer and the machine. `choose_method` decides by the shape,
and `measure_methods` measures both at the start of a training. The two methods round differently,
so the choice affects the exact bits of a training.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import Any, Literal, cast

import torch
from torch import Tensor
from torch.nn import functional

from lofigen_kit.nn.spec import NetworkSpec

Method = Literal["fft", "direct"]
METHODS: tuple[Method, Method] = ("fft", "direct")
BLOCK = 768
MARGIN = 3.0
"""How many times faster the unusual method must be to be chosen: smaller differences may be
measurement noise, and would make bits differ between machines without need."""
TRIAL_FRAMES = 2048
MAX_TRIAL_WEIGHTS = 1 << 22
"""For more weights, measuring a direct convolution on a CPU takes too long."""


class _CausalFFTConv(torch.autograd.Function):
    """Spectra are laid out as (bin, batch * blocks, channel): one complex matmul per bin."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, block: int) -> Tensor:
        batch, _, frames = x.shape
        outputs, channels, taps = weight.shape
        hop = block - taps + 1
        blocks = -(-frames // hop)
        padded = functional.pad(x, (taps - 1, blocks * hop - frames))
        windows = padded.unfold(2, block, hop)  # (batch, channel, blocks, block)
        x_spec = torch.fft.rfft(windows).permute(3, 0, 2, 1).reshape(-1, batch * blocks, channels)
        # Conv1d correlates, hence the conjugate: (bin, channel, output).
        w_spec = torch.fft.rfft(weight, n=block).conj().permute(2, 1, 0).contiguous()
        y_spec = torch.bmm(x_spec, w_spec).reshape(-1, batch, blocks, outputs)
        y = torch.fft.irfft(y_spec.permute(1, 3, 2, 0), n=block)[..., :hop]
        ctx.save_for_backward(x_spec, w_spec)
        ctx.shape = (batch, channels, outputs, taps, frames, block)
        return cast("Tensor", y.reshape(batch, outputs, blocks * hop)[..., :frames])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor, None]:
        x_spec, w_spec = ctx.saved_tensors
        batch, channels, outputs, taps, frames, block = ctx.shape
        hop = block - taps + 1
        blocks = -(-frames // hop)
        padded = functional.pad(grad, (0, blocks * hop - frames))
        hops = padded.reshape(batch, outputs, blocks, hop)
        g_spec = torch.fft.rfft(hops, n=block).permute(3, 0, 2, 1)
        g_spec = g_spec.reshape(-1, batch * blocks, outputs)
        # weight[k] saw x[t + k]: the correlation of x with the gradient.
        w_grad = torch.fft.irfft(torch.bmm(g_spec.mH, x_spec).permute(1, 2, 0), n=block)[..., :taps]
        x_grad = None
        if ctx.needs_input_grad[0]:
            spread = torch.bmm(g_spec, w_spec.mH).reshape(-1, batch, blocks, channels)
            windows = torch.fft.irfft(spread.permute(1, 3, 2, 0), n=block)
            x_grad = _overlap_add(windows, hop)[..., taps - 1 : taps - 1 + frames]
        return x_grad, w_grad.contiguous(), None


def _overlap_add(windows: Tensor, hop: int) -> Tensor:
    """Return the sum of windows [shape=(batch, channel, blocks, block)] at steps of `hop`."""
    batch, channels, blocks, block = windows.shape
    columns = windows.permute(0, 1, 3, 2).reshape(batch * channels, block, blocks)
    length = (blocks - 1) * hop + block
    summed = functional.fold(columns, (1, length), (1, block), stride=(1, hop))
    return summed.reshape(batch, channels, length)


def causal_conv1d(
    x: Tensor, weight: Tensor, *, method: Method | None = None, block: int = BLOCK
) -> Tensor:
    """Return the causal convolution of x, left-padded with zeros, without bias.

    Args:
        x: [shape=(batch, in, frames)].
        weight: [shape=(out, in, taps)], the oldest tap first, as in Conv1d.
        method: `fft` or `direct`; None chooses by `choose_method`.
        block: FFT size; at least twice the number of taps is used.

    Returns:
        [shape=(batch, out, frames)].
    """
    outputs, channels, taps = weight.shape
    if (method or choose_method(channels, outputs, taps, x.device.type)) == "fft":
        # Under autocast x may have half precision, which the FFT does not support.
        return causal_fft_conv1d(x.to(weight.dtype), weight, block=block)
    return functional.conv1d(functional.pad(x, (taps - 1, 0)), weight)


def causal_fft_conv1d(x: Tensor, weight: Tensor, *, block: int = BLOCK) -> Tensor:
    """Return the causal convolution by FFT, for any widths and device; see `causal_conv1d`."""
    apply = cast("Callable[[Tensor, Tensor, int], Tensor]", _CausalFFTConv.apply)
    return apply(x, weight, max(block, 2 * weight.shape[2]))


def choose_method(channels: int, outputs: int, taps: int, device: str) -> Method:
    """Return `fft` for wide layers on a CPU, else `direct`.

    Args:
        channels: Input channels of the layer.
        outputs: Output channels.
        taps: Kernel length.
        device: `cpu` or `cuda`.
    """
    return "fft" if device == "cpu" and outputs * channels >= 256 and taps >= 32 else "direct"


def measure_methods(
    spec: NetworkSpec, *, batch: int, frames: int, device: str
) -> tuple[Method, ...]:
    """Return the method for each layer: the usual one, unless the other is much faster here.

    Args:
        spec: Shape of the network; each of its layers is run forwards and backwards both ways.
        batch: Crops per update.
        frames: Length of a crop.
        device: `cpu` or `cuda`; on a CPU a slice of the batch is measured, in processor time.
    """

    @cache
    def method(channels: int, outputs: int, taps: int) -> Method:
        usual = choose_method(channels, outputs, taps, device)
        if device == "cpu" and channels * outputs * taps > MAX_TRIAL_WEIGHTS:
            return usual
        rows, length = (min(batch, 2), min(frames, TRIAL_FRAMES)) if device == "cpu" else (
            batch, frames
        )  # fmt: skip
        x = torch.ones(rows, channels, length, device=device, requires_grad=True)
        weight = torch.ones(outputs, channels, taps, device=device, requires_grad=True)
        other: Method = "direct" if usual == "fft" else "fft"
        return (
            other if MARGIN * _measure_s(x, weight, other) < _measure_s(x, weight, usual) else usual
        )

    return tuple(method(n.in_channels, n.out_channels, n.kernel) for n in spec.layers)


def _measure_s(x: Tensor, weight: Tensor, method: Method) -> float:
    """Return the shortest time of three runs forwards and backwards, or of one long run."""
    clock = time.process_time if x.device.type == "cpu" else time.perf_counter
    shortest_s = float("inf")
    for _ in range(3):
        start = clock()
        y = causal_conv1d(x, weight, method=method)
        torch.autograd.grad(y, (x, weight), torch.ones_like(y))
        if x.device.type != "cpu":
            torch.cuda.synchronize()
        shortest_s = min(shortest_s, clock() - start)
        if shortest_s > 0.2:
            break
    return shortest_s
