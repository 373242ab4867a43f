"""A corpus of a user's own recordings, each cut into pieces of a few bars and transcribed.

A file is read in blocks and is never in memory as a whole: the beat is detected in the next minute,
a piece of whole bars is cut off, and its score is transcribed. All pieces of a file are one group,
so that no network is evaluated on a recording that it was trained on.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lofigen_kit.analysis import beat_track, extract_score
from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.audio.files import read_audio_blocks
from lofigen_kit.components.base import Take
from lofigen_kit.corpus.build import SongEntries, Workers, assemble, finish
from lofigen_kit.corpus.songs import (
    MADE_BY,
    SAMPLE_RATE_HZ,
    assign_splits,
    sum_durations,
    write_song,
)
from lofigen_kit.dsp.resample import resample_blocks
from lofigen_kit.errors import InputError
from lofigen_kit.runtime.seeding import rng_for

BARS = 8
"""Bars of a piece. At 55 BPM they last 35 s, which the beat tracker can still handle."""
ANALYSED_S = 60.0
"""Seconds in which the tempo of the next piece is detected."""
SHORTEST_S = 2.0
"""A shorter rest at the end of a recording is left out: no bar is so short."""
TOLERANCE_BARS = 1 / 32
"""How far off a detected beat may be: an eighth of a beat."""
SILENCE = 1e-3
"""RMS level below which a piece is left out, -60 dBFS."""
FEWEST_GROUPS = 3
"""One for each split."""
STRETCHES = 10
"""Number of groups into which a recording is parted where there are too few recordings."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Piece:
    """Some bars of a recording: mono samples at the network's rate, and where they start."""

    samples: np.ndarray
    start_s: float


def make_recordings_corpus(
    folder: Path,
    recordings: Path,
    *,
    licence: str,
    minutes: float | None = None,
    rate_hz: int = SAMPLE_RATE_HZ,
    workers: Workers | None = None,
    progress: Callable[[float, int, int], None] | None = None,
) -> dict[str, Any]:
    """Make a corpus of all audio below a folder, and return its manifest.

    A file is left out that cannot be read, holds no sound, or is the same as another, with a
    warning in the log and a line in the manifest. With fewer than three recordings, parts of them
    are held out instead of whole ones, and the manifest says so.

    Args:
        folder: An empty or missing folder, or that of the same corpus, unfinished.
        recordings: A folder of files in any format that libsndfile reads, in subfolders too.
        licence: Licence of the recordings, as an SPDX name, or `unknown`.
        minutes: Stop after the recording with which there are so many; None takes all.
        rate_hz: Frames a second of the songs.
        workers: The processes that analyse; by default this process alone.
        progress: Called with the minutes made, the recordings done, and the recordings in all.

    Raises:
        InputError: where there are no recordings, or too little in them for three splits, or the
            folder already holds something else.
        RenderError: if a worker dies.
    """
    names, left_out = _find_distinct(recordings)
    if not names:
        raise InputError("there is no file", where=recordings, remedy="name a folder of recordings")
    facts: dict[str, Any] = {"source": {"use": "recordings", "folder": recordings.resolve().name}}
    if rate_hz != SAMPLE_RATE_HZ:
        facts["sample_rate_hz"] = rate_hz
    limit_s = float("inf") if minutes is None else minutes * 60.0
    made = assemble(
        folder,
        partial(
            _write_recording, recordings, [name for name, _ in names], licence, rate_hz=rate_hz
        ),
        arguments={**facts, "licence": licence, "minutes": minutes, "files": names},
        is_enough=lambda songs: (
            len(songs) >= len(names) or sum_durations(songs, rate_hz) >= limit_s
        ),
        workers=workers,
        jobs=len(names),
        progress=lambda songs: (
            progress(sum_durations(songs, rate_hz) / 60.0, len(songs), len(names))
            if progress
            else None
        ),
    )
    left_out += _list_failures(made)
    songs = [song for songs in made for song in songs if "file" in song]
    return _close(folder, facts, songs, left_out, rate_hz)


def _close(
    folder: Path,
    facts: dict[str, Any],
    songs: SongEntries,
    left_out: list[dict[str, str]],
    rate_hz: int,
) -> dict[str, Any]:
    """Write the manifest and return it."""
    for each in left_out:
        _logger.warning("left out: %s: %s", each["recording"], each["why"])
    by_recording = len({song["group"] for song in songs}) >= FEWEST_GROUPS
    if not by_recording:
        songs = _group_by_stretch(songs)
    if len({song["group"] for song in songs}) < FEWEST_GROUPS:
        raise InputError(
            "there is too little audio for training, validation and test",
            where=folder,
            remedy="give three recordings, or one of a few minutes",
        )
    manifest = {
        "made_by": MADE_BY,
        **facts,
        "split_by": "recording" if by_recording else "stretch",
        "minutes": round(sum_durations([songs], rate_hz) / 60.0, 2),
        "sample_rate_hz": rate_hz,
        "left_out": left_out,
        "songs": assign_splits(songs),
    }
    finish(folder, manifest)
    return manifest


def _find_distinct(folder: Path) -> tuple[list[tuple[str, str]], list[dict[str, str]]]:
    """Return the name and hash of each file below a folder, and what is left out: copies, links.

    Names are relative to the folder and sorted; hidden files are no recordings.
    """
    if not folder.is_dir():
        raise InputError("there is no such folder", where=folder, remedy="check the path")
    first: dict[str, str] = {}
    copies = []
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if any(part.startswith(".") for part in parts):
            continue
        if path.is_symlink() and path.is_dir():
            why = "a link to a folder, which is not followed: name that folder, or copy it"
            copies.append({"recording": _to_printable(str(Path(*parts))), "why": why})
        if not path.is_file():
            continue
        name, sha256 = str(Path(*parts)), _hash_file(path)
        if sha256 in first:
            why = f"the same file as {_to_printable(first[sha256])}"
            copies.append({"recording": _to_printable(name), "why": why})
        else:
            first[sha256] = name
    return [(name, sha256) for sha256, name in first.items()], copies


def _hash_file(path: Path) -> str:
    """Return the sha256 of a file, or of its name where it cannot be read, which is told later."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return hashlib.sha256(os.fsencode(path)).hexdigest()


def _to_printable(name: str) -> str:
    """Return the name of a file, with a mark for each byte that is not text."""
    return os.fsencode(name).decode("utf-8", "replace")


def _write_recording(
    recordings: Path, names: list[str], licence: str, folder: Path, number: int, *, rate_hz: int
) -> SongEntries:
    """Write the pieces of one recording; without pieces, return one entry that says why."""
    name = _to_printable(names[number])
    songs: SongEntries = []
    why = "it holds no whole bar of sound"
    try:
        for piece in read_pieces(recordings / names[number], rate_hz):
            path = folder / f"{number:04d}-{len(songs):03d}.flac"
            take = _make_piece_take(piece, name, len(songs), licence, rate_hz)
            rng = rng_for(0, number, "dither")
            entry = write_song(path, take, piece.samples, rng, rate_hz)
            songs.append({**entry, "recording": name, "start_s": round(piece.start_s, 3)})
    except InputError as error:
        why = error.message
        if songs:
            _logger.warning("%s: only its first %d pieces are used: %s", name, len(songs), why)
    return songs or [{"recording": name, "why": why, "frames": 0}]


def _make_piece_take(piece: Piece, name: str, number: int, licence: str, rate_hz: int) -> Take:
    audio = AudioBuffer(piece.samples[None], rate_hz)
    title = f"{Path(name).stem} {number + 1}"
    return Take(audio, extract_score(audio), licence=licence, title=title, group=name)


def read_pieces(path: Path, rate_hz: int = SAMPLE_RATE_HZ) -> Iterator[Piece]:
    """Yield a recording in pieces of at most eight bars, in constant memory.

    The tempo and the first beat are detected again for each piece, so that a recording may change
    them. What comes before the first beat is left out, and so are silence and a rest of less than
    a bar.

    Args:
        path: A recording of up to twelve hours, at any sample rate.
        rate_hz: The rate of the pieces.

    Raises:
        AudioError: if it is not audio; the pieces before a damaged place are yielded first.
    """
    rest = np.zeros(0, dtype=np.float32)
    cut = 0
    for block in _read_mono_blocks(path, rate_hz):
        rest = np.concatenate([rest, block])
        while len(rest) >= ANALYSED_S * rate_hz:
            first, last = _next_bars(rest, rate_hz)
            yield from _skip_silence(rest[first:last], cut + first, rate_hz)
            rest, cut = rest[last:], cut + last
    while len(rest) >= SHORTEST_S * rate_hz:
        first, last = _next_bars(rest, rate_hz)
        if last > len(rest):
            break
        yield from _skip_silence(rest[first:last], cut + first, rate_hz)
        rest, cut = rest[last:], cut + last


def _next_bars(samples: np.ndarray, rate_hz: int) -> tuple[int, int]:
    """Return the first frame and the end of the next whole bars, at most eight, at least one.

    A loop that was cut to whole bars stays whole, even if its beat is detected a little off.
    """
    analysed = samples[: round(ANALYSED_S * rate_hz)]
    tempo_bpm, start_s = beat_track(AudioBuffer(analysed[None], rate_hz))
    bar_s = 4 * 60.0 / tempo_bpm
    if start_s < TOLERANCE_BARS * bar_s:
        start_s = 0.0
    bars = int((len(analysed) / rate_hz - start_s) / bar_s + TOLERANCE_BARS)
    first = round(start_s * rate_hz)
    last = first + round(min(max(bars, 1), BARS) * bar_s * rate_hz)
    return first, min(last, len(analysed)) if bars else last


def _skip_silence(samples: np.ndarray, start: int, rate_hz: int) -> Iterator[Piece]:
    if len(samples) and np.sqrt(np.mean(np.square(samples, dtype=np.float64))) >= SILENCE:
        yield Piece(samples.copy(), start / rate_hz)


def _read_mono_blocks(path: Path, rate_hz: int) -> Iterator[np.ndarray]:
    """Yield a recording at the network's rate, in blocks [shape=(frames,), dtype=float32]."""
    blocks = read_audio_blocks(path)
    first = next(blocks, None)
    if first is None:
        return
    mono = (block.mono().samples for block in _chain(first, blocks))
    for block in resample_blocks(mono, 1, first.sample_rate_hz, rate_hz):
        yield np.clip(block[0], -1.0, 1.0)


def _chain(first: AudioBuffer, others: Iterable[AudioBuffer]) -> Iterator[AudioBuffer]:
    yield first
    yield from others


def _list_failures(made: list[SongEntries]) -> list[dict[str, str]]:
    """Return the recordings without pieces, and why."""
    entries = (song for songs in made for song in songs)
    return [{"recording": e["recording"], "why": e["why"]} for e in entries if "why" in e]


def _group_by_stretch(songs: SongEntries) -> SongEntries:
    """Return the pieces of too few recordings in groups of neighbours, ten per recording."""
    grouped = []
    for name in dict.fromkeys(song["recording"] for song in songs):
        own = [song for song in songs if song["recording"] == name]
        grouped += [
            {**song, "group": f"{name}, stretch {1 + place * STRETCHES // len(own)}"}
            for place, song in enumerate(own)
        ]
    return grouped
