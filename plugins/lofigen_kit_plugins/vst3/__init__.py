"""`vst3`: a VST3 plugin as an effect."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from lofigen_kit.api import (
    AudioFormat,
    BlockEffect,
    Context,
    Effect,
    Field,
    InputError,
    Process,
    field_validator,
    hookimpl,
    resolve_inside,
)

if TYPE_CHECKING:
    import numpy as np
    import pedalboard

    from lofigen_kit_plugins.vst3.file import Facts

_MAX_VALUE = 1e9
Value = bool | Annotated[float, Field(ge=-_MAX_VALUE, le=_MAX_VALUE)] | str
"""The value of a plugin's parameter."""

_MAX_LATENCY_S = 1.0
_BLOCK = 8192


class Vst3(BlockEffect):
    """Runs the sound through a VST3 plugin that is installed, or lies in the preset's folder.

    A plugin is machine code that can do anything the user can: run only plugins that you trust. It
    is tried first in a separate process, where it may crash or hang; then it runs in this one. The
    output is reproducible only if the plugin is deterministic: one with its own random numbers, or
    one that reads the clock, sounds different each time. Other systems may give other samples. The
    plugin gets no tempo.

    Attributes:
        path: A `.vst3` in a folder where this system keeps plugins (`~/.vst3/Some.vst3`), or
            relative to the preset's folder.
        plugin_name: Name of the plugin, if the file holds several.
        parameters: Values of its parameters: numbers within their ranges, true or false, or one of
            its texts; others keep the plugin's defaults.
            `python -m lofigen_kit_plugins.vst3.probe PATH` lists them. They cannot be automated.
        ring_s: Upper bound of how long it sounds after the end of the input, and of how long the
            past of a loop influences it.
    """

    use: Literal["vst3"] = "vst3"
    native: ClassVar[bool] = True
    path: str = Field(min_length=1, max_length=4096)
    plugin_name: str | None = Field(default=None, min_length=1, max_length=200)
    parameters: dict[str, Value] = Field(default={}, max_length=1000)
    ring_s: float = Field(default=2.0, ge=0, le=30)

    @field_validator("parameters", mode="before")
    @classmethod
    def _check_settings(cls, values: Any) -> Any:
        if isinstance(values, dict):
            for name, value in values.items():
                number = isinstance(value, bool | int | float) and abs(value) <= _MAX_VALUE
                if not number and not isinstance(value, str):
                    raise ValueError(f"{name} must be a number, a text, true or false")
        return values

    @property
    def tail_s(self) -> float:
        """The user's bound: a plugin may not know it."""
        return self.ring_s

    def latency_frames(self, sound: AudioFormat) -> int:
        """Return an upper bound of the latency of plugins; the output of each is delayed by it."""
        return round(_MAX_LATENCY_S * sound.sample_rate_hz)

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return the plugin, from a clean state.

        If it does not support mono, a mono sound is sent to both channels and the mean of the
        output is returned. If it supports only mono, each channel gets its own instance.

        Raises:
            InputError: if there is no such plugin, it is an instrument, it crashes or hangs when
                tried, or it does not accept the parameters.
        """
        import numpy as np

        from lofigen_kit.api.dsp import PedalboardChain

        path = _find_plugin_file(self.path, ctx.root)
        facts = self._facts(path, sound.sample_rate_hz)
        latency = self.latency_frames(sound)
        if facts.latency_frames > latency:
            raise InputError(
                f"path: {path.name!r} has a latency of {facts.latency_frames} frames: the limit is "
                f"{latency}"
            )

        def make_chain(channels: int) -> PedalboardChain:
            chain_format = replace(sound, channels=channels)
            return PedalboardChain(
                [self._load_instance(path, facts, chain_format)], chain_format, latency
            )

        if sound.channels in facts.channels:
            chain = make_chain(sound.channels)
            return lambda block, _: chain(block)
        if sound.channels == 1 and 2 in facts.channels:
            stereo = make_chain(2)
            return lambda block, _: _mean(stereo(np.repeat(block, 2, axis=0)))
        if 1 in facts.channels:
            chains = [make_chain(1) for _ in range(sound.channels)]
            return lambda block, _: np.concatenate(
                [mono_chain(block[n : n + 1]) for n, mono_chain in enumerate(chains)]
            )
        raise InputError(f"path: {path.name!r} does not support {sound.channels} channels")

    def runs(self, root: Path | None) -> dict[str, str]:
        """Return the plugin's name, with its version and the hash of its machine code."""
        from lofigen_kit_plugins.vst3.file import sha256

        if self.mix == 0.0 and not self.curves:
            return {}
        path = _find_plugin_file(self.path, root)
        facts = self._facts(path)
        return {f"vst3 {facts.name}": f"{facts.version} sha256:{sha256(path)}".strip()}

    def _facts(self, path: Path, rate_hz: int = 44_100) -> Facts:
        from lofigen_kit_plugins.vst3.file import probe_facts

        return probe_facts(path, self.plugin_name, self.parameters, rate_hz)

    def _load_instance(self, path: Path, facts: Facts, sound: AudioFormat) -> pedalboard.VST3Plugin:
        """Return a new instance with its parameters set, and silent.

        pedalboard sends noise through a plugin when it loads it, and some plugins keep it after a
        reset: silence flushes it out.
        """
        import numpy as np
        import pedalboard

        plugin = pedalboard.VST3Plugin(str(path), plugin_name=facts.name)
        for name, value in self.parameters.items():
            setattr(plugin, name, value)
        frames = _BLOCK + round(self.ring_s * sound.sample_rate_hz)
        silence = np.zeros((sound.channels, frames), np.float32)
        plugin.process(silence, sound.sample_rate_hz, _BLOCK, reset=False)
        plugin.reset()  # pedalboard counts frames from here
        return plugin


def _mean(pair: np.ndarray) -> np.ndarray:
    """Return the mean of two channels as one [shape=(1, frames)]."""
    mean: np.ndarray = pair.mean(axis=0, keepdims=True)
    return mean


def _find_plugin_file(path: str, root: Path | None) -> Path:
    """Return the path of a plugin that is installed, or inside the preset's folder.

    Raises:
        InputError: for any other path.
    """
    path = os.path.expanduser(path)  # noqa: PTH111 - no error if there is no home
    absolute = Path(os.path.normpath(path))
    installed = any(absolute.is_relative_to(folder) for folder in _plugin_folders())
    if root is None or (installed and absolute.is_absolute()):
        return absolute
    try:
        return resolve_inside(root, path)
    except InputError as error:
        folders = ", ".join(str(folder) for folder in _plugin_folders())
        raise InputError(
            f"path: {error.message}, and is not installed either",
            remedy=f"name one in {folders}, or put it beside the preset",
        ) from None


def _plugin_folders() -> list[Path]:
    """Return the folders of VST3 plugins on this system, as the VST3 specification defines them."""
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - no error if there is no home
    if sys.platform == "darwin":
        folder = Path("Library", "Audio", "Plug-Ins", "VST3")
        return [home / folder, "/" / folder]
    if sys.platform == "win32":
        programs = os.environ.get("COMMONPROGRAMFILES", r"C:\Program Files\Common Files")
        local = os.environ.get("LOCALAPPDATA", str(home / "AppData" / "Local"))
        return [Path(local, "Programs", "Common", "VST3"), Path(programs, "VST3")]
    return [home / ".vst3", Path("/usr/lib/vst3"), Path("/usr/local/lib/vst3")]


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the host."""
    return [Vst3]
