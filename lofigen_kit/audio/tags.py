"""Tags of FLAC, OGG and MP3 files, written by mutagen before the file gets its name.

FLAC and OGG have Vorbis comments: title, description, bpm, key, comment, and `loopstart` and
`looplength` in frames, as game engines read them. MP3 has ID3: TIT2, TIT3, TBPM, TKEY, TSSE, COMM.
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
    """Write the tags of a finished file.

    Args:
        file: The whole file, open for reading and writing; its tags are replaced.
        metadata: The metadata to write.
        comment: The recipe.
        format: `flac`, `ogg` or `mp3`.
        software: Name of the program that made the file.
    """
    file.seek(0)
    if format == "mp3":
        _write_id3(file, metadata, comment, software)
    else:
        _write_vorbis(file, metadata, comment, format=format, software=software)


def read(file: BinaryIO, format: str) -> tuple[AudioMetadata, str]:  # noqa: A002
    """Return the metadata and the comment of a file; both are empty if it has none.

    Args:
        file: The file, open for reading; not trusted.
        format: The name that libsndfile uses: `FLAC`, `OGG` or `MP3`; other formats have no tags.
    """
    file.seek(0)
    if format == "MP3":
        return _from_id3(file)
    if format in ("FLAC", "OGG"):
        return _from_vorbis(file, format)
    return AudioMetadata(), ""


def count_object_bytes(file: BinaryIO, kind: bytes) -> int:
    """Return the total size in bytes of the objects of a media type in a leading ID3 tag.

    Args:
        file: The file, open for reading; not trusted.
        kind: The media type.

    Raises:
        ValueError: if the tag is longer than any that we write, or a frame in it is compressed, so
            that its size is unknown.
    """
    file.seek(0)
    header = file.read(10)
    if header[:3] != b"ID3" or len(header) < 10:
        return 0
    file.seek(0)
    frames = list(_id3_frames(file))
    total = sum(
        len(payload) for name, _, payload in frames if name == "GEOB" and kind in payload[:64]
    )
    if total and (_syncsafe(list(header[6:])) > MAX_ID3_BYTES or any(f[1] for f in frames)):
        raise ValueError(kind)
    return total


def fix_serial(file: BinaryIO) -> None:
    """Set the serial number of an OGG file to a constant; libsndfile derives it from the clock."""
    from mutagen.ogg import OggPage

    end = file.seek(0, io.SEEK_END)
    offset = file.seek(0)
    while offset < end:
        page = OggPage(file)
        page.serial = _SERIAL
        file.seek(offset)
        offset += file.write(page.write())


def _write_vorbis(
    file: BinaryIO,
    metadata: AudioMetadata,
    comment: str,
    *,
    format: str,  # noqa: A002
    software: str,
) -> None:
    vorbis = _vorbis_file(file, format)
    if vorbis.tags is None:
        vorbis.add_tags()
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
    vorbis.tags.clear()
    for name, text in texts.items():
        if text:
            vorbis.tags[name] = [text]
    file.seek(0)
    vorbis.save(file)


def _write_id3(file: BinaryIO, metadata: AudioMetadata, comment: str, software: str) -> None:
    from mutagen import id3

    tags = id3.ID3()
    texts = {
        id3.TIT2: metadata.title,
        id3.TIT3: metadata.description,
        # The standard asks for an integer.
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

    start, length = _parse_integer(first("loopstart")), _parse_integer(first("looplength"))
    loop = None if start is None or not length else Loop(start, start + length - 1)
    metadata = AudioMetadata(
        title=first("title"),
        description=first("description"),
        tempo_bpm=_parse_tempo(first("bpm")),
        key=expand_key(first("key")),
        loop=loop,
    )
    return metadata, first("comment")


def _from_id3(file: BinaryIO) -> tuple[AudioMetadata, str]:
    texts: dict[str, str] = {}
    for name, text in _id3_texts(file):
        texts.setdefault(name, text)
    metadata = AudioMetadata(
        title=texts.get("TIT2", ""),
        description=texts.get("TIT3", ""),
        tempo_bpm=_parse_tempo(texts.get("TBPM", "")),
        key=expand_key(texts.get("TKEY", "")),
    )
    return metadata, texts.get("COMM", "")


def _id3_texts(file: BinaryIO) -> Iterator[tuple[str, str]]:
    """Yield the texts of an ID3 tag with their names; compressed frames are skipped."""
    for name, is_compressed, payload in _id3_frames(file):
        if not is_compressed and payload and payload[0] < len(_ENCODINGS):
            text = payload[1:]
            if name == "COMM":
                text = text[3:]  # the language
            parts = text.decode(_ENCODINGS[payload[0]], "replace").split("\0")
            values = parts[1:] if name == "COMM" else parts  # after its description
            if (name[0] == "T" or name == "COMM") and values:
                yield name, values[0].lstrip("\ufeff")


def _id3_frames(file: BinaryIO) -> Iterator[tuple[str, bool, bytes]]:
    """Yield the frames of an ID3 tag of version 2.3 or 2.4: name, whether compressed, payload.

    mutagen is not used here, because it inflates compressed frames without a limit.
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
    """Return the number in a syncsafe integer, of which each byte holds 7 bits."""
    return sum((byte & 0x7F) << shift for byte, shift in zip(size, (21, 14, 7, 0), strict=True))


def _parse_integer(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text) else None


def _parse_tempo(text: str) -> float | None:
    """Return a tempo that is written as a decimal number, or None."""
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,9})?", text):
        return None
    return float(text) or None
