"""A browser, and folders of takes for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.audition.sheet import CHROMIUM, PATIENCE_S, Sheet, WriteTake

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync",
    "--disable-component-update", "--no-first-run",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=list(QUIET), timeout=1000 * PATIENCE_S
        )
        yield browser
        browser.close()


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
