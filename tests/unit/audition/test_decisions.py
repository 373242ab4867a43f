from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lofigen_kit.audition import decisions
from lofigen_kit.audition.decisions import Decision, Decisions, parse, read
from lofigen_kit.errors import InputError
from lofigen_kit.runtime.places import find_place_fault

ODD = "a1. \"'<>&\n\t\r\x1b\u202e\u2028é\U0001f3b9#?%*"
PARTS = st.text(ODD, max_size=8).map(lambda text: f"{text}x")
PLACES = st.lists(PARTS, min_size=1, max_size=4).map("/".join)
MADE = st.builds(
    Decision,
    verdict=st.sampled_from(["keep", "reject", None]),
    stars=st.integers(0, 5),
    audio_sha256=st.none() | st.just("0a" * 32),
)


def text(**fields: Any) -> bytes:
    known = {"format": decisions.FORMAT, "sheet": "beats", "decisions": {}}
    return json.dumps({**known, **fields}).encode()


def refusal(data: bytes) -> str:
    with pytest.raises(InputError) as caught:
        parse(data, where="d.json")
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("d.json: ")
    return message


@given(st.dictionaries(PLACES, MADE, max_size=5), st.text(ODD))
def test_what_is_written_is_read_again(made: dict[str, Decision], sheet: str) -> None:
    whole = Decisions(sheet=sheet, decisions=made)
    assert parse(whole.to_json().encode(), where="here") == whole


@given(PLACES, PLACES)
def test_no_place_leads_out_of_its_folder(before: str, after: str) -> None:
    folder = Path("/somewhere/beats")
    assert find_place_fault(f"{before}/{after}") is None
    assert folder in (folder / before / after).parents
    for hostile in (
        f"/{before}", f"{before}/../{after}", f"../{after}", f"{before}/..", f"{before}//{after}",
        f"{before}/", f"./{before}", f"{before}\\{after}", f"{before}\0", f"C:{before}", "..", "",
        f"//{before}/{after}",
    ):  # fmt: skip
        message = refusal(text(decisions={hostile: {"stars": 1}}))
        assert "not valid decisions ('decisions': " in message


def test_a_refusal_names_the_place() -> None:
    message = refusal(text(decisions={"ok.wav": {"stars": 1}, "up/../../x.wav": {"stars": 1}}))
    assert "'up/../../x.wav'" in message
    assert "`..`" in message


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "EOF"),
        (b"{", "EOF"),
        (b"[]", "object"),
        (b"[" * 100_000, "recursion"),
        (b"\xff\xfe", "expected value"),
        (text(format="lofigen-kit decisions 2"), "'format'"),
        (text(more=1), "'more'"),
        (text(sheet=None), "'sheet'"),
        (text(decisions={"a.wav": {"stars": 6}}), "'a.wav': 'stars'"),
        (text(decisions={"a.wav": {"stars": True}}), "'a.wav': 'stars'"),
        (text(decisions={"a.wav": {"stars": 2.5}}), "'a.wav': 'stars'"),
        (text(decisions={"a.wav": {"verdict": "maybe"}}), "'a.wav': 'verdict'"),
        (text(decisions={"a.wav": {"verdict": "keep", "by": "me"}}), "'by'"),
        (text(decisions={"a.wav": {"audio_sha256": "a" * 64 + "\n"}}), "'audio_sha256'"),
        (text(decisions={"a" * 5000: {}}), "4096"),
    ],
)
def test_what_is_no_decisions_is_refused_in_one_line(data: bytes, said: str) -> None:
    assert said in refusal(data)


def test_sizes_are_bounded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    two = text(decisions={"a.wav": {}, "b.wav": {}})
    monkeypatch.setattr(decisions, "MAX_BYTES", len(two) - 1)
    (tmp_path / "d.json").write_bytes(two)
    with pytest.raises(InputError, match="larger than"):
        read(tmp_path / "d.json")
    many: dict[str, Any] = {f"{n}": {} for n in range(decisions.MAX_DECISIONS + 1)}
    monkeypatch.undo()
    assert "at most 100000" in refusal(text(decisions=many))


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "decisions.json"
    whole = Decisions(sheet="beats", decisions={"a/b.wav": Decision(verdict="keep", stars=4)})
    path.write_text(whole.to_json())
    assert read(path) == whole
    with pytest.raises(InputError, match=r"none.json: cannot be read \(No such file"):
        read(tmp_path / "none.json")
