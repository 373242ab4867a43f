"""The commands on strangers' files: there is a result, or one line and exit 2."""

from __future__ import annotations

import io
import struct
import zlib
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import soundfile

from lofigen_kit.audio import tags
from lofigen_kit.audio.metadata import AudioMetadata, Loop
from tests.unit.audio.encodings import bare_mp3, chunk, mp2, riff, wave_format

PRESET = """\
version: 1
name: fuzz
source: {use: beatmaker, bars: 1, tempo_bpm: 120, key: D minor}
master: {loudness_lufs: -14, true_peak_dbtp: -1}
"""
MIDI_PRESET = """\
version: 1
name: fuzz
source: {use: midi-file, path: fuzzed.mid}
"""
SOUND_COMMANDS = (
    ("inspect", "fuzzed"),
    ("inspect", "--json", "fuzzed"),
    ("verify", "fuzzed"),
    ("process", "fuzzed", "-p", "fuzz.yaml", "-o", "out.wav", "--force", "--salvage"),
    ("process", "fuzzed", "-p", "fuzz.yaml", "-o", "out.wav", "--force", "-q"),
)
MIDI_COMMANDS = (
    ("chain", "show", "midi.yaml", "--score"),
    ("chain", "show", "midi.yaml", "--json"),
)
_DONE, _DOES_NOT_HOLD, _REFUSED = 0, 1, 2


def check_sound(data: bytes, folder: Path) -> None:
    """Run a command on a sound file; which one, its bytes decide."""
    (folder / "fuzzed").write_bytes(data)
    (folder / "fuzz.yaml").write_text(PRESET)
    command = SOUND_COMMANDS[zlib.crc32(data) % len(SOUND_COMMANDS)]
    _run(command, folder, holds=command[0] != "verify")


def check_midi(data: bytes, folder: Path) -> None:
    """Run a command on a MIDI file."""
    (folder / "fuzzed.mid").write_bytes(data)
    (folder / "midi.yaml").write_text(MIDI_PRESET)
    _run(MIDI_COMMANDS[zlib.crc32(data) % len(MIDI_COMMANDS)], folder, holds=True)


def _run(command: tuple[str, ...], folder: Path, *, holds: bool) -> None:
    """Run a command, which must end well: no exception but SystemExit leaves it."""
    from lofigen_kit.cli import main

    out, err = io.StringIO(), io.StringIO()
    with chdir(folder), redirect_stdout(out), redirect_stderr(err):
        try:
            main(command)
            code: object = _DONE
        except SystemExit as end:
            code = end.code or _DONE
    text = err.getvalue()
    assert code in ((_DONE, _REFUSED) if holds else (_DONE, _DOES_NOT_HOLD, _REFUSED)), (code, text)
    assert "Traceback" not in text, text
    lines = text.splitlines()
    assert all(line.startswith("lofigen-kit: ") and line.isprintable() for line in lines), text
    if code == _REFUSED:
        assert lines, command
    if "-q" in command:
        assert len(lines) <= 1, text


def sound_seeds() -> list[bytes]:
    """Return small files of all kinds, joined, with tags and with covers."""
    mp3, ogg, flac, aiff = (_encode(name) for name in ("MP3", "OGG", "FLAC", "AIFF"))
    opus = _encode("OGG", "OPUS", 48_000)
    plain = [_encode("WAV"), ogg, flac, aiff, mp3, opus, _encode("AU"), _encode("CAF"),
             _encode("W64"), _encode("RF64")]  # fmt: skip
    joined = [mp3 + mp3, ogg + ogg, flac + flac, mp3[800:], bytes(100) + mp3[800:]]
    bare = bare_mp3("VARIABLE", frames=4500)
    odd = [bare, mp2(6), riff(wave_format(0x55), chunk(b"data", bare)),
           riff(wave_format(), chunk(b"data", bytes(8000), 0), size=0)]  # fmt: skip
    return [*plain, *joined, *odd, _tagged("MP3"), _tagged("OGG"), _tagged("FLAC"),
            *(_covered(name) for name in ("MP3", "FLAC", "OGG"))]  # fmt: skip


def _encode(format: str, subtype: str | None = None, rate_hz: int = 44_100) -> bytes:  # noqa: A002
    file = io.BytesIO()
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, (4500, 2))
    soundfile.write(file, noise, rate_hz, subtype, format=format)
    return file.getvalue()


def _tagged(format: str) -> bytes:  # noqa: A002
    file = io.BytesIO(_encode(format))
    metadata = AudioMetadata(title="a title", tempo_bpm=90.0, key="D minor", loop=Loop(0, 99))
    tags.write(file, metadata, "{}", format=format.lower(), software="kit")
    return file.getvalue()


def _covered(format: str) -> bytes:  # noqa: A002
    """Return a file with a PNG picture as its cover."""
    from base64 import b64encode

    from mutagen.flac import FLAC, Picture
    from mutagen.id3 import APIC, ID3
    from mutagen.oggvorbis import OggVorbis

    file = io.BytesIO(_encode(format))
    if format == "MP3":
        id3 = ID3()
        id3.add(APIC(mime="image/png", type=3, desc="cover", data=make_png()))
        id3.save(file)
        return file.getvalue()
    picture = Picture()
    picture.mime, picture.type, picture.data = "image/png", 3, make_png()
    sound = FLAC(file) if format == "FLAC" else OggVorbis(file)
    if format == "FLAC":
        sound.add_picture(picture)
    else:
        sound["metadata_block_picture"] = [b64encode(picture.write()).decode()]
    file.seek(0)
    sound.save(file)
    return file.getvalue()


def make_png(side: int = 8) -> bytes:
    """Return a grey picture."""

    def block(name: bytes, payload: bytes) -> bytes:
        checked = name + payload
        return struct.pack(">I", len(payload)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + bytes(side) for _ in range(side)))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )
