"""Nothing that is raised while C code reads or writes is lost: Ctrl-C, a full disk, a bug."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.audio.files import Format, read_audio, write_audio
from lofigen_kit.errors import AudioError, RenderError
from lofigen_kit.runtime.files import AtomicFile

FORMATS: list[Format] = ["wav", "flac", "ogg", "mp3"]
LEFT_TO_COLLECT = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
"""A library that is interrupted leaves its own open files to the garbage collector."""
AUDIO = AudioBuffer(np.random.default_rng(0).uniform(-0.5, 0.5, (2, 60_000)), 44_100)


def write(path: Path, file_format: Format) -> None:
    write_audio(path, AUDIO, format=file_format, bit_depth=24, comment="{}", rng=None)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, ZeroDivisionError])
@pytest.mark.parametrize("file_format", FORMATS)
def test_what_is_raised_while_a_file_is_written_leaves_none(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    file_format: Format,
    error: type[BaseException],
) -> None:
    calls = 0
    real = AtomicFile.write

    def fails(self: AtomicFile, data: Any) -> int:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise error
        return real(self, data)

    monkeypatch.setattr(AtomicFile, "write", fails)
    with pytest.raises(error):
        write(tmp_path / "a", file_format)
    assert calls >= 4
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def alarms() -> Iterator[None]:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.usefixtures("alarms")
@LEFT_TO_COLLECT
@pytest.mark.parametrize("file_format", FORMATS)
def test_a_signal_at_any_time_leaves_a_whole_file_or_none(
    tmp_path: Path, file_format: Format
) -> None:
    path, rng = tmp_path / "a", np.random.default_rng(6)
    write(path, file_format)
    whole = path.read_bytes()
    interrupted = 0
    for _ in range(25):
        path.unlink(missing_ok=True)
        try:
            signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-4, 0.03))
            write(path, file_format)
            signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:
            interrupted += 1
        assert not path.exists() or path.read_bytes() == whole
    assert interrupted


@pytest.mark.usefixtures("alarms")
@LEFT_TO_COLLECT
@pytest.mark.parametrize("file_format", FORMATS)
def test_a_signal_while_a_file_is_read_ends_the_reading(
    tmp_path: Path, file_format: Format
) -> None:
    path, rng = tmp_path / "a", np.random.default_rng(6)
    write(path, file_format)
    frames = read_audio(path).frames
    for _ in range(40):
        try:
            signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-4, 0.01))
            assert read_audio(path).frames == frames
            signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:
            pass


@pytest.mark.parametrize("file_format", FORMATS)
def test_what_is_moved_into_place_was_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file_format: Format
) -> None:
    """An encoder that loses a block without a word."""
    real, calls = soundfile.SoundFile.write, 0

    def forgets(self: soundfile.SoundFile, data: np.ndarray) -> None:
        nonlocal calls
        calls += 1
        if calls != 3:
            real(self, data)

    monkeypatch.setattr(soundfile.SoundFile, "write", forgets)
    with pytest.raises(RenderError, match=r"the file holds \d+ of 60000 frames"):
        write(tmp_path / "a", file_format)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fails_while_a_file_is_read_is_no_short_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing:
        def __init__(self, file: Any) -> None:
            self._file, self._read = file, 0

        def seek(self, *place: int) -> int:
            return int(self._file.seek(*place))

        def read(self, size: int) -> bytes:
            self._read += size
            if self._read > 200_000:
                raise OSError(5, "Input/output error")
            return bytes(self._file.read(size))

        def __enter__(self) -> Failing:
            return self

        def __exit__(self, *_: object) -> None:
            self._file.close()

    write(tmp_path / "a", "wav")
    real = Path.open
    monkeypatch.setattr(Path, "open", lambda self, *a, **k: Failing(real(self, *a, **k)))
    with pytest.raises(AudioError, match=r"cannot be read \(Input/output error\)"):
        read_audio(tmp_path / "a")
