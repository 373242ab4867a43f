"""What becomes of takes that were decided of: copied, credited, packed, moved, and never lost."""

from __future__ import annotations

import errno
import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lofigen_kit.audio.files import read_audio
from lofigen_kit.audio.hashing import hash_audio
from lofigen_kit.provenance import recipe

Run = Callable[..., tuple[int, str, str]]
Refused = Callable[..., str]


@pytest.fixture
def takes(run: Run, preset_file: Path) -> Path:
    """A folder with four takes of a preset, one of them in a folder of its own with its stems."""
    folder = Path("takes")
    assert run("chain", "preset", preset_file, "--takes", 3, "-o", folder / "")[0] == 0
    assert run("chain", "preset", preset_file, "--seed", 9, "--midi", "--stems",
               "-o", folder / "more" / "d.wav")[0] == 0  # fmt: skip
    for name, path in zip("abc", sorted(folder.glob("*.wav")), strict=True):
        path.with_suffix(".json").rename(folder / f"{name}.json")
        path.rename(folder / f"{name}.wav")
    return folder


def decide(folder: Path, **verdicts: tuple[str | None, int]) -> None:
    """Write decisions.json: `a=("keep", 3)`, `more_d=("reject", 0)`."""
    decisions = {}
    for name, (verdict, stars) in verdicts.items():
        place = f"{name.replace('_', '/')}.wav"
        facts = recipe.read(folder / place) or {}
        decisions[place] = {
            "verdict": verdict, "stars": stars, "audio_sha256": facts["audio_sha256"],
        }  # fmt: skip
    write(folder, decisions)


def write(folder: Path, decisions: dict[str, Any]) -> None:
    text = {"format": "lofigen-kit decisions 1", "sheet": folder.name, "decisions": decisions}
    (folder / "decisions.json").write_text(json.dumps(text))


def bytes_of(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_what_was_kept_is_copied_listed_credited_and_packed(run: Run, takes: Path) -> None:
    decide(takes, a=("keep", 2), b=("reject", 0), c=(None, 5), more_d=("keep", 5))
    before = bytes_of(takes)
    code, out, err = run("curate", takes, "--keep-to", "kept")
    assert (code, err) == (0, "")
    assert out.splitlines() == ["kept: 2 kept", "kept/playlist.m3u8", "kept/CREDITS.txt",
                                "kept.zip"]  # fmt: skip
    assert bytes_of(takes) == before

    copied = bytes_of(Path("kept"))
    whole = {name for name in before if name.startswith(("a.", "more/d"))}
    assert set(copied) == whole | {"playlist.m3u8", "CREDITS.txt"}
    assert all(copied[name] == before[name] for name in whole)
    assert {n for n in whole if n.startswith("more/d.stems/")}

    lines = Path("kept/playlist.m3u8").read_text().splitlines()
    assert lines == ["#EXTM3U", "#EXTINF:1,bursts", "more/d.wav", "#EXTINF:1,bursts", "a.wav"]
    credited = Path("kept/CREDITS.txt").read_text()
    assert "source: bursts; CC0-1.0; in 2 sounds" in credited
    assert f"model: tiny {'ab' * 32}; CC0-1.0; in 2 sounds" in credited

    with zipfile.ZipFile("kept.zip") as packed:
        assert packed.testzip() is None
        names = packed.namelist()
        assert set(names) == set(copied)
        for name in names:
            assert hashlib.sha256(packed.read(name)).hexdigest() == copied[name]


def test_the_same_again_is_the_same_zip_and_overwrites_nothing_unasked(
    run: Run, refused: Refused, takes: Path
) -> None:
    decide(takes, a=("keep", 2))
    assert run("curate", takes, "--keep-to", "kept")[0] == 0
    first = Path("kept.zip").read_bytes()
    assert "kept/playlist.m3u8: the file is there already" in refused(
        "curate", takes, "--keep-to", "kept"
    )
    assert run("curate", takes, "--keep-to", "kept", "--force")[0] == 0
    assert Path("kept.zip").read_bytes() == first
    Path("other").mkdir()
    Path("other/a.wav").write_bytes(b"mine")
    line = refused("curate", takes, "--keep-to", "other", "--no-zip")
    assert line.startswith("other/a.wav: the file is there already")
    assert Path("other/a.wav").read_bytes() == b"mine"


def test_stars_choose_among_what_was_kept(run: Run, refused: Refused, takes: Path) -> None:
    decide(takes, a=("keep", 2), b=("keep", 4), c=("keep", 0), more_d=("reject", 5))
    code, out, _ = run("curate", takes, "--keep-to", "best", "--stars", 4, "--no-zip", "--json")
    assert code == 0
    facts = json.loads(out)
    assert facts["kept"] == ["b.wav"]
    assert facts["moved"] == 0
    assert not Path("best.zip").exists()
    line = refused("curate", takes, "--keep-to", "none", "--stars", 5)
    assert line == "takes/decisions.json: no take was kept; keep a take, or lower --stars"


def test_rejected_takes_are_moved_and_never_lost(run: Run, refused: Refused, takes: Path) -> None:
    decide(takes, a=("keep", 1), b=("reject", 0), more_d=("reject", 1))
    before = bytes_of(takes)
    assert run("curate", takes, "--keep-to", "kept", "--reject-to", "out", "--no-zip")[0] == 0
    after = bytes_of(takes) | bytes_of(Path("out"))
    assert after == before
    assert not set(bytes_of(takes)) & set(bytes_of(Path("out")))
    assert {"b.wav", "b.json", "more/d.wav", "more/d.mid"} <= set(bytes_of(Path("out")))

    decide(takes, c=("reject", 0))
    Path("out/c.wav").write_bytes(b"mine")
    line = refused("curate", takes, "--keep-to", "kept", "--reject-to", "out", "--force")
    assert line.startswith("out/c.wav: the file is there already")
    assert Path("out/c.wav").read_bytes() == b"mine"
    assert (takes / "c.wav").exists()
    assert (takes / "c.json").exists()


def test_rejected_takes_survive_a_move_to_another_disk(
    run: Run, takes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide(takes, b=("reject", 0))
    before = bytes_of(takes)
    rename = Path.rename

    def elsewhere(path: Path, target: Path) -> Path:
        if "out" in Path(target).parts:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", elsewhere)
    assert run("curate", takes, "--keep-to", "kept", "--reject-to", "out")[0] == 0
    assert bytes_of(takes) | bytes_of(Path("out")) == before
    assert not (takes / "b.wav").exists()


def test_a_take_that_changed_or_is_gone_is_named_and_left_alone(run: Run, takes: Path) -> None:
    decide(takes, a=("keep", 1), b=("keep", 1), c=("reject", 0))
    (takes / "b.wav").write_bytes((takes / "c.wav").read_bytes())
    (takes / "c.wav").unlink()
    code, _, err = run("curate", takes, "--keep-to", "kept", "--reject-to", "out", "--no-zip")
    assert code == 3
    assert err.splitlines() == [
        "lofigen-kit: takes/b.wav: the audio has changed since the decision; listen to it again",
        "lofigen-kit: takes/c.wav: the take is missing",
    ]
    assert not Path("kept/b.wav").exists()
    assert not Path("out").exists()
    assert Path("kept/a.wav").exists()


def test_stems_and_midi_are_rendered_of_what_was_kept(run: Run, takes: Path) -> None:
    decide(takes, a=("keep", 1), more_d=("keep", 2))
    code, _, err = run("curate", takes, "--keep-to", "kept", "--stems")
    assert (code, err) == (0, "")
    stems = sorted(p.name for p in Path("kept/a.stems").iterdir())
    assert stems == ["00-model.wav", "01-fake-noise.wav", "02-fake-noise.wav"]
    assert Path("kept/a.mid").read_bytes().startswith(b"MThd")
    assert not (takes / "a.stems").exists()
    with zipfile.ZipFile("kept.zip") as packed:
        assert {f"a.stems/{name}" for name in stems} | {"a.mid"} <= set(packed.namelist())
    # Stems that were there are those that are handed over.
    own, copied = takes / "more/d.stems/00-model.wav", Path("kept/more/d.stems/00-model.wav")
    assert hash_audio(read_audio(own)) == hash_audio(read_audio(copied))


def test_parts_go_with_their_take(run: Run) -> None:
    assert run("chain", "preset", "band-session", "-o", "takes/a.wav",
               "--set", "source.sections=a 2", "--set", "source.plan=null")[0] == 0  # fmt: skip
    assert run("chain", "preset", "band-session", "--stems", "--seed", 8, "-o", "takes/b.wav",
               "--set", "source.sections=a 2", "--set", "source.plan=null")[0] == 0  # fmt: skip
    decide(Path("takes"), a=("keep", 1), b=("keep", 1))
    code, _, err = run("curate", "takes", "--keep-to", "kept", "--stems")
    assert (code, err) == (0, "")
    parts = {"part-drums.wav", "part-bass.wav", "part-keys.wav"}
    with zipfile.ZipFile("kept.zip") as packed:
        members = set(packed.namelist())
    for take in ("a", "b"):  # those of `a` are rendered now, those of `b` are copied
        stems = {path.name for path in Path(f"kept/{take}.stems").iterdir()}
        assert parts | {"00-source.wav"} <= stems
        assert {f"{take}.stems/{name}" for name in stems} <= members
    own, copied = (Path(f"{folder}/b.stems/part-bass.wav") for folder in ("takes", "kept"))
    assert own.read_bytes() == copied.read_bytes()


def test_takes_that_share_a_recipe_keep_it_where_it_is(run: Run, takes: Path) -> None:
    (takes / "a.flac").write_bytes(b"another form of it")
    decide(takes, a=("reject", 0))
    assert run("curate", takes, "--keep-to", "kept", "--reject-to", "out")[0] == 0
    assert sorted(p.name for p in Path("out").iterdir()) == ["a.wav"]
    assert (takes / "a.json").exists()


def test_a_recording_without_a_recipe_is_credited_as_unknown(run: Run, takes: Path) -> None:
    stem = next((takes / "more/d.stems").iterdir())
    (takes / "found.wav").write_bytes(stem.read_bytes())
    write(takes, {"found.wav": {"verdict": "keep", "stars": 0, "audio_sha256": None}})
    assert run("curate", takes, "--keep-to", "kept")[0] == 0
    assert "no recipe, so the licence is unknown: found.wav" in Path("kept/CREDITS.txt").read_text()
    code, _, err = run("curate", takes, "--keep-to", "kept", "--stems", "--force")
    assert code == 3
    assert "kept/found.wav: the file has no recipe" in err


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("../a.wav", "`..`"),
        ("/etc/passwd", "is not relative"),
        ("a\\b.wav", "backslash"),
        ("C:/a.wav", "is not relative"),
    ],
)
def test_decisions_name_nothing_outside_the_folder(
    refused: Refused, takes: Path, place: str, message: str
) -> None:
    write(takes, {place: {"verdict": "keep"}})
    line = refused("curate", takes, "--keep-to", "kept")
    assert line.startswith("takes/decisions.json: these are not valid decisions")
    assert message in line


def test_a_link_out_of_the_folder_is_not_followed(run: Run, takes: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.wav").write_bytes((takes / "a.wav").read_bytes())
    (takes / "link.wav").symlink_to(tmp_path / "secret.wav")
    write(takes, {"link.wav": {"verdict": "keep"}, "b.wav": {"verdict": "keep"}})
    code, _, err = run("curate", takes, "--keep-to", "kept", "--no-zip")
    assert code == 3
    assert "takes/link.wav: the take is missing" in err
    assert not Path("kept/link.wav").exists()


def test_one_folder_for_two_things_is_refused(refused: Refused, takes: Path) -> None:
    decide(takes, a=("keep", 1))
    for more in (["--keep-to", takes], ["--keep-to", "x", "--reject-to", "x"],
                 ["--keep-to", "x", "--reject-to", takes]):  # fmt: skip
        assert "two of the folders are the same" in refused("curate", takes, *more)
    assert "nowhere: there is no such folder" in refused(
        "curate", "nowhere", "--keep-to", "x", "--decisions", takes / "decisions.json"
    )
    assert "cannot be read" in refused("curate", "takes", "--keep-to", "x", "--decisions", "no")
