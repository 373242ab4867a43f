"""Tags of FLAC, OGG and MP3 files: written by mutagen, before the file has its name.

FLAC and OGG carry Vorbis comments: title, description, bpm, key, comment, and `loopstart` and
`looplength` in frames, as game engines take them. MP3 carries ID3: TIT2, TBPM, TKEY, COMM.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

from lofigen_kit.audio.metadata import AudioMetadata, Loop
from lofigen_kit.music.keys import abbreviate_key, expand_key

MAX_ID3_BYTES = 2 << 20
MAX_ID3_FRAMES = 1000
_SERIAL = 1
_ENCODINGS = ("latin-1", "utf-16", "utf-16-be", "utf-8")


def write(
    file: BinaryIO,
    metadata: AudioMetadata,
    comment: str,
    *,
    format: str,  # noqa: A002 -- the word that a preset uses
    software: str,
) -> None:
    """Tag a finished file.

    Args:
        file: All of it; tags that it has are replaced.
        metadata: What other programs read.
        comment: The recipe.
        format: `flac`, `ogg` or `mp3`.
        software: What wrote the file.
    """
    file.seek(0)
    if format == "mp3":
        _write_id3(file, metadata, comment, software)
    else:
        _write_vorbis(file, metadata, comment, format=format, software=software)


def read(file: BinaryIO, format: str) -> tuple[AudioMetadata, str]:  # noqa: A002
    """Return the labels and the comment of a file; both empty where it has none.

    Args:
        file: Not trusted.
        format: As libsndfile names it.
    """
    file.seek(0)
    if format == "MP3":
        return _from_id3(file)
    if format in ("FLAC", "OGG"):
        return _from_vorbis(file, format)
    return AudioMetadata(), ""


def count_object_bytes(file: BinaryIO, kind: bytes) -> int:
    """Return how many bytes the objects of a media type have in a leading ID3 tag.

    Raises:
        ValueError: if the tag is longer than any that we write, or a frame of it is packed, whose
            size nobody knows before it is unpacked.
    """
    file.seek(0)
    head = file.read(10)
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    file.seek(0)
    frames = list(_id3_frames(file))
    found = sum(
        len(payload) for name, _, payload in frames if name == "GEOB" and kind in payload[:64]
    )
    if found and (_syncsafe(list(head[6:])) > MAX_ID3_BYTES or any(f[1] for f in frames)):
        raise ValueError(kind)
    return found


def fix_serial(file: BinaryIO) -> None:
    """Give an OGG file a constant serial number, where libsndfile draws one by the clock."""
    from mutagen.ogg import OggPage

    end = file.seek(0, io.SEEK_END)
    place = file.seek(0)
    while place < end:
        page = OggPage(file)
        page.serial = _SERIAL
        file.seek(place)
        place += file.write(page.write())


def _write_vorbis(
    file: BinaryIO,
    metadata: AudioMetadata,
    comment: str,
    *,
    format: str,  # noqa: A002
    software: str,
) -> None:
    tagged = _vorbis_file(file, format)
    if tagged.tags is None:
        tagged.add_tags()
    texts = {
        "title": metadata.title,
        "description": metadata.description,
        "bpm": f"{metadata.tempo_bpm:.7g}" if metadata.tempo_bpm else "",
        "key": abbreviate_key(metadata.key),
        "encoder": software,
        "comment": comment,
    }
    if metadata.loop:
        length = metadata.loop.last + 1 - metadata.loop.first
        texts |= {"loopstart": str(metadata.loop.first), "looplength": str(length)}
    tagged.tags.clear()
    for name, text in texts.items():
        if text:
            tagged.tags[name] = [text]
    file.seek(0)
    tagged.save(file)


def _write_id3(file: BinaryIO, metadata: AudioMetadata, comment: str, software: str) -> None:
    from mutagen import id3

    tags = id3.ID3()
    texts = {
        id3.TIT2: metadata.title,
        id3.TIT3: metadata.description,
        # A whole number, by the standard.
        id3.TBPM: str(round(metadata.tempo_bpm)) if metadata.tempo_bpm else "",
        id3.TKEY: abbreviate_key(metadata.key),
        id3.TSSE: software,
    }
    for kind, text in texts.items():
        if text:
            tags.add(kind(encoding=id3.Encoding.UTF8, text=[text]))
    if comment:
        tags.add(id3.COMM(encoding=id3.Encoding.UTF8, lang="eng", desc="", text=[comment]))
    tags.save(file)


def _vorbis_file(file: BinaryIO, format: str) -> Any:  # noqa: A002
    from mutagen.flac import FLAC
    from mutagen.oggvorbis import OggVorbis

    return FLAC(file) if format.lower() == "flac" else OggVorbis(file)


def _from_vorbis(file: BinaryIO, format: str) -> tuple[AudioMetadata, str]:  # noqa: A002
    from mutagen import MutagenError

    try:
        tags = _vorbis_file(file, format).tags or {}
    except (MutagenError, ValueError, struct.error):  # damaged, or Opus, or anything else
        return AudioMetadata(), ""

    def first(name: str) -> str:
        return str(next(iter(tags.get(name, [])), ""))

    start, length = _whole(first("loopstart")), _whole(first("looplength"))
    loop = None if start is None or not length else Loop(start, start + length - 1)
    labels = AudioMetadata(
        title=first("title"),
        description=first("description"),
        tempo_bpm=_tempo(first("bpm")),
        key=expand_key(first("key")),
        loop=loop,
    )
    return labels, first("comment")


def _from_id3(file: BinaryIO) -> tuple[AudioMetadata, str]:
    found: dict[str, str] = {}
    for name, text in _id3_texts(file):
        found.setdefault(name, text)
    labels = AudioMetadata(
        title=found.get("TIT2", ""),
        description=found.get("TIT3", ""),
        tempo_bpm=_tempo(found.get("TBPM", "")),
        key=expand_key(found.get("TKEY", "")),
    )
    return labels, found.get("COMM", "")


def _id3_texts(file: BinaryIO) -> Iterator[tuple[str, str]]:
    """Yield the texts of an ID3 tag; frames that are packed are passed over."""
    for name, is_packed, payload in _id3_frames(file):
        if not is_packed and payload and payload[0] < len(_ENCODINGS):
            text = payload[1:]
            if name == "COMM":
                text = text[3:]  # the language
            parts = text.decode(_ENCODINGS[payload[0]], "replace").split("\0")
            wanted = parts[1:] if name == "COMM" else parts  # after its description
            if (name[0] == "T" or name == "COMM") and wanted:
                yield name, wanted[0].lstrip("\ufeff")


def _id3_frames(file: BinaryIO) -> Iterator[tuple[str, bool, bytes]]:
    """Yield the frames of an ID3 tag of version 2.3 or 2.4, and whether each is packed.

    Read here and not by mutagen, which inflates compressed frames to whatever size they come to.
    """
    magic, major, _, flags, *size = struct.unpack("<3sBBB4B", file.read(10).ljust(10, b"\0"))
    if magic != b"ID3" or major not in (3, 4) or flags:
        return
    tag = io.BytesIO(file.read(min(_syncsafe(size), MAX_ID3_BYTES)))
    for _ in range(MAX_ID3_FRAMES):
        head = tag.read(10)
        if len(head) < 10 or not re.fullmatch(rb"[A-Z][A-Z0-9]{3}", head[:4]):
            return
        length = _syncsafe(list(head[4:8])) if major == 4 else int.from_bytes(head[4:8], "big")
        yield head[:4].decode(), head[9] != 0, tag.read(min(length, MAX_ID3_BYTES))


def _syncsafe(size: list[int]) -> int:
    """Return a number of which each byte holds 7 bits."""
    return sum((byte & 0x7F) << shift for byte, shift in zip(size, (21, 14, 7, 0), strict=True))


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text) else None


def _tempo(text: str) -> float | None:
    """Return a tempo that is written as a number, if it is one that music has."""
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,9})?", text):
        return None
    return float(text) or None
