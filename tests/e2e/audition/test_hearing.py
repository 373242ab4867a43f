"""What the contact sheet plays in a real browser: takes, both sides of a comparison, parts."""

from __future__ import annotations

from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import numpy as np
import pytest

from lofigen_kit.audio.files import read_audio
from lofigen_kit.audition.server import Server
from lofigen_kit.audition.takes import find_takes, read_takes
from lofigen_kit.dsp.loudness import integrated_lufs
from tests.e2e.audition.sheet import Run, Sheet, WriteTake, build, needs_chromium

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Locator


def lufs(path: Path) -> float:
    return integrated_lufs(read_audio(path))


@needs_chromium
def test_space_plays_and_arrows_move(sheet: Sheet, beats: Path, run: Run) -> None:
    sheet.open(build(run, beats))
    assert sheet.requests == [(beats / "audition.html").as_uri()]  # no sound before it is wanted
    sheet.press(" ")
    sheet.wait("deck.player && deck.player.currentTime > 0.2")
    assert sheet.playing() == "take0.wav"
    sheet.press("ArrowDown")
    sheet.wait("deck.player.currentTime > 0.1")
    assert sheet.playing() == "take1.wav"
    sheet.press("ArrowRight")
    assert 2.0 < sheet.ask("deck.player.currentTime") <= 3.0
    sheet.press("ArrowLeft", " ")
    assert sheet.playing() is None
    assert sheet.ask("[...players.values()].filter((p) => !p.paused).length") == 0
    assert sheet.ask("deck.player.loop") is True
    sheet.press("l", " ")
    assert sheet.ask("deck.player.loop") is False
    assert sheet.said().startswith("Playing take1.wav")


@needs_chromium
def test_a_and_b_are_heard_equally_loud_at_the_same_place(
    sheet: Sheet, beats: Path, run: Run
) -> None:
    sheet.open(build(run, beats))
    sheet.press("a", "n", "n", "n", "b", "c")
    sheet.wait("deck.player && deck.player.currentTime > 0.3")
    heard = {}
    for _ in range(2):
        place = sheet.playing()
        assert place is not None
        heard[place] = lufs(beats / place) + 20 * np.log10(sheet.ask("deck.player.volume"))
        before = sheet.ask("deck.player.currentTime")
        sheet.press("c")
        sheet.wait("deck.player.readyState > 2 && !deck.player.seeking")
        assert abs(sheet.ask("deck.player.currentTime") - before) < 1.0
    assert set(heard) == {"take0.wav", "take3.wav"}
    assert abs(lufs(beats / "take0.wav") - lufs(beats / "take3.wav")) > 10
    assert heard["take0.wav"] == pytest.approx(heard["take3.wav"], abs=0.05)
    sheet.press("m")
    assert sheet.ask("deck.player.volume") == 1.0


@needs_chromium
def test_all_are_as_loud_as_the_quietest(sheet: Sheet, beats: Path, run: Run) -> None:
    sheet.open(build(run, beats))
    stem = lufs(beats / "take1.stems" / "00-model.wav")
    quietest = min(stem, *(lufs(beats / f"take{n}.wav") for n in range(5)))
    for number in range(5):
        gain_db = sheet.ask(f"gainDb({number})")
        assert lufs(beats / f"take{number}.wav") + gain_db == pytest.approx(quietest, abs=0.05)


@needs_chromium
def test_dry_and_processed_are_equally_loud_at_the_same_place(
    sheet: Sheet, beats: Path, run: Run
) -> None:
    sheet.open(build(run, beats))
    sheet.press("d")
    assert sheet.said() == "This take has no dry sound"
    assert sheet.page.locator("#dry").is_disabled()
    sheet.press("n", " ")
    sheet.wait("deck.player && deck.player.currentTime > 0.3")
    wet = lufs(beats / "take1.wav") + 20 * np.log10(sheet.ask("deck.player.volume"))
    before = sheet.ask("deck.player.currentTime")
    sheet.press("d")
    sheet.wait("deck.player.readyState > 2 && !deck.player.seeking")
    assert sheet.ask("deck.player.src").endswith("take1.stems/00-model.wav")
    assert sheet.playing() == "take1.wav"
    assert abs(sheet.ask("deck.player.currentTime") - before) < 1.0
    stem = lufs(beats / "take1.stems" / "00-model.wav")
    assert stem + 20 * np.log10(sheet.ask("deck.player.volume")) == pytest.approx(wet, abs=0.05)


HEARD = """deck.player instanceof PartsPlayer && !deck.player.seeking
    ? deck.player.names.filter((_, n) => {
        const { muted, volume } = deck.player.elements[n];
        return !muted && volume > 1e-5;
    }) : null"""


def in_step(sheet: Sheet) -> bool:
    """Tell whether the parts play within 50 ms of each other, once they play."""
    sheet.wait("isPlaying() && !deck.player.seeking && deck.player.elements.some((e) => !e.paused)")
    sheet.page.wait_for_timeout(150)
    return bool(sheet.ask("deck.player.drift < 0.05"))


@needs_chromium
def test_parts_can_be_muted_and_heard_alone(sheet: Sheet, parted: Path, run: Run) -> None:
    page = sheet.open(build(run, parted)).page

    def button(name: str) -> Locator:
        return page.get_by_role("button", name=name, exact=True)

    names = page.locator("#part-list .mute").all_inner_texts()
    assert names == ["drums", "keys", "lead"]
    button("Play take0.wav").click()
    sheet.wait("deck.player && deck.player.currentTime > 0.3")
    assert not [url for url in sheet.requests if "part-" in url]  # not before they are asked for
    before = sheet.ask("deck.player.currentTime")
    button("Mute drums").click()
    sheet.wait(HEARD)
    assert sheet.ask(HEARD) == ["keys", "lead"]
    assert in_step(sheet)
    assert 0 < sheet.ask("deck.player.currentTime") - before < 1.5
    assert button("Mute drums").get_attribute("aria-pressed") == "true"
    assert page.locator("#before-effects").is_visible()
    assert sheet.said() == "drums muted; parts are heard before the effects"
    assert button("Dry").is_disabled()
    # They are as loud as the dry sound would be.
    quietest = min(
        lufs(path) for path in (*parted.glob("*.wav"), *parted.glob("*.stems/00-model.wav"))
    )
    heard_db = 20 * np.log10(sheet.ask("deck.player.elements[2].volume"))
    assert lufs(parted / "take0.stems/00-model.wav") + heard_db == pytest.approx(quietest, abs=0.05)
    button("Solo lead").click()
    assert sheet.ask(HEARD) == ["lead"]
    button("Solo drums").click()  # which is no longer muted then
    assert sheet.ask(HEARD) == ["drums", "lead"]
    assert button("Mute drums").get_attribute("aria-pressed") == "false"
    button("Finished take").click()
    sheet.wait("isPlaying() && deck.player.src")
    assert sheet.ask("deck.player.src").endswith("take0.wav")
    assert not page.locator("#before-effects").is_visible()
    assert button("Dry").is_enabled()


@needs_chromium
def test_digits_are_for_parts_after_t(sheet: Sheet, parted: Path, run: Run) -> None:
    sheet.open(build(run, parted)).press("t", "1", "3", " ")
    sheet.wait(HEARD)
    assert sheet.ask(HEARD) == ["keys"]
    sheet.press("1", "Shift+Digit3")
    assert sheet.ask(HEARD) == ["lead"]
    sheet.press("9")
    assert sheet.said() == "There is no part 9"
    sheet.press("0")
    sheet.wait("isPlaying() && deck.player.src")
    assert sheet.download() == {}
    sheet.press("t", "4")
    assert sheet.download()["take0.wav"].stars == 4
    assert sheet.playing() == "take0.wav"
    sheet.press(" ", "End", " ", "t")
    assert sheet.said() == "This take has no parts"


@needs_chromium
def test_parts_stay_in_step(sheet: Sheet, parted: Path, run: Run) -> None:
    sheet.open(build(run, parted)).press("l", "t", "1", " ")
    assert in_step(sheet)
    sheet.press("ArrowRight")
    assert in_step(sheet)
    assert sheet.ask("deck.player.currentTime") >= 2.0
    sheet.page.locator("#seek").click(position={"x": 5, "y": 12})
    assert in_step(sheet)
    sheet.wait("deck.player.currentTime > 0.2 && deck.player.currentTime < 2")
    sheet.ask("deck.player.elements[2].currentTime += 0.4")
    sheet.wait("deck.player.elements[2].seeking || deck.player.drift > 0.3")
    sheet.wait("!deck.player.seeking && deck.player.drift < 0.05")
    sheet.press(" ")
    assert sheet.ask("deck.player.elements.every((element) => element.paused)")
    sheet.press(" ")
    assert in_step(sheet)
    # At its end it stops, and begins again; as a loop it goes on, with the part that ended earlier.
    sheet.wait("!isPlaying()")
    assert sheet.ask("deck.player.currentTime") == pytest.approx(3.0, abs=0.1)
    sheet.press(" ", "l")
    assert in_step(sheet)
    assert sheet.ask("deck.player.currentTime") < 2.0
    sheet.wait("deck.player.currentTime > 2.2")
    sheet.wait("isPlaying() && deck.player.currentTime < 1.5")
    assert in_step(sheet)
    assert not sheet.ask("deck.player.elements[1].paused")


@needs_chromium
def test_mutes_stay_from_take_to_take(sheet: Sheet, parted: Path, run: Run) -> None:
    sheet.open(build(run, parted)).press("t", "1", " ")
    sheet.wait(HEARD)
    sheet.press("n")
    sheet.wait(HEARD)
    assert (sheet.playing(), sheet.ask(HEARD)) == ("take1.wav", ["bass"])
    sheet.press("d")
    assert sheet.said() == "Parts are heard before the effects"
    sheet.press("n")
    sheet.wait("isPlaying() && deck.player.src")
    assert sheet.playing() == "take2.wav"
    assert not sheet.page.locator("#parts").is_visible()
    sheet.press("b", "p", "a", "c", "c")
    sheet.wait(HEARD)
    assert (sheet.playing(), sheet.ask(HEARD)) == ("take1.wav", ["bass"])
    sheet.press("1")
    sheet.wait("isPlaying() && deck.player.src")
    sheet.press("d")
    sheet.wait("deck.player.readyState > 2 && !deck.player.seeking")
    assert sheet.ask("deck.player.src").endswith("take1.stems/00-model.wav")


@needs_chromium
def test_parts_are_played_where_the_sheet_is_served(
    context: BrowserContext, parted: Path, write_take: WriteTake
) -> None:
    # More parts than a browser has connections, each larger than one answer of the server.
    for number in range(8):
        write_take(parted / "take0.stems" / f"part-p{number}.wav", level=0.05, seconds=3.0)
    takes = read_takes(parted, find_takes(parted))
    with pytest.MonkeyPatch.context() as patched, Server(parted, takes) as server:
        patched.setattr("lofigen_kit.audition.server.MAX_RANGE", 20_000)
        thread = Thread(target=server.run)
        thread.start()
        try:
            sheet = Sheet(context).open(server.url)
            sheet.press("t", "1", " ")
            assert in_step(sheet)
            assert len(sheet.ask(HEARD)) == 10
            sheet.press("ArrowRight", "k")
            assert in_step(sheet)
            sheet.wait("!saving && !unsaved.size")
            assert sheet.complaints == []
            sheet.page.close()
        finally:
            server.stop()
            thread.join()
