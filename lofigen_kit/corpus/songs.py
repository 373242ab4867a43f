"""A corpus: a folder of songs at the network's rate, their scores, and a manifest.

`manifest.json` says what made it, and lists for each song its file, hash, split, group and
licence; `0000.flac` is a song, mono at 24 bits, and `0000.json` its score. In a corpus by part,
`0000-bass.flac` is one part of a song alone, and `0000-bass.json` the score of that part.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.audio.files import read_audio, write_audio
from lofigen_kit.audio.hashing import hash_samples
from lofigen_kit.components.base import Context, Take
from lofigen_kit.components.contracts import Source
from lofigen_kit.corpus.build import SongEntries, Workers, assemble, finish
from lofigen_kit.dsp.resample import resample_piece
from lofigen_kit.errors import InputError
from lofigen_kit.music.score import Score
from lofigen_kit.runtime.files import write_atomic
from lofigen_kit.runtime.seeding import rng_for

Split = Literal["train", "valid", "test"]
SplitOrder = Literal["groups", "reference"]
MADE_BY = "lofigen-kit corpus make"
SAMPLE_RATE_HZ = 8000
HELD_OUT_SHARE = 0.1
"""Share of the groups in each of the two held-out splits."""


@dataclass(frozen=True, eq=False)
class Song:
    """One song of a corpus, or one part of it.

    Attributes:
        samples: Mono [shape=(frames,), dtype=float32].
        score: The score of it, or of the part.
        split: Whether it is trained on or held out.
        title: A few words.
        file: The file it is from.
        sample_rate_hz: Frames a second.
        part: Which part of the song it is; empty for the whole.
    """

    samples: np.ndarray
    score: Score
    split: Split
    title: str
    file: str = ""
    sample_rate_hz: int = SAMPLE_RATE_HZ
    part: str = ""


@dataclass(frozen=True)
class CorpusFormat:
    """What the songs of a corpus are.

    Attributes:
        sample_rate_hz: Frames a second: the rate of the network that learns them.
        by_part: Whether each part is a song of its own, rather than the mix.
    """

    sample_rate_hz: int = SAMPLE_RATE_HZ
    by_part: bool = False


def resample_take(take: Take, rate_hz: int = SAMPLE_RATE_HZ) -> np.ndarray:
    """Return a take's audio, mono, at the network's rate [shape=(frames,), dtype=float32]."""
    return resample_sound(take.audio, take.score, rate_hz)


def resample_sound(sound: AudioBuffer, score: Score, rate_hz: int) -> np.ndarray:
    """Return the sound of a score, mono, at a rate [shape=(frames,), dtype=float32]."""
    piece = resample_piece(sound.mono(), rate_hz, duration_s=score.duration_s, loop=score.loop)
    return np.asarray(piece.samples[0])


def make_corpus(
    folder: Path,
    source: Source,
    *,
    minutes: float,
    seed: int,
    form: CorpusFormat | None = None,
    workers: Workers | None = None,
    progress: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """Render takes of a source up to a length, and return the manifest.

    A run that was stopped goes on where it was. The bits are the same for any number of workers.

    Args:
        folder: An empty or missing folder, or that of the same corpus, unfinished.
        source: The source; take n is what it makes from the random stream (seed, n).
        minutes: Length of all songs together, at least.
        seed: Seed of every take.
        form: What the songs are; by default whole mixes at 8 kHz.
        workers: The processes that render; by default this process alone.
        progress: Called with the minutes that are done.

    Raises:
        InputError: where the folder already holds something else, or the source has no parts.
        RenderError: if a worker dies.
    """
    form = form or CorpusFormat()
    rate_hz = form.sample_rate_hz
    facts: dict[str, Any] = {"source": source.model_dump(mode="json"), "seed": seed}
    if form != CorpusFormat():
        facts |= {"sample_rate_hz": rate_hz, "by_part": form.by_part}
    made = assemble(
        folder,
        partial(_write_take, source, seed, form),
        arguments={**facts, "minutes": minutes},
        is_enough=lambda songs: sum_durations(songs, rate_hz) >= minutes * 60.0,
        workers=workers,
        progress=lambda songs: progress(sum_durations(songs, rate_hz) / 60.0) if progress else None,
    )
    manifest = {
        "made_by": MADE_BY,
        **facts,
        "minutes": round(sum_durations(made, rate_hz) / 60.0, 2),
        "sample_rate_hz": rate_hz,
        "songs": assign_splits(song for songs in made for song in songs),
    }
    finish(folder, manifest)
    return manifest


def _write_take(
    source: Source, seed: int, form: CorpusFormat, folder: Path, number: int
) -> SongEntries:
    take = source.make_take(Context(rng=rng_for(seed, number, "source")))
    rng = rng_for(seed, number, "dither")
    rate_hz = form.sample_rate_hz
    if not form.by_part:
        path = folder / f"{number:04d}.flac"
        return [write_song(path, take, resample_take(take, rate_hz), rng, rate_hz)]
    if not take.parts:
        raise InputError(
            f"the source {source.use!r} does not render its parts alone",
            where="--parts",
            remedy="leave it out, or take a source such as band",
        )
    entries = []
    for name, sound in take.parts.items():
        score = take.score.solo(name)
        path = folder / f"{number:04d}-{name}.flac"
        samples = resample_sound(sound, score, rate_hz)
        entry = write_song(path, replace(take, score=score), samples, rng, rate_hz)
        entries.append({**entry, "part": name})
    return entries


def write_song(
    path: Path,
    take: Take,
    samples: np.ndarray,
    rng: np.random.Generator,
    rate_hz: int = SAMPLE_RATE_HZ,
) -> dict[str, Any]:
    """Write a song and its score, each whole or not at all, and return its manifest entry.

    Args:
        path: The file, ending in `.flac`; the score is written beside it, as `.json`.
        take: Its score, title and licence.
        samples: The song at the network's rate [shape=(frames,)].
        rng: Random numbers for dither.
        rate_hz: The song's rate.
    """
    write_audio(
        path,
        AudioBuffer(samples[None], rate_hz),
        format="flac",
        bit_depth=24,
        comment=f"{take.title}, {take.licence}",
        rng=rng,
        force=True,
    )
    write_atomic(path.with_suffix(".json"), json.dumps(take.score.to_json()).encode())
    return {
        "file": path.name,
        "sha256": hash_samples(read_audio(path).samples[0]),
        "frames": len(samples),
        "title": take.title,
        "group": take.group or take.title,
        "licence": take.licence,
    }


def sum_durations(made: Iterable[SongEntries], rate_hz: int = SAMPLE_RATE_HZ) -> float:
    """Return how long the songs of some jobs last."""
    seconds = 0.0
    for songs in made:
        for song in songs:
            seconds += song["frames"] / rate_hz
    return seconds


def assign_splits(songs: Iterable[dict[str, Any]]) -> SongEntries:
    """Return entries with the split of their group added."""
    entries = list(songs)
    splits = split_groups(entry["group"] for entry in entries)
    return [{**entry, "split": splits[entry["group"]]} for entry in entries]


def split_groups(groups: Iterable[str]) -> dict[str, Split]:
    """Return the split of each group: a tenth for test, a tenth for validation, at least one.

    The order is by hash, so that it depends on nothing but the groups' names.
    """
    ordered = sorted(set(groups), key=lambda group: hashlib.sha256(group.encode()).digest())
    held_out = max(1, round(HELD_OUT_SHARE * len(ordered)))
    splits: dict[str, Split] = dict.fromkeys(ordered, "train")
    splits |= dict.fromkeys(ordered[:held_out], "test")
    splits |= dict.fromkeys(ordered[held_out : 2 * held_out], "valid")
    return splits


def read_manifest(folder: Path) -> tuple[dict[str, Any], str]:
    """Return a corpus's manifest and its sha256.

    Raises:
        InputError: where there is none, or it cannot be read.
    """
    path = folder / "manifest.json"
    try:
        text = path.read_bytes()
        manifest = json.loads(text)
        if not isinstance(manifest, dict) or not isinstance(manifest.get("songs"), list):
            raise ValueError("it lists no songs")
    except (OSError, ValueError) as error:
        raise InputError(
            f"no corpus here ({error})",
            where=path,
            remedy="make one with `lofigen-kit corpus make`",
        ) from None
    return manifest, hashlib.sha256(text).hexdigest()


def describe(folder: Path) -> dict[str, Any]:
    """Return what a checkpoint keeps of the corpus that it was trained on, as plain data.

    Raises:
        InputError: where there is no corpus.
    """
    manifest, sha256 = read_manifest(folder)
    songs = manifest["songs"]
    known = ("source", "seed", "minutes", "sample_rate_hz", "by_part")
    return {
        "sha256": sha256,
        **{key: manifest[key] for key in known if key in manifest},
        "songs": len(songs),
        "groups": len({song["group"] for song in songs}),
        "splits": dict(Counter(song["split"] for song in songs)),
        "licences": sorted({song["licence"] for song in songs}),
    }


def read_songs(folder: Path, split: Split, *, order: SplitOrder = "groups") -> list[Song]:
    """Return the songs of one split.

    Args:
        folder: The corpus.
        split: Which of the three.
        order: `groups` is the manifest's own split, in which nothing of one group stands in two;
            `reference` is LofiGen's: the first 70 % of the time to train on, 20 % to validate,
            10 % to test. A song belongs to where its middle lies.

    Raises:
        InputError: where a song is missing, or is not the one that the manifest lists.
    """
    manifest, _ = read_manifest(folder)
    entries = manifest["songs"]
    rate_hz = int(manifest.get("sample_rate_hz", SAMPLE_RATE_HZ))
    splits = [entry["split"] for entry in entries]
    if order == "reference":
        splits = split_in_time([entry["frames"] for entry in entries])
    songs = []
    for entry, its_split in zip(entries, splits, strict=True):
        if its_split != split:
            continue
        path = folder / Path(entry["file"]).name
        samples = read_audio(path).samples[0]
        if hash_samples(samples) != entry["sha256"]:
            raise InputError("the song is not the one the manifest lists", where=path)
        score = Score.model_validate_json(path.with_suffix(".json").read_bytes())
        part = entry.get("part", "")
        songs.append(Song(samples, score, split, entry["title"], path.name, rate_hz, part))
    return songs


def split_in_time(frames: Sequence[int]) -> list[Split]:
    """Return the split of each song of the given lengths, in the order of time."""
    total, before, splits = sum(frames), 0, list[Split]()
    for length in frames:
        middle = (before + length / 2) / total
        splits.append("train" if middle < 0.7 else "valid" if middle < 0.9 else "test")
        before += length
    return splits


def hash_songs(songs: Iterable[Song]) -> str:
    """Return the sha256 over samples and scores, in order."""
    digest = hashlib.sha256()
    for song in songs:
        digest.update(hash_samples(song.samples).encode())
        digest.update(_encode_score(song.score).encode())
    return digest.hexdigest()


def _encode_score(score: Score) -> str:
    """Return a score as JSON; one without sections as the first version wrote it.

    Training states name their songs by this text, and resume only with the same songs.
    """
    if score.sections:
        return score.model_dump_json()
    text = score.model_dump_json(exclude={"parts", "sections"})
    instruments = json.dumps(score.instruments, separators=(",", ":"))
    text = text.replace(',"notes":', f',"instruments":{instruments},"notes":', 1)
    return text.replace('"part":"keys"', '"part":"chords"')
