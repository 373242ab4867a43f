"""Tries a VST3 plugin in a separate process, which it may crash, and reports facts about it.

    python -m lofigen_kit_plugins.vst3.probe Some.vst3 --rate-hz 48000

prints its parameters, with their types and ranges, as JSON.
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
    """Return the plugins in a file, and all facts that are needed to run one of them.

    Silence and noise are sent through it, in mono and in stereo: many plugins load and crash then.

    Args:
        path: The file or bundle.
        name: Name of the plugin; None if the file holds only one. If there is no such plugin, only
            `plugins` is returned.
        rate_hz: Sample rate.
        settings: Values of its parameters; those it does not accept are left as they are.

    Returns:
        `plugins` (names), `name`, `version`, `effect` (whether it is one), `parameters`, `channels`
        (of 1 and 2) and `latency_frames`.
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
    """Return the type of a parameter: a boolean, a number with its range, or a list of texts."""
    if parameter.type is bool:
        return {"type": "bool"}
    if parameter.type is float:
        low, high, _ = parameter.range
        return {"type": "number", "minimum": low, "maximum": high, "unit": parameter.label}
    return {"type": "text", "values": parameter.valid_values}


def _accepts_channels(plugin: pedalboard.VST3Plugin, channels: int, rate_hz: int) -> bool:
    """Return whether a plugin supports a number of channels, tested by silence and noise."""
    import numpy as np

    noise = np.random.default_rng(0).uniform(-_LEVEL, _LEVEL, (channels, _BLOCK))
    plugin.reset()
    try:
        for sound in (np.zeros_like(noise), noise):
            plugin.process(sound.astype(np.float32), rate_hz, _BLOCK, reset=False)
    except ValueError:  # pedalboard's way to refuse
        return False
    return True


def main() -> None:
    """Print the facts on standard output; the plugin's own output goes to standard error."""
    parser = argparse.ArgumentParser(description="Print facts about a VST3 plugin as JSON.")
    parser.add_argument("path")
    parser.add_argument("--name", help="which of the file's plugins")
    parser.add_argument("--rate-hz", type=int, default=44_100)
    parser.add_argument("--settings", type=json.loads, default={}, help="its parameters, as JSON")
    arguments = parser.parse_args()
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as output:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        json.dump(
            probe_plugin(arguments.path, arguments.name, arguments.rate_hz, arguments.settings),
            output,
        )


if __name__ == "__main__":
    main()
