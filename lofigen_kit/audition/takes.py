"""Find the takes in a folder, and read, measure and draw each one.

Loudness and true peak are taken from a recipe whose hash matches the audio; otherwise they are
measured. Tempo and key are taken from the file and never estimated.
"""

from __future__ import annotations

import json
import logging
import math
import os
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from lofigen_kit.audio.metadata import AUDIO_SUFFIXES
from lofigen_kit.audition.decisions import MAX_DECISIONS, MAX_NAME
from lofigen_kit.errors import (
    NO_MEMORY,
    InputError,
    LofigenError,
    RenderError,
    to_one_line,
)
from lofigen_kit.provenance.save import STEMS, get_stems_folder
from lofigen_kit.runtime.places import find_place_fault, resolve_place
from lofigen_kit.runtime.progress import Progress
from lofigen_kit.runtime.workers import allow_interrupts, collect_warnings, make_pool

if TYPE_CHECKING:
    from lofigen_kit.audio.buffer import AudioBuffer
    from lofigen_kit.audio.metadata import AudioMetadata
    from lofigen_kit.audition.rolls import SheetRoll

SUFFIXES = (*AUDIO_SUFFIXES, ".aif", ".aiff")
MAX_DRAWN_S = 1200.0
"""The longest sound that is read, because a whole sound is held in memory to draw it."""
FULL_SCALE = 0.9999
CLIPPED_FRAMES = 3
"""The number of consecutive samples at full scale that counts as clipping."""
FEW_TAKES = 16
"""Up to so many takes are read in this process, which is faster than starting workers."""
MAX_READERS = 16
"""The largest number of worker processes."""
MAX_PARTS = 16
"""The largest number of parts of a take; those after it are left out."""
PART_FILE = re.compile(r"part-([a-z0-9-]{1,32})\.wav")
MAX_OVERHANG_S = 0.05
"""By so much a part may be longer than its mix; a longer one is not of that mix."""
MAX_RECIPE_CHARS = 65_536
MAX_TEXT_CHARS = 300

UNITS = {
    "bpm": "BPM", "cents": "cents", "db": "dB", "dbfs": "dBFS", "hz": "Hz", "khz": "kHz",
    "min": "min", "ms": "ms", "pct": "%", "s": "s", "st": "semitones",
}  # fmt: skip

Facts = Mapping[str, Any]
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Flag:
    """A possible fault, with its start and end; None if it concerns the whole take."""

    what: str
    start_s: float | None = None
    end_s: float | None = None


@dataclass(frozen=True)
class DrySound:
    """A take's sound before its effects: its place and its loudness."""

    place: str
    loudness_lufs: float | None


@dataclass(frozen=True)
class PartSound:
    """One part of a take as it stands in the mix before the effects: its name and its place."""

    name: str
    place: str


@dataclass(frozen=True)
class ChainDescription:
    """The part of a recipe that many takes share: each stage with its fields, and all text."""

    stages: tuple[tuple[str, str], ...]
    text: str


@dataclass(frozen=True)
class SheetRow:
    """The data of a take on the sheet.

    Attributes:
        place: Its path inside the folder, with `/`.
        error: Why it cannot be read; all other fields are then empty.
        duration_s: Duration in seconds.
        sample_rate_hz: Sample rate.
        channels: Number of channels.
        title: The title from its source.
        preset: The name of its preset.
        seed: The preset's seed, as text: it may be too large for a number in a browser.
        number: The number of the take.
        tempo_bpm: Tempo; None if the file does not give it.
        key: Key; empty if the file does not give it.
        loudness_lufs: Integrated loudness; None for silence.
        true_peak_dbtp: True peak; None for silence.
        rank: The rating of `batch --rank`, 0 to 1.
        flags: Possible faults.
        audio_sha256: The audio hash in its recipe.
        made: The chain from its recipe.
        recipe: The rest of its recipe, as text.
        dry: The sound before the effects, if its stems are beside it.
        parts: The parts whose sum `dry` is, if they are beside it.
        wave: The waveform from `drawing`, in base64.
        spectrum: The spectrogram from `drawing`, in base64.
        roll: The piano roll from `rolls`, if its score is beside it.
    """

    place: str
    error: str | None = None
    duration_s: float = 0.0
    sample_rate_hz: int = 0
    channels: int = 0
    title: str = ""
    preset: str = ""
    seed: str = ""
    number: int | None = None
    tempo_bpm: float | None = None
    key: str = ""
    loudness_lufs: float | None = None
    true_peak_dbtp: float | None = None
    rank: float | None = None
    flags: tuple[Flag, ...] = ()
    audio_sha256: str | None = None
    made: ChainDescription | None = None
    recipe: str = ""
    dry: DrySound | None = None
    parts: tuple[PartSound, ...] = ()
    wave: str = ""
    spectrum: str = ""
    roll: SheetRoll | None = None


def find_takes(folder: Path) -> list[str]:
    """Return the places of all audio files in a folder and its subfolders, in natural order.

    Stems and hidden files are left out. Links that lead out of the folder, and names that decisions
    cannot hold, are left out with a warning in the log.

    Raises:
        InputError: if the folder does not exist, or has no takes or too many.
    """
    if not folder.is_dir():
        raise InputError("there is no such folder", where=folder, remedy="name a folder of takes")
    places = sorted(_walk(folder), key=_make_natural_key)
    if not places:
        raise InputError(
            "the folder holds no audio",
            where=folder,
            remedy="render some takes into it with `lofigen-kit batch`",
        )
    if len(places) > MAX_DECISIONS:
        raise InputError(
            f"the folder holds more than {MAX_DECISIONS} takes",
            where=folder,
            remedy="name one of its subfolders",
        )
    return places


def read_takes(
    folder: Path, places: Sequence[str], *, progress: Progress | None = None
) -> list[SheetRow]:
    """Return the rows of takes; one that cannot be read has its `error` set.

    Args:
        folder: The folder of the takes.
        places: Their places in it.
        progress: Called with the number of takes that are done.

    Raises:
        RenderError: if a worker process dies.
    """
    records = _read_batch_records(folder, places)
    takes = []
    for take in _read_all(folder, [(place, records.get(place, {})) for place in places]):
        takes.append(take)
        if progress:
            progress("reading takes", len(takes), len(places))
    return takes


def _read_all(folder: Path, jobs: Sequence[tuple[str, Facts]]) -> Iterator[SheetRow]:
    read = partial(_read_take, folder)
    workers = os.cpu_count() or 1
    if len(jobs) <= FEW_TAKES or workers == 1:
        yield from (read(job) for job in jobs)
        return
    try:
        with make_pool(min(workers, MAX_READERS), _import_readers) as pool:
            try:
                yield from pool.map(read, jobs, chunksize=4)
            finally:
                pool.shutdown(cancel_futures=True)
    except BrokenProcessPool:
        raise RenderError(
            "a worker process died", where=folder, remedy="name a folder of fewer takes"
        ) from None


def _import_readers() -> None:
    """Import the modules that a worker needs, before its first job."""
    from lofigen_kit.audition import drawing, rolls  # noqa: F401
    from lofigen_kit.provenance import recipe  # noqa: F401


def _walk(folder: Path) -> Iterator[str]:
    for here, folders, names in os.walk(folder):
        folders[:] = [n for n in folders if not n.startswith(".") and not n.endswith(STEMS)]
        for link in (path for path in (Path(here, name) for name in folders) if path.is_symlink()):
            _logger.warning("%s: left out: links to folders are not followed", link)
        for name in names:
            path = Path(here, name)
            if name.startswith(".") or path.suffix.lower() not in SUFFIXES:
                continue
            place = path.relative_to(folder).as_posix()
            if fault := _find_name_fault(place):
                _logger.warning("%s: left out: its name %s", to_one_line(str(path)), fault)
            elif resolve_place(folder, place) is None:
                _logger.warning("%s: left out: the link does not lead into this folder", path)
            else:
                yield place


def _find_name_fault(place: str) -> str | None:
    try:
        place.encode()
    except UnicodeEncodeError:
        return "is not Unicode"
    if len(place) > MAX_NAME:
        return f"is longer than {MAX_NAME} characters"
    return find_place_fault(place)


def _make_natural_key(place: str) -> list[tuple[int, int, str]]:
    """Return a sort key that puts take2 before take10."""
    parts, digits = [], ""
    for c in f"{place.casefold()}\0":
        if c in "0123456789":
            digits += c
            continue
        if digits:
            parts.append((0, int(digits[:18]), digits))
            digits = ""
        parts.append((1, 0, c))
    return parts


def _read_batch_records(folder: Path, places: Sequence[str]) -> dict[str, Facts]:
    """Return the records of takes from the manifests of batches in the folder and below."""
    from lofigen_kit.batch.ledger import MANIFEST, read_last_records

    records: dict[str, Facts] = {}
    for below in sorted({parent for place in places for parent in PurePosixPath(place).parents}):
        if resolve_place(folder, str(below / MANIFEST)) is None:
            continue
        try:
            for record in read_last_records(folder / below):
                if record["status"] == "done":
                    records[str(below / str(record.get("path")))] = record
        except OSError as error:
            _logger.warning("%s: cannot be read (%s)", folder / below / MANIFEST, error.strerror)
    return records


def _read_take(folder: Path, job: tuple[str, Facts]) -> SheetRow:
    place, record = job
    with allow_interrupts(), collect_warnings() as warnings:
        try:
            take = _examine_take(folder, place, record)
        except LofigenError as error:
            take = SheetRow(place, error=error.message)
        except MemoryError:
            take = SheetRow(place, error=NO_MEMORY)
    flags = [Flag(to_one_line(text.removeprefix(f"{folder / place}: "))) for text in warnings]
    return replace(take, flags=(*take.flags, *flags))


def _examine_take(folder: Path, place: str, record: Facts) -> SheetRow:
    """Return the row of a take.

    Raises:
        LofigenError: if it cannot be read.
    """
    from lofigen_kit.audio.files import read_audio, read_metadata
    from lofigen_kit.audition.drawing import draw_sound
    from lofigen_kit.audition.rolls import read_roll
    from lofigen_kit.provenance import recipe

    path = folder / place
    facts = recipe.read(path) or {}
    audio = read_audio(path, max_duration_s=MAX_DRAWN_S)
    dry, dry_audio = _read_dry(folder, place)
    loudness_lufs, true_peak_dbtp, matches_recipe = _get_levels(audio, facts)
    flags = _parse_findings(record, facts)
    if flags is None:
        flags = _find_collapse_flags(dry_audio or audio)
    flags += _find_level_flags(audio, loudness_lufs, true_peak_dbtp)
    if facts and not matches_recipe:
        flags.append(Flag("does not match its recipe"))
    wave, spectrum = draw_sound(audio)
    return replace(
        _add_file_facts(SheetRow(place), facts, read_metadata(path), record),
        duration_s=audio.duration_s,
        sample_rate_hz=audio.sample_rate_hz,
        channels=audio.channels,
        loudness_lufs=loudness_lufs,
        true_peak_dbtp=true_peak_dbtp,
        flags=tuple(flags),
        dry=dry,
        parts=_find_parts(folder, place, dry_audio) if dry_audio else (),
        wave=b64encode(wave).decode(),
        spectrum=b64encode(spectrum).decode(),
        roll=read_roll(folder, place, audio.duration_s, facts),
    )


def _add_file_facts(
    take: SheetRow, facts: Facts, metadata: AudioMetadata, record: Facts
) -> SheetRow:
    """Return a row with facts from the recipe, the metadata and the record, all untrusted."""
    preset = facts.get("preset")
    seed, number = facts.get("seed"), facts.get("take")
    sha256 = facts.get("audio_sha256")
    chain, rest = _split_recipe(facts)
    return replace(
        take,
        title=_text(facts.get("title")) or _text(metadata.title),
        preset=_text(preset.get("name")) if isinstance(preset, dict) else "",
        seed=str(seed)[:24] if isinstance(seed, int) else "",
        number=number if isinstance(number, int) and 0 <= number < 1 << 53 else None,
        tempo_bpm=_number(facts.get("tempo_bpm")) or _number(metadata.tempo_bpm),
        key=_text(facts.get("key")) or _text(metadata.key),
        rank=_number(record.get("rank")),
        audio_sha256=sha256 if _is_sha256(sha256) else None,
        made=chain,
        recipe=rest,
    )


def _split_recipe(facts: Facts) -> tuple[ChainDescription | None, str]:
    """Return the part of a recipe that many takes share, and the rest as text but for the score."""
    if not facts:
        return None, ""
    shared = {key: value for key, value in facts.items() if isinstance(value, dict)}
    own = {key: value for key, value in facts.items() if key not in shared and key != "midi"}
    return ChainDescription(tuple(_list_stages(facts.get("preset"))), _json(shared)), _json(own)


def _list_stages(preset: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(preset, dict):
        return
    effects = preset.get("effects")
    stages = [preset.get(key) for key in ("source", "model", "sampler")]
    stages += effects if isinstance(effects, list) else []
    for stage in stages:
        if isinstance(stage, dict):
            fields = [_format_field(key, value) for key, value in stage.items() if key != "use"]
            yield _text(stage.get("use")), _text(", ".join(field for field in fields if field))


def _format_field(key: str, value: Any) -> str:
    """Return a field as text, such as `cutoff 6000 Hz`; empty for a value without effect."""
    if value is None or (key == "mix" and value == 1):
        return ""
    name, _, suffix = key.rpartition("_")
    unit = UNITS.get(suffix, "") if name else ""
    number = f"{value:.6g}" if isinstance(value, float) else str(value)
    return f"{name if unit else key} {number} {unit}".strip().replace("_", " ")


def _get_levels(audio: AudioBuffer, facts: Facts) -> tuple[float | None, float | None, bool]:
    """Return loudness, true peak, and whether the recipe's hash matches the audio.

    The recipe of a lossy file has the hash before encoding, which cannot be checked: the third
    value is then True.
    """
    from lofigen_kit.audio.hashing import hash_audio
    from lofigen_kit.provenance.recipe import AS_DECODED

    cannot_check = facts.get("audio_sha256_of") != AS_DECODED
    if not cannot_check and hash_audio(audio) == facts.get("audio_sha256"):
        return _number(facts.get("loudness_lufs")), _number(facts.get("true_peak_dbtp")), True
    from lofigen_kit.dsp.loudness import true_peak_dbtp  # importing it takes about a second

    return _measure_loudness(audio), _finite(true_peak_dbtp(audio)), cannot_check


def _measure_loudness(audio: AudioBuffer) -> float | None:
    from lofigen_kit.audio.buffer import AudioBuffer
    from lofigen_kit.dsp.loudness import integrated_lufs

    first_two = AudioBuffer(audio.samples[:2], audio.sample_rate_hz)
    return _finite(integrated_lufs(audio if audio.channels <= 5 else first_two))


def _read_dry(folder: Path, place: str) -> tuple[DrySound | None, AudioBuffer | None]:
    """Return the first stem of a take, which is the sound before all effects, if it exists."""
    from lofigen_kit.audio.files import read_audio

    path = folder / place
    stems = get_stems_folder(path)
    names = [p.name for p in stems.glob("*.wav")] if stems.is_dir() else []
    names = [name for name in names if not name.startswith("part-")]
    first = (stems / min(names)).relative_to(folder).as_posix() if names else ""
    if not first or _find_name_fault(first) or resolve_place(folder, first) is None:
        return None, None
    try:
        audio = read_audio(folder / first, max_duration_s=MAX_DRAWN_S)
    except LofigenError:
        return None, None
    return DrySound(first, _measure_loudness(audio)), audio


def _find_parts(folder: Path, place: str, mix: AudioBuffer) -> tuple[PartSound, ...]:
    """Return the parts of a take beside its mix: the common ones first, then others by name."""
    from lofigen_kit.music.score import COMMON_PARTS

    stems = get_stems_folder(folder / place)
    found = filter(None, (PART_FILE.fullmatch(path.name) for path in stems.iterdir()))
    paths = {match[1]: stems / match[0] for match in found}
    names = [*(name for name in COMMON_PARTS if name in paths)]
    names += sorted(paths.keys() - set(names))
    sounds = (PartSound(name, paths[name].relative_to(folder).as_posix()) for name in names)
    parts = (part for part in sounds if _is_part_of(folder, part.place, mix))
    return tuple(islice(parts, MAX_PARTS))


def _is_part_of(folder: Path, place: str, mix: AudioBuffer) -> bool:
    """Return whether a file is inside the folder, is a sound, and fits into its mix."""
    from lofigen_kit.audio.files import read_duration_s

    if _find_name_fault(place) or resolve_place(folder, place) is None:
        return False
    try:
        return 0.0 < read_duration_s(folder / place) <= mix.duration_s + MAX_OVERHANG_S
    except LofigenError:
        return False


def _parse_findings(record: Facts, facts: Facts) -> list[Flag] | None:
    """Return the flags of collapses from a batch's record, or None if it is not of this audio."""
    findings, sha256 = record.get("findings"), record.get("audio_sha256")
    if not isinstance(findings, list) or sha256 is None or sha256 != facts.get("audio_sha256"):
        return None
    return [
        Flag(_text(item.get("fault")), _number(item.get("start_s")), _number(item.get("end_s")))
        for item in findings
        if isinstance(item, dict)
    ]


def _find_collapse_flags(audio: AudioBuffer) -> list[Flag]:
    """Return flags of collapses, detected at 8 kHz, which is enough for that."""
    from lofigen_kit.analysis import collapse, mono_8k
    from lofigen_kit.audio.buffer import AudioBuffer

    mono = AudioBuffer(mono_8k(audio)[None], 8000)
    return [Flag(found.fault, found.start_s, found.end_s) for found in collapse.examine(mono)]


def _find_level_flags(
    audio: AudioBuffer, loudness_lufs: float | None, true_peak_dbtp: float | None
) -> list[Flag]:
    import numpy as np

    flags = []
    full = (np.abs(audio.samples) >= FULL_SCALE).any(axis=0)
    if full.any():
        runs = np.convolve(full, np.ones(CLIPPED_FRAMES, int), "valid") >= CLIPPED_FRAMES
        if runs.any():
            frames = np.flatnonzero(runs)[[0, -1]] / audio.sample_rate_hz
            flags.append(Flag("clipping at full scale", float(frames[0]), float(frames[1])))
    if true_peak_dbtp is not None and true_peak_dbtp > 0.0:
        flags.append(Flag("peaks over 0 dBTP"))
    if loudness_lufs is None:
        flags.append(Flag("silence"))
    return flags


def _is_sha256(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return _finite(value) if is_number else None


def _finite(value: float) -> float | None:
    with suppress(OverflowError):  # for an integer of hundreds of digits
        return float(value) if math.isfinite(value) else None
    return None


def _text(value: Any) -> str:
    return (
        to_one_line(value[: 4 * MAX_TEXT_CHARS])[:MAX_TEXT_CHARS] if isinstance(value, str) else ""
    )


def _json(facts: Facts) -> str:
    text = json.dumps(facts, ensure_ascii=False, indent=1)
    return text if len(text) <= MAX_RECIPE_CHARS else f"{text[:MAX_RECIPE_CHARS]} ..."
