"""What is known of a plugin's file, from a process that was let to crash on it."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lofigen_kit.api import InputError, did_you_mean

PATIENCE_S = 30.0
"""How long a plugin may take to load and to play a moment of silence and of noise."""

_MOST_TEXTS = 8


@dataclass(frozen=True)
class Facts:
    """One plugin.

    Attributes:
        name: Its own name.
        version: As it says.
        channels: How many it takes, of one and two.
        latency_frames: How much later a sound comes out of it, set as it is to be.
    """

    name: str
    version: str
    channels: tuple[int, ...]
    latency_frames: int


def probe_facts(
    path: Path, name: str | None, settings: Mapping[str, bool | float | str], rate_hz: int
) -> Facts:
    """Return what is known of a plugin; a file is tried once in a process, until it changes.

    Args:
        path: The file or bundle.
        name: Which of its plugins; None for the only one.
        settings: What its parameters are to be set to.
        rate_hz: Frames a second that it is to run at.

    Raises:
        InputError: naming the file, for what is no plugin, crashes, hangs, is an instrument, or
            cannot be set so.
    """
    if path.suffix.lower() != ".vst3" or not path.exists():
        raise InputError(
            f"path: there is no VST3 plugin {str(path)!r}", remedy="name a file or bundle .vst3"
        )
    stamp = tuple(binary.stat().st_mtime_ns for binary in _binaries(path))
    found, trouble = _run_probe(path.absolute(), stamp, name, json.dumps(settings), rate_hz)
    if trouble:
        raise InputError(f"path: {path.name!r} {trouble}", remedy="name another plugin")
    if "name" not in found:
        names = found["plugins"]
        listed = f"it holds {', '.join(map(repr, names))}"
        if name is None:
            raise InputError(
                f"plugin_name: {path.name!r} holds {len(names)} plugins",
                remedy=f"name one: {listed}",
            )
        raise InputError(
            f"plugin_name: {path.name!r} holds no plugin {name!r}",
            remedy=did_you_mean(name, names, otherwise=listed),
        )
    if not found["effect"]:
        raise InputError(
            f"path: {found['name']!r} is no effect: instruments cannot stand in the rack",
            remedy="name an effect",
        )
    _check_parameter_values(found["name"], found["parameters"], settings)
    return Facts(found["name"], found["version"], tuple(found["channels"]), found["latency_frames"])


def _check_parameter_values(
    plugin: str,
    parameters: Mapping[str, Mapping[str, Any]],
    settings: Mapping[str, bool | float | str],
) -> None:
    """Check what parameters are to be set to against what each of them takes."""
    for name, value in settings.items():
        if name not in parameters:
            known = ", ".join(parameters) or "none"
            raise InputError(
                f"parameters: {plugin!r} has no parameter {name!r}",
                remedy=did_you_mean(name, parameters, otherwise=f"it has {known}"),
            )
        _check_value(name, value, parameters[name])


def _check_value(name: str, value: bool | float | str, takes: Mapping[str, Any]) -> None:
    """Check one value against what its parameter takes."""
    what = f"parameters.{name}: {json.dumps(value, ensure_ascii=False)}"
    if takes["type"] == "bool":
        if not isinstance(value, bool):
            raise InputError(f"{what} is not true or false")
    elif takes["type"] == "number":
        low, high = takes["minimum"], takes["maximum"]
        unit = f" {takes['unit']}" if takes["unit"] else ""
        remedy = f"give {low:g} to {high:g}{unit}"
        if isinstance(value, bool | str):
            raise InputError(f"{what} is not a number", remedy=remedy)
        if not low <= value <= high:
            raise InputError(f"{what} is out of range", remedy=remedy)
    elif value not in takes["values"]:
        texts = [json.dumps(text, ensure_ascii=False) for text in takes["values"]]
        more = ", ..." if len(texts) > _MOST_TEXTS else ""
        listed = f"give one of {', '.join(texts[:_MOST_TEXTS])}{more}"
        raise InputError(
            f"{what} is not one of its texts",
            remedy=did_you_mean(str(value), takes["values"], otherwise=listed),
        )


@cache
def _run_probe(
    path: Path,
    stamp: tuple[int, ...],  # noqa: ARG001 - a key of the cache
    name: str | None,
    settings: str,
    rate_hz: int,
) -> tuple[dict[str, Any], str]:
    """Return what the process says of a plugin, and what is wrong with it, one of them empty."""
    # Not from the current directory, where a stranger's `json.py` may lie: -P.
    command = [sys.executable, "-P", "-m", "lofigen_kit_plugins.vst3.probe", str(path)]
    command += ["--settings", settings, "--rate-hz", str(rate_hz)]
    command += [f"--name={name}"] if name else []
    try:
        done = subprocess.run(  # noqa: S603 - itself
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {}, f"was not ready after {PATIENCE_S:g} s as it was tried"
    if done.returncode not in (0, 1):
        return {}, f"crashes ({_reason(done.returncode)})"
    try:
        return json.loads(done.stdout), ""
    except ValueError:  # an exception of pedalboard's, or a plugin that ends its host
        return {}, "is no VST3 plugin that can be loaded here"


def _reason(code: int) -> str:
    """Return why a process ended, of a signal or of its own accord."""
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"code {code:#x}"


def sha256(path: Path) -> str:
    """Return the hash of a plugin's machine code."""
    digest = hashlib.sha256()
    for binary in _binaries(path):
        with binary.open("rb") as file:
            hashlib.file_digest(file, lambda: digest)
    return digest.hexdigest()


def _binaries(path: Path) -> list[Path]:
    """Return the files of machine code: the file itself, or those in a bundle, for each system."""
    if path.is_file():
        return [path]
    files = sorted(file for file in path.glob("Contents/*/*") if file.is_file())
    return [
        f for f in files if f.parent.name == "MacOS" or f.parent.name.endswith(("-linux", "-win"))
    ]
