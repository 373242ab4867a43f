"""Where a training computes, and how: device, precision, kind of convolution, processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

from lofigen_kit.errors import InputError
from lofigen_kit.nn.fftconv import METHODS, Method, measure_methods
from lofigen_kit.nn.spec import NetworkSpec
from lofigen_kit.training.distributed import DistributedContext

Precision = Literal["float32", "bf16"]


@dataclass(frozen=True)
class Hardware:
    """Where a training computes, and how.

    Attributes:
        device: `cpu` or `cuda`.
        precision: `bf16` computes the network in bfloat16 by autocast; weights stay float32.
        convolution: How each layer convolves; None is the default way, `auto` measures it at the
            start. A training that resumes keeps what it began with.
        processes: The processes that share each batch.
    """

    device: str = "cpu"
    precision: Precision = "float32"
    convolution: Sequence[Method] | Literal["auto"] | None = None
    processes: DistributedContext = DistributedContext()  # noqa: RUF009 - frozen

    def choose_methods(self, spec: NetworkSpec, *, batch: int, frames: int) -> list[Method] | None:
        """Return how each layer convolves, measured if that is asked for; None is the default way.

        Args:
            spec: The network's shape.
            batch: Crops in one update, over all processes.
            frames: Length of a crop.
        """
        if self.convolution != "auto":
            return None if self.convolution is None else list(self.convolution)
        count = max(1, batch // self.processes.count)
        measured = measure_methods(spec, batch=count, frames=frames, device=self.device)
        numbers = [METHODS.index(method) for method in measured]
        return [METHODS[n] for n in self.processes.broadcast_numbers(numbers, self.device)]


def choose_precision(
    asked: Literal["auto", "float32", "bf16"], device: str, *, where: str
) -> Precision:
    """Return the precision on a device.

    Args:
        asked: `auto` is bf16 on CUDA and float32 elsewhere.
        device: `cpu` or `cuda`.
        where: Where it was asked for, for the message.

    Raises:
        InputError: for bf16 without CUDA.
    """
    if asked == "bf16" and device != "cuda":
        raise InputError("bf16 needs CUDA", where=where, remedy="use float32 or auto")
    if asked == "auto":
        return "bf16" if device == "cuda" else "float32"
    return asked


def parse_convolution(text: str, layers: int, *, where: str) -> list[Method] | Literal["auto"]:
    """Read `auto`, one method for all layers, or one for each: `direct,fft,fft,fft`.

    Args:
        text: As it was given.
        layers: How many the network has.
        where: Where it was given, for the message.

    Raises:
        InputError: for anything else.
    """
    if text == "auto":
        return "auto"
    methods = text.split(",")
    if len(methods) == 1:
        methods *= layers
    if len(methods) != layers or not set(methods) <= set(METHODS):
        raise InputError(
            f"{text!r} is neither auto, fft or direct, nor one of fft and direct for each of the "
            f"{layers} layers",
            where=where,
        )
    return cast("list[Method]", methods)
