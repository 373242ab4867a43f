"""`dilated`: a stack of dilated convolutions as in WaveNet, without its gates."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import Context, Field, Layers, Model, PresetPath, hookimpl, load_network

if TYPE_CHECKING:
    from lofigen_kit.api import Network

_DILATIONS = 2 * (1, 2, 4, 8, 16, 32)
_CHANNELS = 16


class Dilated(Model):
    """Two stacks of six convolutions of two taps with doubling dilation, and a head.

    Two taps `d` samples apart are a kernel of `d + 1` taps with zeros between its ends; the engine
    runs it in this form. Untrained, the network produces noise coloured by its weights.

    Attributes:
        checkpoint: Trained weights, a path ending in `.safetensors`; by default untrained.
        seed: Seed of the untrained weights.
        layers: Input channels, output channels and taps of each layer. The single output of the
            last one is replaced by the outputs of the head.
    """

    use: Literal["dilated"] = "dilated"
    checkpoint: PresetPath | None = None
    seed: int = Field(default=0, ge=0, le=1_000_000)
    layers: ClassVar[Layers] = (
        *((_CHANNELS if i else 1, _CHANNELS, d + 1) for i, d in enumerate(_DILATIONS)),
        (_CHANNELS, 1, 1),
    )

    def load(self, ctx: Context) -> Network:
        """Return the checkpoint's network, or the untrained one."""
        if self.checkpoint is not None:
            return load_network(self.use, self.checkpoint, self.layers, root=ctx.root)
        return self._untrained()

    def _untrained(self) -> Network:
        import numpy as np
        from lofigen_kit.api import assemble_network, expected_shapes, make_stack_spec

        spec = make_stack_spec(self.layers, head="mol", mixtures=2)
        rng = np.random.default_rng(self.seed)
        tensors = {}
        for name, shape in expected_shapes(spec).items():
            tensor = np.zeros(shape, np.float32)
            if name.endswith("weight"):
                # Only the end taps, by He initialisation; the others stay zero.
                ends = [0, -1] if shape[-1] > 1 else [0]
                gain = (2.0 / (shape[1] * len(ends))) ** 0.5
                tensor[..., ends] = gain * rng.standard_normal((*shape[:-1], len(ends)))
            tensors[name] = tensor
        head = f"layers.{len(_DILATIONS)}"
        tensors[f"{head}.weight"] *= 0.02
        tensors[f"{head}.bias"][-2:] = -4.0  # the logistics' widths, about 0.02 of full scale
        return assemble_network(spec, tensors, {"licence": "CC0-1.0"})


@hookimpl
def lofigen_models() -> list[type[Model]]:
    """Provide the model."""
    return [Dilated]
