"""The only place that reads and writes files.

What is read is not trusted: content decides the format and never the name, no allocation follows
a header's word, and every refusal is one line. What is written appears whole or not at all.
"""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, get_args

import numpy as np

from lofigen_kit.audio import riff, tags
from lofigen_kit.audio.blocks import rechunk, split_blocks
from lofigen_kit.audio.buffer import (
    MAX_CHANNELS,
    MAX_RATE_HZ,
    MIN_RATE_HZ,
    AudioBuffer,
    AudioFormat,
)
from lofigen_kit.audio.hashing import SoundHash
from lofigen_kit.audio.metadata import AudioMetadata
from lofigen_kit.errors import AudioError, InputError, RenderError
from lofigen_kit.runtime.files import _CallbackWriter, open_atomic
from lofigen_kit.runtime.version import get_program_name

if TYPE_CHECKING:
    import soundfile

Format = Literal["wav", "flac", "ogg", "mp3"]
BitDepth = Literal[16, 24, 32]

MAX_SAMPLES = 1 << 30
"""Over all channels: 4 GiB of float32, three hours of stereo at 48 kHz."""
MAX_COMMENT_BYTES = 1 << 20
LOSSY: tuple[Format, ...] = ("ogg", "mp3")
MAX_WAV_BYTES = (1 << 32) - 2 * MAX_COMMENT_BYTES

_BLOCK_FRAMES = 4096
_UNKNOWN_FRAMES = 1 << 62
"""libsndfile gives the greatest count there is where a stream does not say how long it is."""
_FORMATS_OF = {
    ".wav": ("WAV", "WAVEX", "RF64"),
    ".flac": ("FLAC",),
    ".ogg": ("OGG",),
    ".mp3": ("MP3",),
    ".aif": ("AIFF",),
    ".aiff": ("AIFF",),
}
_logger = logging.getLogger(__name__)


def read_audio(
    path: Path | str, *, max_duration_s: float = 3600.0, strict: bool = False
) -> AudioBuffer:
    """Read any sound file that libsndfile knows, whatever its name.

    A file that is cut short, that lies about its length, or whose name belongs to another format
    is read as far as it goes, with a warning in the log.

    Args:
        path: The file.
        max_duration_s: How long it may be.
        strict: Refuse a file that is cut short or lies about its length.

    Raises:
        AudioError: if there is no such file, it is no audio, or its shape, rate, length or
            samples are impossible.
    """
    path = Path(path)
    with _open(path) as sound:
        _check_shape(sound, path)
        _check_suffix(sound, path)
        samples, broken = _read_blocks(sound, path, max_duration_s)
        if broken or _is_truncated(sound, samples.shape[1]):
            _report_truncation(path, samples.shape[1] / sound.samplerate, strict=strict)
        if samples.shape[1] == 0:
            raise AudioError("the file holds no sound", where=path, remedy="choose another one")
        rate_hz = sound.samplerate
    return _as_buffer(samples, rate_hz, path)


def _as_buffer(samples: np.ndarray, rate_hz: int, path: Path) -> AudioBuffer:
    try:
        return AudioBuffer(samples, rate_hz)
    except AudioError as error:
        raise AudioError(error.message, where=path, remedy="export the file again") from None


def read_audio_blocks(
    path: Path | str,
    *,
    frames: int = _BLOCK_FRAMES,
    max_duration_s: float = 12 * 3600.0,
    strict: bool = False,
    again: bool = False,
) -> Iterator[AudioBuffer]:
    """Read a sound file from front to back in constant memory, as `read_audio` reads a whole one.

    What lies behind `max_duration_s` is left out, with a warning in the log.

    Args:
        path: The file.
        frames: Of each block but the last, in every channel.
        max_duration_s: Where to stop.
        strict: Refuse a file that is cut short or lies about its length.
        again: Say nothing that was said when the file was read before.

    Raises:
        AudioError: if there is no such file, it is no audio, or its shape, rate or samples are
            impossible; the blocks before the fault have been given by then.
    """
    import soundfile

    path = Path(path)
    with _open(path) as sound:
        _check_shape(sound, path)
        if not again:
            _check_suffix(sound, path)
        done, rate_hz, broken = 0, sound.samplerate, False
        while done < max_duration_s * rate_hz:
            try:
                block = sound.read(frames, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError:
                broken = True
                break
            if len(block) == 0:
                break
            done += len(block)
            yield _as_buffer(block.T, rate_hz, path)
        else:
            if not again:
                _logger.warning("%s: what lies behind %.0f s is left out", path, max_duration_s)
            return
        if done == 0:
            raise AudioError("the file holds no sound", where=path, remedy="choose another one")
        if not again and (broken or _is_truncated(sound, done)):
            _report_truncation(path, done / rate_hz, strict=strict)


def write_audio(
    path: Path,
    audio: AudioBuffer,
    *,
    format: Format,  # noqa: A002 -- the word that a preset uses
    bit_depth: BitDepth,
    comment: str,
    rng: np.random.Generator | None,
    metadata: AudioMetadata | None = None,
    force: bool = False,
) -> None:
    """Write a whole sound; see `write_blocks`."""
    write_blocks(
        path,
        split_blocks(audio.samples),
        audio.format,
        format=format,
        bit_depth=bit_depth,
        comment=comment,
        rng=rng,
        metadata=metadata,
        force=force,
    )


def write_blocks(
    path: Path,
    blocks: Iterable[np.ndarray],
    sound: AudioFormat,
    *,
    format: Format,  # noqa: A002
    bit_depth: BitDepth,
    comment: str,
    rng: np.random.Generator | None,
    metadata: AudioMetadata | None = None,
    seal: Callable[[BinaryIO], None] | None = None,
    force: bool = False,
) -> None:
    """Write a sound file whole or not at all, in constant memory.

    The same sound and labels give the same bytes.

    Integer samples are rounded here, with triangular dither at 16 bits: libsndfile would round
    down. Samples past full scale clip, but not in 32-bit WAV, which is float. MP3 is written at
    its highest constant bit rate, 320 kbit/s at 44.1 kHz: libsndfile's own choice is a low one.

    Args:
        path: The file, in a folder that exists.
        blocks: What to write, in pieces of any size [shape=(channels, frames)].
        sound: What that is in all.
        format: `wav`, `flac`, `ogg` (Vorbis) or `mp3`.
        bit_depth: 16, 24, or, for WAV alone, 32; nothing to OGG and MP3, which have none.
        comment: A text to embed, of up to 1 MiB; `read_comment` gives it back.
        rng: Where the dither comes from; None for what `as_stored` has dithered.
        metadata: What other programs are to read: tempo, key, loop, bars.
        seal: Signs the file, when nothing of it will change any more.
        force: Overwrite what is there.

    Raises:
        InputError: if the file is there already, the place cannot be written to, or the format
            cannot hold such audio.
        RenderError: if the disk is full or breaks; what was there before stays as it was.
    """
    if not force and path.exists():
        raise InputError(
            "the file is there already",
            where=path,
            remedy="overwrite it with --force, or choose another name",
        )
    if len(comment.encode()) > MAX_COMMENT_BYTES:
        raise InputError("the comment is longer than 1 MiB", where=path)
    check_fits(path, sound, format=format, bit_depth=bit_depth)
    subtype, prepare = _choose_coding(path, format, bit_depth, rng)
    # In small blocks: libvorbis keeps a whole write on the stack.
    prepared = (prepare(block) for block in rechunk(blocks, _BLOCK_FRAMES))
    try:
        with open_atomic(path) as file:
            _encode(file, path, prepared, sound, format=format, subtype=subtype)
            _write_metadata(
                file, metadata or AudioMetadata(), comment, format, sound.sample_rate_hz
            )
            if seal:
                seal(file)
    except (PermissionError, FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise InputError(
            f"cannot be written ({error.strerror})", where=path, remedy="choose another place"
        ) from None
    except OSError as error:
        raise RenderError(
            f"writing failed ({error.strerror or error})",
            where=path,
            remedy="make room on the disk and render again",
        ) from error


def check_fits(path: Path, sound: AudioFormat, *, format: Format, bit_depth: BitDepth) -> None:  # noqa: A002
    """Refuse a sound that is too long for its format.

    Raises:
        InputError: for a WAV file of more than 4 GB.
    """
    if format == "wav" and sound.channels * sound.frames * bit_depth // 8 > MAX_WAV_BYTES:
        raise InputError("a WAV file holds no more than 4 GB", where=path, remedy="write FLAC")


def read_comment(path: Path | str) -> str | None:
    """Return the comment that is embedded in a sound file, or None where there is none.

    Raises:
        AudioError: if the file cannot be read or is no audio.
    """
    return _read_metadata_and_comment(Path(path))[1] or None


def read_metadata(path: Path | str) -> AudioMetadata:
    """Return what a sound file says of its music, as far as it does: tempo, key, loop, bars.

    Raises:
        AudioError: if the file cannot be read or is no audio.
    """
    return _read_metadata_and_comment(Path(path))[0]


def detect_format(path: Path | str) -> Format | None:
    """Return which of the formats that we write a sound file has, by its content.

    Raises:
        AudioError: if the file cannot be read or is no audio.
    """
    with _open(Path(path)) as sound:
        return next(
            (name for name in get_args(Format) if sound.format in _FORMATS_OF[f".{name}"]), None
        )


def as_stored(
    audio: AudioBuffer,
    *,
    format: Format,  # noqa: A002
    bit_depth: BitDepth,
    rng: np.random.Generator,
) -> AudioBuffer:
    """Return a whole sound as a file will give it back; see `quantise_blocks`."""
    blocks = quantise_blocks(
        split_blocks(audio.samples), format=format, bit_depth=bit_depth, rng=rng
    )
    return audio.with_samples(np.concatenate([audio.samples[:, :0], *blocks], axis=1))


def quantise_blocks(
    blocks: Iterable[np.ndarray],
    *,
    format: Format,  # noqa: A002
    bit_depth: BitDepth,
    rng: np.random.Generator,
) -> Iterator[np.ndarray]:
    """Yield what a lossless file will give back: rounded, dithered and clipped.

    A lossy format is given the sound as it is, and so is 32-bit WAV.
    """
    if format in LOSSY or bit_depth == 32:
        yield from blocks
        return
    _, prepare = _choose_coding(Path(), format, bit_depth, rng)
    full_scale = np.float32(2**15 if bit_depth == 16 else 2**31)
    for block in rechunk(blocks, _BLOCK_FRAMES):
        yield prepare(block) / full_scale


def _read_metadata_and_comment(path: Path) -> tuple[AudioMetadata, str]:
    with _open(path) as sound:
        kind = sound.format
    with _open_binary(path) as file:
        if kind in _FORMATS_OF[".wav"]:
            return riff.read(file)
        return tags.read(file, kind)


def hash_audio_file(path: Path) -> str:
    """Return the hash of a file's sound, in constant memory; see `SoundHash`.

    Raises:
        AudioError: if the file is not readable audio.
    """
    digest = None
    for block in read_audio_blocks(path):
        digest = digest or SoundHash(block.channels, block.sample_rate_hz)
        digest.update(block.samples)
    assert digest is not None  # noqa: S101 - a file without samples was refused
    return digest.hexdigest()


class _CallbackReader(io.BufferedReader):
    """A file that libsndfile reads through soundfile's callbacks, which must not raise."""

    name = ""
    """soundfile takes a file whose name ends in .raw for headerless samples."""

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Stay in place where a damaged header sends the reader before the file's start."""
        try:
            return super().seek(offset, whence)
        except (OSError, ValueError):
            return self.tell()


@contextmanager
def _open(path: Path) -> Iterator[soundfile.SoundFile]:
    """Open a sound file for reading from front to back, by its content alone."""
    import soundfile

    class Stream(soundfile.SoundFile):  # type: ignore[misc]
        def seekable(self) -> bool:
            """Say no: soundfile seeks after each block, which a FLAC of untrue length refuses."""
            return False

    with _open_binary(path) as file:
        try:
            sound = Stream(file)
        except soundfile.LibsndfileError:
            raise AudioError(
                "this is not audio that can be read",
                where=path,
                remedy="give a WAV, FLAC, OGG, MP3 or AIFF file",
            ) from None
        with sound:
            yield sound


@contextmanager
def _open_binary(path: Path) -> Iterator[BinaryIO]:
    try:
        if path.is_dir():
            raise AudioError("this is a folder", where=path, remedy="name a file in it")
        if path.exists() and not path.is_file():
            raise AudioError("this is a device", where=path, remedy="name a file")
        file = _CallbackReader(path.open("rb", buffering=0))
    except FileNotFoundError:
        raise AudioError("there is no such file", where=path, remedy="check the path") from None
    except PermissionError:
        raise AudioError(
            "the file may not be read", where=path, remedy="check its permissions"
        ) from None
    except (OSError, ValueError) as error:
        raise AudioError(f"the file cannot be opened ({error})", where=str(path)) from None
    with file:
        if path.stat().st_size == 0:
            raise AudioError("the file is empty", where=path, remedy="choose another one")
        yield file


def _check_shape(sound: soundfile.SoundFile, path: Path) -> None:
    if sound.channels > MAX_CHANNELS:
        raise AudioError(
            f"{sound.channels} channels are more than {MAX_CHANNELS}",
            where=path,
            remedy="mix it to stereo",
        )
    if not MIN_RATE_HZ <= sound.samplerate <= MAX_RATE_HZ:
        raise AudioError(
            f"a sample rate of {sound.samplerate} Hz is outside 1 to 384 kHz",
            where=path,
            remedy="export it at 44.1 or 48 kHz",
        )


def _check_suffix(sound: soundfile.SoundFile, path: Path) -> None:
    expected = _FORMATS_OF.get(path.suffix.lower())
    if expected and sound.format not in expected:
        _logger.warning("%s: the name says %s, it is %s", path, path.suffix, sound.format)


def _read_blocks(
    sound: soundfile.SoundFile, path: Path, max_duration_s: float
) -> tuple[np.ndarray, bool]:
    """Return all samples [shape=(channels, frames)], and whether the stream broke off."""
    import soundfile

    max_frames = min(int(max_duration_s * sound.samplerate), MAX_SAMPLES // sound.channels)
    blocks = [np.zeros((0, sound.channels), dtype=np.float32)]
    frames, broken = 0, False
    while True:
        try:
            block = sound.read(_BLOCK_FRAMES, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError:
            broken = True
            break
        if len(block) == 0:
            break
        frames += len(block)
        if frames > max_frames:
            raise AudioError(
                f"the file is longer than {max_frames / sound.samplerate:.0f} s",
                where=path,
                remedy="cut it into shorter ones",
            )
        blocks.append(block)
    return np.concatenate(blocks).T, broken


def _is_truncated(sound: soundfile.SoundFile, frames: int) -> bool:
    """Return whether the header promised more than there was.

    libsndfile corrects a RIFF or AIFF header silently and says so in its log alone, as in
    `data : 88200 (should be 43956)`; streams of unknown length carry a size near 2**32.
    """
    if frames < sound.frames < _UNKNOWN_FRAMES:
        return True
    sizes = re.findall(r": (\d+) \(should be (\d+)\)", sound.extra_info)
    # An odd chunk's padding byte is miscounted by many programs: 1 byte is no lie.
    return any(int(real) + 1 < int(said) < 0xFFFF_0000 for said, real in sizes)


def _report_truncation(path: Path, duration_s: float, *, strict: bool) -> None:
    message = f"the file is damaged: only {duration_s:.1f} s of it can be read"
    if strict:
        raise AudioError(
            message, where=path, remedy="export it again, or use --salvage where a command has it"
        )
    _logger.warning("%s: %s", path, message)


def _encode(
    file: _CallbackWriter,
    path: Path,
    prepared: Iterable[np.ndarray],
    sound: AudioFormat,
    *,
    format: Format,  # noqa: A002
    subtype: str,
) -> None:
    """Write samples as libsndfile wants them."""
    import soundfile

    rate = {"bitrate_mode": "CONSTANT", "compression_level": 0.0} if format == "mp3" else {}
    try:
        with soundfile.SoundFile(
            file, "w", sound.sample_rate_hz, sound.channels, subtype, format=format.upper(), **rate
        ) as encoder:
            for block in prepared:
                encoder.write(block.T)
                file.check()
    except soundfile.LibsndfileError as error:
        file.check()
        raise InputError(
            f"{format.upper()} cannot hold {sound.channels} channels at "
            f"{sound.sample_rate_hz} Hz ({error.error_string.strip().rstrip('.')})",
            where=path,
            remedy="write a WAV file",
        ) from None
    if format == "ogg":
        tags.fix_serial(file)


def _write_metadata(
    file: _CallbackWriter,
    metadata: AudioMetadata,
    comment: str,
    format: Format,  # noqa: A002
    sample_rate_hz: int,
) -> None:
    """Write what a file says beside its sound."""
    software = get_program_name()
    if format == "wav":
        riff.clear_peak_time(file)
        riff.append(file, metadata, comment, software=software, sample_rate_hz=sample_rate_hz)
    else:
        tags.write(file, metadata, comment, format=format, software=software)


def _choose_coding(
    path: Path,
    format: Format,  # noqa: A002
    bit_depth: BitDepth,
    rng: np.random.Generator | None,
) -> tuple[str, Callable[[np.ndarray], np.ndarray]]:
    """Return libsndfile's name of a coding, and how to prepare float samples for it."""
    from lofigen_kit.audio.dither import to_pcm16, to_pcm24

    if format in LOSSY:
        return ("VORBIS" if format == "ogg" else "MPEG_LAYER_III"), np.asarray
    if bit_depth == 16:
        return "PCM_16", lambda samples: to_pcm16(samples, rng)
    if bit_depth == 24:
        # libsndfile takes the upper 24 bits of an int32.
        return "PCM_24", lambda samples: to_pcm24(samples) << 8
    if format == "flac":
        raise InputError(
            "FLAC holds 16 or 24 bits", where=path, remedy="set bit_depth to 24, or write WAV"
        )
    return "FLOAT", np.asarray
