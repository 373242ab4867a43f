"""A contact sheet that is open in a browser."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lofigen_kit.audition import decisions

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

WriteTake = Callable[..., dict[str, Any]]
Run = Callable[..., tuple[int, str, str]]

PATIENCE_S = 90
"""How long a busy machine may take for what an idle one does at once."""
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")


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


def build(run: Run, folder: Path, *options: str) -> str:
    code, _, err = run("audition", folder, *options)
    assert (code, err) == (0, "")
    return (folder / "audition.html").as_uri()
