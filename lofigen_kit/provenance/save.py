"""Write a finished sound with its recipe, its score and its stems."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lofigen_kit.audio.blocks import split_blocks
from lofigen_kit.audio.buffer import AudioBuffer, AudioFormat
from lofigen_kit.audio.metadata import MAX_CUES, AudioMetadata, Cue, Loop
from lofigen_kit.effects.effect import compute_speed, compute_transposition
from lofigen_kit.errors import AudioError
from lofigen_kit.music.score import Score
from lofigen_kit.plugins.registry import Registry
from lofigen_kit.preset.schema import Preset
from lofigen_kit.provenance.recipe import (
    MADE,
    PROCESSED,
    finite,
    is_generated,
    make_portable,
    make_recipe,
    read,
)
from lofigen_kit.render.chain import PART_STEM
from lofigen_kit.render.recording import (
    ProcessedRecording,
    examine,
    hash_recording,
    process_recording,
)
from lofigen_kit.render.result import Rendering, Result
from lofigen_kit.runtime.files import check_free, explain_write_errors
from lofigen_kit.runtime.locks import lock_folder
from lofigen_kit.runtime.names import make_safe_name
from lofigen_kit.runtime.progress import Progress
from lofigen_kit.runtime.seeding import rng_for

if TYPE_CHECKING:
    from lofigen_kit.provenance.c2pa import Identity


_logger = logging.getLogger(__name__)

STEMS = ".stems"
"""The suffix of a folder of stems."""


def make_file_recipe(rendering: Rendering, registry: Registry) -> dict[str, Any]:
    """Return the recipe of a take, as it will be written into its file."""
    from lofigen_kit.audio.hashing import hash_audio

    audio = quantise_rendering(rendering)
    return make_recipe(rendering, registry, hash_audio(audio), frames=audio.frames)


def save(
    rendering: Rendering,
    path: Path,
    registry: Registry,
    *,
    identity: Identity | None = None,
    force: bool = False,
) -> dict[str, Any]:
    """Write a rendering with its recipe, and return the recipe.

    Stems, if there are any, go into the folder `<name>.stems`, as 32-bit float WAV.

    Args:
        rendering: The finished take.
        path: The audio file; missing folders are created. The recipe is also written beside it as
            `.json` and, if the preset asks for it, the score as `.mid`.
        registry: The plugins that provide its components.
        identity: The signer of the file; stems are not signed.
        force: Overwrite existing files.

    Raises:
        InputError: if a file exists already, or the folder cannot be written to.
        RenderError: if writing fails; no incomplete file stays.
    """
    from lofigen_kit.audio.hashing import hash_audio

    midi = rendering.preset.output.midi
    check_free(
        *list_output_files(path, midi=midi), *list_stem_files(path, rendering.stems), force=force
    )
    audio = quantise_rendering(rendering)
    facts = make_recipe(rendering, registry, hash_audio(audio), frames=audio.frames)
    sound = audio.format
    write(
        rendering, path, facts, split_blocks(audio.samples), sound, identity=identity, force=force
    )
    with explain_write_errors(path):
        save_stems(rendering, path, force=force)
    return facts


def write(
    result: Result,
    path: Path,
    facts: dict[str, Any],
    blocks: Iterable[np.ndarray],
    sound: AudioFormat,
    *,
    identity: Identity | None = None,
    force: bool = False,
) -> None:
    """Write a finished sound and its recipe, and the score if its preset asks for it.

    Args:
        result: The preset, score and measurements of the sound.
        path: The audio file; missing folders are created.
        facts: The recipe.
        blocks: The sound, quantised as in its file [shape=(channels, frames), dtype=float32].
        sound: The format of all blocks together.
        identity: The signer of the file.
        force: Overwrite existing files.

    Raises:
        InputError: if a file exists already, or the folder cannot be written to.
        RenderError: if writing fails; no incomplete file stays.
    """
    from lofigen_kit.audio.files import write_blocks
    from lofigen_kit.runtime.files import write_atomic

    output = result.preset.output
    text = json.dumps(facts, ensure_ascii=False, indent=2) + "\n"
    comment = json.dumps(facts, ensure_ascii=False, separators=(",", ":"))
    seal = None
    if identity:
        seal = partial(identity.sign_file, path=path, format=output.format, comment=comment)
    sidecars = {path.with_suffix(".json"): text.encode()}
    if output.midi:
        from lofigen_kit.music.midi import to_midi

        sidecars[path.with_suffix(".mid")] = to_midi(result.score)
    if result.loop and output.format == "mp3":
        _logger.warning(
            "%s: players add a gap to an MP3; for a seamless loop, write WAV or FLAC", path
        )
    with explain_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            for sidecar, blob in sidecars.items():
                write_atomic(sidecar, blob)
            write_blocks(
                path,
                blocks,
                sound,
                format=output.format,
                bit_depth=output.bit_depth,
                comment=comment,
                rng=None,
                metadata=make_metadata(result, sound),
                seal=seal,
                force=force,
            )
        except BaseException:
            for sidecar in sidecars:
                sidecar.unlink(missing_ok=True)
            raise


def quantise_rendering(rendering: Rendering) -> AudioBuffer:
    """Return a rendering's sound quantised as in its file, with dither at 16 bits."""
    from lofigen_kit.audio.files import as_stored

    preset = rendering.preset
    return as_stored(
        rendering.audio,
        format=preset.output.format,
        bit_depth=preset.output.bit_depth,
        rng=rng_for(preset.seed, rendering.take, "output"),
    )


def make_metadata(rendering: Result, sound: AudioFormat) -> AudioMetadata:
    """Return the metadata of a finished sound for other programs."""
    return replace(
        _describe_sound(rendering, rendering.score, sound, rendering.preset.name),
        loudness_lufs=finite(rendering.loudness_lufs),
        true_peak_dbtp=finite(rendering.true_peak_dbtp),
    )


def _describe_sound(
    rendering: Result, score: Score, sound: AudioFormat, name: str
) -> AudioMetadata:
    """Return the metadata of a sound in which a score is heard, without its loudness."""
    facts = (rendering.preset.name, f"{score.tempo_bpm:.6g} BPM", score.key, rendering.title)
    bar_s = 4.0 * score.grid.beat_s
    starts = (score.start_s + n * bar_s for n in range(min(score.bars, MAX_CUES)))
    frames = [round(start_s * sound.sample_rate_hz) for start_s in starts]
    return AudioMetadata(
        title=f"{rendering.title} ({name})",
        description=", ".join(fact for fact in facts if fact),
        tempo_bpm=score.tempo_bpm,
        beats=4 * score.bars,
        key=score.key,
        loop=Loop(0, sound.frames - 1) if rendering.loop else None,
        cues=tuple(
            Cue(frame, _name_bar(score, n))
            for n, frame in enumerate(frames, start=1)
            if frame < sound.frames
        ),
    )


def _name_bar(score: Score, number: int) -> str:
    """Return the cue name of a bar, counted from 1: with its section, where one begins."""
    names = [s.name for s in score.sections if s.first_bar == number - 1]
    return f"bar {number} {names[0]}" if names else f"bar {number}"


def list_output_files(path: Path, *, midi: bool = False) -> tuple[Path, ...]:
    """Return the files that `save` writes: the audio file, the recipe and the score."""
    suffixes = (".json", ".mid") if midi else (".json",)
    return path, *(path.with_suffix(suffix) for suffix in suffixes)


def get_stems_folder(path: Path) -> Path:
    """Return the folder beside `path` that holds its stems."""
    return path.with_name(f"{path.stem}{STEMS}")


def list_stem_files(path: Path, names: Iterable[str]) -> list[Path]:
    """Return the files beside `path` for its stems, in order.

    Args:
        path: The audio file.
        names: The stems' names: `parts.drums` is `part-drums.wav`; the stages after them are
            numbered from 0.
    """
    folder = get_stems_folder(path)
    names = list(names)
    parts = [name.removeprefix(PART_STEM) for name in names if name.startswith(PART_STEM)]
    stages = [name for name in names if not name.startswith(PART_STEM)]
    uses = [stage.removeprefix("effects.").partition("#")[0] for stage in stages]
    return [
        *(folder / f"part-{make_safe_name(part)}.wav" for part in parts),
        *(folder / f"{number:02}-{make_safe_name(use)}.wav" for number, use in enumerate(uses)),
    ]


def save_stems(rendering: Rendering, path: Path, *, force: bool) -> None:
    """Write each part and the sound after each stage, as 32-bit float WAV, into a folder.

    Each has the tempo, the loop and the bars of its own stage: effects may change the tempo.
    """
    from lofigen_kit.audio.files import write_audio

    files = list_stem_files(path, rendering.stems)
    scores = _list_stem_scores(rendering)
    for file, score, (stage, audio) in zip(files, scores, rendering.stems.items(), strict=True):
        file.parent.mkdir(exist_ok=True)
        write_audio(
            file,
            audio,
            format="wav",
            bit_depth=32,
            comment="",
            rng=rng_for(rendering.preset.seed, rendering.take, f"output.{stage}"),
            metadata=_describe_sound(rendering, score, audio.format, stage),
            force=force,
        )


def _list_stem_scores(rendering: Rendering) -> list[Score]:
    """Return what sounds in each stem: effects change its tempo and its pitch one after another."""
    effects, written = rendering.preset.effects, rendering.written
    parts = sum(name.startswith(PART_STEM) for name in rendering.stems)
    done = range(len(rendering.stems) - parts)
    return [
        *[written] * parts,
        *(
            written.change_speed(compute_speed(effects[:count])).shift_pitch(
                compute_transposition(effects[:count])
            )
            for count in done
        ),
    ]


def name_rendering(rendering: Rendering) -> str:
    """Return a file name without suffix: `lofi-tape_78bpm_Dmin_seed3_take0`."""
    return name_take(
        rendering.preset, rendering.take, rendering.score.tempo_bpm, rendering.score.key
    )


def name_take(preset: Preset, take: int, tempo_bpm: float, key: str) -> str:
    """Return a file name without suffix, safe on every system."""
    tonic, _, mode = key.partition(" ")
    parts = [make_safe_name(preset.name), f"{tempo_bpm:.6g}bpm"]
    if tonic:
        parts.append(make_safe_name(tonic.replace("#", "s") + mode[:3]))
    return "_".join([*parts, f"seed{preset.seed}", f"take{take}"])


def process(
    path: Path,
    preset: Preset,
    target: Path,
    registry: Registry,
    *,
    salvage: bool = False,
    identity: Identity | None = None,
    force: bool = False,
    lock: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Process a file, write the result with its recipe, and return the recipe.

    Mono stays mono and stereo stays stereo; more channels are mixed to their mean on both sides.

    Args:
        path: The file, of at most twelve hours.
        preset: The preset with the effects and mastering to run; in the recipe, its source is the
            file.
        target: The file to write; missing folders are created.
        registry: The plugins that provide the preset's components.
        salvage: Process the readable part of a damaged file.
        identity: The signer of the result.
        force: Overwrite existing files.
        lock: Wait while another process writes into the folder, and keep others out meanwhile.
        progress: Called with the progress.

    Raises:
        InputError: if the file is not audio or damaged, or the folder cannot be written to.
        RenderError: if a stage fails; the message names it, and no incomplete file stays.
    """
    files = list_output_files(target)
    check_free(*files, force=force)
    # Temporary files go to the disk of the result: its folder, or the nearest existing parent.
    folder = next(p for p in target.absolute().parents if p.is_dir())
    recording = examine(path, salvage=salvage)
    with process_recording(recording, preset, folder, target=target, progress=progress) as done:
        facts = recipe_of_processed(done, path, registry)
        with explain_write_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
        with lock_folder(target.parent, wait=True) if lock else nullcontext():
            check_free(*files, force=force)  # another process may have written them meanwhile
            write(
                done.result, target, facts, done.blocks(), done.sound,
                identity=identity, force=force,
            )  # fmt: skip
    return facts


def find_processed(
    path: Path, preset: Preset, target: Path, *, salvage: bool = False
) -> dict[str, Any] | None:
    """Return the recipe of a file that an earlier run has made of the same sound, or None.

    What a run that was stopped has left beside a file that is not there is removed.

    Args:
        path: The input file.
        preset: The preset that would process it, with the file as its source.
        target: The file that would be written.
        salvage: Take the input as far as it goes where it is damaged.

    Raises:
        InputError: if the input cannot be read.
    """
    beside = target.with_suffix(".json")
    if not target.exists():
        if _is_processed(_read_json(beside), preset):
            beside.unlink()
        return None
    try:
        facts = read(target)
    except AudioError:
        return None
    if facts is None or not _is_processed(facts, preset) or not beside.is_file():
        return None
    return facts if facts.get("source_sha256") == hash_recording(path, salvage=salvage) else None


def _is_processed(facts: Any, preset: Preset) -> bool:
    """Return whether a recipe is that of a file which was processed by a preset."""
    made = json.loads(json.dumps(make_portable(preset)))
    is_recipe = isinstance(facts, dict) and facts.get("command") == "process"
    return is_recipe and facts.get("preset") == made


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def recipe_of_processed(done: ProcessedRecording, path: Path, registry: Registry) -> dict[str, Any]:
    """Return the recipe of a recording that was processed.

    Args:
        done: The processed recording.
        path: The input file. If its recipe discloses that it was generated, so does the new one.
        registry: The plugins that provide the preset's components.
    """
    facts = make_recipe(done.result, registry, done.audio_sha256, frames=done.sound.frames)
    if is_generated(read(path)):
        facts["disclosure"] = f"{MADE}, {PROCESSED}"
    return facts
