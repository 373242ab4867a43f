"""The samples of a sound file, block by block to its real end, by libsndfile.

libsndfile is given what the survey found to be sound, part by part, and is asked again where it
stumbles, so nothing that can be decoded is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from lofigen_kit.audio import flac
from lofigen_kit.audio.callbacks import raise_from_callbacks
from lofigen_kit.audio.native_output import hold_native_output
from lofigen_kit.audio.pieces import PiecedFile
from lofigen_kit.audio.survey import Part, Survey, survey
from lofigen_kit.audio.window import Window

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import soundfile

UNKNOWN_FRAMES = 1 << 62
"""libsndfile returns the greatest possible count for a stream of unknown length."""
_BLOCK_FRAMES = 4096
MAX_FAILURES = 64
"""How often in a row decoding may fail before the rest is given up."""
_SPOILT = "a part of it is spoilt"
MAX_RESUMES = 1000
"""How many spoilt places of a file are passed."""
MAX_LATE_START_S = 60.0
"""Where an OGG stream may begin by its own count; one recorded from the middle begins anywhere."""


class UndecodableError(Exception):
    """This is no sound that libsndfile can decode."""


class Decoder:
    """A sound file that is read once, from its beginning to its end.

    Args:
        file: The file.
        found: What it consists of.

    Attributes:
        channels: Its channels.
        sample_rate_hz: Its sample rate.
        kind: The name that libsndfile has for its format.
        start: The place where it begins, behind tags.
        faults: What is wrong with it, as far as it was read.

    Raises:
        UndecodableError: if nothing in it can be decoded.
    """

    def __init__(self, file: BinaryIO, found: Survey) -> None:
        self._file = file
        self._survey = found
        self.start = found.start
        self.faults = list(found.faults)
        self._first_sample = self._resume_place = 0
        self._resumes = 0
        self._fail_sample: int | None = None
        with self._open(found.parts[0]) as sound:
            self.channels: int = sound.channels
            self.sample_rate_hz: int = sound.samplerate
            self.kind: str = found.kind or sound.format

    def blocks(self, frames: int) -> Iterator[np.ndarray]:
        """Yield the samples in blocks [shape=(frames, channels), dtype=float32].

        Args:
            frames: The greatest length of a block.

        Raises:
            OSError: if the disk fails.
        """
        for index, part in enumerate(self._survey.parts):
            self._first_sample = self._resume_place = 0
            rest: Part | None = part
            try:
                while rest:
                    with self._open(rest) as sound:
                        if not self._fits(sound):
                            self._add_fault("it goes on in another rate or number of channels")
                            return
                        yield from self._decode(sound, rest, frames)
                    rest = self._resume(part)
            except UndecodableError:
                if index == 0 and rest is part:
                    raise
                self._add_fault("a part of it cannot be decoded")

    def count_frames(self) -> int | None:
        """Return the frames in the file if they are known without decoding them, or None."""
        if self.kind in ("FLAC", "OGG") or self._survey.faults:
            return None
        frames = 0
        for part in self._survey.parts:
            with self._open(part) as sound:
                stated = self._count_stated(sound, part)
            if stated is None:
                return None
            frames += stated
        return frames

    def _fits(self, sound: soundfile.SoundFile) -> bool:
        return (sound.channels, sound.samplerate) == (self.channels, self.sample_rate_hz)

    def _add_fault(self, fault: str) -> None:
        if fault not in self.faults:
            self.faults.append(fault)

    def _count_stated(self, sound: soundfile.SoundFile, part: Part) -> int | None:
        if part.frames is not None:
            return part.frames
        return sound.frames if sound.frames < UNKNOWN_FRAMES else None

    def _decode(self, sound: soundfile.SoundFile, part: Part, frames: int) -> Iterator[np.ndarray]:
        stated = self._count_stated(sound, part)
        skip, read, failures = part.skip, 0, 0
        has_failed = is_spoilt = False
        while failures < MAX_FAILURES and (part.frames is None or read < part.frames):
            block, failed = self._read(sound, frames)
            is_spoilt |= has_failed and bool(len(block))
            has_failed |= failed
            if not len(block) and not failed:
                break
            failures = failures + 1 if failed and not len(block) else 0
            skipped = min(skip, len(block))
            skip -= skipped
            block = block[skipped:]
            if part.frames is not None:
                block = block[: part.frames - read]
            read += len(block)
            if len(block):
                yield block
        if self._is_short(read, stated, has_failed=has_failed):
            self._add_fault(_SPOILT if is_spoilt else "it breaks off")
        self._fail_sample = read if has_failed else None

    def _resume(self, part: Part) -> Part | None:
        """Return what follows a spoilt frame of FLAC, at which its decoder gives up, or None."""
        whole = part.pieces[0]
        self._resumes += 1
        if self._resumes > MAX_RESUMES:
            return None
        if self.kind != "FLAC" or self._fail_sample is None or not isinstance(whole, range):
            return None
        window = Window(self._file, whole.start, whole.stop)
        frames = flac.find_frames(window)
        found = flac.find_frame_behind(
            window, max(frames, self._resume_place), self._first_sample + self._fail_sample
        )
        if found is None:
            return None
        place, self._first_sample = found
        self._resume_place = place + 1
        self._add_fault(_SPOILT)
        return Part([range(whole.start, frames), range(place, whole.stop)])

    def _is_short(self, read: int, stated: int | None, *, has_failed: bool) -> bool:
        if stated is None:
            return has_failed
        if self.kind == "OGG" and stated - read > MAX_LATE_START_S * self.sample_rate_hz:
            return has_failed
        return read < stated

    def _read(self, sound: soundfile.SoundFile, frames: int) -> tuple[np.ndarray, bool]:
        """Return the next block, and whether decoding failed behind it."""
        import soundfile

        # Where decoding fails, what was decoded is there, and soundfile does not say how much.
        block = np.full((frames, sound.channels), np.nan, dtype=np.float32)
        try:
            with self._guard():
                return sound.read(frames, out=block), False
        except (soundfile.LibsndfileError, RuntimeError):
            filled = np.flatnonzero(~np.isnan(block).all(axis=1))
            return block[: filled[-1] + 1 if len(filled) else 0], True

    @contextmanager
    def _open(self, part: Part) -> Iterator[soundfile.SoundFile]:
        import soundfile

        class Stream(soundfile.SoundFile):  # type: ignore[misc]
            def seekable(self) -> bool:
                """Return False: soundfile would seek after each block, which fails for FLAC."""
                return False

        file = PiecedFile(self._file, part.pieces)
        try:
            with self._guard():
                sound = Stream(file)
        except Exception:
            self._check(file)
            raise UndecodableError from None
        try:
            yield sound
        finally:
            with suppress(soundfile.LibsndfileError), self._guard():
                sound.close()
        self._check(file)

    def _guard(self) -> AbstractContextManager[None]:
        return _guard_noisy() if self._is_noisy else raise_from_callbacks()

    @property
    def _is_noisy(self) -> bool:
        return self._survey.is_noisy or not self._survey.kind

    @staticmethod
    def _check(file: PiecedFile) -> None:
        if file.failure:
            raise file.failure


def count_frames(file: BinaryIO) -> int:
    """Return how many frames a sound file holds: by its structure where that is sure, else decoded.

    Raises:
        UndecodableError: if it is no sound.
        OSError: if the disk fails.
    """
    sound = Decoder(file, survey(file))
    counted = sound.count_frames()
    return sum(map(len, sound.blocks(_BLOCK_FRAMES))) if counted is None else counted


@contextmanager
def _guard_noisy() -> Iterator[None]:
    with hold_native_output(), raise_from_callbacks():
        yield
