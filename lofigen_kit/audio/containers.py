"""Where the samples of WAV, AIFF, AU, CAF and their like stand, and how many there really are.

The sizes in a header are what their writer meant to write. A recorder that crashed leaves zero, a
writer into a pipe a number that stands for "unknown"; so the chunks themselves are followed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from lofigen_kit.audio.pieces import Piece
from lofigen_kit.audio.window import Window

MAX_CHUNKS = 1000
MAX_JUNK_BYTES = 1 << 16
"""What may stand behind the last chunk without being looked at as sound."""
MPEG_CODINGS = (0x50, 0x55)
"""The codings of a WAV file that are MPEG audio: layers 1 and 2, and 3."""
_EXTENSIBLE = 0xFFFE
_UNKNOWN_FROM = 0xFFFF_0000
_PLACEHOLDERS = (range(0x7F00_0000, 0x7F01_0000), range(0x7FFF_0000, 0x8000_0001))
_MAGICS = (b"RIFF", b"RIFX", b"RF64", b"FORM", b"caff", b"riff", b".snd")


@dataclass(frozen=True)
class _Layout:
    """How the chunks of a container are written.

    Attributes:
        first: Where its first chunk begins.
        name_bytes: Bytes of a chunk's name; the first four count.
        size_bytes: Bytes of its size.
        order: The byte order of sizes.
        sound: The name of the chunk with the samples.
        lead: Bytes in that chunk in front of the samples.
        align: To what the size of a chunk is rounded up.
        counts_head: Whether a size includes the chunk's name and size.
    """

    first: int
    name_bytes: int
    size_bytes: int
    order: Literal["little", "big"]
    sound: bytes
    lead: int = 0
    align: int = 2
    counts_head: bool = False

    @property
    def head_bytes(self) -> int:
        return self.name_bytes + self.size_bytes


_LAYOUTS = {
    b"RIFF": _Layout(12, 4, 4, "little", b"data"),
    b"RF64": _Layout(12, 4, 4, "little", b"data"),
    b"RIFX": _Layout(12, 4, 4, "big", b"data"),
    b"FORM": _Layout(12, 4, 4, "big", b"SSND", lead=8),
    b"caff": _Layout(8, 4, 8, "big", b"data", lead=4, align=1),
    b"riff": _Layout(40, 16, 8, "little", b"data", align=8, counts_head=True),
}


@dataclass
class Container:
    """A file of chunks.

    Attributes:
        start: Its first place.
        end: The place behind its last chunk.
        sound: The places of the samples.
        coding: The coding of a WAV file, or 0.
        pieces: The file as a decoder reads it to its end: with the right sizes.
        faults: What is wrong with it, in words that a musician knows.
    """

    start: int
    end: int
    sound: range = range(0)
    coding: int = 0
    pieces: list[Piece] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def is_container(window: Window, place: int) -> bool:
    """Return whether a file of chunks begins at a place."""
    return window.at(place, 4) in _MAGICS


def read_container(window: Window, start: int) -> Container | None:
    """Return the file of chunks that begins at a place; None if no samples are found in it."""
    magic = window.at(start, 4)
    if magic == b".snd":
        return _read_au(window, start)
    return _Walk(window, start, _LAYOUTS[magic]).run()


def _read_au(window: Window, start: int) -> Container | None:
    offset, size = (int.from_bytes(window.at(start + at, 4), "big") for at in (4, 8))
    first = start + offset
    if first > window.end:
        return None
    end = min(first + size, window.end)
    found = Container(start, end, range(first, end))
    if _is_unknown(size):
        found.end, found.sound = window.end, range(first, window.end)
    elif first + size > window.end:
        found.faults.append("it breaks off")
    elif size == 0 and first < window.end:
        found.end, found.sound = window.end, range(first, window.end)
        found.faults.append(_UNCLOSED)
    size_now = min(len(found.sound), 0xFFFF_FFFF)
    found.pieces = [range(start, start + 8), size_now.to_bytes(4, "big"),
                    range(start + 12, found.end)]  # fmt: skip
    return found


_UNCLOSED = "its writer did not close it"


class _Walk:
    """The way through a container, from chunk to chunk."""

    def __init__(self, window: Window, start: int, layout: _Layout) -> None:
        self._window = window
        self._layout = layout
        self._start = start
        self._found = Container(start, window.end)
        self._size_place = 0
        self._long_size = 0  # of an RF64 file

    def run(self) -> Container | None:
        place = self._start + self._layout.first
        for _ in range(MAX_CHUNKS):
            behind = self._step(place)
            if behind is None:
                break
            place = behind
        if not self._size_place:
            return None
        self._found.end = min(max(place, self._found.sound.stop), self._window.end)
        self._look_behind()
        self._found.pieces = self._mend()
        return self._found

    def _step(self, place: int) -> int | None:
        """Read a chunk and return the place behind it; None where there is none."""
        layout, window = self._layout, self._window
        name = window.at(place, 4)
        if len(window.at(place, layout.head_bytes)) < layout.head_bytes or not _is_name(name):
            return None
        if name in _MAGICS:
            return None
        size = int.from_bytes(
            window.at(place + layout.name_bytes, layout.size_bytes),
            layout.order,
        )
        payload = place + layout.head_bytes
        if layout.counts_head:
            size -= layout.head_bytes
        if name == layout.sound:
            if self._size_place:
                self._found.faults.append("its sound is in several chunks")
            else:
                self._size_place = place + layout.name_bytes
                return self._read_sound(payload, size)
        elif name == b"fmt " and not layout.counts_head:
            self._read_coding(payload)
        elif name == b"ds64":
            self._long_size = int.from_bytes(window.at(payload + 8, 8), "little")
        if size < 0 or payload + size > window.end:
            return None
        return payload + size + -size % layout.align

    def _read_coding(self, payload: int) -> None:
        order = self._layout.order
        tag = int.from_bytes(self._window.at(payload, 2), order)
        if tag == _EXTENSIBLE:
            tag = int.from_bytes(self._window.at(payload + 24, 2), order)
        self._found.coding = tag

    def _read_sound(self, payload: int, size: int) -> int:
        """Find out how far the samples go, and return the place behind them."""
        layout, window, found = self._layout, self._window, self._found
        if self._long_size and size >= _UNKNOWN_FROM:
            size = self._long_size
        first = payload + layout.lead
        there = max(window.end - payload, 0)
        if size >= 1 << 63 or (layout.size_bytes == 4 and _is_unknown(size) and size > there):
            size = there
        elif size <= layout.lead and there > layout.lead and not self._is_chunk(payload + size):
            found.faults.append(_UNCLOSED)
            size = there
        elif size > there + 1:  # many programs miscount the byte behind an odd chunk
            found.faults.append("it breaks off")
        end = min(payload + max(size, 0), window.end)
        found.sound = range(min(first, end), end)
        return end + -size % layout.align

    def _is_chunk(self, place: int) -> bool:
        """Return whether nothing but whole chunks stands from a place to the end of the file."""
        layout, window = self._layout, self._window
        for _ in range(MAX_CHUNKS):
            if place >= window.end:
                return True
            name = window.at(place, 4)
            size = int.from_bytes(
                window.at(place + layout.name_bytes, layout.size_bytes),
                layout.order,
            )
            if not _is_name(name) or size < (layout.head_bytes if layout.counts_head else 0):
                return False
            place += size + (0 if layout.counts_head else layout.head_bytes)
            place += -size % layout.align
            if place > window.end + layout.align:
                return False
        return False

    def _look_behind(self) -> None:
        """See whether something follows the last chunk that may be sound."""
        window, found = self._window, self._found
        if is_container(window, found.sound.stop):  # its writer left out the padding
            found.end = found.sound.stop
        if is_container(window, found.end):
            return
        if window.end - found.end > MAX_JUNK_BYTES and window.skip_zeros(found.end) < window.end:
            found.faults.append("it goes on behind its stated end")
            if found.end - found.sound.stop <= 1:
                found.end, found.sound = window.end, range(found.sound.start, window.end)

    def _mend(self) -> list[Piece]:
        """Return the container with the sizes that are true."""
        layout, found, start = self._layout, self._found, self._start
        whole = found.end - start
        if layout.size_bytes == 4 and not self._long_size:
            sizes = {start + 4: whole - 8, self._size_place: len(found.sound) + layout.lead}
            limit = 0xFFFF_FFFF
        elif layout.counts_head:
            sizes = {start + 16: whole, self._size_place: len(found.sound) + layout.head_bytes}
            limit = (1 << 64) - 1
        elif layout.size_bytes == 8:
            sizes, limit = {self._size_place: len(found.sound) + layout.lead}, (1 << 63) - 1
        else:
            return [range(start, found.end)]
        pieces: list[Piece] = []
        place = start
        for at, size in sizes.items():
            number = min(size, limit).to_bytes(layout.size_bytes, layout.order)
            pieces += [range(place, at), number]
            place = at + layout.size_bytes
        return [*pieces, range(place, found.end)]


def _is_name(name: bytes) -> bool:
    return len(name) == 4 and all(0x20 <= byte < 0x7F for byte in name)


def _is_unknown(size: int) -> bool:
    return size >= _UNKNOWN_FROM or any(size in sizes for sizes in _PLACEHOLDERS)
