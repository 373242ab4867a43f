"""Read a Standard MIDI File that a stranger wrote: bounded, in one pass, refused in one line.

The format is that of "Standard MIDI Files 1.0" (MIDI Manufacturers Association, 1996). mido is not
used here: a number without an end costs it quadratic time, and it refuses whole songs for a key
signature or a text that is not quite right.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from pathlib import Path

from lofigen_kit.errors import InputError

MAX_BYTES = 4 << 20
MAX_NOTES = 200_000
"""Of one track; what is played is bounded more tightly."""
MAX_TRACKS = 1024
MAX_TICK = 1 << 40
MAX_TEXT = 64
_SUSTAIN = 64
_DATA_BYTES = {0x8: 2, 0x9: 2, 0xA: 2, 0xB: 2, 0xC: 1, 0xD: 1, 0xE: 2}
"""How many data bytes a channel's message has, by its kind."""
_SYSTEM_BYTES = {0xF1: 1, 0xF2: 2, 0xF3: 1}
_META_MARKER, _META_TEMPO, _META_SIGNATURE, _META_KEY = 0x06, 0x51, 0x58, 0x59
_META_TRACK_NAME, _META_INSTRUMENT, _META_END = 0x03, 0x04, 0x2F
_MAJOR = ("Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#")
_MINOR = ("Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#", "G#", "D#", "A#")
"""The tonics by the number of sharps, from -7."""


@dataclass(frozen=True)
class MidiNote:
    """One note: its first tick, the tick at which it ends, its key and its velocity, 1 to 127."""

    start: int
    end: int
    key: int
    velocity: int


@dataclass
class MidiVoice:
    """What one track plays on one channel.

    Attributes:
        track: The track's number, from 1.
        channel: The channel, from 1; 10 is General MIDI's drums.
        name: What the track is called; empty where it has no name.
        program: The first program that it asks for, from 0; None where it asks for none.
        notes: In the order in which they end.
    """

    track: int
    channel: int
    name: str = ""
    program: int | None = None
    notes: list[MidiNote] = field(default_factory=list)


@dataclass
class MidiSong:
    """A Standard MIDI File.

    Attributes:
        format: 0, one track of all channels, or 1, several tracks.
        ticks_per_beat: How many ticks a quarter note has.
        tempos: Ticks, and microseconds per quarter note from there on.
        signatures: Ticks, and beats and note value of the time signature from there on.
        key: `D minor`, as the first key signature says; empty where there is none.
        markers: Ticks, and the names of sections that begin there.
        voices: What has notes.
        end: The tick at which its longest track ends.
    """

    format: int
    ticks_per_beat: int
    tempos: list[tuple[int, int]] = field(default_factory=list)
    signatures: list[tuple[int, int, int]] = field(default_factory=list)
    key: str = ""
    markers: list[tuple[int, str]] = field(default_factory=list)
    voices: list[MidiVoice] = field(default_factory=list)
    end: int = 0


def read_midi(path: Path) -> MidiSong:
    """Read a file.

    Raises:
        InputError: if it cannot be read, is too long, or is no MIDI file that can be played.
    """
    try:
        if not path.is_file():
            raise InputError("there is no such file", where=path, remedy="check the path")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise InputError(f"the file cannot be read ({error})", where=path) from None
    return parse_midi(data, path)


def parse_midi(data: bytes, where: object) -> MidiSong:
    """Read the bytes of a file.

    Args:
        data: The whole file.
        where: What to call it in messages.

    Raises:
        InputError: for what is no MIDI file, is damaged, has no beats (SMPTE), or is too large.
    """
    if len(data) > MAX_BYTES:
        raise InputError("a MIDI file of more than 4 MiB", where=where, remedy="export less of it")
    if len(data) < 14 or data[:4] != b"MThd":
        raise InputError(
            "this is no MIDI file", where=where, remedy="export a Standard MIDI File (.mid)"
        )
    kind, division = int.from_bytes(data[8:10]), int.from_bytes(data[12:14])
    if kind > 1:
        raise InputError(
            f"a MIDI file of type {kind} is no single song",
            where=where,
            remedy="export it as type 0 or 1",
        )
    if division == 0 or division & 0x8000:
        raise InputError(
            "its time is in SMPTE frames and not in beats"
            if division
            else "its beats have no ticks",
            where=where,
            remedy="export it with ticks per quarter note",
        )
    song = MidiSong(format=kind, ticks_per_beat=division)
    chunks, declared = _tracks(data, where), int.from_bytes(data[10:12])
    if len(chunks) < min(declared, MAX_TRACKS):
        raise _damaged(f"the file is cut short: it has {len(chunks)} of {declared} tracks", where)
    for number, chunk in enumerate(chunks, start=1):
        if number > MAX_TRACKS:
            raise InputError(f"more than {MAX_TRACKS} tracks", where=where)
        _Track(song, number, chunk, f"{where}: track {number}").read()
    song.tempos.sort()
    song.signatures.sort()
    song.markers.sort()
    return song


def _tracks(data: bytes, where: object) -> list[bytes]:
    """Return the chunks of the tracks; chunks of other kinds are left out."""
    found: list[bytes] = []
    position = 8 + int.from_bytes(data[4:8])
    while position + 8 <= len(data):
        size = int.from_bytes(data[position + 4 : position + 8])
        chunk = data[position + 8 : position + 8 + size]
        if data[position : position + 4] == b"MTrk":
            if len(chunk) < size:
                raise _damaged("the file is cut short", f"{where}: track {len(found) + 1}")
            found.append(chunk)
            if len(found) > MAX_TRACKS:
                break
        position += 8 + size
    return found


class _Track:
    """One track while it is read: its events enter the song."""

    def __init__(self, song: MidiSong, number: int, data: bytes, where: str) -> None:
        self._song, self._number, self._data, self._where = song, number, data, where
        self._position = self._tick = 0
        self._name, self._count = "", 0
        self._voices: dict[int, MidiVoice] = {}
        self._sounding: dict[tuple[int, int], deque[tuple[int, int]]] = defaultdict(deque)
        self._pedals: set[int] = set()
        self._held: dict[int, list[tuple[int, int, int]]] = defaultdict(list)

    def read(self) -> None:
        """Read all events."""
        status = 0
        while self._position < len(self._data):
            self._tick += self._varying()
            if self._tick > MAX_TICK:
                raise _damaged("it lasts for ever", self._where)
            first = self._byte()
            if first == 0xFF:
                kind = self._byte()
                body = self._take(self._varying())
                if kind == _META_END:
                    break
                self._read_meta(kind, body)
            elif first in (0xF0, 0xF7):
                self._take(self._varying())
            elif first > 0xF0:
                self._take(_SYSTEM_BYTES.get(first, 0))
            else:
                if first & 0x80:
                    status, first = first, -1
                if not status:
                    raise _damaged("a message has no kind", self._where)
                self._read_message(status, first)
        self._finish()

    def _read_message(self, status: int, first: int) -> None:
        """Read a channel's message; `first` is its first data byte where that is read already."""
        kind, channel = status >> 4, (status & 0x0F) + 1
        count = _DATA_BYTES[kind]
        data = self._take(count) if first < 0 else bytes([first]) + self._take(count - 1)
        if max(data) > 127:
            raise _damaged("a message is cut short", self._where)
        if kind == 0x9 and data[1]:
            self._sounding[channel, data[0]].append((self._tick, data[1]))
        elif kind in (0x8, 0x9):
            self._release(channel, data[0])
        elif kind == 0xC:
            voice = self._voice(channel)
            voice.program = data[0] if voice.program is None else voice.program
        elif kind == 0xB and data[0] == _SUSTAIN:
            self._move_pedal(channel, down=data[1] >= 64)

    def _read_meta(self, kind: int, body: bytes) -> None:
        song = self._song
        if kind == _META_TEMPO and len(body) == 3:
            song.tempos.append((self._tick, int.from_bytes(body)))
        elif kind == _META_SIGNATURE and len(body) >= 2:
            song.signatures.append((self._tick, body[0], 1 << min(body[1], 16)))
        elif kind == _META_KEY and len(body) == 2 and not song.key:
            song.key = _name_key(int.from_bytes(body[:1], signed=True), minor=body[1] == 1)
        elif kind == _META_MARKER and (text := _decode(body)):
            song.markers.append((self._tick, text))
        elif kind == _META_TRACK_NAME or (kind == _META_INSTRUMENT and not self._name):
            self._name = _decode(body) or self._name

    def _voice(self, channel: int) -> MidiVoice:
        return self._voices.setdefault(channel, MidiVoice(self._number, channel))

    def _release(self, channel: int, key: int) -> None:
        """End the oldest note of a key, or leave it to the pedal."""
        if not (struck := self._sounding[channel, key]):
            return
        start, velocity = struck.popleft()
        if channel in self._pedals:
            self._held[channel].append((start, key, velocity))
        else:
            self._add(channel, start, key, velocity)

    def _move_pedal(self, channel: int, *, down: bool) -> None:
        if down:
            self._pedals.add(channel)
            return
        self._pedals.discard(channel)
        for start, key, velocity in self._held.pop(channel, ()):
            self._add(channel, start, key, velocity)

    def _add(self, channel: int, start: int, key: int, velocity: int) -> None:
        end = max(self._tick, start + 1)
        self._voice(channel).notes.append(MidiNote(start, end, key, velocity))
        self._count += 1
        if self._count > MAX_NOTES:
            raise InputError(
                f"more than {MAX_NOTES} notes", where=self._where, remedy="export less"
            )

    def _finish(self) -> None:
        """End what still sounds, and hand over what has notes."""
        for (channel, key), struck in self._sounding.items():
            for start, velocity in struck:
                self._add(channel, start, key, velocity)
        for channel in list(self._held):
            self._move_pedal(channel, down=False)
        for voice in self._voices.values():
            voice.name = self._name
        self._song.end = max(self._song.end, self._tick)
        self._song.voices += [voice for voice in self._voices.values() if voice.notes]

    def _byte(self) -> int:
        return self._take(1)[0]

    def _varying(self) -> int:
        """Return a number of variable length, of at most four bytes."""
        value = 0
        for _ in range(4):
            byte = self._byte()
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value
        raise _damaged("a number has no end", self._where)

    def _take(self, count: int) -> bytes:
        taken = self._data[self._position : self._position + count]
        if len(taken) < count:
            raise _damaged("it is cut short", self._where)
        self._position += count
        return taken


def _damaged(message: str, where: object) -> InputError:
    return InputError(f"the MIDI file is damaged: {message}", where=where, remedy="export it again")


def _name_key(sharps: int, *, minor: bool) -> str:
    if not -7 <= sharps <= 7:
        return ""
    return f"{_MINOR[sharps + 7]} minor" if minor else f"{_MAJOR[sharps + 7]} major"


def _decode(body: bytes) -> str:
    """Return a text on one line, without what cannot be shown."""
    body = body[: 4 * MAX_TEXT]
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = body.decode("latin-1")
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(shown.split())[:MAX_TEXT]
