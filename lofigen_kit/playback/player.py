"""Plays a sound while it is rendered: one thread renders ahead, the device's own takes it.

No frame is lost or played twice. Where the device asks for more than there is, it gets silence,
and the gap is counted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from threading import Condition, Thread
from time import perf_counter
from typing import Any, Self

import numpy as np

from lofigen_kit.audio.buffer import AudioFormat
from lofigen_kit.errors import InputError, RenderError

BUFFER_S = 2.0
"""How much is rendered ahead on a machine that is fast enough: a live control acts so late."""

MIN_REALTIME_FACTOR = 1.1
"""Times real time that are enough to play without an end."""

Fill = Callable[[np.ndarray], None]
"""Writes the next frames into an array of the device's [shape=(frames, channels)]."""


class Player:
    """A queue of sound with a thread that fills it.

    Args:
        blocks: The sound [shape=(channels, frames), dtype=float32].
        sound: What it is.
        ahead_s: How much of it waits in the queue at most.
        clock: Tells the time in seconds.

    Attributes:
        played: How many frames the device has taken.
        gaps: How often it asked for more than there was.
        error: What ended the thread, if anything did.
    """

    def __init__(
        self,
        blocks: Generator[np.ndarray],
        sound: AudioFormat,
        *,
        ahead_s: float = BUFFER_S,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self.played = self.gaps = 0
        self.error: BaseException | None = None
        self._blocks = blocks
        self._sound = sound
        self._most = round(ahead_s * sound.sample_rate_hz)
        self._clock = clock
        self._queue: deque[np.ndarray] = deque()
        self._queued = self._made = 0
        self._busy_s = 0.0
        self._level, self._wanted = 1.0, 1.0
        self._stopped = self._over = False
        self._changed = Condition()
        self._thread = Thread(target=self._fill_queue, name="player", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._thread.join()

    @property
    def played_s(self) -> float:
        """How much the device has taken."""
        return self.played / self._sound.sample_rate_hz

    @property
    def queued_s(self) -> float:
        """How much waits in the queue."""
        return self._queued / self._sound.sample_rate_hz

    @property
    def speed(self) -> float:
        """How many seconds of sound are made in a second of work."""
        made_s = self._made / self._sound.sample_rate_hz
        return made_s / self._busy_s if self._busy_s else 0.0

    @property
    def is_finished(self) -> bool:
        """Whether all there is has been played."""
        return self._over and not self._queued

    @property
    def is_paused(self) -> bool:
        """Whether it is paused."""
        return self._wanted == 0.0

    def toggle_pause(self) -> None:
        """Pause, or go on."""
        self._wanted = 1.0 - self._wanted

    def wait_for_sound(self, timeout_s: float) -> bool:
        """Wait until the queue is full, or there is no more to come; return whether it is."""
        with self._changed:
            return self._changed.wait_for(
                lambda: self._over or self._queued >= self._most, timeout_s
            )

    def fill(self, out: np.ndarray) -> None:
        """Give a device its next frames; before and after a pause they fade, so as not to click."""
        if self._level == self._wanted == 0.0:
            out[:] = 0.0
            return
        with self._changed:
            done = 0
            while self._queue and done < len(out):
                block = self._queue.popleft()
                count = min(len(block), len(out) - done)
                out[done : done + count] = block[:count]
                if count < len(block):
                    self._queue.appendleft(block[count:])
                done += count
            self._queued -= done
            self.played += done
            if done < len(out):
                out[done:] = 0.0
                self.gaps += not self._over
            self._changed.notify_all()
        if self._level != self._wanted:
            out *= np.linspace(self._level, self._wanted, len(out), dtype=np.float32)[:, None]
            self._level = self._wanted

    def _fill_queue(self) -> None:
        try:
            begun_s = self._clock()
            for block in self._blocks:
                self._busy_s += self._clock() - begun_s
                with self._changed:
                    self._queue.append(np.ascontiguousarray(block.T))
                    self._queued += block.shape[1]
                    self._made += block.shape[1]
                    self._changed.notify_all()
                    self._changed.wait_for(lambda: self._stopped or self._queued < self._most)
                    if self._stopped:
                        return
                begun_s = self._clock()
        except BaseException as error:
            self.error = error
        finally:
            self._blocks.close()
            with self._changed:
                self._over = True
                self._changed.notify_all()


def compute_buffer_s(speed: float, minutes: float | None) -> float:
    """Return how many seconds have to be rendered ahead, so that there is no gap.

    Args:
        speed: How many seconds of sound are made in a second.
        minutes: How long it is to play; None for without an end.

    Raises:
        RenderError: where no length would be enough.
    """
    if speed >= MIN_REALTIME_FACTOR:
        return BUFFER_S
    if minutes is None:
        raise RenderError(
            f"this machine makes {speed:.2f} seconds of sound in a second, and "
            f"{MIN_REALTIME_FACTOR} are needed to play without an end",
            remedy="make enough ahead with --minutes 5, take a smaller network with "
            "--set model.use=NAME, or leave effects out with --set effects.NAME.mix=0",
        )
    return max(BUFFER_S, 60.0 * minutes * (1.0 - speed / MIN_REALTIME_FACTOR))


def open_output(sound: AudioFormat, fill: Fill) -> AbstractContextManager[Any]:
    """Return the system's own output, through PortAudio.

    Raises:
        InputError: where sounddevice or PortAudio is not installed.
        RenderError: where there is no output that plays this.
    """
    sounddevice = _import_sounddevice()

    def callback(out: np.ndarray, *_: object) -> None:
        fill(out)

    try:
        stream: AbstractContextManager[Any] = sounddevice.OutputStream(
            samplerate=sound.sample_rate_hz,
            channels=sound.channels,
            dtype="float32",
            callback=callback,
        )
    except (sounddevice.PortAudioError, ValueError) as error:
        raise _make_output_error(error) from None
    return stream


def check_output(sound: AudioFormat) -> None:
    """Refuse a sound that no output here could play; see `open_output`."""
    sounddevice = _import_sounddevice()
    try:
        sounddevice.check_output_settings(
            samplerate=sound.sample_rate_hz, channels=sound.channels, dtype="float32"
        )
    except (sounddevice.PortAudioError, ValueError) as error:
        raise _make_output_error(error) from None


def _make_output_error(error: Exception) -> RenderError:
    return RenderError(
        f"no sound output answers ({error})",
        remedy="plug one in, or write the sound with `lofigen-kit stream PRESET > beat.wav`",
    )


def _import_sounddevice() -> Any:
    try:
        import sounddevice
    except ImportError:
        raise InputError(
            "playing needs sounddevice", remedy="pip install 'lofigen-kit[play]'"
        ) from None
    except OSError:
        raise InputError(
            "playing needs the library PortAudio, which is not here",
            remedy="install it: apt install libportaudio2, or brew install portaudio",
        ) from None
    return sounddevice
