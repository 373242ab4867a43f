"""What a sound file consists of, found out before a sample of it is decoded.

The content decides, and no header is believed where the file itself can be asked: tags in front and
behind are left out, streams that are joined are told apart, frames and pages are counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import BinaryIO

from lofigen_kit.audio import containers, flac, mpeg, ogg
from lofigen_kit.audio.pieces import Piece
from lofigen_kit.audio.window import Window

MAX_PARTS = 1000
_LYRICS_END = b"LYRICS200"


@dataclass(frozen=True)
class Part:
    """A stretch of a file that is decoded on its own.

    Attributes:
        pieces: What the decoder is given.
        skip: Frames to leave out at its beginning.
        frames: The frames of its sound, if they were counted; None leaves it to the decoder.
    """

    pieces: list[Piece]
    skip: int = 0
    frames: int | None = None


@dataclass
class Survey:
    """What a file consists of.

    Attributes:
        kind: The name that libsndfile has for its format, or "" where that is asked.
        start: Where it begins, behind tags.
        parts: What there is to decode, in order.
        faults: What is wrong with it, in words that a musician knows.
        is_noisy: Whether its decoder prints to the terminal.
    """

    kind: str = ""
    start: int = 0
    parts: list[Part] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    is_noisy: bool = False


def survey(file: BinaryIO) -> Survey:
    """Return what a sound file consists of.

    Args:
        file: The file; not trusted.
    """
    window = Window(file)
    start = _skip_tags(window)
    window = Window(file, start, _find_end(window, start))
    head = window.at(start, 4)
    if containers.is_container(window, start):
        found = _survey_containers(window)
    elif head == b"OggS":
        found = _survey_ogg(window)
    elif head == flac.MAGIC:
        found = _survey_flac(window)
    else:
        found = _survey_mpeg(window, mpeg.find_stream(window))
    found.start = start
    return found


def _skip_tags(window: Window) -> int:
    """Return the place behind the ID3 tags at the beginning."""
    place = window.start
    while window.at(place, 3) == b"ID3":
        behind = mpeg.skip_tag(window, place)
        if behind is None or behind >= window.end:
            break
        place = behind
    return place


def _find_end(window: Window, start: int) -> int:
    """Return the place in front of the ID3v1, APE and Lyrics3 tags at the end."""
    end = window.end
    while True:
        if end - start > 128 and window.at(end - 128, 3) == b"TAG":
            end -= 128
            continue
        footer = window.at(end - 32, 32)
        size = int.from_bytes(footer[12:16], "little") if footer[:8] == b"APETAGEX" else 0
        if window.at(end - 9, 9) == _LYRICS_END:
            digits = window.at(end - 15, 6)
            size = int(digits) + 15 if digits.isdigit() else 0
        elif size and footer[23] & 0x80:  # the size leaves out the header
            size += 32
        if not 0 < size < end - start:
            return end
        end -= size


def _survey_containers(window: Window) -> Survey:
    found = Survey()
    place = window.start
    while containers.is_container(window, place) and len(found.parts) < MAX_PARTS:
        container = containers.read_container(window, place)
        if container is None:
            break
        if container.coding in containers.MPEG_CODINGS:
            inside = Window(window.file, container.sound.start, container.sound.stop)
            mpeg_survey = _survey_mpeg(inside, mpeg.find_stream(inside))
            found.parts += mpeg_survey.parts
            found.faults += mpeg_survey.faults
            found.kind, found.is_noisy = "WAV", True
        else:
            found.parts.append(Part(container.pieces))
        found.faults += container.faults
        place = container.end
    if len(found.parts) > 1:
        found.faults.append("several files are joined in it")
    if not found.parts:  # its samples were not found: let the decoder look
        found.parts.append(Part([range(window.start, window.end)]))
    return found


def _survey_ogg(window: Window) -> Survey:
    found = Survey("OGG")
    links = ogg.read_links(window)
    for link in links[:MAX_PARTS]:
        found.parts.append(Part([range(link.start, link.end)]))
    if any(link.is_cut for link in links):
        found.faults.append("it breaks off")
    elif any(link.has_gaps for link in links) or len(links) > MAX_PARTS:
        found.faults.append("pieces of it are missing")
    return found


def _survey_flac(window: Window) -> Survey:
    found = Survey("FLAC")
    place = window.start
    while len(found.parts) < MAX_PARTS:
        following = flac.find_stream(window, place + 4)
        found.parts.append(Part([range(place, following)]))
        if following >= window.end:
            break
        place = following
    return found


def _survey_mpeg(window: Window, first: int | None) -> Survey:
    if first is None:
        return Survey("", parts=[Part([range(window.start, window.end)])], is_noisy=True)
    stream = mpeg.read_stream(window, first)
    pieces, skip = mpeg.make_decoder_pieces(stream)
    return Survey(
        "MP3", parts=[Part(pieces, skip, stream.samples)], faults=stream.faults, is_noisy=True
    )
