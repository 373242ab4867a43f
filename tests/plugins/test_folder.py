from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from lofigen_kit.api import AudioError, Context, InputError, Take
from lofigen_kit.testing import check_component
from lofigen_kit_plugins.folder import Folder

RATE_HZ = 8_000
NAMES = ("a", "b", "c", "d")


@pytest.fixture
def crate(tmp_path: Path) -> Path:
    """Four recordings, and what else lies about in a folder."""
    folder = tmp_path / "crate"
    (folder / "deeper").mkdir(parents=True)
    for name in (*NAMES, ".hidden", "deeper/e"):
        soundfile.write(folder / f"{name}.flac", np.full(RATE_HZ, 0.1), RATE_HZ)
    (folder / "cover.jpg").write_bytes(b"\xff\xd8\xff\xe0 no sound")
    (folder / "broken.wav").write_bytes(b"RIFF")
    return folder


def take_of(path: Path | str, seed: int = 0, root: Path | None = None, **fields: str) -> Take:
    ctx = Context(rng=np.random.default_rng(seed), root=root)
    return Folder(path=str(path), **fields).make_take(ctx)


def test_the_contract(crate: Path) -> None:
    check_component(Folder, path=str(crate))


def test_every_recording_is_drawn_and_nothing_else(crate: Path) -> None:
    drawn = [take_of(crate, seed).title for seed in range(60)]
    assert set(drawn) == set(NAMES)
    assert max(drawn.count(name) for name in NAMES) < 30


def test_the_draw_depends_on_the_names_alone(crate: Path) -> None:
    before = [take_of(crate, seed).title for seed in range(10)]
    moved = crate.rename(crate.parent / "moved")
    assert [take_of(moved, seed).title for seed in range(10)] == before


def test_what_cannot_be_read_is_noted(crate: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in NAMES[1:]:
        (crate / f"{name}.flac").unlink()
    assert {take_of(crate, seed).title for seed in range(8)} == {"a"}
    assert f"skipped: {crate / 'cover.jpg'}: this is not audio" in caplog.text
    assert f"skipped: {crate / 'broken.wav'}: this is not audio" in caplog.text


def test_the_licence_is_the_users_word(crate: Path) -> None:
    assert take_of(crate).licence == "unknown"
    assert take_of(crate, licence="CC0-1.0").licence == "CC0-1.0"


@pytest.mark.parametrize("content", [None, b"text"])
def test_a_folder_without_audio(tmp_path: Path, content: bytes | None) -> None:
    if content:
        (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(AudioError, match="holds no audio that can be read"):
        take_of(tmp_path)


def test_no_such_folder(crate: Path) -> None:
    for path in (crate / "none", crate / "a.flac"):
        with pytest.raises(AudioError, match="the folder cannot be read"):
            take_of(path)


def test_a_preset_draws_from_a_folder_beside_it(crate: Path) -> None:
    assert take_of("crate", root=crate.parent).title in NAMES


def test_a_preset_reaches_no_further_than_its_folder(crate: Path) -> None:
    root = crate.parent / "root"
    root.mkdir()
    (root / "link").symlink_to(crate)
    for path in (crate, "../crate", "link"):
        with pytest.raises(InputError, match="outside the preset's folder"):
            take_of(path, root=root)


def test_a_link_in_the_folder_leads_no_further(
    crate: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = crate.parent / "root"
    (root / "mine").mkdir(parents=True)
    (root / "mine" / "link.flac").symlink_to(crate / "a.flac")
    with pytest.raises(AudioError, match="no audio"):
        take_of("mine", root=root)
    assert "outside the preset's folder" in caplog.text
    assert take_of(root / "mine").title == "link"
