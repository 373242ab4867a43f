"""Facts about a plugin file, found out in a separate process that may crash."""

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
"""Time limit for a plugin to load and to process a short stretch of silence and of noise."""

_MOST_TEXTS = 8


@dataclass(frozen=True)
class Facts:
    """Facts about one plugin.

    Attributes:
        name: Its name.
        version: Its version, as the plugin states it.
        channels: The numbers of channels that it supports, of 1 and 2.
        latency_frames: Its latency with the given parameters.
    """

    name: str
    version: str
    channels: tuple[int, ...]
    latency_frames: int


def probe_facts(
    path: Path, name: str | None, settings: Mapping[str, bool | float | str], rate_hz: int
) -> Facts:
    """Return the facts about a plugin; a file is tried once in a process, until it changes.

    Args:
        path: The file or bundle.
        name: Name of the plugin; None if the file holds only one.
        settings: Values of its parameters.
        rate_hz: Sample rate.

    Raises:
        InputError: if the file is no plugin, crashes, hangs, is an instrument, or does not accept
            the parameters; it names the file.
    """
    if path.suffix.lower() != ".vst3" or not path.exists():
        raise InputError(
            f"path: there is no VST3 plugin {str(path)!r}", remedy="name a file or bundle .vst3"
        )
    stamp = tuple(binary.stat().st_mtime_ns for binary in _binaries(path))
    answer, fault = _run_probe(path.absolute(), stamp, name, json.dumps(settings), rate_hz)
    if fault:
        raise InputError(f"path: {path.name!r} {fault}", remedy="name another plugin")
    if "name" not in answer:
        names = answer["plugins"]
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
    if not answer["effect"]:
        raise InputError(
            f"path: {answer['name']!r} is no effect: instruments cannot stand in the rack",
            remedy="name an effect",
        )
    _check_parameter_values(answer["name"], answer["parameters"], settings)
    return Facts(
        answer["name"], answer["version"], tuple(answer["channels"]), answer["latency_frames"]
    )


def _check_parameter_values(
    plugin: str,
    parameters: Mapping[str, Mapping[str, Any]],
    settings: Mapping[str, bool | float | str],
) -> None:
    """Check the values of parameters against the plugin's own list.

    Raises:
        InputError: for an unknown parameter or a wrong value.
    """
    for name, value in settings.items():
        if name not in parameters:
            available = ", ".join(parameters) or "none"
            raise InputError(
                f"parameters: {plugin!r} has no parameter {name!r}",
                remedy=did_you_mean(name, parameters, otherwise=f"it has {available}"),
            )
        _check_value(name, value, parameters[name])


def _check_value(name: str, value: bool | float | str, spec: Mapping[str, Any]) -> None:
    """Check one value against the type and range of its parameter.

    Raises:
        InputError: for a wrong value.
    """
    label = f"parameters.{name}: {json.dumps(value, ensure_ascii=False)}"
    if spec["type"] == "bool":
        if not isinstance(value, bool):
            raise InputError(f"{label} is not true or false")
    elif spec["type"] == "number":
        low, high = spec["minimum"], spec["maximum"]
        unit = f" {spec['unit']}" if spec["unit"] else ""
        remedy = f"give {low:g} to {high:g}{unit}"
        if isinstance(value, bool | str):
            raise InputError(f"{label} is not a number", remedy=remedy)
        if not low <= value <= high:
            raise InputError(f"{label} is out of range", remedy=remedy)
    elif value not in spec["values"]:
        texts = [json.dumps(text, ensure_ascii=False) for text in spec["values"]]
        more = ", ..." if len(texts) > _MOST_TEXTS else ""
        listed = f"give one of {', '.join(texts[:_MOST_TEXTS])}{more}"
        raise InputError(
            f"{label} is not one of its texts",
            remedy=did_you_mean(str(value), spec["values"], otherwise=listed),
        )


@cache
def _run_probe(
    path: Path,
    stamp: tuple[int, ...],  # noqa: ARG001 - a key of the cache
    name: str | None,
    settings: str,
    rate_hz: int,
) -> tuple[dict[str, Any], str]:
    """Return the answer of the probe process, and what is wrong; one of them is empty."""
    # -P: do not import from the current directory, which may hold someone's `json.py`.
    command = [sys.executable, "-P", "-m", "lofigen_kit_plugins.vst3.probe", str(path)]
    command += ["--settings", settings, "--rate-hz", str(rate_hz)]
    command += [f"--name={name}"] if name else []
    try:
        process = subprocess.run(  # noqa: S603 - itself
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {}, f"was not ready after {PATIENCE_S:g} s when it was tried"
    if process.returncode not in (0, 1):
        return {}, f"crashes ({_reason(process.returncode)})"
    try:
        return json.loads(process.stdout), ""
    except ValueError:  # an exception of pedalboard's, or a plugin that ends its host
        return {}, "is no VST3 plugin that can be loaded here"


def _reason(code: int) -> str:
    """Return why a process ended: the name of a signal, or an exit code."""
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"code {code:#x}"


def sha256(path: Path) -> str:
    """Return the SHA-256 of a plugin's machine code in hexadecimal."""
    digest = hashlib.sha256()
    for binary in _binaries(path):
        with binary.open("rb") as file:
            hashlib.file_digest(file, lambda: digest)
    return digest.hexdigest()


def _binaries(path: Path) -> list[Path]:
    """Return the files of machine code: the file itself, or those for each system in a bundle."""
    if path.is_file():
        return [path]
    files = sorted(file for file in path.glob("Contents/*/*") if file.is_file())
    return [
        f for f in files if f.parent.name == "MacOS" or f.parent.name.endswith(("-linux", "-win"))
    ]
