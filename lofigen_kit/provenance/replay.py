"""Render a file's recipe again, and check whether the sound is the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from lofigen_kit.audio.blocks import Blocks, split_blocks
from lofigen_kit.audio.buffer import AudioBuffer, AudioFormat
from lofigen_kit.audio.files import Format, hash_audio_file, read_audio, write_blocks
from lofigen_kit.audio.hashing import hash_audio
from lofigen_kit.dsp.decibels import gain_to_db
from lofigen_kit.errors import InputError
from lofigen_kit.plugins.registry import Registry
from lofigen_kit.preset.schema import Preset
from lofigen_kit.provenance import recipe
from lofigen_kit.provenance.load import load
from lofigen_kit.provenance.save import quantise_rendering, recipe_of_processed
from lofigen_kit.render.recording import ProcessedRecording, examine, process_recording
from lofigen_kit.render.result import Rendering
from lofigen_kit.render.take import render_takes
from lofigen_kit.runtime.progress import Progress
from lofigen_kit.runtime.resources import resolve_inside


@dataclass(frozen=True)
class ReplayResult:
    """The result of a replay.

    Attributes:
        same: Whether the sound is bit-identical.
        compared: Which samples were compared.
        changed_since: Whether the audio in the file was changed after it was rendered; None if
            unknown: for a lossy format, where the replay or the environment differs.
        first_s: Time of the first difference, in seconds; None if there is none or it is unknown.
        largest_dbfs: The largest difference, in dBFS; None likewise.
        differences: What differs from the recipe: versions, CPU, weights, source.
    """

    same: bool
    compared: str
    changed_since: bool | None
    first_s: float | None
    largest_dbfs: float | None
    differences: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether the recipe renders the same sound, and the file still contains it."""
        return self.same and not self.changed_since


def replay(
    path: Path,
    registry: Registry,
    *,
    recording: Path | None = None,
    threads: int = 1,
    native: bool = False,
    progress: Progress | None = None,
) -> ReplayResult:
    """Render a file's recipe again and compare the results.

    For a lossless file, its samples are compared with those that would be written now, with
    rounding and dither. For a lossy file, the hash of the samples before encoding is compared, and
    then the file with the samples encoded again.

    Args:
        path: A file that carries its recipe.
        registry: The components to choose from.
        recording: The input recording, if it is no longer beside the file.
        threads: How many cores the engine may use.
        native: Run the plugins of machine code (VST3) that the recipe names.
        progress: Called while the network generates.

    Raises:
        InputError: if there is no recipe, or something that it needs is missing.
        RenderError: if rendering fails.
    """
    preset, take, recorded = load(path, registry, native=native)
    if recorded.get("command") == recipe.STREAM:
        raise InputError(
            "it is the output of `stream`, whose recipe does not record the length",
            where=path,
            remedy="stream its preset again: lofigen-kit stream FILE",
        )
    preset = _locate_recording(preset, path.parent, recording)
    if recorded.get("command") == "process":
        source = resolve_inside(
            preset.source_root, getattr(preset.source, _file_parameter(preset), "")
        )
        with _process_again(preset, source) as again:
            current = recipe_of_processed(again, source, registry)
            return _compare_file(path, recorded, current, again.blocks, again.sound)
    rendering = render_again(preset, take, recorded, threads=threads, progress=progress)
    audio = quantise_rendering(rendering)
    current = recipe.make_recipe(rendering, registry, hash_audio(audio), frames=audio.frames)
    sound = audio.format
    return _compare_file(path, recorded, current, lambda: split_blocks(audio.samples), sound)


def render_again(
    preset: Preset,
    take: int,
    recorded: dict[str, Any],
    *,
    threads: int = 1,
    stems: bool = False,
    progress: Progress | None = None,
) -> Rendering:
    """Render a take again, on the recipe's kind of device and with its attempt number.

    Args:
        preset: The preset from `load`.
        take: The number of the take from `load`.
        recorded: The recipe.
        threads: How many cores the engine may use.
        stems: Keep the sound after each stage.
        progress: Called while the network generates.
    """
    [rendering] = render_takes(
        preset,
        [take],
        device="cpu" if recorded.get("device") == "cpu" else "auto",
        threads=threads,
        attempt=recipe.read_attempt(recorded),
        stems=stems,
        progress=progress,
    )
    return rendering


@contextmanager
def _process_again(preset: Preset, recording: Path) -> Iterator[ProcessedRecording]:
    """Process a recording again, with temporary files in the system's folder for them."""
    source = examine(recording, salvage=True)
    with TemporaryDirectory() as folder, process_recording(source, preset, Path(folder)) as again:
        yield again


def _compare_file(
    path: Path,
    recorded: dict[str, Any],
    current: dict[str, Any],
    blocks: Callable[[], Blocks],
    sound: AudioFormat,
) -> ReplayResult:
    """Compare a file and its recipe with the sound and the recipe of the replay."""
    differences = tuple(_list_differences(recorded, current))
    if current["audio_sha256_of"] == recipe.BEFORE_ENCODING:
        same = recorded.get("audio_sha256") == current["audio_sha256"]
        changed = None
        if same and not differences:
            output = current["preset"]["output"]
            changed = hash_audio_file(path) != _hash_encoded(blocks(), sound, output["format"])
        return ReplayResult(same, recipe.BEFORE_ENCODING, changed, None, None, differences)
    audio = read_audio(path)
    same = hash_audio(audio) == current["audio_sha256"]
    return ReplayResult(
        same,
        recipe.AS_DECODED,
        hash_audio(audio) != recorded.get("audio_sha256"),
        *(
            (None, None)
            if same
            else _measure_difference(audio, np.concatenate([*blocks()], axis=1))
        ),
        differences,
    )


def _hash_encoded(blocks: Blocks, sound: AudioFormat, lossy: Format) -> str:
    """Return the hash of a sound after lossy encoding."""
    with TemporaryDirectory() as folder:
        again = Path(folder) / f"again.{lossy}"
        write_blocks(again, blocks, sound, format=lossy, bit_depth=16, comment="", rng=None)
        return hash_audio_file(again)


def _locate_recording(preset: Preset, folder: Path, recording: Path | None) -> Preset:
    """Return the preset with the current path of its recording.

    Raises:
        InputError: if the recording is missing, or one is given and the preset uses none.
    """
    parameter = _file_parameter(preset)
    name = getattr(preset.source, parameter, None)
    if not isinstance(name, str):
        if recording:
            raise InputError("the file was not made from a recording", remedy="leave out --input")
        return preset
    if recording:
        path = str(recording.absolute())
        return preset.with_source(preset.source.model_copy(update={parameter: path}))
    if not resolve_inside(folder, name).exists():
        raise InputError(
            "the file from which it was made is missing",
            where=folder / name,
            remedy="put it there, or name it with --input",
        )
    return preset


def _file_parameter(preset: Preset) -> str:
    """Return the name of the parameter that names the source's file or folder."""
    return preset.source.file_parameter or "path"


def _measure_difference(audio: AudioBuffer, again: np.ndarray) -> tuple[float | None, float | None]:
    """Return the time of the first difference, in seconds, and the largest difference, in dBFS.

    Both are None for sounds of different shapes, and for equal sounds.
    """
    if audio.samples.shape != again.shape:
        return None, None
    difference = np.abs(audio.samples - again).max(axis=0)
    frames = np.flatnonzero(difference)
    if not len(frames):
        return None, None
    return float(frames[0]) / audio.sample_rate_hz, gain_to_db(float(difference.max()))


def _list_differences(recorded: dict[str, Any], current: dict[str, Any]) -> Iterator[str]:
    """Yield what differs between the environments of two recipes."""
    for group in ("versions", "plugins"):
        before = recorded.get(group)
        before = before if isinstance(before, dict) else {}
        for name in sorted({*before, *current[group]}):
            yield from _describe_difference(name, before.get(name), current[group].get(name))
    for key in ("cpu", "device", "network_sha256", "source_sha256"):
        name = key.replace("_sha256", "")
        yield from _describe_difference(name, recorded.get(key), current[key])


def _describe_difference(name: str, before: object, now: object) -> Iterator[str]:
    if before != now:
        yield f"{name} was {before or 'none'}, is {now or 'none'}"
