"""Tries a VST3 plugin in a process of its own, which it may take down, and says what it is.

    python -m lofigen_kit_plugins.vst3.probe Some.vst3 --rate-hz 48000

prints its parameters, with what each of them takes, as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pedalboard

_BLOCK = 8192
_LEVEL = 0.5


def probe_plugin(
    path: str, name: str | None = None, rate_hz: int = 44_100, settings: Mapping[str, Any] = {}
) -> dict[str, Any]:
    """Return what a file holds, and of one plugin in it all that one needs to know to run it.

    Silence and noise go through it, in mono and in stereo: many a plugin loads, and crashes there.

    Args:
        path: The file or bundle.
        name: Which of its plugins; None for the only one. Where that names none, `plugins` is all
            that is returned.
        rate_hz: Frames a second.
        settings: What to set parameters to; what cannot be set so is left as it is.
    """
    import pedalboard

    names = pedalboard.VST3Plugin.get_plugin_names_for_file(path)
    chosen = names[0] if name is None and len(names) == 1 else name
    if chosen not in names:
        return {"plugins": names}
    plugin: Any = pedalboard.VST3Plugin(path, plugin_name=chosen)
    parameters = {n: _range(p) for n, p in plugin.parameters.items()}
    for parameter, value in settings.items():
        if parameter in parameters:
            with suppress(ValueError, TypeError):
                setattr(plugin, parameter, value)
    effect = plugin.is_effect and not plugin.is_instrument
    return {
        "plugins": names,
        "name": chosen,
        "version": plugin.version,
        "effect": effect,
        "parameters": parameters,
        "channels": [n for n in (1, 2) if effect and _accepts_channels(plugin, n, rate_hz)],
        "latency_frames": plugin.reported_latency_samples,
    }


def _range(parameter: Any) -> dict[str, Any]:
    """Return what a parameter takes: true or false, a number within a range, or one of texts."""
    if parameter.type is bool:
        return {"type": "bool"}
    if parameter.type is float:
        low, high, _ = parameter.range
        return {"type": "number", "minimum": low, "maximum": high, "unit": parameter.label}
    return {"type": "text", "values": parameter.valid_values}


def _accepts_channels(plugin: pedalboard.VST3Plugin, channels: int, rate_hz: int) -> bool:
    """Return whether a plugin takes so many channels; let it hear silence and noise in them."""
    import numpy as np

    noise = np.random.default_rng(0).uniform(-_LEVEL, _LEVEL, (channels, _BLOCK))
    plugin.reset()
    try:
        for sound in (np.zeros_like(noise), noise):
            plugin.process(sound.astype(np.float32), rate_hz, _BLOCK, reset=False)
    except ValueError:  # that is how pedalboard says so
        return False
    return True


def main() -> None:
    """Print what is asked for on the standard output, and nothing else: plugins print too."""
    parser = argparse.ArgumentParser(description="Say what a VST3 plugin is, as JSON.")
    parser.add_argument("path")
    parser.add_argument("--name", help="which of the file's plugins")
    parser.add_argument("--rate-hz", type=int, default=44_100)
    parser.add_argument("--settings", type=json.loads, default={}, help="its parameters, as JSON")
    asked = parser.parse_args()
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as answer:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        json.dump(probe_plugin(asked.path, asked.name, asked.rate_hz, asked.settings), answer)


if __name__ == "__main__":
    main()
