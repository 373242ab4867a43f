"""The streams and frames of FLAC files: where they begin. After RFC 9639."""

from __future__ import annotations

from lofigen_kit.audio.window import Window

MAGIC = b"fLaC"
_STREAMINFO = b"\0\0\0\x22"
_LAST_BLOCK = 0x80
_MAX_BLOCKS = 1000
_MAX_HEADER_BYTES = 16
_SYNC = 0xF8
"""The second byte of a frame whose number counts frames; one higher, it counts samples."""


def find_stream(window: Window, place: int) -> int:
    """Return where the next stream begins, or the end."""
    while (place := window.find(MAGIC, place)) >= 0:
        head = window.at(place + 4, 4)
        if len(head) == 4 and bytes([head[0] & 0x7F]) + head[1:] == _STREAMINFO:
            return place
        place += 1
    return window.end


def find_frames(window: Window) -> int:
    """Return where the frames of a stream begin, behind its metadata."""
    place = window.start + 4
    for _ in range(_MAX_BLOCKS):
        head = window.at(place, 4)
        if len(head) < 4:
            break
        place += 4 + int.from_bytes(head[1:], "big")
        if head[0] & _LAST_BLOCK:
            break
    return min(place, window.end)


def find_frame_behind(window: Window, place: int, sample: int) -> tuple[int, int] | None:
    """Return where the next whole frame header is whose samples come after a sample.

    Args:
        window: The stream.
        place: Where to look from.
        sample: The number of the sample.

    Returns:
        The place and the number of the frame's first sample, or None if there is none.
    """
    block = int.from_bytes(window.at(window.start + 8, 2), "big")
    while (place := window.find(b"\xff", place)) >= 0:
        first = _read_first_sample(window.at(place, _MAX_HEADER_BYTES), block)
        if first is not None and first > sample:
            return place, first
        place += 1
    return None


def _read_first_sample(head: bytes, block: int) -> int | None:
    """Return the number of a frame's first sample, or None if this is no frame's header."""
    if len(head) < 6 or head[1] & 0xFE != _SYNC or head[3] & 1:
        return None
    lead = head[4]
    extra = 0 if lead < 0x80 else next((n for n in range(7) if not lead << n & 0x80), 8) - 1
    number = lead if lead < 0x80 else lead & ((1 << (6 - extra)) - 1 if extra < 6 else 0)
    for byte in head[5 : 5 + extra]:
        number = number << 6 | byte & 0x3F
    size = 5 + extra
    size += {6: 1, 7: 2}.get(head[2] >> 4, 0) + {12: 1, 13: 2, 14: 2}.get(head[2] & 15, 0)
    if not -1 < extra < 7 or len(head) <= size or _checksum(head[:size]) != head[size]:
        return None
    return number if head[1] & 1 else number * block


def _checksum(data: bytes) -> int:
    """Return the checksum of a frame's header, of 8 bits."""
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value << 1 ^ 0x07 if value & 0x80 else value << 1) & 0xFF
    return value
