"""What a device is given is what was made, in order, without gaps that nobody counts."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Generator
from threading import Event
from threading import enumerate as threads_alive

import numpy as np
import pytest

from lofigen_kit.audio.buffer import AudioFormat
from lofigen_kit.cli.keyboard import open_keyboard
from lofigen_kit.cli.play import watch
from lofigen_kit.errors import RenderError
from lofigen_kit.playback.player import BUFFER_S, Player, compute_buffer_s
from lofigen_kit.preset.schema import Preset
from lofigen_kit.render.live_controls import LiveControls

SOUND = AudioFormat(2, 0, 1000)


def counting(blocks: int = 1_000_000, size: int = 70) -> Generator[np.ndarray]:
    """Yield a sound in which each frame says its own number."""
    for number in range(blocks):
        frames = np.arange(number * size, (number + 1) * size, dtype=np.float32)
        yield np.stack([frames, -frames])


class NullDevice:
    """A device that asks for as much as it is told to."""

    def __init__(self, playing: Player) -> None:
        self._playing = playing
        self.heard = np.zeros((0, 2), np.float32)

    def ask(self, *counts: int) -> None:
        for count in counts:
            out = np.full((count, 2), np.nan, np.float32)
            self._playing.fill(out)
            self.heard = np.concatenate([self.heard, out])


def test_all_of_it_is_heard_once_and_in_order_whatever_is_asked_for() -> None:
    with Player(counting(), SOUND, ahead_s=1.0) as playing:
        device = NullDevice(playing)
        for count in (1, 64, 70, 71, 500, 999):
            assert playing.wait_for_sound(10)
            device.ask(count)
        assert playing.gaps == 0
        assert playing.played == len(device.heard) == 1705
    expected = np.arange(1705, dtype=np.float32)
    assert np.array_equal(device.heard, np.stack([expected, -expected], axis=1))


def test_no_more_is_made_ahead_than_was_said() -> None:
    made = 0

    def watched() -> Generator[np.ndarray]:
        nonlocal made
        for block in counting():
            made += block.shape[1]
            yield block

    with Player(watched(), SOUND, ahead_s=0.5) as playing:
        assert playing.wait_for_sound(10)
        assert 0.5 <= playing.queued_s < 0.57
        NullDevice(playing).ask(200)
        assert playing.wait_for_sound(10)
    assert 700 <= made < 700 + 2 * 70


def test_a_gap_is_silent_and_counted_and_loses_nothing() -> None:
    go_on = Event()

    def slow() -> Generator[np.ndarray]:
        blocks = counting()
        yield next(blocks)
        go_on.wait(90)
        yield from blocks

    with Player(slow(), SOUND, ahead_s=0.07) as playing:
        assert playing.wait_for_sound(10)
        device = NullDevice(playing)
        device.ask(100)
        assert playing.gaps == 1
        assert not device.heard[70:].any()
        go_on.set()
        assert playing.wait_for_sound(10)
        device.ask(30)
    assert device.heard[100:, 0].tolist() == list(range(70, 100))


def test_the_end_is_no_gap() -> None:
    with Player(counting(2), SOUND, ahead_s=10.0) as playing:
        assert playing.wait_for_sound(10)
        assert not playing.is_finished
        NullDevice(playing).ask(200)
        assert playing.is_finished
        assert playing.gaps == 0


def test_a_pause_fades_and_loses_nothing() -> None:
    with Player(counting(), SOUND, ahead_s=1.0) as playing:
        assert playing.wait_for_sound(10)
        device = NullDevice(playing)
        device.ask(100)
        playing.toggle_pause()
        device.ask(100, 100)
        assert playing.is_paused
        assert playing.played == 200
        playing.toggle_pause()
        device.ask(100, 100)
    heard = device.heard[:, 0]
    assert np.array_equal(heard[:100], np.arange(100))
    assert np.array_equal(
        heard[100:200], np.arange(100, 200, dtype="f4") * np.linspace(1, 0, 100, dtype="f4")
    )
    assert not heard[200:300].any()
    assert np.array_equal(
        heard[300:400], np.arange(200, 300, dtype="f4") * np.linspace(0, 1, 100, dtype="f4")
    )
    assert np.array_equal(heard[400:], np.arange(300, 400))


def test_it_stops_when_nobody_listens_any_longer() -> None:
    closed = Event()

    def endless() -> Generator[np.ndarray]:
        try:
            yield from counting()
        finally:
            closed.set()

    with Player(endless(), SOUND) as playing:
        assert playing.wait_for_sound(10)
    assert closed.is_set()
    assert not [thread for thread in threads_alive() if thread.name == "player"]


def test_what_breaks_is_told() -> None:
    def broken() -> Generator[np.ndarray]:
        yield next(counting())
        raise RenderError("by the effect")

    with Player(broken(), SOUND) as playing:
        assert playing.wait_for_sound(10)
        NullDevice(playing).ask(70)
        assert playing.is_finished
    assert isinstance(playing.error, RenderError)


def test_speed_counts_the_work_and_not_the_waiting() -> None:
    ticks = iter(range(0, 10_000, 2)).__next__
    with Player(counting(10), SOUND, ahead_s=10.0, clock=ticks) as playing:
        assert playing.wait_for_sound(10)
    assert playing.speed == pytest.approx(0.07 / 2)


def test_what_is_too_slow_is_made_ahead_or_refused() -> None:
    assert compute_buffer_s(3.0, None) == compute_buffer_s(3.0, 60.0) == BUFFER_S
    with pytest.raises(RenderError, match=r"0\.55 seconds of sound.*smaller network") as refused:
        compute_buffer_s(0.55, None)
    assert refused.value.exit_code == 1
    head_s, minutes = compute_buffer_s(0.55, 10.0), 10.0
    assert head_s == pytest.approx(300.0)
    made_s = head_s + 0.55 * 60 * minutes  # by the time at which it would have been played
    assert made_s >= 60 * minutes
    assert compute_buffer_s(0.99, 0.01) == BUFFER_S


class Keys:
    """Presses keys one after another, and lets the device play between them."""

    def __init__(self, device: NullDevice, pressed: str) -> None:
        self._device = device
        self._left = list(pressed)

    def __call__(self, timeout_s: float) -> str:
        assert timeout_s > 0
        self._device.ask(10)
        return self._left.pop(0)


def test_keys_do_what_they_say(load: Callable[..., Preset]) -> None:
    controls = LiveControls(load())
    lines: list[str] = []
    with Player(counting(), SOUND, ahead_s=1.0) as playing:
        assert playing.wait_for_sound(10)
        device = NullDevice(playing)
        watch(playing, controls, Keys(device, "tttTxf n q"), lines.append)
    assert controls.knobs["temperature"].value == pytest.approx(0.7)
    assert controls.take_section_request()
    assert not controls.take_section_request()
    assert "temperature 0.65" in lines[3]
    assert lines[1].startswith("    0.0 s  ")
    assert "this preset has no cutoff to turn" in lines[6]
    assert lines[7].endswith("paused")
    assert not playing.is_paused


def test_numbers_mute_parts_and_play_them_alone(load: Callable[..., Preset]) -> None:
    controls = LiveControls(load())
    lines: list[str] = []
    with Player(counting(), SOUND, ahead_s=1.0) as playing:
        assert playing.wait_for_sound(10)
        keys = Keys(NullDevice(playing), "2s392s3q")
        watch(playing, controls, keys, lines.append, ["drums", "bass", "keys"])
    assert not controls.mutes  # bass was muted, and heard again
    assert not controls.solos
    said = [line.split("gaps")[-1].strip() for line in lines]
    assert said[1:8] == [
        "bass is mute", "solo: press a part's number", "keys alone", "keys alone",
        "bass is heard", "solo: press a part's number", "keys no more alone",
    ]  # fmt: skip


def test_watching_ends_with_the_sound() -> None:
    class Waits:
        def __call__(self, timeout_s: float) -> str:
            NullDevice(playing).ask(50)
            return ""

    with Player(counting(3), SOUND, ahead_s=10.0) as playing:
        assert playing.wait_for_sound(10)
        watch(playing, None, Waits(), lambda _: None)  # type: ignore[arg-type]
    assert playing.played == 210


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal of our own")
def test_a_terminal_hands_over_each_key_and_is_left_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import termios

    ours, theirs = os.openpty()
    with os.fdopen(theirs, "r") as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        before = termios.tcgetattr(theirs)
        with open_keyboard() as pressed:
            assert pressed is not None
            os.write(ours, b"Tq")
            assert [pressed(5), pressed(5), pressed(0)] == ["T", "q", ""]
            assert termios.tcgetattr(theirs) != before
        assert termios.tcgetattr(theirs) == before
    os.close(ours)


def test_without_a_terminal_there_are_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with open_keyboard() as pressed:
        assert pressed is None
