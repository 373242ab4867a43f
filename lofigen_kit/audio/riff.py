"""The RIFF chunks of a WAV file: loop, tempo, bars and texts for samplers, trackers and libraries.

They are written after the samples, so a truncated file loses metadata and no sound. When reading,
no size in a file is trusted: each is limited by the end of the file and by a maximum.

    smpl  the loop, as samplers read it
    acid  tempo, beats, metre and root note, for time stretching in sequencers
    bext  description and loudness: EBU Tech 3285, version 2; no date, to keep files reproducible
    cue   starts of bars, named in LIST adtl
    LIST  INFO: software, title, and the recipe as comment
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

from lofigen_kit.audio.metadata import MAX_CUES, AudioMetadata, Cue, Loop
from lofigen_kit.music.keys import find_pitch_class, name_tonic

MAX_CHUNKS = 1000
MAX_LIST_BYTES = 2 << 20
UNITY_NOTE = 60
UNKNOWN_BYTES = 0xFFFF_FFFF
"""The chunk size of a stream of unknown length."""

_PCM, _FLOAT = 1, 3
_ONE_SHOT, _ROOT_IS_SET, _STRETCHES = 0x01, 0x02, 0x04
_NO_LEVEL = 0x7FFF
_SMPL = struct.Struct("<9I")
_SMPL_LOOP = struct.Struct("<6I")
_ACID = struct.Struct("<IHHfIHHf")
_BEXT = struct.Struct("<256s32s32s10s8sQH64s5h180x")
_CUE = struct.Struct("<II4sIII")
_METRE = 4  # quarter notes in a bar: every score is in 4/4


def append(
    file: BinaryIO, metadata: AudioMetadata, comment: str, *, software: str, sample_rate_hz: int
) -> None:
    """Append metadata and a comment to a finished WAV file.

    libsndfile writes an INFO list too, but silently drops a text of over 50 kB and cannot read one
    of over 2 kB back; a recipe needs more.

    Args:
        file: The file, open for reading and writing.
        metadata: The metadata to write.
        comment: The recipe.
        software: Name of the program that made the file.
        sample_rate_hz: Sample rate of the file.
    """
    file.seek(0, io.SEEK_END)
    if metadata.loop:
        file.write(_chunk(b"smpl", _smpl(metadata.loop, sample_rate_hz)))
    if metadata.tempo_bpm and metadata.beats:
        file.write(_chunk(b"acid", _acid(metadata, metadata.tempo_bpm, metadata.beats)))
    if metadata.description:
        file.write(_chunk(b"bext", _bext(metadata, software)))
    if metadata.cues:
        cues = metadata.cues[:MAX_CUES]
        file.write(_chunk(b"cue ", _cue(cues)))
        names = (struct.pack("<I", n) + _text(c.name) for n, c in enumerate(cues, start=1))
        file.write(_chunk(b"LIST", b"adtl" + b"".join(_chunk(b"labl", name) for name in names)))
    file.write(_info(metadata.title, comment, software))
    size = file.tell() - 8
    file.seek(4)
    file.write(struct.pack("<I", size))


def make_wav_header(
    channels: int, sample_rate_hz: int, bit_depth: int, *, title: str, comment: str, software: str
) -> bytes:
    """Return the header of a WAV stream of unknown length, for a pipe.

    All sizes are the greatest possible ones, as ffmpeg writes them. The texts stand before the
    samples, because nothing can be written after them.

    Args:
        channels: Number of channels.
        sample_rate_hz: Sample rate.
        bit_depth: 16 or 24 for integers, 32 for float.
        title: The title.
        comment: The recipe.
        software: Name of the program that made the file.
    """
    frame_bytes = channels * bit_depth // 8
    coding = _FLOAT if bit_depth == 32 else _PCM
    fmt = struct.pack(
        "<HHIIHH",
        coding,
        channels,
        sample_rate_hz,
        sample_rate_hz * frame_bytes,
        frame_bytes,
        bit_depth,
    )
    chunks = _chunk(b"fmt ", fmt) + _info(title, comment, software)
    unknown_size = struct.pack("<I", UNKNOWN_BYTES)
    return b"RIFF" + unknown_size + b"WAVE" + chunks + b"data" + unknown_size


def _info(title: str, comment: str, software: str) -> bytes:
    texts = {b"INAM": title, b"ISFT": software, b"ICMT": comment}
    info = (_chunk(tag, _text(text)) for tag, text in texts.items() if text)
    return _chunk(b"LIST", b"INFO" + b"".join(info))


def clear_peak_time(file: BinaryIO) -> None:
    """Set the time stamp in the PEAK chunk of float files, which libsndfile writes, to 0."""
    file.seek(12)
    for name, size in islice(_chunks(file), MAX_CHUNKS):
        if name == b"PEAK" and size >= 8:
            file.seek(4, io.SEEK_CUR)
            file.write(bytes(4))
            return


def read(file: BinaryIO, start: int = 0) -> tuple[AudioMetadata, str]:
    """Return the metadata and the comment of a WAV file, as far as it has any.

    Args:
        file: The file, open for reading; not trusted.
        start: Where the WAV file begins in it.
    """
    texts: dict[str, str] = {}
    fields: dict[str, int | float | str | Loop | None] = {}
    cue_frames: dict[int, int] = {}
    cue_names: dict[int, str] = {}
    file.seek(start + 12)
    for chunk, size in islice(_chunks(file), MAX_CHUNKS):
        if chunk not in (b"smpl", b"acid", b"bext", b"cue ", b"LIST"):
            continue
        payload = file.read(min(size, MAX_LIST_BYTES))
        if chunk == b"smpl" and len(payload) >= _SMPL.size + _SMPL_LOOP.size:
            fields["loop"] = _read_loop(payload)
        elif chunk == b"acid" and len(payload) >= _ACID.size:
            fields |= _read_acid(payload)
        elif chunk == b"bext" and len(payload) >= _BEXT.size:
            fields |= _read_bext(payload)
        elif chunk == b"cue ":
            cue_frames |= _read_cues(payload)
        elif payload[:4] == b"adtl":
            cue_names |= _read_names(payload)
        elif payload[:4] == b"INFO":
            texts |= _read_info(payload)
    metadata = AudioMetadata(
        title=texts.get("INAM", ""),
        cues=tuple(Cue(place, cue_names.get(n, "")) for n, place in cue_frames.items()),
        **fields,  # type: ignore[arg-type]
    )
    return metadata, texts.get("ICMT", "")


def count_chunk_bytes(file: BinaryIO, name: bytes) -> int:
    """Return the total size in bytes of all chunks of a name.

    The samples of a stream have an unknown length: they extend to the end of the file.

    Args:
        file: The file, open for reading; not trusted.
        name: The four characters of the chunk's name.

    Raises:
        ValueError: if a chunk exceeds the end of the file, or there are too many chunks.
    """
    end = file.seek(0, io.SEEK_END)
    file.seek(12)
    total = 0
    for count, (chunk, size) in enumerate(_chunks(file)):
        if (chunk, size) == (b"data", UNKNOWN_BYTES):
            break
        if file.tell() + size > end or count == MAX_CHUNKS:
            raise ValueError(chunk)
        total += size if chunk == name else 0
    return total


def _smpl(loop: Loop, sample_rate_hz: int) -> bytes:
    period_ns = round(1e9 / sample_rate_hz)
    head = _SMPL.pack(0, 0, period_ns, UNITY_NOTE, 0, 0, 0, 1, 0)
    return head + _SMPL_LOOP.pack(0, 0, loop.first, loop.last, 0, 0)  # forwards, without end


def _acid(metadata: AudioMetadata, tempo_bpm: float, beats: int) -> bytes:
    root = find_pitch_class(metadata.key)
    flags = _STRETCHES if metadata.loop else _ONE_SHOT
    if root is not None:
        flags |= _ROOT_IS_SET
    note = UNITY_NOTE + (root or 0)
    return _ACID.pack(flags, note, 0x8000, 0.0, beats, _METRE, _METRE, tempo_bpm)


def _bext(metadata: AudioMetadata, software: str) -> bytes:
    levels = (metadata.loudness_lufs, None, metadata.true_peak_dbtp, None, None)
    return _BEXT.pack(
        metadata.description.encode("ascii", "replace"),
        software.encode("ascii", "replace"),
        *(b"", b"", b""),  # reference, date and time
        *(0, 2, b""),  # the place on the time line, the version, no UMID
        *(_NO_LEVEL if level is None else round(100 * level) for level in levels),
    )


def _cue(cues: tuple[Cue, ...]) -> bytes:
    points = (
        _CUE.pack(n, cue.frame, b"data", 0, 0, cue.frame) for n, cue in enumerate(cues, start=1)
    )
    return struct.pack("<I", len(cues)) + b"".join(points)


def _text(text: str) -> bytes:
    return text.encode() + b"\0"


def _chunk(name: bytes, payload: bytes) -> bytes:
    return name + struct.pack("<I", len(payload)) + payload + b"\0" * (len(payload) % 2)


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Yield the name and the size of each chunk; the file is then at its payload."""
    while len(head := file.read(8)) == 8:
        name, size = struct.unpack("<4sI", head)
        payload = file.tell()
        yield name, size
        file.seek(payload + size + size % 2)


def _read_loop(payload: bytes) -> Loop | None:
    count = _SMPL.unpack_from(payload)[7]
    _, _, first, last, _, _ = _SMPL_LOOP.unpack_from(payload, _SMPL.size)
    return Loop(first, last) if count else None


def _read_acid(payload: bytes) -> dict[str, int | float | str]:
    flags, root, _, _, beats, _, _, tempo_bpm = _ACID.unpack_from(payload)
    fields: dict[str, int | float | str] = {}
    if math.isfinite(tempo_bpm) and tempo_bpm > 0:
        # A 32-bit float holds 7 digits: round to what was written.
        fields |= {"tempo_bpm": float(f"{tempo_bpm:.7g}"), "beats": beats}
    if flags & _ROOT_IS_SET:
        fields["key"] = name_tonic(root)
    return fields


def _read_bext(payload: bytes) -> dict[str, float | str]:
    description, *_, version, _, loudness, _, peak, _, _ = _BEXT.unpack_from(payload)
    fields: dict[str, float | str] = {"description": _as_text(description)}
    if version >= 2:
        levels = {"loudness_lufs": loudness, "true_peak_dbtp": peak}
        fields |= {name: level / 100 for name, level in levels.items() if level != _NO_LEVEL}
    return fields


def _read_cues(payload: bytes) -> dict[int, int]:
    """Return the frame of each cue by its number."""
    declared, available = int.from_bytes(payload[:4], "little"), (len(payload) - 4) // _CUE.size
    frames = {}
    for index in range(min(declared, available, MAX_CUES)):
        number, _, _, _, _, frame = _CUE.unpack_from(payload, 4 + index * _CUE.size)
        frames[number] = frame
    return frames


def _read_names(payload: bytes) -> dict[int, str]:
    names = {}
    for name, text in _texts(payload):
        if name == b"labl" and len(text) > 4:
            names[struct.unpack_from("<I", text)[0]] = _as_text(text[4:])
    return names


def _read_info(payload: bytes) -> dict[str, str]:
    return {name.decode("latin-1"): _as_text(text) for name, text in _texts(payload)}


def _texts(payload: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and the bytes of each entry of a LIST."""
    file = io.BytesIO(payload)
    file.seek(4)
    for name, size in islice(_chunks(file), MAX_CUES):
        yield name, file.read(size)


def _as_text(payload: bytes) -> str:
    return payload.split(b"\0", 1)[0].decode("utf-8", "replace")
