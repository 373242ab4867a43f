"""`conv4`: the reference's small network, 0.53 M parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import Context, Layers, Model, PresetPath, hookimpl, load_network

if TYPE_CHECKING:
    from lofigen_kit.api import Network


class Conv4(Model):
    """Four causal convolutions that hear the last 765 samples; the fast one.

    Attributes:
        checkpoint: Trained weights: a bundled name, or a path ending in `.safetensors`.
        layers: Channels in, channels out and taps of each layer. The last one's single output,
            the reference's regression, widens to what the checkpoint's head needs.
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
