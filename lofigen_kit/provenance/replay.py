"""Render a file's recipe again, and say whether the sound is the same."""

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
    """What came of it.

    Attributes:
        same: Whether the sound is the same, bit for bit.
        compared: Which samples were compared.
        changed_since: Whether the file does not hold what its recipe says was written; None where
            that cannot be told: in a lossy format, unless the same is encoded again by the same.
        first_s: Where the two part; None where they do not, or one cannot tell.
        largest_dbfs: How far they are apart there at most; likewise.
        differences: What is not as it was: versions, CPU, weights, source.
    """

    same: bool
    compared: str
    changed_since: bool | None
    first_s: float | None
    largest_dbfs: float | None
    differences: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether the recipe gives the same sound, and the file still holds it."""
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
    """Render a file's recipe again and compare.

    Of a lossless file, its samples are compared with those that would be written now, rounding
    and dither included; of a lossy one, the hash of what was encoded, and what comes of encoding it
    again.

    Args:
        path: A file that carries its recipe.
        registry: The components to choose from.
        recording: The recording that it was made from, if that is not beside it any more.
        threads: How many cores the engine may use.
        native: Run the plugins of machine code that the recipe names.
        progress: Called while the network plays.

    Raises:
        InputError: if there is no recipe, or what it needs is not there.
        RenderError: if it breaks while it is rendered.
    """
    preset, take, then = load(path, registry, native=native)
    if then.get("command") == recipe.STREAM:
        raise InputError(
            "it is a stream, which has no end that its recipe could tell of",
            where=path,
            remedy="stream its preset again: lofigen-kit stream FILE",
        )
    preset = _locate_recording(preset, path.parent, recording)
    if then.get("command") == "process":
        recorded = resolve_inside(preset.source_root, getattr(preset.source, "path", ""))
        with _process_again(preset, recorded) as again:
            now = recipe_of_processed(again, recorded, registry)
            return _compare_file(path, then, now, again.blocks, again.sound)
    rendering = render_again(preset, take, then, threads=threads, progress=progress)
    audio = quantise_rendering(rendering)
    now = recipe.make_recipe(rendering, registry, hash_audio(audio))
    sound = audio.format
    return _compare_file(path, then, now, lambda: split_blocks(audio.samples), sound)


def render_again(
    preset: Preset,
    take: int,
    then: dict[str, Any],
    *,
    threads: int = 1,
    stems: bool = False,
    progress: Progress | None = None,
) -> Rendering:
    """Render a take as a recipe tells of it: where it was, and at the attempt that it was.

    Args:
        preset: As `recipe.load` gives it.
        take: Likewise.
        then: The recipe.
        threads: How many cores the engine may use.
        stems: Keep the sound after each stage.
        progress: Called while the network plays.
    """
    [rendering] = render_takes(
        preset,
        [take],
        device="cpu" if then.get("device") == "cpu" else "auto",
        threads=threads,
        attempt=recipe.read_attempt(then),
        stems=stems,
        progress=progress,
    )
    return rendering


@contextmanager
def _process_again(preset: Preset, recording: Path) -> Iterator[ProcessedRecording]:
    """Process a recording again; temporary files go where the system has them."""
    found = examine(recording, salvage=True)
    with TemporaryDirectory() as folder, process_recording(found, preset, Path(folder)) as again:
        yield again


def _compare_file(
    path: Path,
    then: dict[str, Any],
    now: dict[str, Any],
    blocks: Callable[[], Blocks],
    sound: AudioFormat,
) -> ReplayResult:
    """Compare a file with what its recipe gives now."""
    differences = tuple(_differences(then, now))
    if now["audio_sha256_of"] == recipe.BEFORE_ENCODING:
        same = then.get("audio_sha256") == now["audio_sha256"]
        changed = None
        if same and not differences:
            output = now["preset"]["output"]
            changed = hash_audio_file(path) != _hash_encoded(blocks(), sound, output["format"])
        return ReplayResult(same, recipe.BEFORE_ENCODING, changed, None, None, differences)
    written = read_audio(path)
    same = hash_audio(written) == now["audio_sha256"]
    return ReplayResult(
        same,
        recipe.AS_DECODED,
        hash_audio(written) != then.get("audio_sha256"),
        *(
            (None, None)
            if same
            else _measure_difference(written, np.concatenate([*blocks()], axis=1))
        ),
        differences,
    )


def _hash_encoded(blocks: Blocks, sound: AudioFormat, lossy: Format) -> str:
    """Return the hash of what a lossy format makes of a sound."""
    with TemporaryDirectory() as folder:
        again = Path(folder) / f"again.{lossy}"
        write_blocks(again, blocks, sound, format=lossy, bit_depth=16, comment="", rng=None)
        return hash_audio_file(again)


def _locate_recording(preset: Preset, folder: Path, recording: Path | None) -> Preset:
    """Return the preset with its recording found, wherever that lies now."""
    name = getattr(preset.source, "path", None)
    if not isinstance(name, str):
        if recording:
            raise InputError("it was not made from a recording", remedy="leave --input out")
        return preset
    if recording:
        path = str(recording.absolute())
        return preset.with_source(preset.source.model_copy(update={"path": path}))
    if not resolve_inside(folder, name).exists():
        raise InputError(
            "the recording that the file was made from is not here",
            where=folder / name,
            remedy="put it there, or name it with --input",
        )
    return preset


def _measure_difference(
    written: AudioBuffer, again: np.ndarray
) -> tuple[float | None, float | None]:
    """Return where two sounds part, in seconds, and by how much at most, in dBFS.

    Neither can be said of sounds of another length.
    """
    if written.samples.shape != again.shape:
        return None, None
    distance = np.abs(written.samples - again).max(axis=0)
    parts = np.flatnonzero(distance)
    if not len(parts):
        return None, None
    return float(parts[0]) / written.sample_rate_hz, gain_to_db(float(distance.max()))


def _differences(then: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    """Yield what was not the same when the file was rendered."""
    for group in ("versions", "plugins"):
        before = then.get(group)
        before = before if isinstance(before, dict) else {}
        for name in sorted({*before, *now[group]}):
            yield from _difference(name, before.get(name), now[group].get(name))
    for key in ("cpu", "device", "network_sha256", "source_sha256"):
        yield from _difference(key.replace("_sha256", ""), then.get(key), now[key])


def _difference(what: str, before: object, now: object) -> Iterator[str]:
    if before != now:
        yield f"{what} was {before or 'none'}, is {now or 'none'}"
