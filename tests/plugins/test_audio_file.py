from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from pydantic import ValidationError

from lofigen_kit.api import AudioError, Context, InputError, Take
from lofigen_kit.testing import check_component
from lofigen_kit_plugins.audio_file import AudioFile

RATE_HZ = 8_000
PACKAGE = "supersonic-scsynth-samples@0.84.2"
HELD_OUT_BPM = {
    **{f"arovane_beat_{letter}": 65.0 for letter in "abcde"},
    "loop_compus": 74.0,
    "loop_mehackit1": 97.0,
    "loop_mehackit2": 97.0,
}
"""CC0 loops that no shipped network was trained on."""


def context(root: Path | None = None) -> Context:
    return Context(rng=np.random.default_rng(0), root=root)


def take_of(path: Path | str, root: Path | None = None, **fields: Any) -> Take:
    return AudioFile(path=str(path), **fields).make_take(context(root))


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    samples = np.random.default_rng(1).uniform(-0.5, 0.5, (3 * RATE_HZ, 2))
    soundfile.write(tmp_path / "Rainy Tape.wav", samples, RATE_HZ)
    return tmp_path / "Rainy Tape.wav"


def test_the_contract(recording: Path) -> None:
    check_component(AudioFile, path=str(recording))


def test_a_take_is_the_whole_recording(recording: Path) -> None:
    take = take_of(recording)
    assert take.audio.samples.shape == (2, 3 * RATE_HZ)
    assert take.score.duration_s == 3.0
    assert (take.title, take.licence) == ("Rainy Tape", "unknown")


def test_a_take_is_an_excerpt(recording: Path) -> None:
    take = take_of(recording, start_s=1.0, duration_s=0.5, licence="CC-BY-4.0")
    whole, _ = soundfile.read(recording, dtype="float32")
    np.testing.assert_array_equal(take.audio.samples.T, whole[RATE_HZ : RATE_HZ * 3 // 2])
    assert take.licence == "CC-BY-4.0"
    assert take_of(recording, start_s=2.5, duration_s=9.0).audio.duration_s == 0.5


def test_an_excerpt_past_the_end(recording: Path) -> None:
    with pytest.raises(InputError, match=r"start_s is 3, but the recording ends at 3\.0 s"):
        take_of(recording, start_s=3.0)


@pytest.mark.parametrize(
    "fields",
    [{"path": ""}, {"start_s": -1}, {"duration_s": 0}, {"duration_s": 4000}, {"licence": ""}],
)
def test_fields_are_bounded(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AudioFile(**{"path": "a.wav", **fields})


def test_a_preset_finds_a_file_beside_it(recording: Path) -> None:
    assert take_of(recording.name, recording.parent).title == recording.stem


def test_a_preset_reaches_no_further_than_its_folder(recording: Path) -> None:
    root = recording.parent / "root"
    root.mkdir()
    (root / "link.wav").symlink_to(recording)
    for path in (recording, f"../{recording.name}", "link.wav", f"x/../../{recording.name}"):
        with pytest.raises(InputError, match="outside the preset's folder"):
            take_of(path, root)


def test_the_user_may_name_any_file(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = recording.parent / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    assert take_of(f"../{recording.name}").title == recording.stem


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("missing", lambda path: path.unlink()),
        ("empty", lambda path: path.write_bytes(b"")),
        ("text", lambda path: path.write_text("la la la\n" * 50)),
        ("stub", lambda path: path.write_bytes(path.read_bytes()[:30])),
        ("channels", lambda path: soundfile.write(path, np.zeros((9, 64)), RATE_HZ)),
        ("rate", lambda path: soundfile.write(path, np.zeros(9), 1)),
        ("nan", lambda path: soundfile.write(path, np.full(9, np.nan), RATE_HZ, "FLOAT")),
        ("no frames", lambda path: soundfile.write(path, np.zeros((0, 1)), RATE_HZ)),
    ],
)
def test_a_hostile_file_is_one_line(
    recording: Path, name: str, spoil: Callable[[Path], object]
) -> None:
    spoil(recording)
    with pytest.raises(AudioError) as caught:
        take_of(recording)
    assert str(caught.value).startswith(f"{recording}: "), name
    assert "\n" not in str(caught.value)


# Real music.


@pytest.fixture(scope="session")
def loops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the held-out loops.

    LOFIGEN_TEST_LOOPS names a folder to keep the package in between runs.
    """
    kept = os.environ.get("LOFIGEN_TEST_LOOPS")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("loops")
    samples = folder / "package" / "samples"
    if samples.is_dir():
        return samples
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed: the held-out loops cannot be fetched")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        packed = subprocess.run(
            [npm, "pack", "--silent", PACKAGE],
            cwd=folder, check=True, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        pytest.skip(f"npm cannot fetch {PACKAGE}: is there a network?")
    shutil.unpack_archive(folder / packed.stdout.split()[-1], folder, filter="data")
    return samples


@pytest.mark.parametrize("name", HELD_OUT_BPM)
def test_a_held_out_loop(loops: Path, name: str) -> None:
    take = take_of(f"{name}.flac", loops, licence="CC0-1.0")
    score, expected_bpm = take.score, HELD_OUT_BPM[name]
    octaves = np.log2(score.tempo_bpm / expected_bpm)
    assert abs(octaves - round(octaves)) < 0.01
    assert score.bars * 4 * score.grid.beat_s == pytest.approx(take.audio.duration_s, rel=0.3)
    assert score.duration_s == take.audio.duration_s
    assert 1.0 <= len(score.hits) / score.duration_s <= 12.0
    assert all(0 <= hit.onset_s < score.duration_s for hit in score.hits)
    assert all(note.onset_s + note.duration_s <= score.duration_s + 1e-6 for note in score.notes)
