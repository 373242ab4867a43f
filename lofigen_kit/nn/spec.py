"""The shape of a network, as declared in the header of a checkpoint. It imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lofigen_kit.nn.distribution import MULAW_LEVELS, HeadKind

Layers = tuple[tuple[int, int, int], ...]
"""For each layer: input channels, output channels and taps."""


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Layer(_Shape):
    """One causal Conv1d: input channels, output channels and taps, bounded against bad files."""

    in_channels: int = Field(ge=1, le=1024)
    out_channels: int = Field(ge=1, le=1024)
    kernel: int = Field(ge=1, le=4096)


class NetworkSpec(_Shape):
    """A stack of causal Conv1d with ReLU between them, and the meaning of its outputs.

    Attributes:
        layers: From the waveform (one input channel) to the head (`head_outputs` output channels).
        head: `mse` (1 output), `mol` (3 * mixtures) or `mulaw` (256).
        mixtures: Number of logistics in the mixture of a `mol` head.
        guide: Names of the conditioning channels, in order; empty for an unconditioned network.
        input_scale: Factor of the waveform before the first layer.
        sample_rate_hz: Sample rate of the waveform.
    """

    layers: tuple[Layer, ...] = Field(min_length=1, max_length=32)
    head: HeadKind = "mol"
    mixtures: int = Field(default=10, ge=1, le=64)
    guide: tuple[str, ...] = Field(default=(), max_length=256)
    input_scale: float = Field(default=8.0, gt=0, le=1000)
    sample_rate_hz: int = Field(default=8000, ge=1000, le=192_000)

    @property
    def head_outputs(self) -> int:
        """The number of outputs of the head per sample."""
        return {"mse": 1, "mol": 3 * self.mixtures, "mulaw": MULAW_LEVELS}[self.head]

    @property
    def receptive_field(self) -> int:
        """The number of past samples that influence an output."""
        return 1 + sum(layer.kernel - 1 for layer in self.layers)

    @model_validator(mode="after")
    def _check_layers(self) -> Self:
        widths = [1] + [layer.out_channels for layer in self.layers]
        for index, layer in enumerate(self.layers):
            if layer.in_channels != widths[index]:
                raise ValueError(
                    f"layer {index} takes {layer.in_channels} channels but gets {widths[index]}"
                )
        if widths[-1] != self.head_outputs:
            raise ValueError(
                f"the last layer gives {widths[-1]} numbers, head {self.head!r} needs "
                f"{self.head_outputs}"
            )
        return self


def make_stack_spec(
    shapes: Sequence[tuple[int, int, int]],
    *,
    head: HeadKind = "mol",
    mixtures: int = 10,
    guide: tuple[str, ...] = (),
    sample_rate_hz: int = 8000,
) -> NetworkSpec:
    """Return the spec of a stack whose last layer is widened to the head.

    The table of the reference implementation ends in one output channel, the conditional mean. A
    distribution head replaces that channel by its own outputs; the other layers stay the same.

    Args:
        shapes: For each layer: input channels, output channels and taps.
        head: `mse`, `mol` or `mulaw`.
        mixtures: Number of logistics of a `mol` head.
        guide: Names of the conditioning channels.
        sample_rate_hz: Sample rate of the waveform.
    """
    outputs = {"mse": 1, "mol": 3 * mixtures, "mulaw": MULAW_LEVELS}[head]
    shapes = [*shapes[:-1], (shapes[-1][0], outputs, shapes[-1][2])]
    layers = tuple(Layer(in_channels=i, out_channels=o, kernel=k) for i, o, k in shapes)
    return NetworkSpec(
        layers=layers, head=head, mixtures=mixtures, guide=guide, sample_rate_hz=sample_rate_hz
    )
