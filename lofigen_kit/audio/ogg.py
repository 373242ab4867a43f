"""The pages of OGG files: where its chained streams begin, and whether each is there to its end.

After RFC 3533. An internet radio begins a new stream at each title; decoders stop after the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from lofigen_kit.audio.window import Window

MAX_STREAMS = 64
_HEAD_BYTES = 27
_FIRST, _LAST = 0x02, 0x04


@dataclass(frozen=True)
class Page:
    """A page.

    Attributes:
        place: Where it begins.
        size: Its bytes, as far as it says.
        flags: Whether it is the first or the last of its stream.
        serial: Which stream it is of.
        number: Counts the pages of the stream.
    """

    place: int
    size: int
    flags: int
    serial: int
    number: int


@dataclass
class Link:
    """Streams that begin together; a chain has several such links.

    Attributes:
        start: The place of the first page.
        end: The place behind the last whole page.
        is_cut: Whether a stream in it has no last page.
        has_gaps: Whether pages are missing within.
    """

    start: int
    end: int
    is_cut: bool = True
    has_gaps: bool = False
    numbers: dict[int, int] = field(default_factory=dict, repr=False)
    open_serials: set[int] = field(default_factory=set, repr=False)


def read_links(window: Window) -> list[Link]:
    """Return the links of an OGG file in their order."""
    links: list[Link] = []
    was_first = False
    for page in _pages(window):
        is_first = bool(page.flags & _FIRST)
        if not links or (is_first and not was_first):
            links.append(Link(page.place, page.place))
        was_first = is_first
        if page.place + page.size <= window.end:
            _add(links[-1], page)
    for link in links:
        link.is_cut = bool(link.open_serials) or not link.numbers
    return links


def _add(link: Link, page: Page) -> None:
    if page.flags & _FIRST and len(link.numbers) < MAX_STREAMS:
        link.open_serials.add(page.serial)
    elif page.number != link.numbers.get(page.serial, -1) + 1 or page.place > link.end:
        link.has_gaps = True
    if page.serial in link.numbers or len(link.numbers) < MAX_STREAMS:
        link.numbers[page.serial] = page.number
    if page.flags & _LAST:
        link.open_serials.discard(page.serial)
    link.end = page.place + page.size


def _pages(window: Window) -> Iterator[Page]:
    """Yield the pages; what lies between them is passed."""
    place = window.start
    while (place := window.find(b"OggS\0", place)) >= 0:
        head = window.at(place, _HEAD_BYTES + 255)
        if len(head) < _HEAD_BYTES:
            return
        lengths = head[_HEAD_BYTES : _HEAD_BYTES + head[26]]
        size = _HEAD_BYTES + head[26] + sum(lengths)
        serial, number = (int.from_bytes(head[at : at + 4], "little") for at in (14, 18))
        yield Page(place, size, head[5], serial, number)
        place += size
