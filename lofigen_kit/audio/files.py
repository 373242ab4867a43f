"""Reading and writing of sound files; no other module does it.

Files that are read are not trusted: the content decides the format and never the name, no memory is
allocated from a header's claim, and every error is one line. Files are written whole or not at all.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, get_args

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
from lofigen_kit.audio.callbacks import raise_from_callbacks
from lofigen_kit.audio.decode import Decoder, count_frames
from lofigen_kit.audio.hashing import SoundHash
from lofigen_kit.audio.metadata import AudioMetadata
from lofigen_kit.audio.survey import survey
from lofigen_kit.errors import AudioError, InputError, LofigenError, RenderError
from lofigen_kit.runtime.files import AtomicFile, open_atomic
from lofigen_kit.runtime.version import get_program_name

Format = Literal["wav", "flac", "ogg", "mp3"]
BitDepth = Literal[16, 24, 32]

MAX_SAMPLES = 2 * 3600 * 48_000
"""Over all channels of a sound in memory: an hour of stereo at 48 kHz, 1.4 GB of float32."""
MAX_COMMENT_BYTES = 1 << 20
LOSSY: tuple[Format, ...] = ("ogg", "mp3")
MAX_WAV_BYTES = (1 << 32) - 2 * MAX_COMMENT_BYTES

_BLOCK_FRAMES = 4096
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
    """Read any sound file that libsndfile can decode, to its real end, whatever its name.

    Streams that are joined are read one after the other. A damaged file is read as far as possible,
    with a warning in the log, as is one with the suffix of another format.

    Args:
        path: The file.
        max_duration_s: The greatest allowed duration in seconds.
        strict: Refuse a file that is damaged.

    Raises:
        AudioError: if the file does not exist, is no audio, is too long, holds no sound, or has an
            impossible shape, rate or samples.
    """
    path = Path(path)
    blocks: list[np.ndarray] = []
    frames = 0
    with _open(path) as sound:
        rate_hz = sound.sample_rate_hz
        max_frames = min(int(max_duration_s * rate_hz), MAX_SAMPLES // sound.channels)
        for block in _decode(sound, path, _BLOCK_FRAMES, strict=strict):
            frames += len(block)
            if frames > max_frames:
                raise AudioError(
                    f"the file is longer than {max_frames / rate_hz:.0f} s",
                    where=path,
                    remedy="cut it into shorter ones",
                )
            blocks.append(block)
    return _as_buffer(np.concatenate(blocks).T, rate_hz, path)


def read_duration_s(path: Path | str) -> float:
    """Return the duration of a sound file in seconds.

    Raises:
        AudioError: if the file does not exist, is no audio, or has an impossible shape or rate.
    """
    path = Path(path)
    with _open(path) as sound:
        rate_hz = sound.sample_rate_hz
    with _open_binary(path) as file, _explain(path):
        return float(count_frames(file) / rate_hz)


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
    """Yield a sound file in blocks, in constant memory; see `read_audio`.

    Anything after `max_duration_s` is left out, with a warning in the log.

    Args:
        path: The file.
        frames: Frames in each block; the last may be shorter.
        max_duration_s: Where to stop, in seconds.
        strict: Refuse a file that is damaged.
        again: Do not repeat the warnings of an earlier reading.

    Raises:
        AudioError: if the file does not exist, is no audio, holds no sound, or has an impossible
            shape, rate or samples; the blocks before the fault have been yielded by then.
    """
    path = Path(path)
    with _open(path, again=again) as sound:
        frames_read, rate_hz = 0, sound.sample_rate_hz
        for block in _decode(sound, path, frames, strict=strict, again=again):
            if frames_read >= max_duration_s * rate_hz:
                if not again:
                    _logger.warning("%s: all after %.0f s is left out", path, max_duration_s)
                return
            frames_read += len(block)
            yield _as_buffer(block.T, rate_hz, path)


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
    """Write a whole sound; see `write_blocks` for the arguments and errors."""
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

    The same sound and metadata give the same bytes.

    Integer samples are rounded here, with triangular dither at 16 bits; libsndfile would truncate.
    Samples above full scale clip, except in 32-bit WAV, which is float. MP3 is written at its
    highest constant bit rate, 320 kbit/s at 44.1 kHz; libsndfile's default is low.

    Args:
        path: The file, in an existing folder.
        blocks: The sound, in pieces of any size [shape=(channels, frames), dtype=float32].
        sound: Format of the whole sound.
        format: `wav`, `flac`, `ogg` (Vorbis) or `mp3`.
        bit_depth: 16, 24, or 32 (WAV only); OGG and MP3 ignore it.
        comment: A text to embed, up to 1 MiB; `read_comment` returns it.
        rng: Random generator of the dither; None for samples that `as_stored` has already dithered.
        metadata: Metadata for other programs: tempo, key, loop, bars.
        seal: Signs the file, after its last change.
        force: Overwrite an existing file.

    Raises:
        InputError: if the file exists already, the place cannot be written to, the comment is too
            long, or the format cannot hold such audio.
        RenderError: if the disk is full or fails; an existing file is left unchanged.
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
    # In small blocks: libvorbis puts a whole write on the stack.
    prepared = (prepare(block) for block in rechunk(blocks, _BLOCK_FRAMES))
    try:
        with open_atomic(path) as file:
            frames = _encode(file, path, prepared, sound, format=format, subtype=subtype)
            _write_metadata(
                file, metadata or AudioMetadata(), comment, format, sound.sample_rate_hz
            )
            if seal:
                seal(file)
            file.check()
            _count_again(file, path, frames)
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
    """Check that a sound is not too long for its format.

    Raises:
        InputError: for a WAV file of more than 4 GB.
    """
    if format == "wav" and sound.channels * sound.frames * bit_depth // 8 > MAX_WAV_BYTES:
        raise InputError("a WAV file holds no more than 4 GB", where=path, remedy="write FLAC")


def read_comment(path: Path | str) -> str | None:
    """Return the comment embedded in a sound file, or None if it has none.

    Raises:
        AudioError: if the file cannot be read or is no audio.
    """
    return _read_metadata_and_comment(Path(path))[1] or None


def read_metadata(path: Path | str) -> AudioMetadata:
    """Return the metadata of a sound file, as far as it has any: tempo, key, loop, bars.

    Raises:
        AudioError: if the file cannot be read or is no audio.
    """
    return _read_metadata_and_comment(Path(path))[0]


def detect_format(path: Path | str) -> Format | None:
    """Return the format of a sound file by its content, or None if we do not write that format.

    Raises:
        AudioError: if the file cannot be read or is no audio.
    """
    with _open(Path(path)) as sound:
        return next(
            (name for name in get_args(Format) if sound.kind in _FORMATS_OF[f".{name}"]), None
        )


def as_stored(
    audio: AudioBuffer,
    *,
    format: Format,  # noqa: A002
    bit_depth: BitDepth,
    rng: np.random.Generator,
) -> AudioBuffer:
    """Return a whole sound as it will be read back from a file; see `quantise_blocks`."""
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
    """Yield the samples that a lossless file will contain: rounded, dithered and clipped.

    For a lossy format and for 32-bit WAV the sound is unchanged.

    Args:
        blocks: The sound, in pieces of any size [shape=(channels, frames), dtype=float32].
        format: `wav`, `flac`, `ogg` or `mp3`.
        bit_depth: 16, 24 or 32.
        rng: Random generator of the dither at 16 bits.

    Yields:
        np.ndarray [shape=(channels, frames), dtype=float32].

    Raises:
        InputError: for FLAC of 32 bits.
    """
    if format in LOSSY or bit_depth == 32:
        yield from blocks
        return
    _, prepare = _choose_coding(Path(), format, bit_depth, rng)
    full_scale = np.float32(2**15 if bit_depth == 16 else 2**31)
    for block in rechunk(blocks, _BLOCK_FRAMES):
        yield prepare(block) / full_scale


def _read_metadata_and_comment(path: Path) -> tuple[AudioMetadata, str]:
    with _open(path, again=True) as sound:
        kind, start = sound.kind, sound.start
    with _open_binary(path) as file, _explain(path, "its tags are damaged", "remove them"):
        if kind in _FORMATS_OF[".wav"]:
            return riff.read(file, start)
        return tags.read(file, kind)


@dataclass(frozen=True)
class StoredSound:
    """What a file was found to hold, read to its end.

    Attributes:
        sha256: The hash of its samples; see `SoundHash`.
        frames: How many there are.
        sample_rate_hz: Its sample rate.
    """

    sha256: str
    frames: int
    sample_rate_hz: int


def measure_audio_file(path: Path) -> StoredSound:
    """Return the hash and the length of a file's audio, in constant memory.

    Raises:
        AudioError: if the file cannot be read or is no audio.
    """
    digest, frames, rate_hz = None, 0, 0
    for block in read_audio_blocks(path):
        rate_hz = block.sample_rate_hz
        digest = digest or SoundHash(block.channels, rate_hz)
        digest.update(block.samples)
        frames += block.frames
    assert digest is not None  # noqa: S101 - an empty file has raised
    return StoredSound(digest.hexdigest(), frames, rate_hz)


def hash_audio_file(path: Path) -> str:
    """Return the hash of a file's audio, in constant memory; see `SoundHash`.

    Raises:
        AudioError: if the file cannot be read or is no audio.
    """
    return measure_audio_file(path).sha256


@contextmanager
def _open(path: Path, *, again: bool = False) -> Iterator[Decoder]:
    """Open a sound file; its content alone decides the format."""
    with _open_binary(path) as file:
        with _explain(path):
            found = survey(file)
            sound = Decoder(file, found)
        _check_shape(sound, path)
        if not again:
            _check_suffix(sound, path)
        yield sound


@contextmanager
def _explain(
    path: Path,
    message: str = "this is not audio that can be read",
    remedy: str = "use a WAV, FLAC, OGG, MP3 or AIFF file",
) -> Iterator[None]:
    """Turn whatever comes of a stranger's bytes into one line: libraries raise anything.

    Raises:
        AudioError: for anything.
    """
    try:
        yield
    except LofigenError:
        raise
    except OSError as error:
        raise AudioError(
            f"the file cannot be read ({error.strerror or error})", where=path,
            remedy="check the disk",
        ) from None  # fmt: skip
    except Exception:
        raise AudioError(message, where=path, remedy=remedy) from None


def _decode(
    sound: Decoder, path: Path, frames: int, *, strict: bool, again: bool = False
) -> Iterator[np.ndarray]:
    """Yield all blocks [shape=(frames, channels)], and then say what was wrong with them."""
    read = 0
    with _explain(path):
        for block in sound.blocks(frames):
            read += len(block)
            yield block
    if not read:
        why = f" ({', '.join(sound.faults)})" if sound.faults else ""
        raise AudioError(f"the file holds no sound{why}", where=path, remedy="choose another one")
    if sound.faults and not again:
        _report_faults(path, sound.faults, read / sound.sample_rate_hz, strict=strict)


@contextmanager
def _open_binary(path: Path) -> Iterator[BinaryIO]:
    try:
        if path.is_dir():
            raise AudioError("this is a folder", where=path, remedy="name a file in it")
        if path.exists() and not path.is_file():
            raise AudioError("this is a device", where=path, remedy="name a file")
        file = path.open("rb", buffering=0)
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


def _check_shape(sound: Decoder, path: Path) -> None:
    if sound.channels > MAX_CHANNELS:
        raise AudioError(
            f"{sound.channels} channels are more than {MAX_CHANNELS}",
            where=path,
            remedy="mix it to stereo",
        )
    if not MIN_RATE_HZ <= sound.sample_rate_hz <= MAX_RATE_HZ:
        raise AudioError(
            f"a sample rate of {sound.sample_rate_hz} Hz is outside 1 to 384 kHz",
            where=path,
            remedy="export it at 44.1 or 48 kHz",
        )


def _check_suffix(sound: Decoder, path: Path) -> None:
    expected = _FORMATS_OF.get(path.suffix.lower())
    if expected and sound.kind not in expected:
        _logger.warning("%s: the name says %s, it is %s", path, path.suffix, sound.kind)


def _report_faults(path: Path, faults: list[str], duration_s: float, *, strict: bool) -> None:
    message = (
        f"the file is damaged: only {duration_s:.1f} s of it can be read ({', '.join(faults)})"
    )
    if strict:
        raise AudioError(
            message, where=path, remedy="export it again, or use --salvage where a command has it"
        )
    _logger.warning("%s: %s", path, message)


def _encode(
    file: AtomicFile,
    path: Path,
    prepared: Iterable[np.ndarray],
    sound: AudioFormat,
    *,
    format: Format,  # noqa: A002
    subtype: str,
) -> int:
    """Encode the samples with libsndfile, and return how many frames there were."""
    import soundfile

    frames = 0
    options = {"bitrate_mode": "CONSTANT", "compression_level": 0.0} if format == "mp3" else {}
    try:
        with raise_from_callbacks():
            encoder = soundfile.SoundFile(
                file,
                "w",
                sound.sample_rate_hz,
                sound.channels,
                subtype,
                format=format.upper(),
                **options,
            )
        with encoder:
            for block in prepared:
                frames += block.shape[1]
                with raise_from_callbacks():
                    encoder.write(block.T)
                file.check()
            with raise_from_callbacks():
                encoder.close()
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
    return frames


def _count_again(file: AtomicFile, path: Path, frames: int) -> None:
    """Count what a finished file holds, by the same reading as any file's.

    Raises:
        RenderError: if that is not what was written into it.
    """
    found = count_frames(file) if frames else 0
    if found != frames:
        raise RenderError(
            f"writing failed (the file holds {found} of {frames} frames)",
            where=path,
            remedy="render it again",
        )


def _write_metadata(
    file: AtomicFile,
    metadata: AudioMetadata,
    comment: str,
    format: Format,  # noqa: A002
    sample_rate_hz: int,
) -> None:
    """Write the metadata of a file."""
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
    """Return libsndfile's name of a coding, and the function that prepares float samples for it."""
    from lofigen_kit.audio.dither import to_pcm16, to_pcm24

    if format in LOSSY:
        return ("VORBIS" if format == "ogg" else "MPEG_LAYER_III"), np.asarray
    if bit_depth == 16:
        return "PCM_16", lambda samples: to_pcm16(samples, rng)
    if bit_depth == 24:
        # libsndfile uses the upper 24 bits of an int32.
        return "PCM_24", lambda samples: to_pcm24(samples) << 8
    if format == "flac":
        raise InputError(
            "FLAC holds 16 or 24 bits", where=path, remedy="set bit_depth to 24, or write WAV"
        )
    return "FLOAT", np.asarray
