"""The shape of a network, as a checkpoint's header declares it. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lofigen_kit.nn.distribution import MULAW_LEVELS, HeadKind

Layers = tuple[tuple[int, int, int], ...]
"""A network's table: channels in, channels out and taps of each layer."""


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Layer(_Shape):
    """One causal Conv1d: channels in, channels out, taps. Bounds hold for files of any origin."""

    in_channels: int = Field(ge=1, le=1024)
    out_channels: int = Field(ge=1, le=1024)
    kernel: int = Field(ge=1, le=4096)


class NetworkSpec(_Shape):
    """A stack of causal Conv1d with ReLU between, and what its last layer's numbers mean.

    Attributes:
        layers: From the waveform (one channel in) to the head (`head_outputs` channels out).
        head: `mse` (1 output), `mol` (3 * mixtures) or `mulaw` (256).
        mixtures: Logistics in the mixture of a `mol` head.
        guide: Names of the guide's channels, in order; empty for an unguided network.
        input_scale: The waveform is multiplied by this before the first layer.
        sample_rate_hz: The rate of the waveform it models.
    """

    layers: tuple[Layer, ...] = Field(min_length=1, max_length=32)
    head: HeadKind = "mol"
    mixtures: int = Field(default=10, ge=1, le=64)
    guide: tuple[str, ...] = Field(default=(), max_length=256)
    input_scale: float = Field(default=8.0, gt=0, le=1000)
    sample_rate_hz: int = Field(default=8000, ge=1000, le=192_000)

    @property
    def head_outputs(self) -> int:
        """How many numbers the head gives for each sample."""
        return {"mse": 1, "mol": 3 * self.mixtures, "mulaw": MULAW_LEVELS}[self.head]

    @property
    def receptive_field(self) -> int:
        """How many samples of the past one output depends on."""
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
) -> NetworkSpec:
    """Return the spec of a stack tabled as (in, out, kernel), its last layer widened to the head.

    The reference's table ends in one output channel, the conditional mean; a distribution head
    replaces that one channel by its own number of outputs and leaves the rest of the trunk as is.
    """
    outputs = {"mse": 1, "mol": 3 * mixtures, "mulaw": MULAW_LEVELS}[head]
    shapes = [*shapes[:-1], (shapes[-1][0], outputs, shapes[-1][2])]
    layers = tuple(Layer(in_channels=i, out_channels=o, kernel=k) for i, o, k in shapes)
    return NetworkSpec(layers=layers, head=head, mixtures=mixtures, guide=guide)
