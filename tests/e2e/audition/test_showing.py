"""What the contact sheet shows in a real browser, and what it must not do."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lofigen_kit.music.midi import to_midi
from lofigen_kit.music.score import Hit, Note, Score, Section
from tests.e2e.audition.sheet import Run, Sheet, WriteTake, build, needs_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SIZES = {"desktop": (1440, 900), "phone": (390, 844)}
HOSTILE = [
    "<img src=x onerror=alert(1)>.wav",
    "</script><script>document.title=1<\N{DIVISION SLASH}script>.wav",
    "\u202egnp.wav",
    "a\nb.wav",
    "\"'&amp;.wav",
    "100% #1?.wav",
]


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
