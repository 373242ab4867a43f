"""`conv6`: the middle network of the reference implementation, 4.7 M parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import Context, Layers, Model, PresetPath, hookimpl, load_network

if TYPE_CHECKING:
    from lofigen_kit.api import Network


class Conv6(Model):
    """Six causal convolutions with a receptive field of 1275 samples.

    Attributes:
        checkpoint: Trained weights: a bundled name, or a path ending in `.safetensors`.
        layers: Input channels, output channels and taps of each layer. The single output of the
            last one, the reference's regression, is replaced by the outputs of the checkpoint's
            head.
    """

    use: Literal["conv6"] = "conv6"
    checkpoint: PresetPath = "lofi-guided"
    layers: ClassVar[Layers] = (
        (1, 16, 128),
        (16, 64, 256),
        (64, 128, 256),
        (128, 64, 256),
        (64, 16, 256),
        (16, 1, 128),
    )

    def load(self, ctx: Context) -> Network:
        """Return the checkpoint's network, checked against `layers`."""
        return load_network(self.use, self.checkpoint, self.layers, root=ctx.root)


@hookimpl
def lofigen_models() -> list[type[Conv6]]:
    """Provide the model."""
    return [Conv6]
