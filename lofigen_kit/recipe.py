"""The recipe: how a file was made, as plain JSON inside and beside it."""

from __future__ import annotations

import json
import logging
import platform
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lofigen_kit.audio.blocks import cut
from lofigen_kit.audio.buffer import AudioBuffer, Sound
from lofigen_kit.audio.metadata import AUDIO_SUFFIXES, MAX_CUES, Cue, Labels, Loop
from lofigen_kit.components.contracts import Effect
from lofigen_kit.effects.effect import BranchedEffect
from lofigen_kit.errors import PresetError
from lofigen_kit.plugins.registry import Registry
from lofigen_kit.preset.schema import Preset, load_preset, parse
from lofigen_kit.preset.yaml_loader import MAX_DEPTH, Document
from lofigen_kit.render.result import Rendering, Result
from lofigen_kit.render.stream import Endless
from lofigen_kit.runtime.device import device_name
from lofigen_kit.runtime.files import check_free, safe_name, writing
from lofigen_kit.runtime.seeding import stream

if TYPE_CHECKING:
    from lofigen_kit.credentials import Identity

FORMAT = "lofigen-kit recipe 1"
PACKAGES = ("lofigen-kit", "numpy", "numba", "torch", "scipy", "soxr", "pedalboard", "soundfile")
MADE = "generated with AI by lofigen-kit"
PROCESSED = "processed by lofigen-kit"
STREAM = "stream"
STEMS = ".stems"
"""What the name of a folder of stems ends in."""
AS_DECODED, BEFORE_ENCODING = "the samples in the file", "the samples before encoding"

_logger = logging.getLogger(__name__)


def recipe(rendering: Result, registry: Registry, audio_sha256: str) -> dict[str, Any]:
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
        "disclosure": disclosure(rendering.network_sha256),
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
        "loudness_lufs": _finite(rendering.loudness_lufs),
        "true_peak_dbtp": _finite(rendering.true_peak_dbtp),
        "target_unreached": rendering.target_unreached,
        "licences": rendering.licences,
        "source_sha256": rendering.source_sha256,
        "network_sha256": rendering.network_sha256,
        "audio_sha256": audio_sha256,
        "audio_sha256_of": BEFORE_ENCODING if output.format in LOSSY else AS_DECODED,
        **_surroundings(rendering.preset, registry, rendering.device),
    }


def of_stream(endless: Endless, gain_db: float, registry: Registry) -> dict[str, Any]:
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
        "disclosure": disclosure(network_sha256),
        "command": STREAM,
        "preset": _portable(preset),
        "seed": preset.seed,
        "tempo_bpm": endless.grid.tempo_bpm,
        "gain_db": gain_db,
        "licences": endless.licences,
        "network_sha256": network_sha256,
        **_surroundings(preset, registry, endless.device),
    }


def disclosure(network_sha256: str | None) -> str:
    """Return what a file says of how it was made."""
    return MADE if network_sha256 else PROCESSED


def recipe_of(rendering: Rendering, registry: Registry) -> dict[str, Any]:
    """Return the recipe of a take as its file will hold it."""
    from lofigen_kit.audio.hashing import audio_sha256

    return recipe(rendering, registry, audio_sha256(stored(rendering)))


def save(
    rendering: Rendering,
    path: Path,
    registry: Registry,
    *,
    identity: Identity | None = None,
    force: bool = False,
) -> dict[str, Any]:
    """Write a rendering with its recipe inside and beside it, and return the recipe.

    Stems, where there are any, go into the folder `<name>.stems`, as 32-bit float WAV.

    Args:
        rendering: The finished take.
        path: The audio file; missing folders are made. The recipe goes beside it, as `.json`, and
            the score, if the preset asks for it, as `.mid`.
        registry: The plugins that its components came from.
        identity: Who signs the file; stems are not signed.
        force: Overwrite what is there.

    Raises:
        InputError: if a file is there already, or the place cannot be written to.
        RenderError: if the system fails while writing; nothing half-written stays.
    """
    from lofigen_kit.audio.hashing import audio_sha256

    midi = rendering.preset.output.midi
    check_free(*files_of(path, midi=midi), *stem_files(path, rendering.stems), force=force)
    audio = stored(rendering)
    facts = recipe(rendering, registry, audio_sha256(audio))
    sound = Sound(audio.channels, audio.frames, audio.sample_rate_hz)
    write(rendering, path, facts, cut(audio.samples), sound, identity=identity, force=force)
    with writing(path):
        save_stems(rendering, path, force=force)
    return facts


def write(
    result: Result,
    path: Path,
    facts: dict[str, Any],
    blocks: Iterable[np.ndarray],
    sound: Sound,
    *,
    identity: Identity | None = None,
    force: bool = False,
) -> None:
    """Write a finished sound and its recipe, and the score if its preset asks for it.

    Args:
        result: What is known of the sound.
        path: The audio file; missing folders are made.
        facts: The recipe.
        blocks: The sound as its file will hold it [shape=(channels, frames), dtype=float32].
        sound: What that is in all.
        identity: Who signs the file.
        force: Overwrite what is there.

    Raises:
        InputError: if a file is there already, or the place cannot be written to.
        RenderError: if the system fails while writing; nothing half-written stays.
    """
    from lofigen_kit.audio.files import write_blocks
    from lofigen_kit.runtime.files import write_atomic

    output = result.preset.output
    text = json.dumps(facts, ensure_ascii=False, indent=2) + "\n"
    comment = json.dumps(facts, ensure_ascii=False, separators=(",", ":"))
    seal = None
    if identity:
        seal = partial(identity.seal, path=path, format=output.format, comment=comment)
    beside = {path.with_suffix(".json"): text.encode()}
    if output.midi:
        from lofigen_kit.music.midi import to_midi

        beside[path.with_suffix(".mid")] = to_midi(result.score)
    if result.loop and output.format == "mp3":
        _logger.warning(
            "%s: players add a gap to an MP3: for a seamless loop write WAV or FLAC", path
        )
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            for sidecar, blob in beside.items():
                write_atomic(sidecar, blob)
            write_blocks(
                path,
                blocks,
                sound,
                format=output.format,
                bit_depth=output.bit_depth,
                comment=comment,
                rng=None,
                labels=labels_of(result, sound),
                seal=seal,
                force=force,
            )
        except BaseException:
            for sidecar in beside:
                sidecar.unlink(missing_ok=True)
            raise


def stored(rendering: Rendering) -> AudioBuffer:
    """Return a rendering's sound as its file will hold it, dithered if it is of 16 bits."""
    from lofigen_kit.audio.files import as_stored

    preset = rendering.preset
    return as_stored(
        rendering.audio,
        format=preset.output.format,
        bit_depth=preset.output.bit_depth,
        rng=stream(preset.seed, rendering.take, "output"),
    )


def labels_of(rendering: Result, sound: Sound) -> Labels:
    """Return what other programs are told of a finished sound."""
    score = rendering.score
    facts = (rendering.preset.name, f"{score.tempo_bpm:.6g} BPM", score.key, rendering.title)
    bar_s = 4.0 * score.grid.beat_s
    starts = (score.start_s + n * bar_s for n in range(min(score.bars, MAX_CUES)))
    frames = [round(start_s * sound.sample_rate_hz) for start_s in starts]
    return Labels(
        title=f"{rendering.title} ({rendering.preset.name})",
        description=", ".join(fact for fact in facts if fact),
        tempo_bpm=score.tempo_bpm,
        beats=4 * score.bars,
        key=score.key,
        loop=Loop(0, sound.frames - 1) if rendering.loop else None,
        cues=tuple(
            Cue(frame, f"bar {n}")
            for n, frame in enumerate(frames, start=1)
            if frame < sound.frames
        ),
        loudness_lufs=_finite(rendering.loudness_lufs),
        true_peak_dbtp=_finite(rendering.true_peak_dbtp),
    )


def files_of(path: Path, *, midi: bool = False) -> tuple[Path, ...]:
    """Return what `save` writes: the audio file, and beside it the recipe and the score."""
    suffixes = (".json", ".mid") if midi else (".json",)
    return path, *(path.with_suffix(suffix) for suffix in suffixes)


def stems_folder(path: Path) -> Path:
    """Return the folder beside `path` that holds its stems."""
    return path.with_name(f"{path.stem}{STEMS}")


def stem_files(path: Path, stages: Iterable[str]) -> list[Path]:
    """Return the files beside `path` for the sound after each stage, in order."""
    folder = stems_folder(path)
    names = [stage.removeprefix("effects.").partition("#")[0] for stage in stages]
    return [folder / f"{number:02}-{safe_name(name)}.wav" for number, name in enumerate(names)]


def save_stems(rendering: Rendering, path: Path, *, force: bool) -> None:
    """Write the sound after each stage, as 32-bit float, into the folder beside the file."""
    from lofigen_kit.audio.files import write_audio

    files = stem_files(path, rendering.stems)
    for file, (stage, audio) in zip(files, rendering.stems.items(), strict=True):
        file.parent.mkdir(exist_ok=True)
        write_audio(
            file,
            audio,
            format="wav",
            bit_depth=32,
            comment="",
            rng=stream(rendering.preset.seed, rendering.take, f"output.{stage}"),
            force=force,
        )


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


def find_preset(
    name: str, registry: Registry, overrides: Sequence[str] = (), *, native: bool = False
) -> tuple[Preset, int, dict[str, Any]]:
    """Return what a preset's name, a chain file or a rendered file stands for; see `load`.

    Raises:
        PresetError: if there is none, or it is not valid.
        AudioError: if it is audio that cannot be read.
    """
    path = Path(name)
    if path.suffix.lower() in AUDIO_SUFFIXES:
        return load(path, registry, overrides, native=native)
    return load_preset(name, registry=registry, overrides=overrides), 0, {}


def load(
    path: Path, registry: Registry, overrides: Sequence[str] = (), *, native: bool = False
) -> tuple[Preset, int, dict[str, Any]]:
    """Return the preset inside a rendered file, the number of its take, and all of the recipe.

    A stranger may have written it: it is validated as a preset is, and what it names must lie in
    the file's own folder.

    Args:
        path: The audio file.
        registry: The components to choose from.
        overrides: `KEY=VALUE` texts.
        native: Let it name machine code to run: the user trusts it, or it is not to be run.

    Raises:
        PresetError: if there is no recipe, it is no valid preset, or a plugin of it is missing.
        AudioError: if the file is not readable audio.
    """
    facts = read(path)
    if facts is None:
        raise PresetError(
            "the file carries no recipe", where=path, remedy="give a preset, or a rendered file"
        )
    document = Document(facts.get("preset"), str(path))
    try:
        preset = parse(document, root=path.parent, registry=registry, overrides=overrides)
    except PresetError:
        _check_components(path, facts, registry)
        raise
    if not native:
        check_native(
            path,
            preset,
            remedy="if you trust it, write the preset out with `chain show` and render that, or "
            "give --native to `chain replay`",
        )
    take = facts.get("take")
    return preset, take if isinstance(take, int) and take >= 0 else 0, facts


def attempt_of(facts: dict[str, Any]) -> int:
    """Return which attempt at its take a recipe tells of."""
    attempt = facts.get("attempt")
    return attempt if isinstance(attempt, int) and attempt >= 0 else 0


def _check_components(path: Path, facts: dict[str, Any], registry: Registry) -> None:
    """Name the package that a component came from, where it is not installed."""
    data, owners = facts.get("preset"), facts.get("plugins")
    if not isinstance(data, dict) or not isinstance(owners, dict):
        return
    effects = data.get("effects")
    parts = [(kind, data.get(kind)) for kind in ("source", "model", "sampler")]
    parts += [("effect", effect) for effect in effects] if isinstance(effects, list) else []
    for kind, part in parts:
        use = part.get("use") if isinstance(part, dict) else None
        if isinstance(use, str) and use in owners and use not in registry.classes(kind):
            raise PresetError(
                f"it was made with the {kind} {use!r} of {owners[use]!r}, which is not here",
                where=path,
                remedy="install that, or name its folder with --plugin-dir",
            )


def check_native(path: Path, preset: Preset, *, remedy: str) -> None:
    """Refuse to run machine code for a stranger, whether it came with the file or is here.

    Raises:
        PresetError: if the preset names any.
    """
    named = [effect.use for effect in _all(preset.effects) if effect.native]
    if named:
        raise PresetError(
            f"its recipe runs a plugin of machine code ({named[0]})",
            where=path,
            remedy=remedy,
        )


def _is_deep(data: Any, limit: int) -> bool:
    """Return whether data is nested deeper than a limit."""
    if not isinstance(data, dict | list):
        return False
    inner = data.values() if isinstance(data, dict) else data
    return limit == 0 or any(_is_deep(value, limit - 1) for value in inner)


def file_stem(rendering: Rendering) -> str:
    """Return a file name without suffix: `lofi-tape_78bpm_Dmin_seed3_take0`."""
    return stem(rendering.preset, rendering.take, rendering.score.tempo_bpm, rendering.score.key)


def stem(preset: Preset, take: int, tempo_bpm: float, key: str) -> str:
    """Return a file name without suffix, safe on every system."""
    tonic, _, mode = key.partition(" ")
    parts = [safe_name(preset.name), f"{tempo_bpm:.6g}bpm"]
    if tonic:
        parts.append(safe_name(tonic.replace("#", "s") + mode[:3]))
    return "_".join([*parts, f"seed{preset.seed}", f"take{take}"])


def cpu() -> str:
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


def _surroundings(preset: Preset, registry: Registry, device: str) -> dict[str, Any]:
    """Return what else the bits depend on."""
    return {
        "versions": {"python": platform.python_version(), **_versions()},
        "plugins": _plugins(preset, registry),
        "cpu": cpu(),
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
    chosen = [preset.source, preset.model, preset.sampler, *_all(preset.effects)]
    found = {}
    for component in chosen:
        if component is not None:
            owner = registry.owner(component.kind, component.use)
            label = owner.distribution if owner.origin != "directory" else owner.name
            found[component.use] = f"{label} {owner.version}".strip()
        if isinstance(component, Effect):
            found.update(component.runs(preset.root))
    return found


def _all(effects: Iterable[Effect]) -> Iterator[Effect]:
    """Yield effects, and those within them."""
    for effect in effects:
        yield effect
        if isinstance(effect, BranchedEffect):
            yield from _all(chain.from_iterable(effect.branches))


def _finite(value: float) -> float | None:
    """Return a level, or None for that of silence, which JSON cannot hold."""
    return value if value > float("-inf") else None
