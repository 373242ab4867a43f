"""`vst3`: a plugin of the producer's own in the rack."""

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

_LARGEST = 1e9
Value = bool | Annotated[float, Field(ge=-_LARGEST, le=_LARGEST)] | str
"""What a plugin's parameter may be set to."""

_LONGEST_LATENCY_S = 1.0
_BLOCK = 8192


class Vst3(BlockEffect):
    """Runs the sound through a VST3 plugin that is installed here, or lies beside the preset.

    A plugin is machine code, which can do whatever you can: run those you trust. It is tried
    first in a process of its own, where it may crash or hang; then it runs within this one. What
    it gives is the same again as far as it is alike itself: one that draws from its own chance, or
    asks the clock, sounds different each time, and none is bound to sound alike on other systems.
    It hears no tempo.

    Attributes:
        path: A `.vst3` in a folder where this system keeps plugins (`~/.vst3/Some.vst3`), or
            relative to the preset's folder.
        plugin_name: Which one, where the file holds several.
        parameters: Its settings: numbers within their ranges, true or false, or one of its texts;
            what is not named stays as the plugin has it. `python -m
            lofigen_kit_plugins.vst3.probe PATH` lists them. They do not move.
        ring_s: At most how long it sounds on after the sound has ended, and remembers of a loop.
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
                number = isinstance(value, bool | int | float) and abs(value) <= _LARGEST
                if not number and not isinstance(value, str):
                    raise ValueError(f"{name} is to be a number, a text, true or false")
        return values

    @property
    def tail_s(self) -> float:
        """As long as the user says: a plugin need not know."""
        return self.ring_s

    def latency_frames(self, sound: AudioFormat) -> int:
        """Return a bound of what plugins hold back; one that holds back less is held up."""
        return round(_LONGEST_LATENCY_S * sound.sample_rate_hz)

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return the plugin, from a clean state.

        Where it takes no mono it hears the sound on both sides, of which the mean is returned;
        where it takes nothing else, each channel has one of its own.

        Raises:
            InputError: where there is no such plugin, it is an instrument, crashes or hangs as it
                is tried, or will not be set so.
        """
        import numpy as np

        from lofigen_kit.api.dsp import PedalboardChain

        path = _find_plugin_file(self.path, ctx.root)
        facts = self._facts(path, sound.sample_rate_hz)
        late = self.latency_frames(sound)
        if facts.latency_frames > late:
            raise InputError(
                f"path: {path.name!r} is {facts.latency_frames} frames late: {late} are the limit"
            )

        def board(channels: int) -> PedalboardChain:
            heard = replace(sound, channels=channels)
            return PedalboardChain([self._load_instance(path, facts, heard)], heard, late)

        if sound.channels in facts.channels:
            whole = board(sound.channels)
            return lambda block, _: whole(block)
        if sound.channels == 1 and 2 in facts.channels:
            pair = board(2)
            return lambda block, _: _mean(pair(np.repeat(block, 2, axis=0)))
        if 1 in facts.channels:
            each = [board(1) for _ in range(sound.channels)]
            return lambda block, _: np.concatenate(
                [one(block[n : n + 1]) for n, one in enumerate(each)]
            )
        raise InputError(f"path: {path.name!r} takes no sound of {sound.channels} channels")

    def runs(self, root: Path | None) -> dict[str, str]:
        """Return the plugin's name, its version, and the hash of its machine code."""
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
        """Return a new instance, set and silent.

        pedalboard lets it hear noise as it is loaded, which not every plugin forgets when it is
        told to: silence drives it out.
        """
        import numpy as np
        import pedalboard

        plugin = pedalboard.VST3Plugin(str(path), plugin_name=facts.name)
        for name, value in self.parameters.items():
            setattr(plugin, name, value)
        frames = _BLOCK + round(self.ring_s * sound.sample_rate_hz)
        silence = np.zeros((sound.channels, frames), np.float32)
        plugin.process(silence, sound.sample_rate_hz, _BLOCK, reset=False)
        plugin.reset()  # the frames that went through it until now are counted no more
        return plugin


def _mean(pair: np.ndarray) -> np.ndarray:
    mean: np.ndarray = pair.mean(axis=0, keepdims=True)
    return mean


def _find_plugin_file(path: str, root: Path | None) -> Path:
    """Return the file of a plugin that is installed, or that lies within the preset's folder.

    Raises:
        InputError: for any other.
    """
    path = os.path.expanduser(path)  # noqa: PTH111 - no home is no error
    here = Path(os.path.normpath(path))
    installed = any(here.is_relative_to(folder) for folder in _plugin_folders())
    if root is None or (installed and here.is_absolute()):
        return here
    try:
        return resolve_inside(root, path)
    except InputError as error:
        folders = ", ".join(str(folder) for folder in _plugin_folders())
        raise InputError(
            f"path: {error.message}, and is not installed either",
            remedy=f"name one in {folders}, or put it beside the preset",
        ) from None


def _plugin_folders() -> list[Path]:
    """Return where this system keeps VST3 plugins, as their format prescribes it."""
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - no home is no error
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
