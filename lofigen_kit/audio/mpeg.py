"""The frames of MPEG audio: MP1, MP2 and MP3, bare or inside a WAV file.

A decoder trusts the first frame and guesses the length from it. Here every frame is counted, and
what stands between frames (tags, a second file's header, rubbish) is told from them. After ISO
11172-3 and 13818-3; the header of variable bit rates is Xing's, with LAME's count of samples to
leave out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from lofigen_kit.audio.pieces import Piece
from lofigen_kit.audio.window import Window

DECODER_DELAY = 529
"""The samples by which a decoder of layer 3 is late, which LAME's count leaves out."""
MAX_JUNK_BYTES = 1 << 16
"""How far frames are looked for where there are none."""
MAX_END_BYTES = 1 << 14
"""What may stand behind the last frame without being missed: a tag of an unknown kind."""
MAX_PIECES = 10_000

_KBPS = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES_HZ = (44_100, 48_000, 32_000)
_RATE_DIVISORS = {3: 1, 2: 2, 0: 4}  # MPEG-1, MPEG-2, MPEG-2.5
_CERTAIN_RUN = 4
_MAX_RESERVOIR_BYTES = 511
"""How far back a frame of layer 3 may reach for its bits."""
_TAGS = (b"ID3", b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"3DI")


@dataclass(frozen=True)
class Header:
    """What a frame's first four bytes say.

    Attributes:
        shape: What stays the same from frame to frame: version, layer, rate, channels.
        size: The frame's bytes.
        samples: Its samples in each channel.
        side_bytes: The side information of layer 3, behind which a Xing header stands.
    """

    shape: tuple[int, int, int, int]
    size: int
    samples: int
    side_bytes: int

    @property
    def layer(self) -> int:
        """The layer: 1 to 3."""
        return self.shape[1]

    @property
    def sample_rate_hz(self) -> int:
        """The sample rate."""
        return self.shape[2]


@dataclass
class MpegStream:
    """A stream of MPEG audio, frame by frame.

    Attributes:
        shape: Its version, layer, rate and channels.
        frame_samples: Samples in each frame.
        frames: How many frames there are.
        pieces: Where they are.
        skip: Samples that the encoder put in front of the sound.
        padding: Samples that it put behind it.
        faults: What is wrong with the stream, in words that a musician knows.
    """

    shape: tuple[int, int, int, int]
    frame_samples: int
    frames: int = 0
    pieces: list[Piece] = field(default_factory=list)
    skip: int = 0
    padding: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def samples(self) -> int:
        """The samples of the sound."""
        return max(self.frames * self.frame_samples - self.skip - self.padding, 0)

    @property
    def position_s(self) -> float:
        """How far the frames go, in seconds."""
        return self.frames * self.frame_samples / self.shape[2]


@lru_cache(maxsize=4096)
def parse_header(word: bytes) -> Header | None:
    """Return what a frame's four bytes say, or None if no frame begins with them."""
    if len(word) < 4 or word[0] != 0xFF or word[1] & 0xE0 != 0xE0:
        return None
    version, layer = word[1] >> 3 & 3, 4 - (word[1] >> 1 & 3)
    bitrate, rate, padding = word[2] >> 4, word[2] >> 2 & 3, word[2] >> 1 & 1
    if version == 1 or layer == 4 or bitrate in (0, 15) or rate == 3 or word[3] & 3 == 2:
        return None
    is_first = version == 3
    rate_hz = _RATES_HZ[rate] // _RATE_DIVISORS[version]
    channels = 1 if word[3] >> 6 == 3 else 2
    bits = 1000 * _KBPS[1 if is_first else 2, layer][bitrate - 1]
    if layer == 1:
        size, samples = 4 * (12 * bits // rate_hz + padding), 384
    else:
        samples = 576 if layer == 3 and not is_first else 1152
        size = samples // 8 * bits // rate_hz + padding
    side = {(True, 1): 17, (True, 2): 32, (False, 1): 9, (False, 2): 17}[is_first, channels]
    return Header((version, layer, rate_hz, channels), size, samples, side)


def find_stream(window: Window) -> int | None:
    """Return where the first frame is, behind zeros or the rest of a frame, or None if nowhere."""
    place = window.start if parse_header(window.at(window.start, 4)) else None
    if place is not None and _is_run(window, place, 2):
        return place
    return _find_run(window, window.skip_zeros(window.start), _CERTAIN_RUN)


def read_stream(window: Window, place: int) -> MpegStream:
    """Return the stream that begins at a place.

    Args:
        window: What may hold frames.
        place: Where the first one is, from `find_stream`.
    """
    header = parse_header(window.at(place, 4))
    assert header  # noqa: S101 - `find_stream` saw it
    return _Walk(window, place, header).run()


def make_decoder_pieces(stream: MpegStream) -> tuple[list[Piece], int]:
    """Return a stream as a decoder reads it to its end, and the samples to skip in what it gives.

    A decoder guesses the length from the size of the first frame, and stops there. Here that is a
    silent one of the lowest bit rate, by which no guess is too short.
    """
    version, layer, rate_hz, channels = stream.shape
    rate = _RATES_HZ.index(rate_hz * _RATE_DIVISORS[version])
    mode = 0xC0 if channels == 1 else 0
    word = bytes([0xFF, 0xE1 | version << 3 | (4 - layer) << 1, 0x10 | rate << 2, mode])
    lead = parse_header(word)
    assert lead  # noqa: S101 - made of valid fields
    return [word.ljust(lead.size, b"\0"), *stream.pieces], lead.samples + stream.skip


class _Walk:
    """The way through a stream, from frame to frame."""

    def __init__(self, window: Window, place: int, first: Header) -> None:
        self._window = window
        self._place = place
        self._stream = MpegStream(first.shape, first.samples)
        self._declared = 0
        self._declared_bytes = 0
        self._bytes = 0
        self._reservoir_bytes = 0
        self._sound_end = place
        self._padding = 0
        self._is_cut = False
        self._lost_bytes = 0

    def run(self) -> MpegStream:
        while self._place < self._window.end and self._step():
            pass
        return self._finish()

    def _step(self) -> bool:
        """Take a frame, or pass what is none; return False at the end."""
        word = self._window.at(self._place, 4)
        header = parse_header(word)
        if header is None or header.shape != self._stream.shape:
            return self._pass_junk(header)
        if self._place + header.size > self._window.end:
            return self._take_rest(header)
        following = parse_header(self._window.at(self._place + header.size, 4))
        if following is None or following.shape != header.shape:
            return self._take_last(header)
        self._take(header)
        return True

    def _take(self, header: Header) -> None:
        place, self._place = self._place, self._place + header.size
        self._bytes += header.size
        if header.layer == 3 and self._read_information(place, header):
            if self._stream.frames == 0 or place != self._sound_end:
                return
            # Right behind a frame, a second file's header is what decoders take it for: silence.
            self._declared += 1
        self._sound_end = self._place
        self._stream.frames += 1
        if header.layer == 3 and self._reservoir_bytes < _MAX_RESERVOIR_BYTES:
            self._add_first(place, header)
        else:
            self._add(range(place, self._place))

    def _add_first(self, place: int, header: Header) -> None:
        """Add a frame that may need bytes of frames before the first; then it is silent."""
        start = place + 4 + (0 if self._window.at(place + 1, 1)[0] & 1 else 2)
        needed = int.from_bytes(self._window.at(start, 2), "big")
        needed >>= 7 if header.shape[0] == 3 else 8
        behind = start + header.side_bytes
        if needed > self._reservoir_bytes:
            self._add(range(place, start))
            self._add(bytes(header.side_bytes))
            self._add(range(behind, self._place))
        else:
            self._add(range(place, self._place))
        self._reservoir_bytes += self._place - behind

    def _add(self, piece: Piece) -> None:
        pieces = self._stream.pieces
        last = pieces[-1] if pieces else b""
        if isinstance(piece, range) and isinstance(last, range) and last.stop == piece.start:
            pieces[-1] = range(last.start, piece.stop)
        else:
            pieces.append(piece)

    def _take_last(self, header: Header) -> bool:
        """Take a frame that no other one follows, unless another one begins within it."""
        behind = self._place + header.size
        if self._is_passable(behind):
            self._take(header)
            return True
        found = _find_run(self._window, self._place + 4, _CERTAIN_RUN, MAX_JUNK_BYTES)
        if found is not None and found < behind:
            self._lost_bytes += found - self._place
            self._place = found
        else:
            self._take(header)
        return True

    def _is_passable(self, place: int) -> bool:
        """Return whether the sound ends at a place, or a tag follows."""
        start = self._window.at(place, 11)
        return len(start) < 4 or start.startswith(_TAGS) or self._is_over(place)

    def _is_over(self, place: int) -> bool:
        return self._window.skip_zeros(place) == self._window.end

    def _take_rest(self, header: Header) -> bool:
        """Take the beginning of a frame at the end of the file, as far as it can be decoded."""
        rest = self._window.at(self._place, header.size)
        if self._stream.frames != self._declared:
            self._is_cut = True
            if len(rest) > 6 + header.side_bytes:
                self._stream.frames += 1
                self._add(rest.ljust(header.size, b"\0"))
        self._place = self._window.end
        return False

    def _pass_junk(self, header: Header | None) -> bool:
        """Pass a tag or anything else that is no frame; return False if no frame follows it."""
        window, place = self._window, self._place
        if header and _is_run(window, place, _CERTAIN_RUN):
            self._stream.faults.append(
                f"at {self._stream.position_s:.1f} s it goes on in another rate or number of "
                "channels"
            )
            return False
        behind = skip_tag(window, place)
        if behind is not None:
            self._place = behind
            return True
        found = _find_run(window, window.skip_zeros(place), _CERTAIN_RUN, MAX_JUNK_BYTES)
        if found is None or len(self._stream.pieces) > MAX_PIECES:
            self._pass_end(place)
            return False
        if window.skip_zeros(place) < found:
            self._lost_bytes += found - place
        self._place = found
        return True

    def _pass_end(self, place: int) -> None:
        rest = self._window.end - place
        if rest < 4 and self._window.at(place, 1) == b"\xff":
            self._is_cut = self._stream.frames != self._declared
        elif (rest > MAX_END_BYTES or len(self._stream.pieces) > MAX_PIECES) and not self._is_over(
            place
        ):
            self._lost_bytes += rest

    def _read_information(self, place: int, header: Header) -> bool:
        """Read a header of variable bit rates; return whether the frame is one, and no sound."""
        frame = self._window.at(place, min(header.size, 250))
        for offset in (4 + header.side_bytes, 6 + header.side_bytes):
            if frame[offset : offset + 4] in (b"Xing", b"Info"):
                self._read_xing(frame[offset + 4 :], is_first=not self._stream.frames)
                return True
        if frame[36:40] == b"VBRI":
            self._declared += int.from_bytes(frame[50:54], "big")
            return True
        return False

    def _read_xing(self, payload: bytes, *, is_first: bool) -> None:
        flags, offset = int.from_bytes(payload[:4], "big"), 4
        if flags & 1:
            self._declared += int.from_bytes(payload[4:8], "big")
            offset = 8
        if flags & 2:
            self._declared_bytes += int.from_bytes(payload[offset : offset + 4], "big")
            offset += 4
        offset += (100 if flags & 4 else 0) + (4 if flags & 8 else 0)
        extension = payload[offset : offset + 24]
        self._padding = 0
        if is_first and len(extension) == 24 and extension[:4] in (b"LAME", b"Lavf", b"Lavc"):
            both = int.from_bytes(extension[21:24], "big")
            self._stream.skip = (both >> 12) + DECODER_DELAY
            self._padding = max((both & 0xFFF) - DECODER_DELAY, 0)

    def _finish(self) -> MpegStream:
        stream = self._stream
        if stream.frames == self._declared:
            stream.padding = self._padding
        # Some programs count the header itself: then its count of bytes is right.
        missing = self._declared - stream.frames
        if missing > 1 or (missing == 1 and self._bytes != self._declared_bytes):
            self._is_cut = True
        if self._is_cut:
            stream.faults.append("it breaks off")
        if self._lost_bytes:
            stream.faults.append(f"{self._lost_bytes} bytes in it are no sound")
        return stream


def skip_tag(window: Window, place: int) -> int | None:
    """Return the place behind a tag at a place, or None if there is none."""
    head = window.at(place, 32)
    if head[:3] == b"ID3" and len(head) >= 10 and max(head[6:10]) < 128:
        size = sum(byte << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
        return place + 10 + size + (10 if head[5] & 0x10 else 0)
    if head[:4] == b"TAG+":
        return place + 227
    if head[:3] == b"TAG":
        return place + 128
    if head[:8] == b"APETAGEX" and len(head) == 32:
        is_header = head[23] & 0x20
        return place + 32 + (int.from_bytes(head[12:16], "little") if is_header else 0)
    return None


def _is_run(window: Window, place: int, least: int) -> bool:
    """Return whether frames of one shape follow each other, so many or up to the end."""
    first = parse_header(window.at(place, 4))
    if first is None:
        return False
    for count, header in enumerate(_headers(window, place, first.shape), start=1):
        place += header.size
        if count == least:
            return True
    return place >= window.end or skip_tag(window, place) is not None


def _headers(window: Window, place: int, shape: tuple[int, int, int, int]) -> Iterator[Header]:
    while (header := parse_header(window.at(place, 4))) and header.shape == shape:
        yield header
        place += header.size


def _find_run(window: Window, place: int, least: int, within: int = MAX_JUNK_BYTES) -> int | None:
    end = min(place + within, window.end)
    while (place := window.find(b"\xff", place, end)) >= 0:
        if _is_run(window, place, least):
            return place
        place += 1
    return None
