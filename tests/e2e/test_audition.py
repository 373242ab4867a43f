"""The contact sheet in a real browser: clicks, keys, sounds, and what it must not do."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from lofigen_kit.audio.files import read_audio
from lofigen_kit.audition import decisions
from lofigen_kit.audition.server import Server
from lofigen_kit.audition.takes import find_takes, read_takes
from lofigen_kit.dsp.loudness import integrated_lufs
from lofigen_kit.music.midi import to_midi
from lofigen_kit.music.score import Hit, Note, Score, Section

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Locator, Page

WriteTake = Callable[..., dict[str, Any]]
Run = Callable[..., tuple[int, str, str]]

PATIENCE_S = 90
"""How long a busy machine may take for what an idle one does at once."""
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync",
    "--disable-component-update", "--no-first-run",
)  # fmt: skip
SIZES = {"desktop": (1440, 900), "phone": (390, 844)}
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
HOSTILE = [
    "<img src=x onerror=alert(1)>.wav",
    "</script><script>document.title=1<\N{DIVISION SLASH}script>.wav",
    "\u202egnp.wav",
    "a\nb.wav",
    "\"'&amp;.wav",
    "100% #1?.wav",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=list(QUIET), timeout=1000 * PATIENCE_S
        )
        yield browser
        browser.close()


class Sheet:
    """A page that is open, and all that it complained of and asked for."""

    def __init__(self, context: BrowserContext) -> None:
        self.page: Page = context.new_page()
        self.page.set_default_timeout(1000 * PATIENCE_S)
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def open(self, address: str) -> Sheet:
        self.page.goto(address)
        self.page.wait_for_selector("html[data-ready]")
        return self

    def press(self, *keys: str) -> Sheet:
        for key in keys:
            self.page.keyboard.press(key)
        return self

    def names(self) -> list[str]:
        return self.page.locator(".take h3").all_text_contents()  # of those out of view too

    def said(self) -> str:
        return self.page.locator("#live").inner_text().strip()

    def ask(self, script: str) -> Any:
        return self.page.evaluate(script)

    def current(self) -> str:
        return str(self.page.locator(".take[aria-current=true] h3").text_content())

    def download(self) -> Any:
        with self.page.expect_download() as caught:
            self.page.click("#download")
        assert caught.value.suggested_filename == "decisions.json"
        return decisions.read(Path(caught.value.path())).decisions

    def playing(self) -> str | None:
        name: str | None = self.ask("isPlaying() ? takes[deck.number].place : null")
        return name

    def wait(self, script: str) -> None:
        """Wait until something is so; `wait_for_function` evaluates, which the policy forbids."""
        end = time.monotonic() + PATIENCE_S
        while not self.ask(f"Boolean({script})"):
            assert time.monotonic() < end, f"never: {script}"
            self.page.wait_for_timeout(20)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    yield context
    context.close()


@pytest.fixture
def sheet(context: BrowserContext) -> Iterator[Sheet]:
    sheet = Sheet(context)
    yield sheet
    assert sheet.complaints == []
    assert [url for url in sheet.requests if not url.startswith(("file:", "data:", "blob:"))] == []


def build(run: Run, folder: Path, *options: str) -> str:
    code, _, err = run("audition", folder, *options)
    assert (code, err) == (0, "")
    return (folder / "audition.html").as_uri()


@pytest.fixture
def beats(tmp_path: Path, write_take: WriteTake) -> Path:
    """Five takes, each with a tempo, a key and a level of its own; the second one has stems."""
    folder = tmp_path / "beats"
    for number, (tempo, key, level) in enumerate(
        [(78, "D minor", 0.2), (90, "A minor", 0.4), (66, "F major", 0.1), (84, "D minor", 0.8),
         (72, "C major", 0.3)]
    ):  # fmt: skip
        place = folder / f"take{number}.wav"
        facts = {"tempo_bpm": tempo, "key": key, "take": number}
        write_take(place, hz=110.0 * (number + 1), level=level, seconds=3.0, **facts)
    write_take(folder / "take1.stems" / "00-model.wav", level=0.15, seconds=3.0)
    return folder


@pytest.fixture
def parted(beats: Path, write_take: WriteTake) -> Path:
    """The takes; the first one and the second one have parts, the keys of which end earlier."""
    write_take(beats / "take0.stems" / "00-model.wav", level=0.3, seconds=3.0)
    for place in ("take0.stems/part-lead", "take0.stems/part-drums", "take1.stems/part-drums",
                  "take1.stems/part-bass"):  # fmt: skip
        write_take(beats / f"{place}.wav", level=0.1, seconds=3.0)
    write_take(beats / "take0.stems" / "part-keys.wav", level=0.1, seconds=2.0)
    return beats


def lufs(path: Path) -> float:
    return integrated_lufs(read_audio(path))


@needs_chromium
def test_what_is_decided_by_keys_is_in_the_file(sheet: Sheet, beats: Path, run: Run) -> None:
    sheet.open(build(run, beats))
    sheet.press(
        "k", "4", "ArrowDown", "x", "n", "2", "ArrowDown", "k", "x", "5", "n", "k", "3", "0"
    )
    found = sheet.download()
    made = {place: (one.verdict, one.stars) for place, one in found.items()}
    assert made == {
        "take0.wav": ("keep", 4),
        "take1.wav": ("reject", 0),
        "take2.wav": (None, 2),
        "take3.wav": ("reject", 5),
    }
    for place, one in found.items():
        recipe = json.loads(run("inspect", beats / place, "--json")[1])["recipe"]
        assert one.audio_sha256 == recipe["audio_sha256"]
    sheet.press("u")
    last = sheet.download()["take4.wav"]
    assert (last.verdict, last.stars) == ("keep", 3)


@needs_chromium
def test_undo_goes_back_one_by_one(sheet: Sheet, beats: Path, run: Run) -> None:
    sheet.open(build(run, beats)).press("k", "n", "x", "3")
    for left in (
        {"take0.wav": ("keep", 0), "take1.wav": ("reject", 0)},
        {"take0.wav": ("keep", 0)},
        {},
    ):
        sheet.press("u")
        found = sheet.download()
        assert {place: (one.verdict, one.stars) for place, one in found.items()} == left
    sheet.press("u")
    assert sheet.said() == "Nothing to undo"


@needs_chromium
def test_shift_goes_on_to_the_next(sheet: Sheet, beats: Path, run: Run) -> None:
    sheet.open(build(run, beats)).press("K", "X", "K")
    assert sheet.current() == "take3.wav"
    page = sheet.page
    page.click("[data-show=open]")
    assert sheet.names() == ["take3.wav", "take4.wav"]
    sheet.press("K")
    assert sheet.names() == ["take4.wav"]
    assert sheet.current() == "take4.wav"
    verdicts = [one.verdict for one in sheet.download().values()]
    assert verdicts == ["keep", "reject", "keep", "keep"]


@needs_chromium
def test_clicks_decide_too_and_leave_the_keys_to_the_take(
    sheet: Sheet, beats: Path, run: Run
) -> None:
    sheet.open(build(run, beats))
    row = sheet.page.locator(".take").nth(2)
    row.get_by_role("button", name="Keep").click()
    row.get_by_role("button", name="4 stars").click()
    assert row.get_by_role("button", name="Keep").get_attribute("aria-pressed") == "true"
    sheet.press("ArrowDown", "x")
    assert sheet.download() == {
        "take2.wav": decisions.Decision(verdict="keep", stars=4, audio_sha256=sha(beats, 2)),
        "take3.wav": decisions.Decision(verdict="reject", audio_sha256=sha(beats, 3)),
    }
    row.get_by_role("button", name="4 stars").click()
    row.get_by_role("button", name="Keep").click()
    assert list(sheet.download()) == ["take3.wav"]
    # A button that was reached by keys keeps them: space presses it, and plays nothing.
    row.get_by_role("button", name="Reject").focus()
    sheet.press(" ")
    assert sheet.download()["take2.wav"].verdict == "reject"
    assert sheet.playing() is None


def sha(folder: Path, number: int) -> str:
    from lofigen_kit.provenance import recipe

    return str((recipe.read(folder / f"take{number}.wav") or {})["audio_sha256"])


@needs_chromium
def test_a_reload_keeps_decisions_and_another_sheet_has_its_own(
    context: BrowserContext, sheet: Sheet, beats: Path, run: Run, write_take: WriteTake
) -> None:
    address = build(run, beats)
    sheet.open(address).press("k", "5", "n", "x")
    before = sheet.download()
    sheet.open(address).wait("decided.size === 2")
    assert sheet.download() == before
    # Built again after more takes came, it is the same sheet; a take of another sound is not.
    write_take(beats / "take5.wav")
    write_take(beats / "take0.wav", hz=999.0)
    sheet.open(build(run, beats, "--force")).wait("decided.size === 1")
    assert sheet.download() == {"take1.wav": before["take1.wav"]}
    assert "whose audio has changed" in sheet.page.inner_text("#notice")
    other = beats.parent / "other" / "beats"
    shutil.copytree(beats, other)
    (other / "audition.html").unlink()
    assert Sheet(context).open(build(run, other)).download() == {}


@needs_chromium
def test_two_windows_of_a_sheet_agree(
    context: BrowserContext, sheet: Sheet, beats: Path, run: Run
) -> None:
    address = build(run, beats)
    first, second = sheet.open(address), Sheet(context).open(address)
    second.press("n", "k")
    first.wait("decided.size === 1")
    first.press("x")
    second.wait("decided.size === 2")
    assert second.download() == first.download()
    assert [one.verdict for one in first.download().values()] == ["reject", "keep"]


@needs_chromium
def test_decisions_can_be_imported(sheet: Sheet, beats: Path, run: Run, tmp_path: Path) -> None:
    sheet.open(build(run, beats)).press("x")
    file = tmp_path / "d.json"
    made = {
        "take0.wav": decisions.Decision(verdict="keep", stars=2, audio_sha256=sha(beats, 0)),
        "take1.wav": decisions.Decision(stars=1, audio_sha256="00" * 32),
        "take2.wav": decisions.Decision(stars=3),
        "gone.wav": decisions.Decision(stars=3),
    }
    file.write_text(decisions.Decisions(sheet="x", decisions=made).to_json())
    sheet.page.set_input_files("#file", file)
    sheet.wait("!document.getElementById('notice').hidden")
    assert sheet.page.inner_text("#notice") == (
        "2 decisions imported; left out: 1 on takes that are not here and 1 on takes whose audio "
        "has changed"
    )
    found = sheet.download()
    assert [(p, one.verdict, one.stars) for p, one in found.items()] == [
        ("take0.wav", "keep", 2), ("take2.wav", None, 3)
    ]  # fmt: skip
    sheet.press("u")
    assert [one.verdict for one in sheet.download().values()] == ["reject"]


@needs_chromium
@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", '{"format": "x"}', '{"format": "lofigen-kit decisions 1"}', "<b>",
     '{"format": "lofigen-kit decisions 1", "decisions": {"take0.wav": {"stars": 9}}}',
     '{"format": "lofigen-kit decisions 1", "decisions": {"take0.wav": {"verdict": "<b>"}}}'],
)  # fmt: skip
def test_what_is_no_decisions_is_not_imported(
    sheet: Sheet, beats: Path, run: Run, tmp_path: Path, text: str
) -> None:
    sheet.open(build(run, beats)).press("k")
    (tmp_path / "d.json").write_text(text)
    sheet.page.set_input_files("#file", tmp_path / "d.json")
    sheet.wait("!document.getElementById('notice').hidden")
    assert "decisions in this file cannot be used" in sheet.page.inner_text("#notice")
    assert list(sheet.download()) == ["take0.wav"]


@needs_chromium
def test_takes_can_be_sorted_and_filtered(sheet: Sheet, beats: Path, run: Run) -> None:
    sheet.open(build(run, beats))
    page = sheet.page

    def sorted_by(what: str) -> list[int]:
        page.select_option("#sort", what)
        return [int(name[4]) for name in sheet.names()]

    assert sorted_by("tempo_bpm") == [2, 4, 0, 3, 1]
    assert sorted_by("key") == [1, 4, 0, 3, 2]
    assert sorted_by("loudness_lufs") == [2, 0, 4, 1, 3]
    page.click("#direction")
    assert [int(name[4]) for name in sheet.names()] == [3, 1, 4, 0, 2]
    sheet.page.locator(".take").first.click(position={"x": 5, "y": 5})
    sheet.press("2", "n", "5")
    assert sorted_by("stars")[:2] == [1, 3]
    sorted_by("place")
    sheet.press("Escape")
    page.locator(".take").first.click(position={"x": 5, "y": 5})
    sheet.press("/")
    page.keyboard.type("d minor sines")
    assert sheet.names() == ["take0.wav", "take3.wav"]
    assert sheet.download().keys() == {"take1.wav", "take3.wav"}  # typing decides nothing
    page.fill("#filter", "nothing like it")
    assert sheet.names() == []
    page.click("#clear")
    assert len(sheet.names()) == 5
    assert page.locator("[data-show=open] span").inner_text() == "5"


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


@needs_chromium
def test_names_are_text(sheet: Sheet, tmp_path: Path, write_take: WriteTake, run: Run) -> None:
    folder = tmp_path / "<b>beats"
    for name in HOSTILE:
        write_take(folder / name, title=f"{name} <i>", key="<img src=x>")
    sheet.open(build(run, folder))
    sheet.press("r", "k", " ")
    sheet.wait("deck.player && deck.player.readyState > 2")
    assert (
        sheet.ask("document.querySelectorAll('#list img, #list i, #list script, h1 b').length") == 0
    )
    assert sheet.page.inner_text("h1") == "<b>beats"
    assert sheet.page.title() == "<b>beats - audition"
    shown = sheet.ask(
        "[...document.querySelectorAll('.name p:nth-of-type(1)')].map((p) => p.textContent)"
    )
    assert sorted(shown) == sorted(HOSTILE)
    for number in range(len(HOSTILE)):
        sheet.ask(f"play({number}, 0)")
        sheet.wait("deck.player.readyState > 2")
    sheet.press(*["n", "K"] * 3)
    assert set(sheet.download()) < set(HOSTILE)


@needs_chromium
def test_what_cannot_be_read_is_shown_and_can_be_rejected(
    sheet: Sheet, beats: Path, run: Run
) -> None:
    (beats / "take2.wav").write_text("no audio")
    code, _, err = run("audition", beats)
    assert (code, err) == (0, "lofigen-kit: take2.wav: this is not audio that can be read\n")
    sheet.open((beats / "audition.html").as_uri()).press("n", "n", "x", " ")
    sheet.wait("!document.getElementById('notice').hidden")
    assert "take2.wav cannot be played" in sheet.page.inner_text("#notice")
    assert "not audio" in str(sheet.page.locator(".take").nth(2).text_content())
    assert list(sheet.download()) == ["take2.wav"]
    sheet.page.click("[data-show=flagged]")
    assert "take2.wav" in sheet.names()
    assert json.loads(run("audition", beats, "--force", "--json")[1])["flagged"] == len(
        sheet.names()
    )


@needs_chromium
def test_more_than_five_hundred_takes_are_paged(
    sheet: Sheet, tmp_path: Path, write_take: WriteTake, run: Run
) -> None:
    folder = tmp_path / "beats"
    write_take(folder / "take0.wav", seconds=0.1)
    for number in range(1, 501):
        os.link(folder / "take0.wav", folder / f"take{number}.wav")
    sheet.open(build(run, folder))
    assert len(sheet.names()) == 500
    assert sheet.page.inner_text("#page") == "1 of 2"
    sheet.press("End", "k")
    assert sheet.names() == ["take500.wav"]
    sheet.press("[", "x", "Home", "5")
    assert len(sheet.names()) == 500
    assert {p: (one.verdict, one.stars) for p, one in sheet.download().items()} == {
        "take0.wav": ("reject", 5), "take500.wav": ("keep", 0),
    }  # fmt: skip
    sheet.page.click("#after")
    assert sheet.current() == "take500.wav"
    sheet.press("ArrowUp")
    assert sheet.current() == "take499.wav"


@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_axe_finds_nothing(
    browser: Browser, scored: Path, run: Run, size: str, scheme: Any
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    beats = scored
    (beats / "broken.wav").write_text("no audio")
    run("audition", beats)
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    sheet = Sheet(context).open((beats / "audition.html").as_uri())
    sheet.press("n", "k", "4", "n", "x", "a", "n", "b", "r")
    sheet.page.wait_for_timeout(300)  # colours fade

    def found() -> list[str]:
        results = axe.run(sheet.page).response
        return [
            f"{v['id']}: {node['html'][:200]}" for v in results["violations"] for node in v["nodes"]
        ]

    assert found() == []
    sheet.page.locator(".recipe summary").first.click()
    sheet.press("?")
    assert found() == []
    sheet.page.click("#close")
    sheet.press("Home", "n", "t", "1", "Shift+Digit2")
    assert sheet.page.get_by_role("button", name="Solo keys").is_visible()
    sheet.page.wait_for_timeout(300)
    assert found() == []
    wide = sheet.ask("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0
    assert sheet.complaints == []
    context.close()


@needs_chromium
def test_the_theme_can_be_chosen_and_stays(sheet: Sheet, beats: Path, run: Run) -> None:
    address = build(run, beats)
    sheet.open(address)
    colour = "getComputedStyle(document.body).backgroundColor"
    light = sheet.ask(colour)
    sheet.page.click("#theme")
    assert sheet.ask(colour) == light
    sheet.page.click("#theme")
    dark = sheet.ask(colour)
    assert sum(map(int, re.findall(r"\d+", dark))) < 150 < sum(map(int, re.findall(r"\d+", light)))
    assert sheet.open(address).ask(colour) == dark
    assert sheet.page.locator("#theme").get_attribute("aria-label") == "Theme: dark"


@needs_chromium
def test_single_keys_can_be_turned_off(sheet: Sheet, beats: Path, run: Run) -> None:
    sheet.open(build(run, beats)).press("?")
    sheet.page.uncheck("#single")
    sheet.press("Escape", "k", "ArrowDown", "x")
    assert sheet.current() == "take1.wav"
    assert sheet.download() == {}


@needs_chromium
def test_pictures_are_drawn_in_the_colours_of_the_sound(
    sheet: Sheet, tmp_path: Path, write_take: WriteTake, run: Run
) -> None:
    folder = tmp_path / "beats"
    write_take(folder / "a.wav", hz=60.0, level=0.9)
    write_take(folder / "b.wav", hz=3500.0, level=0.9)
    sheet.open(build(run, folder))
    sheet.wait("document.querySelectorAll('canvas[data-drawn=yes]').length === 2")
    colours = sheet.ask(
        """[...document.querySelectorAll("canvas")].map((canvas) => {
            const at = [canvas.width, canvas.height * 0.56].map((size) => Math.round(size / 2));
            const part = canvas.getContext("2d").getImageData(at[0], at[1], 30, 1).data;
            const opaque = [...Array(30).keys()].filter((n) => part[4 * n + 3] === 255);
            const mean = (c) => opaque.reduce((sum, n) => sum + part[4 * n + c], 0) / opaque.length;
            return [0, 1, 2].map(mean);
        })"""
    )
    (red, _, blue), (red_high, _, blue_high) = colours
    assert red > blue + 60
    assert blue_high > red_high + 60


@pytest.fixture
def scored(parted: Path) -> Path:
    """The takes, three seconds each; the first one has its score and its parts beside it."""
    notes = tuple(
        Note(part=part, midi=midi, onset_s=onset_s, duration_s=1.0, velocity=1.0)
        for part, midi, onset_s in (("bass", 36, 0.0), ("keys", 60, 1.0), ("lead", 84, 2.0))
    )
    hits = tuple(Hit(drum="kick", onset_s=0.5 * n, velocity=1.0) for n in range(6))
    sections = (Section(name="A", first_bar=0, bars=1), Section(name="B", first_bar=1, bars=2))
    score = Score(tempo_bpm=240, bars=3, duration_s=3.0, notes=notes, hits=hits, sections=sections)
    (parted / "take0.mid").write_bytes(to_midi(score))
    return parted


@needs_chromium
@pytest.mark.parametrize("size", SIZES)
def test_a_take_with_its_score_has_a_piano_roll(
    browser: Browser, scored: Path, run: Run, size: str
) -> None:
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height})
    sheet = Sheet(context).open(build(run, scored))
    rolls = sheet.page.locator(".roll")
    assert rolls.count() == 1  # none where there is no score
    words = rolls.get_attribute("aria-label") or ""
    assert words.startswith("Piano roll of take0.wav: 240 BPM")
    assert "bass, 1 note, C2" in words
    assert words.endswith("A from bar 1, B from bar 2.")
    # Of each third of the take, the row in which its note is: the bass low, the lead high.
    sheet.wait("document.querySelector('.roll').width > 300")  # it is drawn
    bass, keys, lead = sheet.ask(
        """(() => {
            const { width, height } = document.querySelector(".roll");
            const pen = document.querySelector(".roll").getContext("2d");
            const pixels = pen.getImageData(0, 0, width, height).data;
            return ["low", "mid", "high"].map((name, third) => {
                const x = Math.round(width * (third / 3 + 1 / 6)) + 3;
                const colour = rgb(name).join();
                return [...Array(height).keys()].findIndex((y) => (
                    pixels.slice(4 * (y * width + x), 4 * (y * width + x) + 3).join() === colour));
            });
        })()"""
    )
    assert bass > keys + 10 > lead + 20 > 20
    box = rolls.bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= width
    # A click on it plays from there, and the line of the position crosses it.
    rolls.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    sheet.wait("deck.player && deck.player.currentTime >= 1.4")
    head = sheet.page.locator(".take").first.locator(".head").bounding_box()
    assert head is not None
    below = rolls.bounding_box()
    assert below is not None
    assert head["y"] < below["y"]
    assert head["y"] + head["height"] >= below["y"] + below["height"]
    assert sheet.complaints == []
    context.close()


@needs_chromium
def test_piano_rolls_can_be_hidden_and_stay_so(sheet: Sheet, scored: Path, run: Run) -> None:
    address = build(run, scored)
    sheet.open(address)
    roll = sheet.page.locator(".roll")
    assert roll.is_visible()
    sheet.press("s")
    assert sheet.said() == "Piano rolls hidden"
    assert not roll.is_visible()
    assert not sheet.open(address).page.locator(".roll").is_visible()
    sheet.page.get_by_role("button", name="Piano rolls").click()
    assert roll.is_visible()
    assert sheet.page.locator("#rolls").get_attribute("aria-pressed") == "true"
    sheet.wait("document.querySelector('.roll').width > 300")
    (scored / "take0.mid").unlink()
    sheet.open(build(run, scored, "--force")).press("s")
    assert sheet.said() == "No take here has its score"
    assert not sheet.page.locator("#rolls").is_visible()


@needs_chromium
def test_an_embedded_sheet_needs_no_other_file(
    sheet: Sheet, parted: Path, run: Run, tmp_path: Path
) -> None:
    target = tmp_path / "elsewhere" / "sheet.html"
    assert run("audition", parted, "--embed", "-o", target)[0] == 0
    shutil.rmtree(parted)
    sheet.open(target.as_uri()).press("n", " ")
    assert not sheet.page.locator("#parts").is_visible()  # parts would be too large to embed
    sheet.wait("deck.player && deck.player.currentTime > 0.2")
    sheet.press("d")
    sheet.wait("deck.player.readyState > 2 && !deck.player.paused")


@needs_chromium
def test_a_sheet_elsewhere_finds_its_sounds(
    sheet: Sheet, beats: Path, run: Run, tmp_path: Path
) -> None:
    target = tmp_path / "over there" / "sheet.html"
    assert run("audition", beats, "-o", target)[0] == 0
    sheet.open(target.as_uri()).press(" ")
    sheet.wait("deck.player && deck.player.currentTime > 0.2")


@needs_chromium
@pytest.mark.skipif(os.name == "nt", reason="ends it as Ctrl-C does on POSIX")
def test_served_decisions_are_in_the_folder_at_once(context: BrowserContext, beats: Path) -> None:
    import signal

    command = [sys.executable, "-m", "lofigen_kit", "audition", str(beats), "--serve", "--json"]
    pipe = subprocess.PIPE
    # A shell's background jobs ignore Ctrl-C, and so would what they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as ran:
        try:
            assert ran.stdout is not None
            told = "".join(iter(ran.stdout.readline, "}\n")) + "}"
            sheet = Sheet(context)
            _decide_where_it_is_served(sheet, json.loads(told)["url"], beats)
            ran.send_signal(signal.SIGINT)
            out, err = ran.communicate(timeout=PATIENCE_S)
        finally:
            ran.kill()
    assert (ran.returncode, out, err) == (0, "", "")
    sheet.press("k")
    sheet.wait("!document.getElementById('notice').hidden")
    assert "not saved" in sheet.page.inner_text("#notice")


def _decide_where_it_is_served(sheet: Sheet, address: str, beats: Path) -> None:
    sheet.open(address).press("k", "3", "n", "x")
    sheet.wait("!saving && !unsaved.size")
    assert decisions.read(beats / "decisions.json").decisions == {
        "take0.wav": decisions.Decision(verdict="keep", stars=3, audio_sha256=sha(beats, 0)),
        "take1.wav": decisions.Decision(verdict="reject", audio_sha256=sha(beats, 1)),
    }
    assert set(sheet.open(address).download()) == {"take0.wav", "take1.wav"}
    sheet.press("n", "n", " ", "ArrowRight")
    sheet.wait("deck.player && deck.player.currentTime > 2.1")
    own = address.rsplit("/", 2)[0]
    assert all(url.startswith((own, "blob:")) for url in sheet.requests)
    assert sheet.complaints == []


def test_what_cannot_be_done_is_refused_in_one_line(run: Run, beats: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (beats / "audition.html").touch()
    for arguments, said in (
        ([tmp_path / "none"], "no such folder"),
        ([tmp_path / "empty"], "no audio"),
        ([beats], "audition.html: the file is there already"),
        ([beats, "--serve", "--embed"], "--serve: --serve writes no page"),
        ([beats, "--port", "8000"], "--port: --port needs --serve"),
        ([beats, "-o", beats], "a folder of that name"),
    ):
        code, out, err = run("audition", *arguments)
        assert (code, out) == (2, "")
        assert said in err
        assert len(err.splitlines()) == 1


def test_json_tells_what_was_written(run: Run, beats: Path) -> None:
    (beats / "take2.wav").write_text("no audio")
    code, out, err = run("audition", beats, "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    page = beats / "audition.html"
    assert told["bytes"] == page.stat().st_size
    assert told["takes"] == 5
    assert told["unreadable"] == [
        {"place": "take2.wav", "error": "this is not audio that can be read"}
    ]
    assert run("audition", beats, "-q", "--force") == (0, "", "")
