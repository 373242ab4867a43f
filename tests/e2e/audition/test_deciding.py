"""Decisions on the contact sheet in a real browser: keys, clicks, files and a server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lofigen_kit.audition import decisions
from tests.e2e.audition.sheet import PATIENCE_S, Run, Sheet, WriteTake, build, needs_chromium

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext


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
def test_single_keys_can_be_turned_off(sheet: Sheet, beats: Path, run: Run) -> None:
    sheet.open(build(run, beats)).press("?")
    sheet.page.uncheck("#single")
    sheet.press("Escape", "k", "ArrowDown", "x")
    assert sheet.current() == "take1.wav"
    assert sheet.download() == {}


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
