"""The commands on files that others wrote: whole to their end, or one line that says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lofigen_kit.audio.files import read_audio
from tests.unit.audio.encodings import (
    ENCODINGS,
    FRAMES,
    bare_mp3,
    chunk,
    count_mpeg_samples,
    encode,
    mp3,
    riff,
    samples_16,
    wave_format,
)

Run = Callable[..., tuple[int, str, str]]
Refused = Callable[..., str]
AT_44100 = [name for name in ENCODINGS if name not in ("opus", "mp2") and "22 kHz" not in name]


def process(run: Run, path: Path, preset: Path, *more: str) -> tuple[int, int, str]:
    """Process a file, and return the exit code, the frames written and what was said."""
    Path("out.wav").unlink(missing_ok=True)
    rate = ("--set", "output.sample_rate_hz=44100", "--set", "effects=[]")
    code, _, err = run("process", path, "-p", preset, "-o", "out.wav", *rate, *more)
    return code, read_audio("out.wav").frames if Path("out.wav").exists() else 0, err


@pytest.mark.parametrize("name", AT_44100)
def test_all_of_a_file_is_processed(run: Run, preset_file: Path, tmp_path: Path, name: str) -> None:
    make, frames = ENCODINGS[name]
    (tmp_path / "theirs").write_bytes(make())
    code, written, err = process(run, tmp_path / "theirs", preset_file, "-q")
    assert (code, written) == (0, frames), err
    code, out, _ = run("inspect", "--json", tmp_path / "theirs")
    assert (code, json.loads(out)["duration_s"]) == (0, frames / 44_100)


def test_a_file_that_was_not_closed_is_refused_and_salvaged(
    run: Run, preset_file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "crashed.wav"
    path.write_bytes(riff(wave_format(), chunk(b"data", samples_16(), 0), size=0))
    code, written, err = process(run, path, preset_file)
    assert (code, written) == (2, 0)
    assert err.count("\n") == 1
    assert "its writer did not close it" in err
    assert "--salvage" in err
    code, written, err = process(run, path, preset_file, "--salvage")
    assert (code, written) == (0, FRAMES)
    assert "crashed.wav: the file is damaged" in err


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_inspect_says_that_a_file_is_cut(run: Run, tmp_path: Path, flags: tuple[str, ...]) -> None:
    data = encode("OGG", "VORBIS", frames=200_000)
    (tmp_path / "cut.ogg").write_bytes(data[: len(data) // 2])
    code, _, err = run("inspect", *flags, tmp_path / "cut.ogg")
    assert code == 0
    assert err.startswith(f"lofigen-kit: {tmp_path / 'cut.ogg'}: the file is damaged")
    assert err.count("\n") == 1
    assert run("inspect", "-q", tmp_path / "cut.ogg") == (0, "", "")


def test_a_joined_mp3_is_read_in_silence(run: Run, tmp_path: Path, preset_file: Path) -> None:
    path = tmp_path / "joined.mp3"
    path.write_bytes(mp3() + mp3())
    code, written, err = process(run, path, preset_file, "-q")
    assert (code, err) == (0, "")
    assert written >= 2 * FRAMES


def test_the_recipe_beside_a_file_is_a_preset(run: Run, preset_file: Path) -> None:
    assert run("chain", "preset", preset_file, "-o", "beat.wav", "-q") == (0, "", "")
    assert run("chain", "preset", "beat.json", "-o", "again.wav", "-q") == (0, "", "")
    assert Path("again.wav").read_bytes() == Path("beat.wav").read_bytes()
    Path("list.json").write_text('{"files": []}')
    code, _, err = run("chain", "preset", "list.json", "-o", "none.wav")
    assert (code, err.count("\n")) == (2, 1)


def test_verify_finds_a_file_that_is_shorter_than_its_recipe(run: Run, preset_file: Path) -> None:
    for suffix in ("mp3", "ogg"):
        code, _, err = run("chain", "preset", preset_file, "-o", f"{suffix}.{suffix}")
        assert code == 0, err
        assert run("verify", "-q", f"{suffix}.{suffix}") == (0, "", "")
        data = Path(f"{suffix}.{suffix}").read_bytes()
        Path(f"{suffix}.{suffix}").write_bytes(data[: len(data) - len(data) // 8])
        code, out, _ = run("verify", f"{suffix}.{suffix}")
        assert code == 1
        assert "SHORTER" in out


def test_a_bare_mp3_is_followed(run: Run, preset_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "piano.mp3"
    path.write_bytes(bare_mp3("VARIABLE"))
    frames = count_mpeg_samples(bare_mp3("VARIABLE"))
    code, _, err = run("chain", "preset", preset_file, "--input", path, "-o", "f.wav", "-q")
    assert code == 0, err
    assert read_audio("f.wav").duration_s == pytest.approx(frames / 44_100, abs=0.01)
