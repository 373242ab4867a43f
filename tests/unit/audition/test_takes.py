from __future__ import annotations

import json
import logging
import os
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.audio.files import read_audio, write_audio
from lofigen_kit.audition import takes as module
from lofigen_kit.audition.drawing import COLUMNS, HIGHEST_HZ, LOWEST_HZ, ROWS, draw_sound
from lofigen_kit.audition.takes import Flag, SheetRow, find_takes, read_takes
from lofigen_kit.dsp.loudness import integrated_lufs
from lofigen_kit.errors import InputError

WriteTake = Callable[..., dict[str, Any]]
RATE_HZ = 44_100


def sine(hz: float, level: float = 0.5, seconds: float = 1.0) -> AudioBuffer:
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return AudioBuffer(level * np.sin(2 * np.pi * hz * time_s)[None], RATE_HZ)


def seen(audio: AudioBuffer) -> tuple[np.ndarray, np.ndarray]:
    wave, spectrum = draw_sound(audio)
    pairs = np.frombuffer(spectrum, np.uint8).reshape(ROWS, COLUMNS // 2)
    levels = np.stack([pairs >> 4, pairs & 15], axis=-1).reshape(ROWS, COLUMNS)
    return np.frombuffer(wave, np.uint8).reshape(COLUMNS, 4).astype(int), levels


def write(path: Path, audio: AudioBuffer, comment: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_audio(path, audio, format="wav", bit_depth=24, comment=comment, rng=None, force=True)


def only(folder: Path) -> SheetRow:
    (take,) = read_takes(folder, find_takes(folder))
    return take


@pytest.mark.parametrize(("hz", "band"), [(80.0, 0), (700.0, 1), (6000.0, 2)])
def test_the_colour_is_that_of_the_spectrum(hz: float, band: int) -> None:
    wave, _ = seen(sine(hz))
    low = 255 - wave[:, 2] - wave[:, 3]
    shares = np.stack([low, wave[:, 2], wave[:, 3]])[:, 5:-5]
    assert (shares[band] > 0.8 * 255).all()


def test_the_outline_is_peak_and_rms() -> None:
    level = np.repeat([0.25, 1.0], RATE_HZ)
    audio = sine(441.0, seconds=2.0)
    wave, _ = seen(audio.with_samples(2 * audio.samples * level))
    for half, peak in ((wave[5:175], 0.25), (wave[185:355], 1.0)):
        np.testing.assert_allclose(half[:, 0], 255 * peak, atol=1)
        np.testing.assert_allclose(half[:, 1], 255 * peak / np.sqrt(2), atol=4)


@pytest.mark.parametrize("hz", [110.0, 1000.0, 8000.0])
def test_the_spectrogram_shows_a_tone_in_its_row(hz: float) -> None:
    _, levels = seen(sine(hz, seconds=3.0))
    row = round((ROWS - 1) * (1 - np.log(hz / LOWEST_HZ) / np.log(HIGHEST_HZ / LOWEST_HZ)))
    middle = levels[:, 5:-5]
    assert (abs(middle.argmax(axis=0) - row) <= 1).all()
    assert middle.max() == 15
    assert (middle[[r for r in range(ROWS) if abs(r - row) > 6]] < 5).all()


def test_tones_too_close_for_the_lowest_rows_still_have_one() -> None:
    assert seen(sine(50.0))[1].max() == 15


@pytest.mark.parametrize("frames", [1, 100, 3000])
@pytest.mark.parametrize("level", [0.0, 1.0])
def test_short_and_silent_sounds_are_drawn(frames: int, level: float) -> None:
    wave, levels = seen(AudioBuffer(np.full((2, frames), level), 8000))
    assert wave[:, :2].max() == 255 * level
    assert (levels.max() == 15) == (level > 0)


def test_takes_are_found_in_the_order_in_which_people_count(
    tmp_path: Path, write_take: WriteTake
) -> None:
    inside = ["a/take2.wav", "a/take10.wav", "b/x.WAV", "take1.flac"]
    for place in [*inside, "a/take2.stems/00-model.wav", ".hidden/x.wav", "b/.x.wav", "b/x.json"]:
        write_take(tmp_path / "beats" / place)
    assert find_takes(tmp_path / "beats") == inside


def test_links_lead_nowhere_outside(
    tmp_path: Path, write_take: WriteTake, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "beats"
    write_take(tmp_path / "secret" / "x.wav")
    write_take(folder / "take.wav")
    (folder / "same.wav").symlink_to("take.wav")
    (folder / "out.wav").symlink_to(tmp_path / "secret" / "x.wav")
    (folder / "nowhere.wav").symlink_to("none")
    (folder / "below").symlink_to(tmp_path / "secret")
    (folder / "take.stems").symlink_to(tmp_path / "secret")
    with caplog.at_level(logging.WARNING):
        assert find_takes(folder) == ["same.wav", "take.wav"]
    ends = sorted(r.getMessage().split(":")[0][-7:] for r in caplog.records)
    assert ends == ["ere.wav", "out.wav", "s/below"]
    assert [take.dry for take in read_takes(folder, ["take.wav"])] == [None]


@pytest.mark.skipif(os.name == "nt", reason="no such names there")
def test_names_that_decisions_cannot_hold_are_left_out(
    tmp_path: Path, write_take: WriteTake, caplog: pytest.LogCaptureFixture
) -> None:
    odd = ["<img src=x onerror=alert(1)>.wav", "line\nbreak.wav", "'\"&.wav", "\u202egnp.wav"]
    for name in [*odd, "back\\slash.wav", "C:x.wav"]:
        write_take(tmp_path / name)
    write_take(tmp_path / os.fsdecode(b"\xff.wav"))
    with caplog.at_level(logging.WARNING):
        assert sorted(find_takes(tmp_path)) == sorted(odd)
    assert len(caplog.records) == 3


def test_a_folder_without_sound_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no audio"):
        find_takes(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        find_takes(tmp_path / "none")


def test_a_recipe_is_believed_of_its_own_sound_alone(tmp_path: Path, write_take: WriteTake) -> None:
    path = tmp_path / "x.wav"
    made = write_take(path, loudness_lufs=-99.0, true_peak_dbtp=-88.0, tempo_bpm=78, key="D minor")
    take = only(tmp_path)
    assert (take.loudness_lufs, take.true_peak_dbtp) == (-99.0, -88.0)
    assert (take.tempo_bpm, take.key, take.preset, take.seed) == (78.0, "D minor", "tape", "7")
    assert take.audio_sha256 == made["audio_sha256"]
    assert take.made is not None
    assert take.made.stages == (("sines", "hz 220, decay 125 ms"),)

    louder = read_audio(path)
    write(path, louder.with_samples(2 * louder.samples), json.dumps(made))
    take = only(tmp_path)
    assert take.loudness_lufs == pytest.approx(integrated_lufs(read_audio(path)))
    assert Flag("does not match its recipe") in take.flags


def test_sound_without_a_recipe_is_measured(tmp_path: Path) -> None:
    audio = sine(440.0, level=0.1, seconds=3.0)
    write(tmp_path / "x.wav", audio)
    take = only(tmp_path)
    assert take.loudness_lufs == pytest.approx(integrated_lufs(audio), abs=0.01)
    assert take.true_peak_dbtp == pytest.approx(-20.0, abs=0.05)
    assert (take.tempo_bpm, take.key, take.made, take.error) == (None, "", None, None)
    assert take.duration_s == 3.0
    assert [flag.what for flag in take.flags] == ["hum"]


@pytest.mark.parametrize(
    "facts",
    [
        {"tempo_bpm": float("nan"), "loudness_lufs": float("inf"), "true_peak_dbtp": -(10**400)},
        {"tempo_bpm": True, "key": 5, "seed": "x", "take": -1, "title": ["a"], "preset": [1]},
        {"preset": {"effects": {"a": 1}, "source": "x", "name": 3}, "audio_sha256": "zz"},
        {"preset": {"effects": [[], {"use": {}}, {"use": "x", "a" * 9000: [1, {"b": None}]}]}},
        {"seed": 10**4000, "take": 10**400, "title": "\u202e\x1b[31m" + "a" * 9000},
    ],
)
def test_no_recipe_of_a_stranger_breaks_the_sheet(
    tmp_path: Path, write_take: WriteTake, facts: dict[str, Any]
) -> None:
    write_take(tmp_path / "x.wav", **facts)
    take = only(tmp_path)
    assert take.error is None
    assert take.tempo_bpm is None
    assert len(take.title) <= module.MAX_TEXT_CHARS
    assert take.title.isprintable()
    if take.made:
        assert all(
            len(text) <= module.MAX_TEXT_CHARS for stage in take.made.stages for text in stage
        )


def ledger(folder: Path, **record: Any) -> None:
    line = {"job": "1", "status": "done", "path": "x.wav", "rank": 0.75, **record}
    (folder / "manifest.jsonl").write_text(json.dumps(line) + "\n")


def test_what_the_doctor_found_in_a_batch_is_told(tmp_path: Path, write_take: WriteTake) -> None:
    made = write_take(tmp_path / "x.wav")
    findings = [{"fault": "noise", "start_s": 2.0, "end_s": 6.0}]
    ledger(tmp_path, audio_sha256=made["audio_sha256"], findings=findings)
    take = only(tmp_path)
    assert take.flags == (Flag("noise", 2.0, 6.0),)
    assert take.rank == 0.75
    ledger(tmp_path, audio_sha256="00" * 32, findings=findings)  # of what was there before
    assert Flag("noise", 2.0, 6.0) not in only(tmp_path).flags


def test_a_folder_of_batches_has_the_ledger_of_each(tmp_path: Path, write_take: WriteTake) -> None:
    for name in ("warm", "cold"):
        made = write_take(tmp_path / "all" / name / "x.wav")
        findings = [{"fault": name, "start_s": 0.0, "end_s": 2.0}]
        ledger(tmp_path / "all" / name, audio_sha256=made["audio_sha256"], findings=findings)
    takes = read_takes(tmp_path / "all", find_takes(tmp_path / "all"))
    assert [(take.place, take.flags[0].what) for take in takes] == [
        ("cold/x.wav", "cold"), ("warm/x.wav", "warm")
    ]  # fmt: skip


def test_the_doctor_hears_what_the_network_played(tmp_path: Path, write_take: WriteTake) -> None:
    write_take(tmp_path / "x.wav", seconds=4.0)
    write(tmp_path / "x.stems" / "00-model.wav", sine(440.0, level=0.3, seconds=4.0))
    write(tmp_path / "x.stems" / "01-lowpass.wav", sine(880.0))
    take = only(tmp_path)
    assert take.flags == (Flag("hum", 0.0, 4.0),)
    assert take.dry is not None
    assert take.dry.place == "x.stems/00-model.wav"
    assert take.dry.loudness_lufs == pytest.approx(integrated_lufs(sine(440.0, 0.3, 4.0)), abs=0.01)


def test_clipping_and_silence_are_flagged(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = np.clip(rng.normal(0, 0.1, (1, RATE_HZ)), -0.9, 0.9)
    noise[0, 4410:4414] = 1.0
    noise[0, 8820:8822] = 1.0  # two samples may happen to reach it
    write(tmp_path / "clipped.wav", AudioBuffer(noise, RATE_HZ))
    write(tmp_path / "silent.wav", AudioBuffer(np.zeros((1, RATE_HZ)), RATE_HZ))
    clipped, silent = read_takes(tmp_path, find_takes(tmp_path))
    cut = next(flag for flag in clipped.flags if flag.what == "clipping at full scale")
    assert cut.start_s == pytest.approx(0.1, abs=1e-4)
    assert cut.end_s == pytest.approx(0.1, abs=1e-3)
    assert silent.loudness_lufs is None
    assert Flag("silence") in silent.flags


def test_what_cannot_be_read_stops_no_other(tmp_path: Path, write_take: WriteTake) -> None:
    (tmp_path / "a.wav").write_text("no audio")
    (tmp_path / "b.wav").touch()
    whole = write_take(tmp_path / "c.wav")
    blob = (tmp_path / "c.wav").read_bytes()
    (tmp_path / "d.wav").write_bytes(blob[: len(blob) // 2])
    write_take(tmp_path / "e.flac")
    a, b, c, d, e = read_takes(tmp_path, find_takes(tmp_path))
    assert a.error == "this is not audio that can be read"
    assert b.error == "the file is empty"
    assert (c.error, c.audio_sha256) == (None, whole["audio_sha256"])
    assert d.error is None
    assert any("damaged" in flag.what for flag in d.flags)
    assert any("the name says .flac" in flag.what for flag in e.flags)
    assert not any(str(tmp_path) in flag.what for flag in e.flags)


def test_other_processes_see_the_same(
    tmp_path: Path, write_take: WriteTake, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        write_take(tmp_path / f"take{number}.wav", hz=100.0 * (number + 1))
    (tmp_path / "take6.wav").write_text("no audio")
    places, told = find_takes(tmp_path), []
    here = read_takes(tmp_path, places)
    monkeypatch.setattr(module, "FEW_TAKES", 2)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert read_takes(tmp_path, places, progress=lambda *done: told.append(done)) == here
    assert told == [("reading takes", n, 7) for n in range(1, 8)]
    assert len({take.wave for take in here}) == 7
    assert len(b64decode(here[0].wave)) == 4 * COLUMNS


def part_names(folder: Path, seconds: float = 1.0, *names: str) -> list[str]:
    for name in names:
        write(folder / "x.stems" / name, sine(330.0, seconds=seconds))
    return [part.name for part in only(folder).parts]


def test_parts_are_found_in_the_order_of_a_mixer(tmp_path: Path, write_take: WriteTake) -> None:
    write_take(tmp_path / "x.wav")
    names = ["strings-2", "lead", "drums", "bells", "bass", "keys"]
    files = [f"part-{name}.wav" for name in names]
    assert part_names(tmp_path, 1.0, *files) == []  # nothing says how loud their mix is
    write(tmp_path / "x.stems" / "00-source.wav", sine(110.0))
    assert part_names(tmp_path) == ["drums", "bass", "keys", "lead", "bells", "strings-2"]
    take = only(tmp_path)
    assert take.parts[0].place == "x.stems/part-drums.wav"
    assert take.dry is not None
    assert take.dry.place == "x.stems/00-source.wav"
    assert find_takes(tmp_path) == ["x.wav"]


def test_only_parts_of_this_mix_are_parts(tmp_path: Path, write_take: WriteTake) -> None:
    write_take(tmp_path / "beats" / "x.wav")
    stems = tmp_path / "beats" / "x.stems"
    write(stems / "00-model.wav", sine(110.0))
    hostile = ["part-Keys.wav", "part-a_b.wav", "part-a b.wav", "part-.wav", "part-<b>.wav",
               "part-a.b.wav", "part-\u00e9.wav", "part-a\n.wav", f"part-{33 * 'a'}.wav",
               "xpart-keys.wav", "part-keys.flac"]  # fmt: skip
    assert part_names(tmp_path / "beats", 1.0, *hostile, "part-bass.wav") == ["bass"]
    write(stems / "part-long.wav", sine(330.0, seconds=1.2))
    write(stems / "part-short.wav", sine(330.0, seconds=0.5))  # its last note ends early
    (stems / "part-text.wav").write_text("no audio")
    (stems / "part-empty.wav").touch()
    (stems / "part-folder.wav").mkdir()
    write(tmp_path / "secret.wav", sine(330.0))
    (stems / "part-out.wav").symlink_to(tmp_path / "secret.wav")
    (stems / "part-nowhere.wav").symlink_to("none.wav")
    assert part_names(tmp_path / "beats") == ["bass", "short"]


def test_parts_after_the_sixteenth_are_left_out(tmp_path: Path, write_take: WriteTake) -> None:
    write_take(tmp_path / "x.wav")
    write(tmp_path / "x.stems" / "00-model.wav", sine(110.0))
    files = [f"part-p{number:02}.wav" for number in range(module.MAX_PARTS)]
    names = part_names(tmp_path, 1.0, *files, "part-lead.wav")
    assert names == ["lead", *(f"p{number:02}" for number in range(module.MAX_PARTS - 1))]
