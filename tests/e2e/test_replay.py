"""A file's own recipe, rendered again: what is the same, what is not, and what a stranger wrote."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.audio.files import read_audio, read_comment, write_audio
from lofigen_kit.audio.hashing import hash_audio

Run = Callable[..., tuple[int, str, str]]
Refused = Callable[..., str]
Recipe = dict[str, Any]

FORMATS = [("wav", 16), ("wav", 24), ("wav", 32), ("flac", 16), ("flac", 24), ("ogg", 16),
           ("mp3", 16)]  # fmt: skip


def recipe_of(name: str) -> Recipe:
    return dict(json.loads(read_comment(name) or ""))


def rewrite(name: str, facts: Recipe | str, audio: AudioBuffer | None = None) -> None:
    """Write a WAV file again with another recipe or another sound."""
    text = facts if isinstance(facts, str) else json.dumps(facts)
    write_audio(Path(name), audio or read_audio(name), format="wav", bit_depth=24, comment=text,
                rng=None, force=True)  # fmt: skip


@pytest.mark.parametrize(("file_format", "bit_depth"), FORMATS)
def test_every_format_replays(
    run: Run, preset_file: Path, file_format: str, bit_depth: int
) -> None:
    name = f"a.{file_format}"
    run("chain", "preset", preset_file, "-o", name, "--set", f"output.bit_depth={bit_depth}")
    of = "before encoding" if file_format in ("ogg", "mp3") else "in the file"
    verdict = f"{name}: bit-identical (the samples {of})\n"
    assert run("chain", "replay", name) == (0, verdict, "")


@pytest.mark.parametrize(("file_format", "bit_depth"), FORMATS[:5])
def test_the_hash_in_the_recipe_is_that_of_the_file(
    run: Run, preset_file: Path, file_format: str, bit_depth: int
) -> None:
    name = f"a.{file_format}"
    run("chain", "preset", preset_file, "-o", name, "--set", f"output.bit_depth={bit_depth}")
    facts = recipe_of(name)
    assert facts["audio_sha256"] == hash_audio(read_audio(name))
    assert facts["audio_sha256_of"] == "the samples in the file"


@pytest.mark.parametrize("file_format", ["wav", "flac", "ogg", "mp3"])
def test_a_file_is_the_same_byte_for_byte(run: Run, preset_file: Path, file_format: str) -> None:
    for name in ("a", "b"):
        run("chain", "preset", preset_file, "-o", f"{name}.{file_format}", "--midi")
    for suffix in (file_format, "mid", "json"):
        assert Path(f"a.{suffix}").read_bytes() == Path(f"b.{suffix}").read_bytes()
    run("chain", "preset", f"a.{file_format}", "-o", f"c.{file_format}")
    assert Path(f"a.{file_format}").read_bytes() == Path(f"c.{file_format}").read_bytes()


def test_takes_and_overrides_replay(run: Run, preset_file: Path) -> None:
    run("chain", "preset", preset_file, "--takes", 3, "--set", "effects.0.level=0.03",
        "--seed", 11, "-o", "out/")  # fmt: skip
    for take in range(3):
        assert run("chain", "replay", f"out/small_200bpm_Dmin_seed11_take{take}.wav")[0] == 0


def test_a_sample_that_was_changed_is_found(run: Run, preset_file: Path) -> None:
    run("chain", "preset", preset_file, "-o", "a.wav")
    audio = read_audio("a.wav")
    samples = audio.samples.copy()
    samples[1, 22_050] += 2.0**-10
    rewrite("a.wav", recipe_of("a.wav"), audio.with_samples(samples))
    code, out, _ = run("chain", "replay", "a.wav")
    assert code == 1
    assert out.splitlines() == [
        "a.wav: different (the samples in the file), from 0.500 s, by up to -60.2 dBFS",
        "  the audio in the file was changed after it was rendered",
    ]


def test_what_is_different_is_named(run: Run, preset_file: Path) -> None:
    run("chain", "preset", preset_file, "-o", "a.wav")
    facts = recipe_of("a.wav")
    rewrite("a.wav", facts)
    now = facts["versions"]["numpy"]
    facts["versions"]["numpy"] = "1.0"
    facts["network_sha256"] = "cd" * 32
    facts["cpu"] = "an abacus\x1b[2J"
    facts["plugins"]["lost"] = "lofigen-lost 1"
    rewrite("a.wav", facts)
    same = json.loads(run("chain", "replay", "a.wav", "--json")[1])
    assert same["same"]  # other circumstances, the same sound
    facts["preset"]["seed"] += 1
    rewrite("a.wav", facts)
    code, out, _ = run("chain", "replay", "a.wav")
    assert code == 1
    assert f"numpy was 1.0, is {now}" in out
    assert "cpu was an abacus\N{REPLACEMENT CHARACTER}[2J, is " in out
    assert f"network was {'cd' * 32}, is {'ab' * 32}" in out
    assert "lost was lofigen-lost 1, is none" in out
    assert "source was " in out  # another seed gives another source
    assert "changed after" not in out


def test_a_lossy_file_is_judged_by_what_was_encoded(run: Run, preset_file: Path) -> None:
    run("chain", "preset", preset_file, "-o", "a.mp3")
    facts = recipe_of("a.mp3")
    facts["audio_sha256"] = "0" * 64
    write_audio(Path("a.mp3"), read_audio("a.mp3"), format="mp3", bit_depth=16,
                comment=json.dumps(facts), rng=None, force=True)  # fmt: skip
    code, out, _ = run("chain", "replay", "a.mp3")
    assert code == 1
    assert out.splitlines() == [
        "a.mp3: different (the samples before encoding)",
        "  the recipe shows no cause: everything that it records is the same here",
    ]


def test_another_length_is_not_the_same(run: Run, preset_file: Path) -> None:
    run("chain", "preset", preset_file, "-o", "a.wav")
    audio = read_audio("a.wav")
    rewrite("a.wav", recipe_of("a.wav"), audio.with_samples(audio.samples[:, 1:]))
    code, out, _ = run("chain", "replay", "a.wav", "--json")
    assert code == 1
    found = json.loads(out)
    assert found["changed_since"]
    assert found["first_s"] is None


@pytest.mark.parametrize("command", ["input", "process"])
def test_a_recording_that_is_gone_is_named(
    run: Run, refused: Refused, preset_file: Path, recording: Path, command: str
) -> None:
    if command == "input":
        assert run("chain", "preset", preset_file, "--input", recording, "-o", "a.wav")[0] == 0
    else:
        assert run("process", recording, "--preset", preset_file, "-o", "a.wav")[0] == 0
    line = refused("chain", "replay", "a.wav")
    assert line == (
        "piano.wav: the file from which it was made is missing; put it there, or name it with "
        "--input"
    )
    assert run("chain", "replay", "a.wav", "--input", recording)[0] == 0
    Path("piano.wav").write_bytes(recording.read_bytes())
    assert run("chain", "replay", "a.wav")[0] == 0


def test_a_processed_file_replays_and_lends_its_effects(
    run: Run, refused: Refused, preset_file: Path, recording: Path
) -> None:
    name = "a.flac"
    run("process", recording, "--preset", preset_file, "-o", name, "--set", "output.bit_depth=16")
    verdict = f"{name}: bit-identical (the samples in the file)\n"
    replay = ("chain", "replay", name, "--input", recording)
    assert run(*replay) == (0, verdict, "")
    line = refused("chain", "preset", name)
    assert line == (
        "a.flac: the file was made by `process`; process its recording again: lofigen-kit process "
        "RECORDING -p a.flac"
    )
    assert run("process", recording, "-p", name, "-o", "b.flac")[0] == 0
    assert Path("b.flac").read_bytes() == Path(name).read_bytes()
    audio = read_audio(recording)
    write_audio(recording, audio.with_samples(0.5 * audio.samples[:, ::-1]), format="wav",
                bit_depth=16, comment="", rng=None, force=True)  # fmt: skip
    code, out, _ = run(*replay)
    assert code == 1
    assert "source was " in out
    assert ", from 0.000 s, by up to " in out


def test_the_score_of_a_recording_is_not_written(
    run: Run, refused: Refused, preset_file: Path, recording: Path
) -> None:
    run("chain", "preset", preset_file, "-o", "a.wav", "--midi")
    line = refused("process", recording, "--preset", "a.wav")
    assert line == "output.midi: a recording has no score to write; set output.midi=false"


def test_another_recording_is_another_source(run: Run, preset_file: Path, recording: Path) -> None:
    run("chain", "preset", preset_file, "--input", recording, "-o", "a.wav")
    audio = read_audio(recording)
    write_audio(Path("piano.wav"), audio.with_samples(-audio.samples), format="wav", bit_depth=16,
                comment="", rng=None)  # fmt: skip
    code, out, _ = run("chain", "replay", "a.wav")
    assert code == 1
    assert "source was " in out


def test_what_cannot_be_replayed_is_one_line(
    run: Run, refused: Refused, preset_file: Path, recording: Path
) -> None:
    line = refused("chain", "replay", recording)
    assert line == f"{recording}: the file has no recipe; give a preset, or a rendered file"
    assert "no such file" in refused("chain", "replay", "nowhere.wav")
    assert "not audio" in refused("chain", "replay", preset_file)
    run("chain", "preset", preset_file, "-o", "a.wav")
    line = refused("chain", "replay", "a.wav", "--input", recording)
    assert line == "the file was not made from a recording; leave out --input"


# A recipe that a stranger wrote.


STRANGERS = {
    "format": "lofigen-kit recipe 1",
    "preset": {
        "version": 1,
        "name": "small",
        "source": {"use": "bursts"},
        "effects": [{"use": "fake-noise"}],
    },
    "plugins": {"sparkle": "lofigen-sparkle 1.2"},
}


def strangers(refused: Refused, change: Callable[[Recipe], Any]) -> str:
    """Return the line that refuses a file with a recipe that was changed."""
    facts = copy.deepcopy(STRANGERS)
    changed = change(facts)
    text = changed if isinstance(changed, str) else json.dumps(facts)
    write_audio(Path("a.wav"), AudioBuffer(np.zeros((1, 100)), 8_000), format="wav", bit_depth=16,
                comment=text, rng=None)  # fmt: skip
    line = refused("chain", "replay", "a.wav")
    assert refused("chain", "preset", "a.wav", "--set", "name=b").endswith(line)
    assert [path.name for path in Path().iterdir()] == ["a.wav"]
    return line.removeprefix("a.wav: ")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f["preset"].update(seed=-1), "seed: -1 is below the minimum 0"),
        (lambda f: f["preset"].update(dry_mix=math.nan), "dry_mix: nan: input should be a finite"),
        (lambda f: f["preset"].update(colour="red"), "colour: there is no such field"),
        (lambda f: f.update(preset=7), "a preset is a mapping"),
        (lambda f: f.pop("preset") and None, "a preset is a mapping"),
        (lambda f: f["preset"].update(effects=[{"use": "fake-noise"}] * 65), "effects: too many"),
        (lambda f: json.dumps(f).replace("[", "[" * 500).replace("]", "]" * 500),
         "the file has no recipe"),
        (lambda _: "[" * 100_000, "the file has no recipe"),
        (lambda _: '{"seed": ' + "9" * 5000 + "}", "the file has no recipe"),
    ],
    ids=["range", "nan", "field", "number", "nothing", "many", "deep", "deeper", "digits"],
)  # fmt: skip
def test_a_recipe_is_validated_as_a_preset_is(
    refused: Refused, change: Callable[[Recipe], Any], message: str
) -> None:
    assert strangers(refused, change).startswith(message)


def test_a_plugin_that_is_not_here_is_named(refused: Refused) -> None:
    assert strangers(refused, lambda f: f["preset"].update(effects=[{"use": "sparkle"}])) == (
        "it was made with the effect 'sparkle' of 'lofigen-sparkle 1.2', which is not installed; "
        "install it, or name its folder with --plugin-dir"
    )


@pytest.mark.parametrize("path", ["../piano.wav", "/etc/hostname"])
def test_a_recipe_reads_nothing_outside_its_folder(
    refused: Refused, recording: Path, path: str
) -> None:
    assert recording.exists()
    source = {"use": "audio-file", "path": path}
    line = strangers(refused, lambda f: f["preset"].update(source=source))
    assert line.startswith(f"source.path: {path!r} lies outside the preset's folder")


def test_a_recipe_cannot_drive_the_terminal(run: Run, preset_file: Path) -> None:
    run("chain", "preset", preset_file, "-o", "a.wav")
    facts = recipe_of("a.wav")
    facts["disclosure"] = "made by hand\x1b]0;mine\x07"
    facts["key"] = "D\nminor"
    rewrite("a.wav", facts)
    out = run("inspect", "a.wav")[1]
    assert "made by hand" in out
    assert not set(out) & {"\x1b", "\x07"}
    assert "D\N{REPLACEMENT CHARACTER}minor" in out
