"""The recipe: how a file was made, as plain JSON inside and beside it."""

from __future__ import annotations

import json
import logging
import platform
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from pathlib import Path
from typing import Any

from lofigen_kit.components.base import Component
from lofigen_kit.components.contracts import Effect, Instrument, Source
from lofigen_kit.effects.effect import BranchedEffect
from lofigen_kit.plugins.registry import Registry
from lofigen_kit.preset.schema import Preset
from lofigen_kit.preset.yaml_loader import MAX_DEPTH
from lofigen_kit.render.result import Result
from lofigen_kit.render.stream import StreamRenderer
from lofigen_kit.runtime.device import device_name

FORMAT = "lofigen-kit recipe 1"
PACKAGES = ("lofigen-kit", "numpy", "numba", "torch", "scipy", "soxr", "pedalboard", "soundfile")
MADE = "generated with AI by lofigen-kit"
PROCESSED = "processed by lofigen-kit"
STREAM = "stream"
AS_DECODED, BEFORE_ENCODING = "the samples in the file", "the samples before encoding"

_logger = logging.getLogger(__name__)


def make_recipe(rendering: Result, registry: Registry, audio_sha256: str) -> dict[str, Any]:
    """Return everything it takes to render the same again, and under which terms.

    Bits are the same on one kind of CPU or GPU with one set of versions, so these are recorded.

    Args:
        rendering: The finished sound.
        registry: The plugins that its components came from.
        audio_sha256: The hash of the samples in the file, or, where its format is lossy, of those
            that were encoded.
    """
    from lofigen_kit.audio.files import LOSSY

    score, output = rendering.score, rendering.preset.output
    return {
        "format": FORMAT,
        "disclosure": make_disclosure(rendering.network_sha256),
        "command": rendering.command,
        "preset": _portable(rendering.preset),
        "seed": rendering.preset.seed,
        "take": rendering.take,
        "attempt": rendering.attempt,
        "title": rendering.title,
        "tempo_bpm": score.tempo_bpm,
        "key": score.key,
        "bars": score.bars,
        "duration_s": score.duration_s,
        "loop": rendering.loop,
        "loudness_lufs": finite(rendering.loudness_lufs),
        "true_peak_dbtp": finite(rendering.true_peak_dbtp),
        "target_unreached": rendering.target_unreached,
        "licences": rendering.licences,
        "source_sha256": rendering.source_sha256,
        "network_sha256": rendering.network_sha256,
        "audio_sha256": audio_sha256,
        "audio_sha256_of": BEFORE_ENCODING if output.format in LOSSY else AS_DECODED,
        **_describe_environment(rendering.preset, registry, rendering.device),
    }


def make_stream_recipe(
    endless: StreamRenderer, gain_db: float, registry: Registry
) -> dict[str, Any]:
    """Return what is known of a stream as it begins; how long it will be, nobody knows.

    Args:
        endless: What is streamed.
        gain_db: The gain before the limiter.
        registry: The plugins that its components came from.
    """
    preset = endless.preset
    network_sha256 = endless.network.sha256 if endless.network else None
    return {
        "format": FORMAT,
        "disclosure": make_disclosure(network_sha256),
        "command": STREAM,
        "preset": _portable(preset),
        "seed": preset.seed,
        "tempo_bpm": endless.grid.tempo_bpm,
        "gain_db": gain_db,
        "licences": endless.licences,
        "network_sha256": network_sha256,
        **_describe_environment(preset, registry, endless.device),
    }


def make_disclosure(network_sha256: str | None) -> str:
    """Return what a file says of how it was made."""
    return MADE if network_sha256 else PROCESSED


def read(path: Path) -> dict[str, Any] | None:
    """Return the recipe inside an audio file, or None where there is none.

    Raises:
        AudioError: if the file is not readable audio.
    """
    from lofigen_kit.audio.files import MAX_COMMENT_BYTES, read_comment

    text = read_comment(path) or ""
    if len(text) > MAX_COMMENT_BYTES:
        return None
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or data.get("format") != FORMAT or _is_deep(data, MAX_DEPTH):
        return None
    return data


def is_generated(facts: dict[str, Any] | None) -> bool:
    """Return whether a recipe tells of a sound that was generated with AI."""
    return facts is not None and str(facts.get("disclosure", "")).startswith(MADE)


def read_attempt(facts: dict[str, Any]) -> int:
    """Return which attempt at its take a recipe tells of."""
    attempt = facts.get("attempt")
    return attempt if isinstance(attempt, int) and attempt >= 0 else 0


def _is_deep(data: Any, limit: int) -> bool:
    """Return whether data is nested deeper than a limit."""
    if not isinstance(data, dict | list):
        return False
    inner = data.values() if isinstance(data, dict) else data
    return limit == 0 or any(_is_deep(value, limit - 1) for value in inner)


def describe_cpu() -> str:
    """Return what kind of CPU this is, as exactly as the system says."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _portable(preset: Preset) -> dict[str, Any]:
    """Return the preset as plain data, without folders of the machine that ran it."""
    data: dict[str, Any] = preset.model_dump(mode="json", serialize_as_any=True)
    source = data["source"]
    for name, value in source.items():
        if isinstance(value, str) and (Path(value).is_absolute() or ".." in Path(value).parts):
            source[name] = Path(value).name
    return data


def _describe_environment(preset: Preset, registry: Registry, device: str) -> dict[str, Any]:
    """Return what else the bits depend on."""
    return {
        "versions": {"python": platform.python_version(), **_versions()},
        "plugins": _plugins(preset, registry),
        "cpu": describe_cpu(),
        "device": device_name(device),
    }


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _plugins(preset: Preset, registry: Registry) -> dict[str, str]:
    """Return the packages and versions of the plugins in use, by component, and what these run."""
    chosen: list[Component | None] = [preset.source, *find_instruments(preset.source)]
    chosen += [preset.model, preset.sampler, *all_effects(preset.effects)]
    found = {}
    for component in chosen:
        if component is not None:
            owner = registry.owner(component.kind, component.use)
            label = owner.distribution if owner.origin != "directory" else owner.name
            found[component.use] = f"{label} {owner.version}".strip()
        if isinstance(component, Effect):
            found.update(component.runs(preset.root))
    return found


def find_instruments(source: Source) -> Iterator[Instrument]:
    """Yield the instruments that a source's parameters name."""
    for value in (getattr(source, name) for name in type(source).model_fields):
        for one in value.values() if isinstance(value, dict) else [value]:
            if isinstance(one, Instrument):
                yield one


def all_effects(effects: Iterable[Effect]) -> Iterator[Effect]:
    """Yield effects, and those within them."""
    for effect in effects:
        yield effect
        if isinstance(effect, BranchedEffect):
            yield from all_effects(chain.from_iterable(effect.branches))


def finite(value: float) -> float | None:
    """Return a level, or None for that of silence, which JSON cannot hold."""
    return value if value > float("-inf") else None
