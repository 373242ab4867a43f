"""`conv8`: the reference's large network, 21.5 M parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import Context, Layers, Model, PresetPath, hookimpl, load_network

if TYPE_CHECKING:
    from lofigen_kit.api import Network


class Conv8(Model):
    """Eight causal convolutions that hear the last 1785 samples; the slow one.

    Attributes:
        checkpoint: Trained weights: a bundled name, or a path ending in `.safetensors`.
        layers: Channels in, channels out and taps of each layer. The last one's single output,
            the reference's regression, widens to what the checkpoint's head needs.
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
