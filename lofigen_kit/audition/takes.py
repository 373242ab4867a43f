"""A folder of takes: what there is, and what is known, measured and seen of each.

Loudness and true peak come from a recipe that is of the very sound in the file, by its hash; for
all else they are measured. Tempo and key are what files say, and are never guessed.
"""

from __future__ import annotations

import json
import logging
import math
import os
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from lofigen_kit.audio.metadata import AUDIO_SUFFIXES
from lofigen_kit.audition.decisions import MAX_DECISIONS, MAX_NAME, find_place_fault, resolve_place
from lofigen_kit.errors import InputError, LofigenError, RenderError, to_one_line
from lofigen_kit.provenance.save import STEMS, get_stems_folder
from lofigen_kit.runtime.progress import Progress
from lofigen_kit.runtime.workers import allow_interrupts, collect_warnings, make_pool

if TYPE_CHECKING:
    from lofigen_kit.audio.buffer import AudioBuffer
    from lofigen_kit.audio.metadata import AudioMetadata

SUFFIXES = (*AUDIO_SUFFIXES, ".aif", ".aiff")
MAX_DRAWN_S = 1200.0
"""What is longer is listed without a picture: all of a sound is held to draw it."""
FULL_SCALE = 0.9999
CLIPPED_FRAMES = 3
"""So many samples at full scale in a row are a wave that was cut off."""
FEW, MAX_READERS = 16, 16
"""So few takes are read here, sooner than other processes have begun; and most of those."""
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
    """Something that may be wrong, and from when to when; None where it is all of the take."""

    what: str
    start_s: float | None = None
    end_s: float | None = None


@dataclass(frozen=True)
class DrySound:
    """What a take was before its effects: where that lies, and how loud it is."""

    place: str
    loudness_lufs: float | None


@dataclass(frozen=True)
class ChainDescription:
    """How takes were made, which many of them share: each stage with its fields, and all of it."""

    stages: tuple[tuple[str, str], ...]
    text: str


@dataclass(frozen=True)
class SheetRow:
    """A take as the sheet shows it.

    Attributes:
        place: Where it lies in the folder, with `/`.
        error: Why it cannot be shown; all else is empty then.
        duration_s: How long it sounds.
        sample_rate_hz: Its rate.
        channels: Their number.
        title: What its source calls it.
        preset: The name of its preset.
        seed: The preset's seed, as text: it may be larger than a browser's numbers.
        number: Which take it is.
        tempo_bpm: None where the file does not say.
        key: Empty where the file does not say.
        loudness_lufs: Integrated; None for silence.
        true_peak_dbtp: Likewise.
        rank: How well it is played, from `batch --rank`.
        flags: What may be wrong.
        audio_sha256: The hash that its recipe has.
        made: How it was made.
        recipe: What of its recipe is its own, as text.
        dry: The sound before the effects, where it lies beside it.
        wave: See `drawing`, in base64.
        spectrum: Likewise.
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
    wave: str = ""
    spectrum: str = ""


def find_takes(folder: Path) -> list[str]:
    """Return the places of all audio files in a folder and below, in order.

    Stems and what is hidden are left out; so are links that lead out of the folder and names that
    decisions cannot hold, with a warning in the log.

    Raises:
        InputError: if it is no folder, or holds none or too many.
    """
    if not folder.is_dir():
        raise InputError("there is no such folder", where=folder, remedy="name a folder of takes")
    found = sorted(_walk(folder), key=_natural)
    if not found:
        raise InputError(
            "the folder holds no audio",
            where=folder,
            remedy="render some takes into it with `lofigen-kit batch`",
        )
    if len(found) > MAX_DECISIONS:
        raise InputError(
            f"the folder holds more than {MAX_DECISIONS} takes",
            where=folder,
            remedy="name one of the folders in it",
        )
    return found


def read_takes(
    folder: Path, places: Sequence[str], *, progress: Progress | None = None
) -> list[SheetRow]:
    """Return what is known of takes; one that cannot be read says so and stops no other.

    Args:
        folder: Theirs.
        places: Where in it they lie.
        progress: Told how many are done.
    """
    records = _records(folder, places)
    takes = []
    for take in _read_all(folder, [(place, records.get(place, {})) for place in places]):
        takes.append(take)
        if progress:
            progress("looking", len(takes), len(places))
    return takes


def _read_all(folder: Path, jobs: Sequence[tuple[str, Facts]]) -> Iterator[SheetRow]:
    read = partial(_read, folder)
    workers = os.cpu_count() or 1
    if len(jobs) <= FEW or workers == 1:
        yield from (read(job) for job in jobs)
        return
    try:
        with make_pool(min(workers, MAX_READERS), _prepare) as workshop:
            try:
                yield from workshop.map(read, jobs, chunksize=4)
            finally:
                workshop.shutdown(cancel_futures=True)
    except BrokenProcessPool:
        raise RenderError(
            "a worker died", where=folder, remedy="name a folder of fewer takes"
        ) from None


def _prepare() -> None:
    """Let a worker import what it needs, before its first job."""
    from lofigen_kit.audition import drawing  # noqa: F401
    from lofigen_kit.provenance import recipe  # noqa: F401


def _walk(folder: Path) -> Iterator[str]:
    for here, folders, names in os.walk(folder):
        folders[:] = [n for n in folders if not n.startswith(".") and not n.endswith(STEMS)]
        for name in names:
            path = Path(here, name)
            if name.startswith(".") or path.suffix.lower() not in SUFFIXES:
                continue
            place = path.relative_to(folder).as_posix()
            if fault := _fault(place):
                _logger.warning("%s: left out: its name %s", to_one_line(str(path)), fault)
            elif resolve_place(folder, place) is None:
                _logger.warning("%s: left out: a link that leads nowhere inside", path)
            else:
                yield place


def _fault(place: str) -> str | None:
    try:
        place.encode()
    except UnicodeEncodeError:
        return "is no Unicode"
    return f"is longer than {MAX_NAME}" if len(place) > MAX_NAME else find_place_fault(place)


def _natural(place: str) -> list[tuple[int, int, str]]:
    """Return a key by which take2 comes before take10."""
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


def _records(folder: Path, places: Sequence[str]) -> dict[str, Facts]:
    """Return what is told of takes by the ledgers of batches: of the folder, or of some in it."""
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


def _read(folder: Path, job: tuple[str, Facts]) -> SheetRow:
    place, record = job
    with allow_interrupts(), collect_warnings() as heard:
        try:
            take = _examine_take(folder, place, record)
        except LofigenError as error:
            take = SheetRow(place, error=error.message)
    said = [Flag(to_one_line(text.removeprefix(f"{folder / place}: "))) for text in heard]
    return replace(take, flags=(*take.flags, *said))


def _examine_take(folder: Path, place: str, record: Facts) -> SheetRow:
    """Return all that is known of a take.

    Raises:
        LofigenError: if it cannot be read.
    """
    from lofigen_kit.audio.files import read_audio, read_metadata
    from lofigen_kit.audition.drawing import draw_sound
    from lofigen_kit.provenance import recipe

    path = folder / place
    facts = recipe.read(path) or {}
    audio = read_audio(path, max_duration_s=MAX_DRAWN_S)
    dry, played = _dry(folder, place)
    loudness_lufs, true_peak_dbtp, is_own = _levels(audio, facts)
    flags = _parse_findings(record, facts)
    if flags is None:
        flags = _find_collapse_flags(played or audio)
    flags += _level_flags(audio, loudness_lufs, true_peak_dbtp)
    if facts and not is_own:
        flags.append(Flag("not the sound of its recipe"))
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
        wave=b64encode(wave).decode(),
        spectrum=b64encode(spectrum).decode(),
    )


def _add_file_facts(take: SheetRow, facts: Facts, labels: AudioMetadata, record: Facts) -> SheetRow:
    """Return a take with what its file says of itself, which a stranger may have written."""
    preset = facts.get("preset")
    seed, number = facts.get("seed"), facts.get("take")
    sha256 = facts.get("audio_sha256")
    made, own = _split_recipe(facts)
    return replace(
        take,
        title=_text(facts.get("title")) or _text(labels.title),
        preset=_text(preset.get("name")) if isinstance(preset, dict) else "",
        seed=str(seed)[:24] if isinstance(seed, int) else "",
        number=number if isinstance(number, int) and 0 <= number < 1 << 53 else None,
        tempo_bpm=_number(facts.get("tempo_bpm")) or _number(labels.tempo_bpm),
        key=_text(facts.get("key")) or _text(labels.key),
        rank=_number(record.get("rank")),
        audio_sha256=sha256 if _is_sha256(sha256) else None,
        made=made,
        recipe=own,
    )


def _split_recipe(facts: Facts) -> tuple[ChainDescription | None, str]:
    """Return what of a recipe many takes share, and what is one take's own."""
    if not facts:
        return None, ""
    parts = {key: value for key, value in facts.items() if isinstance(value, dict)}
    own = {key: value for key, value in facts.items() if key not in parts}
    return ChainDescription(tuple(_stages(facts.get("preset"))), _json(parts)), _json(own)


def _stages(preset: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(preset, dict):
        return
    effects = preset.get("effects")
    stages = [preset.get(key) for key in ("source", "model", "sampler")]
    stages += effects if isinstance(effects, list) else []
    for stage in stages:
        if isinstance(stage, dict):
            told = [_field(key, value) for key, value in stage.items() if key != "use"]
            yield _text(stage.get("use")), _text(", ".join(field for field in told if field))


def _field(key: str, value: Any) -> str:
    """Return a field for people, `cutoff 6000 Hz`; empty for what changes nothing."""
    if value is None or (key == "mix" and value == 1):
        return ""
    name, _, suffix = key.rpartition("_")
    unit = UNITS.get(suffix, "") if name else ""
    number = f"{value:.6g}" if isinstance(value, float) else str(value)
    return f"{name if unit else key} {number} {unit}".strip().replace("_", " ")


def _levels(audio: AudioBuffer, facts: Facts) -> tuple[float | None, float | None, bool]:
    """Return loudness and true peak, and whether the recipe is of this sound, as far as is known.

    A lossy file's recipe has the hash of what was encoded: it can only be believed.
    """
    from lofigen_kit.audio.hashing import hash_audio
    from lofigen_kit.provenance.recipe import AS_DECODED

    is_own = facts.get("audio_sha256_of") != AS_DECODED
    if not is_own and hash_audio(audio) == facts.get("audio_sha256"):
        told = [_number(facts.get(key)) for key in ("loudness_lufs", "true_peak_dbtp")]
        return told[0], told[1], True
    from lofigen_kit.dsp.loudness import true_peak_dbtp  # a second, if nothing else needs it

    return _loudness(audio), _finite(true_peak_dbtp(audio)), is_own


def _loudness(audio: AudioBuffer) -> float | None:
    from lofigen_kit.audio.buffer import AudioBuffer
    from lofigen_kit.dsp.loudness import integrated_lufs

    loudest_two = AudioBuffer(audio.samples[:2], audio.sample_rate_hz)
    return _finite(integrated_lufs(audio if audio.channels <= 5 else loudest_two))


def _dry(folder: Path, place: str) -> tuple[DrySound | None, AudioBuffer | None]:
    """Return the first stem, which is the sound before all effects, where it lies beside a take."""
    from lofigen_kit.audio.files import read_audio

    path = folder / place
    stems = get_stems_folder(path)
    names = [p.name for p in stems.glob("*.wav")] if stems.is_dir() else []
    first = (stems / min(names)).relative_to(folder).as_posix() if names else ""
    if not first or _fault(first) or resolve_place(folder, first) is None:
        return None, None
    try:
        played = read_audio(folder / first, max_duration_s=MAX_DRAWN_S)
    except LofigenError:
        return None, None
    return DrySound(first, _loudness(played)), played


def _parse_findings(record: Facts, facts: Facts) -> list[Flag] | None:
    """Return what the doctor found when the take was rendered, or None where that is not known."""
    findings, sha256 = record.get("findings"), record.get("audio_sha256")
    if not isinstance(findings, list) or sha256 is None or sha256 != facts.get("audio_sha256"):
        return None
    return [
        Flag(_text(found.get("fault")), _number(found.get("start_s")), _number(found.get("end_s")))
        for found in findings
        if isinstance(found, dict)
    ]


def _find_collapse_flags(audio: AudioBuffer) -> list[Flag]:
    """Return what the doctor finds at the rate of a telephone, which is all that it needs."""
    from lofigen_kit.analysis import collapse, mono_8k
    from lofigen_kit.audio.buffer import AudioBuffer

    heard = AudioBuffer(mono_8k(audio)[None], 8000)
    return [Flag(found.fault, found.start_s, found.end_s) for found in collapse.examine(heard)]


def _level_flags(
    audio: AudioBuffer, loudness_lufs: float | None, true_peak_dbtp: float | None
) -> list[Flag]:
    import numpy as np

    flags = []
    full = (np.abs(audio.samples) >= FULL_SCALE).any(axis=0)
    if full.any():
        runs = np.convolve(full, np.ones(CLIPPED_FRAMES, int), "valid") >= CLIPPED_FRAMES
        if runs.any():
            frames = np.flatnonzero(runs)[[0, -1]] / audio.sample_rate_hz
            flags.append(Flag("cut off at full scale", float(frames[0]), float(frames[1])))
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
    with suppress(OverflowError):  # an integer of hundreds of digits
        return float(value) if math.isfinite(value) else None
    return None


def _text(value: Any) -> str:
    return (
        to_one_line(value[: 4 * MAX_TEXT_CHARS])[:MAX_TEXT_CHARS] if isinstance(value, str) else ""
    )


def _json(facts: Facts) -> str:
    text = json.dumps(facts, ensure_ascii=False, indent=1)
    return text if len(text) <= MAX_RECIPE_CHARS else f"{text[:MAX_RECIPE_CHARS]} ..."
