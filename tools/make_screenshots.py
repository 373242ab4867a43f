"""Makes the pictures of docs/audition.md and docs/images/inspect.png from takes that it renders.

    python -m tools.make_screenshots [DIR]

It needs Chromium, and the extra `dev`. A folder that is there already is shown as it is.
"""

from __future__ import annotations

import shutil
import sys
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from lofigen_kit.cli import main
from tools.pages import DOCS

IMAGES = DOCS / "images"
PRESETS = ("lofi-tape", "vinyl-cafe", "sp404-crush")
TAKES = 4
SIZES = {"desktop": (1440, 900, 1), "phone": (390, 844, 2)}
KEYS = ("k", "5", "n", "3", "n", "x", "n", "a", "k", "4", "Home", "b", "n")
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync",
    "--disable-component-update", "--no-first-run",
)  # fmt: skip


def run(*arguments: object) -> None:
    """Call the command line."""
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as stopped:
        if stopped.code:
            raise


def render(folder: Path) -> None:
    """Render some takes of some presets, one of them with its stems."""
    for preset in PRESETS:
        run("batch", preset, "-n", TAKES, "-o", folder / preset, "--rank")
    run("chain", "preset", PRESETS[0], "--seed", 11, "--stems", "-o", folder / PRESETS[0])


def shoot(browser: Browser, page: Path, size: str, scheme: str) -> None:
    """Take a picture of a sheet on which some decisions have been made."""
    width, height, scale = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        device_scale_factor=scale,
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
    )
    sheet = context.new_page()
    sheet.goto(page.as_uri())
    sheet.wait_for_selector("html[data-ready]")
    for key in KEYS:
        sheet.keyboard.press(key)
    sheet.keyboard.press("c")
    sheet.wait_for_timeout(4000)
    sheet.keyboard.press("Space")
    sheet.evaluate("scrollTo(0, 0)")
    sheet.wait_for_timeout(500)
    keep(sheet.screenshot(), f"audition-{size}-{scheme}.png")
    context.close()


def keep(png: bytes, name: str) -> None:
    """Write a picture with its few colours as a palette: a third of the size."""
    image = Image.open(BytesIO(png)).convert("RGB").quantize(256)
    image.save(IMAGES / name, optimize=True)


def make(folder: Path) -> None:
    """Make all pictures."""
    if not folder.exists():
        render(folder)
    page = folder / "audition.html"
    run("audition", folder, "--force")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(QUIET))
        for size in SIZES:
            for scheme in ("light", "dark"):
                shoot(browser, page, size, scheme)
        browser.close()
    take = next((folder / PRESETS[0]).glob("*take0.wav"))
    run("inspect", take, "--picture", folder / "inspect.png", "--force", "-q")
    keep((folder / "inspect.png").read_bytes(), "inspect.png")


if __name__ == "__main__":
    with TemporaryDirectory() as temporary:
        make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(temporary) / "beats")
