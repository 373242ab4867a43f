"""The chunks of a WAV file that samplers, trackers and libraries read: loop, tempo, bars, texts.

They stand after the samples, so that a file which is cut short loses them and no sound. On the way
in, no size that a file claims is believed: each is held to what is left and to a limit.

    smpl  the loop, as samplers take it
    acid  tempo, beats, metre and root note, as sequencers stretch by
    bext  description and loudness: EBU Tech 3285, version 2; no date, since bits repeat
    cue   where bars begin, named in LIST adtl
    LIST  INFO: software, title and the recipe as comment
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
"""The size of what goes on and on."""

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
    """Append labels and a comment to a finished WAV file.

    libsndfile writes an INFO list too, but leaves a text of over 50 kB out without a word, and
    reads none of over 2 kB back: a recipe needs more.
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
    """Return what a WAV file begins with whose length nobody knows, as it goes into a pipe.

    Its sizes are the highest that there are, as ffmpeg writes them, and its texts stand before the
    samples, as nothing can come after them.

    Args:
        channels: How many there are.
        sample_rate_hz: Frames a second.
        bit_depth: 16 or 24, or 32, which is float.
        title: What it is called.
        comment: The recipe.
        software: What made it.
    """
    frame = channels * bit_depth // 8
    coding = _FLOAT if bit_depth == 32 else _PCM
    form = struct.pack(
        "<HHIIHH", coding, channels, sample_rate_hz, sample_rate_hz * frame, frame, bit_depth
    )
    chunks = _chunk(b"fmt ", form) + _info(title, comment, software)
    unknown = struct.pack("<I", UNKNOWN_BYTES)
    return b"RIFF" + unknown + b"WAVE" + chunks + b"data" + unknown


def _info(title: str, comment: str, software: str) -> bytes:
    texts = {b"INAM": title, b"ISFT": software, b"ICMT": comment}
    info = (_chunk(tag, _text(text)) for tag, text in texts.items() if text)
    return _chunk(b"LIST", b"INFO" + b"".join(info))


def clear_peak_time(file: BinaryIO) -> None:
    """Take the clock out of the PEAK chunk that libsndfile writes into float files."""
    file.seek(12)
    for name, size in islice(_chunks(file), MAX_CHUNKS):
        if name == b"PEAK" and size >= 8:
            file.seek(4, io.SEEK_CUR)
            file.write(bytes(4))
            return


def read(file: BinaryIO) -> tuple[AudioMetadata, str]:
    """Return the labels and the comment of a WAV file, as far as it has them."""
    found: dict[str, str] = {}
    facts: dict[str, int | float | str | Loop | None] = {}
    places: dict[int, int] = {}
    names: dict[int, str] = {}
    file.seek(12)
    for chunk, size in islice(_chunks(file), MAX_CHUNKS):
        if chunk not in (b"smpl", b"acid", b"bext", b"cue ", b"LIST"):
            continue
        payload = file.read(min(size, MAX_LIST_BYTES))
        if chunk == b"smpl" and len(payload) >= _SMPL.size + _SMPL_LOOP.size:
            facts["loop"] = _read_loop(payload)
        elif chunk == b"acid" and len(payload) >= _ACID.size:
            facts |= _read_acid(payload)
        elif chunk == b"bext" and len(payload) >= _BEXT.size:
            facts |= _read_bext(payload)
        elif chunk == b"cue ":
            places |= _read_cues(payload)
        elif payload[:4] == b"adtl":
            names |= _read_names(payload)
        elif payload[:4] == b"INFO":
            found |= _read_info(payload)
    labels = AudioMetadata(
        title=found.get("INAM", ""),
        cues=tuple(Cue(place, names.get(n, "")) for n, place in places.items()),
        **facts,  # type: ignore[arg-type]
    )
    return labels, found.get("ICMT", "")


def count_chunk_bytes(file: BinaryIO, name: bytes) -> int:
    """Return how many bytes the chunks of a name have in all.

    Samples of unknown length, as a pipe has them, go on to the file's end.

    Raises:
        ValueError: if any chunk reaches past the file's end, or there are too many of them.
    """
    end = file.seek(0, io.SEEK_END)
    file.seek(12)
    found = 0
    for count, (chunk, size) in enumerate(_chunks(file)):
        if (chunk, size) == (b"data", UNKNOWN_BYTES):
            break
        if file.tell() + size > end or count == MAX_CHUNKS:
            raise ValueError(chunk)
        found += size if chunk == name else 0
    return found


def _smpl(loop: Loop, sample_rate_hz: int) -> bytes:
    period_ns = round(1e9 / sample_rate_hz)
    head = _SMPL.pack(0, 0, period_ns, UNITY_NOTE, 0, 0, 0, 1, 0)
    return head + _SMPL_LOOP.pack(0, 0, loop.first, loop.last, 0, 0)  # forwards, without end


def _acid(labels: AudioMetadata, tempo_bpm: float, beats: int) -> bytes:
    root = find_pitch_class(labels.key)
    flags = _STRETCHES if labels.loop else _ONE_SHOT
    if root is not None:
        flags |= _ROOT_IS_SET
    note = UNITY_NOTE + (root or 0)
    return _ACID.pack(flags, note, 0x8000, 0.0, beats, _METRE, _METRE, tempo_bpm)


def _bext(labels: AudioMetadata, software: str) -> bytes:
    levels = (labels.loudness_lufs, None, labels.true_peak_dbtp, None, None)
    return _BEXT.pack(
        labels.description.encode("ascii", "replace"),
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
    """Yield the name and size of each chunk, the file standing at its payload."""
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
    facts: dict[str, int | float | str] = {}
    if math.isfinite(tempo_bpm) and tempo_bpm > 0:
        # As a person wrote it: a float of 32 bits holds 7 digits.
        facts |= {"tempo_bpm": float(f"{tempo_bpm:.7g}"), "beats": beats}
    if flags & _ROOT_IS_SET:
        facts["key"] = name_tonic(root)
    return facts


def _read_bext(payload: bytes) -> dict[str, float | str]:
    description, *_, version, _, loudness, _, peak, _, _ = _BEXT.unpack_from(payload)
    facts: dict[str, float | str] = {"description": _as_text(description)}
    if version >= 2:
        levels = {"loudness_lufs": loudness, "true_peak_dbtp": peak}
        facts |= {name: level / 100 for name, level in levels.items() if level != _NO_LEVEL}
    return facts


def _read_cues(payload: bytes) -> dict[int, int]:
    """Return the frame of each cue by its number."""
    claimed, points = int.from_bytes(payload[:4], "little"), (len(payload) - 4) // _CUE.size
    places = {}
    for index in range(min(claimed, points, MAX_CUES)):
        number, _, _, _, _, frame = _CUE.unpack_from(payload, 4 + index * _CUE.size)
        places[number] = frame
    return places


def _read_names(payload: bytes) -> dict[int, str]:
    names = {}
    for name, text in _texts(payload):
        if name == b"labl" and len(text) > 4:
            names[struct.unpack_from("<I", text)[0]] = _as_text(text[4:])
    return names


def _read_info(payload: bytes) -> dict[str, str]:
    return {name.decode("latin-1"): _as_text(text) for name, text in _texts(payload)}


def _texts(payload: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield what is in a LIST."""
    file = io.BytesIO(payload)
    file.seek(4)
    for name, size in islice(_chunks(file), MAX_CUES):
        yield name, file.read(size)


def _as_text(payload: bytes) -> str:
    return payload.split(b"\0", 1)[0].decode("utf-8", "replace")
