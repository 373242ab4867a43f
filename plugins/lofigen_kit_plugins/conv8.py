"""`conv8`: the large network of the reference implementation, 21.5 M parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import Context, Layers, Model, PresetPath, hookimpl, load_network

if TYPE_CHECKING:
    from lofigen_kit.api import Network


class Conv8(Model):
    """Eight causal convolutions with a receptive field of 1785 samples; the slowest variant.

    Attributes:
        checkpoint: Trained weights: a bundled name, or a path ending in `.safetensors`.
        layers: Input channels, output channels and taps of each layer. The single output of the
            last one, the reference's regression, is replaced by the outputs of the checkpoint's
            head.
    """

    use: Literal["conv8"] = "conv8"
    checkpoint: PresetPath = "lofi-guided"
    layers: ClassVar[Layers] = (
        (1, 16, 128),
        (16, 64, 256),
        (64, 128, 256),
        (128, 256, 256),
        (256, 128, 256),
        (128, 64, 256),
        (64, 16, 256),
        (16, 1, 128),
    )

    def load(self, ctx: Context) -> Network:
        """Return the checkpoint's network, checked against `layers`."""
        return load_network(self.use, self.checkpoint, self.layers, root=ctx.root)


@hookimpl
def lofigen_models() -> list[type[Conv8]]:
    """Provide the model."""
    return [Conv8]
