"""The recipe: how a file was made, as JSON inside the file and as a file beside it."""

from __future__ import annotations

import json
import logging
import platform
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from pathlib import Path
from typing import Any

from lofigen_kit.components.base import Component
from lofigen_kit.components.contracts import Effect, Instrument, Source
from lofigen_kit.effects.effect import BranchedEffect
from lofigen_kit.music.score import Score
from lofigen_kit.plugins.registry import Registry
from lofigen_kit.preset.schema import Preset
from lofigen_kit.preset.yaml_loader import MAX_DEPTH
from lofigen_kit.render.result import Result
from lofigen_kit.render.stream import StreamRenderer
from lofigen_kit.runtime.device import device_name
from lofigen_kit.runtime.names import to_text

FORMAT = "lofigen-kit recipe 1"
PACKAGES = ("lofigen-kit", "numpy", "numba", "torch", "scipy", "soxr", "pedalboard", "soundfile")
MADE = "generated with AI by lofigen-kit"
PROCESSED = "processed by lofigen-kit"
STREAM = "stream"
AS_DECODED, BEFORE_ENCODING = "the samples in the file", "the samples before encoding"

_logger = logging.getLogger(__name__)

MAX_MIDI_BYTES = 1 << 17
"""A longer score is left out of the recipe: some twenty minutes of all parts."""


def make_recipe(
    rendering: Result, registry: Registry, audio_sha256: str, *, frames: int
) -> dict[str, Any]:
    """Return all data that is needed to render the same audio again, with its licences.

    Results are bit-identical on the same kind of CPU or GPU with the same versions, so these are
    recorded.

    Args:
        rendering: The finished sound.
        registry: The plugins that provide its components.
        audio_sha256: The hash of the samples in the file or, for a lossy format, of the samples
            before encoding.
        frames: How many frames the file holds.
    """
    from lofigen_kit.audio.files import LOSSY

    score, output = rendering.score, rendering.preset.output
    return {
        "format": FORMAT,
        "disclosure": make_disclosure(rendering.network_sha256, rendering.players),
        "command": rendering.command,
        "preset": make_portable(rendering.preset),
        "seed": rendering.preset.seed,
        "take": rendering.take,
        "attempt": rendering.attempt,
        "title": rendering.title,
        "tempo_bpm": score.tempo_bpm,
        "key": score.key,
        "bars": score.bars,
        "duration_s": score.duration_s,
        "loop": rendering.loop,
        **_describe_score(score),
        "loudness_lufs": finite(rendering.loudness_lufs),
        "true_peak_dbtp": finite(rendering.true_peak_dbtp),
        "target_unreached": rendering.target_unreached,
        "licences": rendering.licences,
        "source_sha256": rendering.source_sha256,
        "network_sha256": rendering.network_sha256,
        **({"players": dict(rendering.players)} if rendering.players else {}),
        "audio_sha256": audio_sha256,
        "frames": frames,
        "audio_sha256_of": BEFORE_ENCODING if output.format in LOSSY else AS_DECODED,
        **_describe_environment(rendering.preset, registry, rendering.device),
    }


def _describe_score(score: Score) -> dict[str, str]:
    """Return the score as MIDI in base64, where it has notes or strokes and is not too long."""
    from lofigen_kit.music.midi import to_midi

    if not (score.notes or score.hits):
        return {}
    midi = to_midi(score)
    return {"midi": b64encode(midi).decode()} if len(midi) <= MAX_MIDI_BYTES else {}


def make_stream_recipe(
    endless: StreamRenderer, gain_db: float, registry: Registry
) -> dict[str, Any]:
    """Return the recipe of a stream at its start; it has no length and no hash.

    Args:
        endless: The stream's renderer.
        gain_db: The gain before the limiter, in dB.
        registry: The plugins that provide its components.
    """
    preset = endless.preset
    network_sha256 = endless.network.sha256 if endless.network else None
    return {
        "format": FORMAT,
        "disclosure": make_disclosure(network_sha256, endless.players),
        "command": STREAM,
        "preset": make_portable(preset),
        "seed": preset.seed,
        "tempo_bpm": endless.grid.tempo_bpm,
        "gain_db": gain_db,
        "licences": endless.licences,
        "network_sha256": network_sha256,
        **_describe_environment(preset, registry, endless.device),
    }


def make_disclosure(network_sha256: str | None, players: Mapping[str, str] | None = None) -> str:
    """Return the text by which a file discloses how it was made.

    Args:
        network_sha256: The weights that generated it; None where no network did.
        players: Who plays each part; see `Result`.
    """
    if network_sha256 is None:
        return PROCESSED
    sampled = [part for part, player in (players or {}).items() if player == "samples"]
    return f"{MADE}, but for {', '.join(sampled)}: samples" if sampled else MADE


def read(path: Path) -> dict[str, Any] | None:
    """Return the recipe inside an audio file, or None where there is none.

    Raises:
        AudioError: if the file is not readable audio.
    """
    from lofigen_kit.audio.files import MAX_COMMENT_BYTES, read_comment

    text = read_comment(path) or ""
    return _parse(text) if len(text) <= MAX_COMMENT_BYTES else None


def read_sidecar(path: Path) -> dict[str, Any] | None:
    """Return the recipe in the JSON file beside an audio file, or None where there is none."""
    from lofigen_kit.audio.files import MAX_COMMENT_BYTES

    if path.suffix.lower() != ".json":
        return None
    try:
        with path.open("rb") as file:
            text = file.read(2 * MAX_COMMENT_BYTES + 1)
        return _parse(text.decode()) if len(text) <= 2 * MAX_COMMENT_BYTES else None
    except (OSError, ValueError):
        return None


def _parse(text: str) -> dict[str, Any] | None:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or data.get("format") != FORMAT or _is_deep(data, MAX_DEPTH):
        return None
    return data


def is_generated(facts: dict[str, Any] | None) -> bool:
    """Return whether a recipe discloses that the sound was generated with AI."""
    return facts is not None and str(facts.get("disclosure", "")).startswith(MADE)


def read_attempt(facts: dict[str, Any]) -> int:
    """Return the number of the attempt in a recipe, or 0."""
    attempt = facts.get("attempt")
    return attempt if isinstance(attempt, int) and attempt >= 0 else 0


def _is_deep(data: Any, limit: int) -> bool:
    """Return whether data is nested deeper than a limit."""
    if not isinstance(data, dict | list):
        return False
    inner = data.values() if isinstance(data, dict) else data
    return limit == 0 or any(_is_deep(value, limit - 1) for value in inner)


def describe_cpu() -> str:
    """Return the name of this machine's CPU, as the system gives it."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def make_portable(preset: Preset) -> dict[str, Any]:
    """Return the preset as plain data, without this machine's folders."""
    data: dict[str, Any] = preset.model_dump(mode="json", serialize_as_any=True)
    source = data["source"]
    for name, value in source.items():
        if isinstance(value, str):
            is_elsewhere = Path(value).is_absolute() or ".." in Path(value).parts
            source[name] = to_text(Path(value).name if is_elsewhere else value)
    return data


def _describe_environment(preset: Preset, registry: Registry, device: str) -> dict[str, Any]:
    """Return the versions, plugins, CPU and device that the result depends on."""
    return {
        "versions": {"python": platform.python_version(), **_versions()},
        "plugins": _plugins(preset, registry),
        "cpu": describe_cpu(),
        "device": device_name(device),
    }


def _versions() -> dict[str, str]:
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def _plugins(preset: Preset, registry: Registry) -> dict[str, str]:
    """Return the package and version of each component, and of other software that effects run."""
    components: list[Component | None] = [preset.source, *find_instruments(preset.source)]
    components += [preset.model, preset.sampler, *all_effects(preset.effects)]
    plugins = {}
    for component in components:
        if component is not None:
            owner = registry.owner(component.kind, component.use)
            name = owner.distribution if owner.origin != "directory" else owner.name
            plugins[component.use] = f"{name} {owner.version}".strip()
        if isinstance(component, Effect):
            plugins.update(component.runs(preset.root))
    return plugins


def find_instruments(source: Source) -> Iterator[Instrument]:
    """Yield the instruments that a source's parameters name."""
    for value in (getattr(source, name) for name in type(source).model_fields):
        for one in value.values() if isinstance(value, dict) else [value]:
            if isinstance(one, Instrument):
                yield one


def all_effects(effects: Iterable[Effect]) -> Iterator[Effect]:
    """Yield effects, each followed by the effects nested in it."""
    for effect in effects:
        yield effect
        if isinstance(effect, BranchedEffect):
            yield from all_effects(chain.from_iterable(effect.branches))


def finite(value: float) -> float | None:
    """Return a level, or None for the infinite level of silence, which JSON cannot hold."""
    return value if value > float("-inf") else None
