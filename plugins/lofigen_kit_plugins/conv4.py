"""`conv4`: the small network of the reference implementation, 0.53 M parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import Context, Layers, Model, PresetPath, hookimpl, load_network

if TYPE_CHECKING:
    from lofigen_kit.api import Network


class Conv4(Model):
    """Four causal convolutions with a receptive field of 765 samples; the fastest variant.

    Attributes:
        checkpoint: Trained weights: a bundled name, or a path ending in `.safetensors`.
        layers: Input channels, output channels and taps of each layer. The single output of the
            last one, the reference's regression, is replaced by the outputs of the checkpoint's
            head.
    """

    use: Literal["conv4"] = "conv4"
    checkpoint: PresetPath = "lofi-guided"
    layers: ClassVar[Layers] = (
        (1, 16, 128),
        (16, 64, 256),
        (64, 16, 256),
        (16, 1, 128),
    )

    def load(self, ctx: Context) -> Network:
        """Return the checkpoint's network, checked against `layers`."""
        return load_network(self.use, self.checkpoint, self.layers, root=ctx.root)


@hookimpl
def lofigen_models() -> list[type[Conv4]]:
    """Provide the model."""
    return [Conv4]
