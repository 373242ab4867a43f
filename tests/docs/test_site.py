"""All of docs/ makes a site that is whole and asks nobody else for anything."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = {path.relative_to(DOCS).as_posix(): path for path in DOCS.rglob("*.md")}
ELSEWHERE = re.compile(r"(https?:)?//")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(DOCS, folder / "docs")
    shutil.copy(ROOT / "mkdocs.yml", folder)
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "site"


def named(nav: Any) -> list[str]:
    """Return the pages that a navigation names."""
    if isinstance(nav, str):
        return [nav]
    return [
        page for part in (nav.values() if isinstance(nav, dict) else nav) for page in named(part)
    ]


class Loaded(HTMLParser):
    """What a browser fetches by itself when it shows a page."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.addresses += filter(
            None, [told.get("src"), told.get("href") if tag == "link" else None]
        )


def test_the_navigation_names_every_page_once() -> None:
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    assert sorted(named(nav)) == sorted(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", PAGES[page].read_text()):
        if not ELSEWHERE.match(target):
            assert (PAGES[page].parent / target).exists(), target


def test_every_page_has_its_own_with_all_that_it_shows(site: Path) -> None:
    for page in PAGES:
        made = site / page.replace("README.md", "index.md").replace(".md", ".html")
        addresses = Loaded(made).addresses
        assert addresses
        for address in addresses:
            assert not ELSEWHERE.match(address), f"{page} asks for {address}"
            assert (made.parent / address.partition("?")[0]).exists(), f"{page} lacks {address}"


def test_styles_ask_no_other_host(site: Path) -> None:
    styles = list(site.rglob("*.css"))
    assert styles
    for style in styles:
        assert not re.search(r"""(url\(\s*|@import\s+)["']?(https?:)?//""", style.read_text())


def test_no_program_is_published(site: Path) -> None:
    assert not list(DOCS.rglob("*.py"))
    assert not list(site.rglob("*.py"))
