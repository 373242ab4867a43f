"""Lofi beats played by a small causal Conv1d network, and the tape they are recorded on.

    from lofigen_kit import load_preset, render

    rendering = render(load_preset("lofi-tape"), take=3)
    rendering.audio.samples  # np.ndarray [shape=(2, frames), dtype=float32]

Names are imported when they are first used: `import lofigen_kit` itself costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lofigen_kit.runtime.lazy_imports import lazy_getattr

if TYPE_CHECKING:
    from lofigen_kit.audio.buffer import AudioBuffer
    from lofigen_kit.errors import LofigenError
    from lofigen_kit.music.score import Score
    from lofigen_kit.plugins.loader import load_plugins
    from lofigen_kit.preset.schema import Preset, load_preset
    from lofigen_kit.provenance.save import save
    from lofigen_kit.render.result import Rendering
    from lofigen_kit.render.take import render, render_takes

    __version__: str

__all__ = [
    "AudioBuffer",
    "LofigenError",
    "Preset",
    "Rendering",
    "Score",
    "__version__",
    "load_plugins",
    "load_preset",
    "render",
    "render_takes",
    "save",
]

_find = lazy_getattr(
    __name__,
    {
        "AudioBuffer": "lofigen_kit.audio.buffer",
        "LofigenError": "lofigen_kit.errors",
        "Preset": "lofigen_kit.preset.schema",
        "Rendering": "lofigen_kit.render.result",
        "Score": "lofigen_kit.music.score",
        "load_plugins": "lofigen_kit.plugins.loader",
        "load_preset": "lofigen_kit.preset.schema",
        "render": "lofigen_kit.render.take",
        "render_takes": "lofigen_kit.render.take",
        "save": "lofigen_kit.provenance.save",
    },
)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from lofigen_kit.runtime.version import installed_version

        return installed_version()
    return _find(name)
