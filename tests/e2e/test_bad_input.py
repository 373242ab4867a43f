"""Bad input: one line with place and remedy, exit code 2, no traceback, nothing left behind."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lofigen_kit.nn import checkpoint
from lofigen_kit.nn.spec import make_stack_spec

Run = Callable[..., tuple[int, str, str]]
Refused = Callable[..., str]

BASE = "version: 1\nname: t\nsource: {use: bursts}\n"


def test_no_such_preset(refused: Refused) -> None:
    assert refused("chain", "preset", "lofi-tpe") == (
        "lofi-tpe: there is no such preset; did you mean 'lofi-tape'?"
    )


def test_a_preset_that_is_a_folder(refused: Refused, tmp_path: Path) -> None:
    assert "there is no such preset" in refused("chain", "preset", tmp_path)


def test_a_wrong_override(refused: Refused, preset_file: Path) -> None:
    line = refused("chain", "preset", preset_file, "--set", "effects.0.level=7")
    assert line == (
        "--set effects.0.level=7: effects[0].level: 7 is above the maximum 1; give 0 to 1"
    )


@pytest.mark.parametrize("path", ["../secret.wav", "/etc/passwd", "link.wav"])
def test_a_preset_that_reaches_outside_its_folder(
    refused: Refused, tmp_path: Path, path: str
) -> None:
    """Cases 20 to 22."""
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "secret.wav").write_bytes(b"RIFF")
    (inner / "link.wav").symlink_to(tmp_path / "secret.wav")
    preset = inner / "out.yaml"
    preset.write_text(f"version: 1\nname: out\nsource: {{use: audio-file, path: {path}}}\n")
    refused("chain", "preset", preset)


@pytest.mark.parametrize(
    "name", ["CON", "trailing.", "x" * 100, "right\u202eto-left", "-n", "../../up", "a/b"]
)
def test_a_name_that_is_unsafe_in_a_file_name(
    run: Run, preset_file: Path, tmp_path: Path, name: str
) -> None:
    """Cases 23 to 25: the name is made safe."""
    code, *_ = run("chain", "preset", preset_file, "--set", f"name={name}", "-o", tmp_path / "o")
    assert code == 0
    written = sorted((tmp_path / "o").iterdir())
    assert len(written) == 2
    assert all(p.name.isascii() and p.name[0] not in "-. " for p in written)
    assert all(len(p.name) < 160 for p in written)
    assert not any(p.stem.upper() == "CON" for p in written)


def test_an_output_that_is_there_is_kept(run: Run, refused: Refused, preset_file: Path) -> None:
    """Case 26."""
    Path("out.wav").write_bytes(b"mine")
    line = refused("chain", "preset", preset_file, "-o", "out.wav")
    assert line.startswith("out.wav: the file is there already; overwrite it with --force")
    assert Path("out.wav").read_bytes() == b"mine"
    assert run("chain", "preset", preset_file, "-o", "out.wav", "--force")[0] == 0
    assert Path("out.wav").read_bytes().startswith(b"RIFF")
    Path("out.wav").unlink()
    assert "out.json: the file is there" in refused("chain", "preset", preset_file, "-o", "out.wav")


def test_a_place_that_cannot_be_written_to(refused: Refused, preset_file: Path) -> None:
    Path("file").write_text("")  # below a file nobody can write, not even root
    for output in ("file/x.wav", "file/deep/folder"):
        line = refused("chain", "preset", preset_file, "-o", output)
        assert "cannot be written (Not a directory); choose another place" in line


def test_a_disk_that_fills_up_leaves_nothing(
    run: Run, preset_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object, **_kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lofigen_kit.audio.files.write_blocks", full)
    code, _, err = run("chain", "preset", preset_file, "-o", "x.wav")
    assert code == 1
    assert err == "lofigen-kit: x.wav: writing failed (No space left on device)\n"
    assert not list(Path().iterdir())


@pytest.mark.parametrize("output", ["out.aac", "out.txt"])
def test_a_format_that_cannot_be_written(refused: Refused, preset_file: Path, output: str) -> None:
    line = refused("chain", "preset", preset_file, "-o", output)
    assert line.startswith(f"{output}: {output[3:]} is not a format that can be written; use .wav")


def test_one_file_for_several_takes(refused: Refused, preset_file: Path) -> None:
    line = refused("chain", "preset", preset_file, "--takes", 2, "-o", "x.wav")
    assert line == "x.wav: one file cannot hold 2 results; give -o a folder"


NO_AUDIO = {
    "text.wav": b"this is no audio at all\n",
    "empty.wav": b"",
    "cut.flac": b"fLaC\x00\x00\x00\x22",
    "list.wav": b"#EXTM3U\n/etc/passwd\n",
}


@pytest.mark.parametrize("name", NO_AUDIO)
@pytest.mark.parametrize("command", ["preset", "process", "inspect"])
def test_a_file_that_is_no_audio(
    refused: Refused, preset_file: Path, tmp_path: Path, command: str, name: str
) -> None:
    """Cases 27 and 35."""
    path = tmp_path / name
    path.write_bytes(NO_AUDIO[name])
    arguments = {
        "preset": ["chain", "preset", preset_file, "--input", path],
        "process": ["process", path, "--preset", preset_file],
        "inspect": ["inspect", path],
    }
    assert name in refused(*arguments[command])


def riff(
    rate_hz: int = 44_100, channels: int = 2, said: int | None = None, data: bytes = b""
) -> bytes:
    """Return a WAV file of 16 bits that says what it is told to."""
    size = len(data) if said is None else said
    form = struct.pack(
        "<HHIIHH", 1, channels, rate_hz, min(2 * channels * rate_hz, 2**32 - 1), 2 * channels, 16
    )
    riff_size = min(size + 36, 2**32 - 1)
    return (
        b"RIFF" + struct.pack("<I", riff_size) + b"WAVEfmt " + struct.pack("<I", 16) + form
        + b"data" + struct.pack("<I", size) + data
    )  # fmt: skip


def flac(frames: int, claimed: int) -> bytes:
    """Return a FLAC file that claims a number of frames (the last 36 bits of bytes 18 to 25)."""
    file = io.BytesIO()
    soundfile.write(file, 0.1 * np.sin(np.arange(frames) / 9), 44_100, format="FLAC")
    data = file.getvalue()
    packed = int.from_bytes(data[18:26], "big") >> 36 << 36 | claimed
    return data[:18] + packed.to_bytes(8, "big") + data[26:]


def floats(value: float) -> bytes:
    file = io.BytesIO()
    samples = np.zeros(5000)
    samples[-7] = value
    soundfile.write(file, samples, 44_100, "FLOAT", format="WAV")
    return file.getvalue()


SOUND = (1000 * np.sin(np.arange(40_000) / 9)).astype("<i2").tobytes()

HOSTILE = {
    "no bytes": (b"", "the file is empty"),
    "a stub": (riff()[:20], "this is not audio"),
    "no frames": (riff(), "the file holds no sound"),
    "no channels": (riff(channels=0, data=SOUND), "this is not audio"),
    "64 channels": (riff(channels=64, data=SOUND), "64 channels are more than 32"),
    "0 Hz": (riff(rate_hz=0, data=SOUND), "this is not audio"),
    "1 Hz": (riff(rate_hz=1, data=SOUND), "a sample rate of 1 Hz"),
    "4 GHz": (riff(rate_hz=4_000_000_000, data=SOUND), "this is not audio"),
    "no numbers": (floats(np.nan), "not numbers"),
    "infinity": (floats(np.inf), "not numbers"),
    "text": (b"la la la\n" * 100, "this is not audio"),
    "a playlist": (b"#EXTM3U\n/etc/passwd\n", "this is not audio"),
    "a FLAC without frames": (flac(5000, 5000)[:60], ""),
}
"""Cases 27, 31 to 33 and 35: refused."""

DAMAGED = {
    "cut short": (riff(said=160_000, data=SOUND), 20_000),
    "4 GB in a header": (riff(said=4_000_000_000, data=SOUND), 20_000),
    "1 GB in a header": (riff(said=10**9, data=SOUND), 20_000),
    "a FLAC that claims too much": (flac(20_000, 10**6), 20_000),
    "a FLAC that claims it has no end": (flac(20_000, 2**36 - 1), 20_000),
}
"""Cases 28 to 30: refused, or used as far as they go, with a warning."""


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_one_line_and_leaves_nothing(
    refused: Refused, preset_file: Path, tmp_path: Path, name: str
) -> None:
    content, message = HOSTILE[name]
    (tmp_path / "bad.wav").write_bytes(content)
    line = refused("process", tmp_path / "bad.wav", "--preset", preset_file, "-o", "new")
    assert line.startswith(f"{tmp_path / 'bad.wav'}: ")
    assert message in line


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_refused_or_used_as_far_as_it_goes(
    run: Run, preset_file: Path, tmp_path: Path, name: str
) -> None:
    content, frames = DAMAGED[name]
    (tmp_path / "bad.wav").write_bytes(content)
    command = ("process", tmp_path / "bad.wav", "--preset", preset_file, "-o", "x.wav")
    code, out, err = run(*command)
    assert (code, out) == (2, "")
    said_by_format = err.count("the name says .wav, it is FLAC")
    assert err.count("\n") - said_by_format == 1
    assert "bad.wav: the file is damaged: only 0.5 s of it can be read" in err
    assert not Path("x.wav").exists()
    code, out, err = run(*command, "--salvage")
    assert code == 0
    assert out.startswith("x.wav  0.5 s")
    assert err.count("\n") - said_by_format == 1
    assert "the file is damaged" in err
    assert soundfile.info("x.wav").frames == frames
    assert soundfile.info("x.wav").channels == (1 if "FLAC" in name else 2)


def test_a_stream_of_unknown_length_is_no_lie(run: Run, preset_file: Path, tmp_path: Path) -> None:
    """As ffmpeg writes one into a pipe."""
    (tmp_path / "piped.wav").write_bytes(riff(said=2**32 - 40, data=SOUND))
    code, _, err = run("process", tmp_path / "piped.wav", "--preset", preset_file, "-o", "x.wav")
    assert (code, err) == (0, "")
    assert soundfile.info("x.wav").frames == 20_000


def test_a_folder_as_a_file_and_a_file_as_a_folder(
    refused: Refused, preset_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty.wav").mkdir()
    command = ("process", tmp_path / "empty.wav", "--preset", preset_file)
    assert refused(*command) == (
        f"{tmp_path / 'empty.wav'}: the folder holds no sound; name another one"
    )
    line = refused("process", preset_file, "--preset", preset_file, "-o", preset_file / "x")
    assert "cannot be written (Not a directory)" in line


def test_a_sound_too_long_for_its_format_is_refused_before_it_is_made(
    refused: Refused, preset_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.wav").write_bytes(riff(data=SOUND))
    monkeypatch.setattr("lofigen_kit.audio.files.MAX_WAV_BYTES", 100_000)
    line = refused("process", tmp_path / "a.wav", "--preset", preset_file)
    assert line.endswith("a WAV file holds no more than 4 GB; write FLAC")


@pytest.mark.parametrize("command", ["process", "inspect"])
def test_a_file_that_is_not_there(refused: Refused, preset_file: Path, command: str) -> None:
    more = ["--preset", preset_file] if command == "process" else []
    assert "nowhere.wav" in refused(command, "nowhere.wav", *more)


def test_a_rendered_file_without_a_recipe(run: Run, refused: Refused, preset_file: Path) -> None:
    run("chain", "preset", preset_file, "--stems", "-o", "x.wav")
    line = refused("chain", "preset", "x.stems/00-model.wav")
    assert line == (
        "x.stems/00-model.wav: the file has no recipe; give a preset, or a rendered file"
    )


@pytest.fixture
def model_preset(tmp_path: Path) -> Path:
    path = tmp_path / "model.yaml"
    path.write_text(BASE + "model: {use: conv4, checkpoint: m.safetensors}\nsampler: {use: mean}\n")
    return path


def write_checkpoint(path: Path) -> None:
    spec = make_stack_spec([(1, 16, 128), (16, 64, 256), (64, 16, 256), (16, 1, 128)], mixtures=2)
    tensors = {n: np.zeros(s, np.float32) for n, s in checkpoint.expected_shapes(spec).items()}
    checkpoint.save(path, spec, tensors, {"licence": "CC0-1.0"})


def test_a_checkpoint_that_was_edited(refused: Refused, model_preset: Path, tmp_path: Path) -> None:
    """Case 38."""
    path = tmp_path / "m.safetensors"
    write_checkpoint(path)
    blob = bytearray(path.read_bytes())
    blob[-1] ^= 1
    path.write_bytes(blob)
    line = refused("chain", "preset", model_preset)
    assert "m.safetensors: the weights' hash is " in line


@pytest.mark.parametrize("content", [b"", b"\x80\x04pickle", b"PK\x03\x04zip", b"\xff" * 64])
def test_a_checkpoint_that_is_none(
    refused: Refused, model_preset: Path, tmp_path: Path, content: bytes
) -> None:
    """Cases 36 to 38."""
    (tmp_path / "m.safetensors").write_bytes(content)
    line = refused("chain", "preset", model_preset)
    assert "m.safetensors: not a complete safetensors file" in line


def test_a_checkpoint_of_another_shape(
    refused: Refused, model_preset: Path, tmp_path: Path
) -> None:
    """Case 39."""
    spec = make_stack_spec([(1, 16, 128), (16, 64, 200), (64, 16, 256), (16, 1, 128)], mixtures=2)
    tensors = {n: np.zeros(s, np.float32) for n, s in checkpoint.expected_shapes(spec).items()}
    checkpoint.save(tmp_path / "m.safetensors", spec, tensors, {})
    line = refused("chain", "preset", model_preset)
    assert "tensor 'layers.1.weight' is (64, 16, 200), conv4 has (64, 16, 256)" in line
    line = refused("chain", "preset", model_preset, "--set", "model.use=conv6",
                   "--set", "model.checkpoint=m.safetensors")  # fmt: skip
    assert "it has 4 layers, conv6 has 6" in line


def test_a_checkpoint_that_is_not_there(refused: Refused, model_preset: Path) -> None:
    assert "there is no such checkpoint" in refused("chain", "preset", model_preset)
    line = refused("chain", "preset", model_preset, "--set", "model.checkpoint=lofi-gided")
    assert line.startswith("model conv4: there is no checkpoint 'lofi-gided' of conv4; ")


def test_a_device_that_is_none(refused: Refused, preset_file: Path) -> None:
    line = refused("chain", "preset", preset_file, "--device", "tpu")
    assert line == "there is no device 'tpu'; choose auto, cpu or cuda"
