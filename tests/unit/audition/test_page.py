from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from lofigen_kit.audition import page as module
from lofigen_kit.audition.page import EMBEDDED, LINKED, SERVED, embed_sounds, link_sounds, make_page
from lofigen_kit.audition.takes import DrySound, PartSound, SheetRow, find_takes, read_takes
from lofigen_kit.errors import InputError

WriteTake = Callable[..., dict[str, Any]]
HOSTILE = [
    "<img src=x onerror=alert(1)>.wav",
    "</script><script>alert(1)</script>.wav",
    "<!--<script>.wav",
    "\u202egnp\u2066.wav",
    "a\nb\u2028c.wav",
    "\"'`&amp;&#x3c;.wav",
    "{{ 7 * 7 }}{% raw %}.wav",
    "__proto__.wav",
    "100% #1?.wav",
]


class Parsed(HTMLParser):
    """Which elements a page has, and what is in its scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.inside: list[tuple[str, str]] = []
        self.policy = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.tags.append(tag)
        self.handlers += [name for name in told if name.startswith("on") or name == "style"]
        if tag in ("script", "style"):
            self.inside.append((told.get("type") or tag, ""))
        if told.get("http-equiv") == "Content-Security-Policy":
            self.policy = told["content"] or ""

    def handle_data(self, data: str) -> None:
        if self.cdata_elem:
            kind, before = self.inside[-1]
            self.inside[-1] = kind, before + data

    @property
    def data(self) -> Any:
        return json.loads(dict(self.inside)["application/json"])


def made(names: list[str], folder: Path = Path("beats"), media: str = LINKED) -> str:
    takes = [SheetRow(name, title=name, key=name, error=name) for name in names]
    return make_page(folder, takes, media=media, urls=link_sounds(takes)).html


def test_names_change_nothing_of_the_page() -> None:
    plain, hostile = Parsed(made(["a.wav"] * len(HOSTILE))), Parsed(made(HOSTILE))
    assert hostile.tags == plain.tags
    assert not hostile.handlers
    assert [take["place"] for take in hostile.data["takes"]] == HOSTILE
    assert [kind for kind, _ in hostile.inside] == ["style", "application/json", "script"]


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "<b>'\"&{{x}}"
    folder.mkdir()
    html = made(["a.wav"], folder)
    assert "<b>'" not in html
    assert Parsed(html).tags == Parsed(made(["a.wav"])).tags
    assert Parsed(html).data["sheet"] == folder.name


@pytest.mark.parametrize("media", [LINKED, EMBEDDED, SERVED])
def test_the_policy_allows_this_script_and_this_style_alone(media: str) -> None:
    found = Parsed(made(["a.wav"], media=media))
    rules = dict(rule.split(" ", 1) for rule in found.policy.split("; "))
    for kind in ("script", "style"):
        digest = sha256(dict(found.inside)[kind].encode()).digest()
        assert rules.pop(f"{kind}-src") == f"'sha256-{b64encode(digest).decode()}'"
    assert rules.pop("media-src") == media
    if media == SERVED:
        assert rules.pop("connect-src") == "'self'"
    assert rules == {"default-src": "'none'", "base-uri": "'none'", "form-action": "'none'"}


def test_the_page_names_no_other_place() -> None:
    html = made(HOSTILE)
    assert set(re.findall(r"https?://[^\s\"']+", html)) == {"http://www.w3.org/2000/svg"}
    script = dict(Parsed(html).inside)["script"]
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert word not in script


def test_sounds_are_linked_from_where_the_page_lies() -> None:
    dry, part = DrySound("x.stems/00 #.wav", None), PartSound("keys", "x ?.stems/part-keys.wav")
    takes = [SheetRow(name, dry=dry, parts=(part,)) for name in HOSTILE]
    for base in ("", "../the beats"):
        way = f"{base}/" if base else ""
        urls = link_sounds(takes, base)
        assert {unquote(url) for url in urls.values()} == {f"{way}{place}" for place in urls}
        assert set(urls) == {*HOSTILE, dry.place, part.place}
        assert all(re.fullmatch(r"[A-Za-z0-9._~/%-]+", url) for url in urls.values())


def test_sounds_are_embedded_up_to_a_bound(
    tmp_path: Path, write_take: WriteTake, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_take(tmp_path / "x.wav")
    takes = read_takes(tmp_path, find_takes(tmp_path))
    head, _, sound = embed_sounds(tmp_path, takes)["x.wav"].partition(",")
    assert head == "data:audio/wav;base64"
    assert b64decode(sound) == (tmp_path / "x.wav").read_bytes()
    monkeypatch.setattr(module, "MAX_EMBEDDED_BYTES", 1000)
    with pytest.raises(InputError, match="leave out --embed"):
        embed_sounds(tmp_path, takes)


def test_parts_are_linked_but_never_embedded(tmp_path: Path, write_take: WriteTake) -> None:
    for name in ("x.wav", "x.stems/00-model.wav", "x.stems/part-bass.wav", "x.stems/part-keys.wav"):
        write_take(tmp_path / name)
    takes = read_takes(tmp_path, find_takes(tmp_path))
    assert [part.name for part in takes[0].parts] == ["bass", "keys"]
    linked = Parsed(make_page(tmp_path, takes, urls=link_sounds(takes, "a b")).html).data
    assert linked["takes"][0]["parts"] == [
        {"name": name, "url": f"a%20b/x.stems/part-{name}.wav"} for name in ("bass", "keys")
    ]
    urls = embed_sounds(tmp_path, takes)
    assert set(urls) == {"x.wav", "x.stems/00-model.wav"}
    embedded = Parsed(make_page(tmp_path, takes, media=EMBEDDED, urls=urls).html).data
    assert embedded["takes"][0]["parts"] == []


def test_what_takes_have_in_common_is_told_once(tmp_path: Path, write_take: WriteTake) -> None:
    for number in range(4):
        write_take(tmp_path / f"take{number}.wav", hz=220.0 if number < 3 else 330.0, take=number)
    takes = read_takes(tmp_path, find_takes(tmp_path))
    data = Parsed(make_page(tmp_path, takes, urls=link_sounds(takes)).html).data
    assert [take["made"] for take in data["takes"]] == [0, 0, 0, 1]
    assert [made["stages"][0][0] for made in data["made"]] == ["sines", "sines"]
    assert '"take": 3' in data["takes"][3]["recipe"]
