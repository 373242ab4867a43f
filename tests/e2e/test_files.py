"""What a producer gets from the command line: loops, fades, MIDI, and what `inspect` reads back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import mido
import numpy as np
import pytest

from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.audio.files import read_audio, read_metadata, write_audio
from lofigen_kit.audio.metadata import AudioMetadata, Cue, Loop

Run = Callable[..., tuple[int, str, str]]


def rendered(run: Run, preset_file: Path, *options: object, name: str = "a.wav") -> AudioBuffer:
    assert run("chain", "preset", preset_file, "-o", name, "--force", *options)[0] == 0
    return read_audio(name)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg"])
def test_a_loop_is_written_as_one(run: Run, preset_file: Path, name: str) -> None:
    audio = rendered(run, preset_file, "--set", "source.bars=2", name=name)
    assert read_metadata(name).loop == Loop(0, audio.frames - 1)
    assert f"loop            frames 0 to {audio.frames - 1}\n" in run("inspect", name)[1]


def test_a_recording_is_no_loop(run: Run, preset_file: Path) -> None:
    rendered(run, preset_file)
    assert run("process", "a.wav", "--preset", preset_file, "-o", "b.wav")[0] == 0
    assert read_metadata("b.wav").loop is None


def test_a_loop_that_is_to_end_is_none(run: Run, preset_file: Path) -> None:
    rendered(run, preset_file, "--set", "output.loop=false")
    assert read_metadata("a.wav").loop is None
    facts = json.loads(Path("a.json").read_text())
    assert facts["loop"] is False


def test_effects_come_to_rest_where_a_loop_is_to_end(run: Run, tmp_path: Path) -> None:
    """A filter hears the loop's end before its beginning, and silence before a piece's."""
    preset = tmp_path / "low.yaml"
    preset.write_text(
        "version: 1\nname: low\nsource: {use: bursts}\n"
        "effects: [{use: lowpass, cutoff_hz: 30, order: 8}]\n"
    )
    filtered = []
    for loop in ("true", "false"):
        rendered(run, preset, "--stems", "--set", f"output.loop={loop}")
        filtered.append(read_audio("a.stems/01-lowpass.wav").samples[:, :200])
    around, from_rest = filtered
    assert np.abs(from_rest).max() < 0.1 * np.abs(around).max()


def test_fades_go_from_silence_to_silence_and_count_in_the_loudness(
    run: Run, preset_file: Path
) -> None:
    options = ("--set", "output.loop=false", "--set", "source.bars=4",
               "--set", "master.fade_in_ms=300", "--set", "master.fade_out_ms=1000")  # fmt: skip
    plain = rendered(run, preset_file, *options[:4])
    faded = rendered(run, preset_file, *options)
    facts = json.loads(run("inspect", "a.wav", "--json")[1])
    assert facts["loudness_lufs"] == pytest.approx(-14, abs=0.1)

    def level_db(audio: AudioBuffer, start_s: float, stop_s: float) -> float:
        part = slice(round(start_s * 44_100), round(stop_s * 44_100))
        return float(20 * np.log10(audio.samples[:, part].std()))

    end_s = faded.duration_s
    gain_db = level_db(faded, 1, 2) - level_db(plain, 1, 2)
    for start_s, expected in ((0.149, -6.02), (end_s - 0.501, -6.02), (end_s - 0.251, -16.69)):
        part = (start_s, start_s + 0.002)
        found_db = level_db(faded, *part) - level_db(plain, *part) - gain_db
        assert found_db == pytest.approx(expected, abs=0.3)
    assert np.abs(faded.samples[:, [0, -1]]).max() < 1e-3


def test_a_loop_cannot_fade(run: Run, preset_file: Path) -> None:
    code, _, err = run("chain", "preset", preset_file, "--set", "master.fade_out_ms=100")
    assert (code, err) == (2, "lofigen-kit: master: a loop cannot fade; set output.loop=false\n")
    assert not list(Path().iterdir())


def test_an_mp3_of_a_loop_is_written_with_a_warning(run: Run, preset_file: Path) -> None:
    code, _, err = run("chain", "preset", preset_file, "-o", "a.mp3")
    assert code == 0
    assert err == (
        "lofigen-kit: a.mp3: players add a gap to an MP3; for a seamless loop, write WAV or FLAC\n"
    )
    assert read_audio("a.mp3").frames == round(1.2 * 44_100)
    code, _, err = run("chain", "preset", preset_file, "-o", "b.mp3", "--set", "output.loop=false")
    assert (code, err) == (0, "")


def test_the_score_is_written_beside_the_sound(run: Run, preset_file: Path) -> None:
    audio = rendered(run, preset_file, "--midi", "--set", "source.bars=2")
    file = mido.MidiFile("a.mid")
    assert file.length == pytest.approx(audio.duration_s, abs=1e-3)
    kicks = [m for m in file.tracks[-1] if m.type == "note_on"]
    assert [(m.channel, m.note, m.time) for m in kicks] == [(9, 36, 0)]
    assert json.loads(Path("a.json").read_text())["preset"]["output"]["midi"] is True
    Path("a.wav").unlink()
    Path("a.json").unlink()
    code, _, err = run("chain", "preset", preset_file, "--midi", "-o", "a.wav")
    assert code == 2
    assert err.startswith("lofigen-kit: a.mid: the file is there already; ")
    assert [path.name for path in Path().iterdir()] == ["a.mid"]


def test_a_preset_asks_for_midi(run: Run, preset_file: Path, tmp_path: Path) -> None:
    preset_file.write_text(preset_file.read_text() + "output: {midi: true}\n")
    run("chain", "preset", preset_file, "-o", tmp_path / "o", "--takes", 2)
    assert len(list((tmp_path / "o").glob("*.mid"))) == 2


def test_inspect_reads_everything_back(run: Run, preset_file: Path) -> None:
    audio = rendered(run, preset_file, "--set", "source.bars=2", "--set", "source.tempo_bpm=187.5")
    lines = dict(line.split("  ", 1) for line in run("inspect", "a.wav")[1].splitlines())
    told = {name: text.strip() for name, text in lines.items()}
    assert told["title"] == "bursts (small)"
    assert told["description"] == "small, 187.5 BPM, D minor, bursts"
    assert (told["tempo"], told["beats"], told["key"]) == ("187.5 BPM", "8", "D minor")
    assert told["cues"] == "2, from 'bar 1'"
    labels = json.loads(run("inspect", "a.wav", "--json")[1])["labels"]
    assert [cue["frame"] for cue in labels["cues"]] == [0, audio.frames // 2]
    assert labels["loudness_lufs"] == pytest.approx(-14, abs=0.1)


def test_a_picture_has_a_line_at_each_bar(run: Run) -> None:
    from matplotlib.image import imread

    audio = AudioBuffer(np.zeros((1, 8_000)), 8_000)
    bars = AudioMetadata(cues=tuple(Cue(frame, "bar") for frame in range(1_000, 8_000, 2_000)))
    for labels, picture in ((AudioMetadata(), "without.png"), (bars, "with.png")):
        write_audio(Path("a.wav"), audio, format="wav", bit_depth=16, comment="", rng=None,
                    metadata=labels, force=True)  # fmt: skip
        run("inspect", "a.wav", "--picture", picture)
    different = (imread("with.png") != imread("without.png")).any(axis=(0, 2))
    starts = np.flatnonzero(np.diff(different.astype(int)) == 1)
    assert len(starts) == 4
    assert np.diff(starts) == pytest.approx(np.diff(starts)[0], abs=2)


def test_a_cue_behind_the_end_is_not_drawn(run: Run) -> None:
    audio = AudioBuffer(np.zeros((1, 44_100)), 44_100)
    labels = AudioMetadata(cues=(Cue(0, "a"), Cue(2**32 - 1, "b\x1b")))
    write_audio(Path("a.wav"), audio, format="wav", bit_depth=16, comment="", rng=None,
                metadata=labels)  # fmt: skip
    assert run("inspect", "a.wav", "--picture", "a.png")[0] == 0
    assert json.loads(run("inspect", "a.wav", "--json")[1])["labels"]["cues"][1]["name"] == "b\x1b"
