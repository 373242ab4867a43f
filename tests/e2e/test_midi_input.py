"""A song of one's own in place of a preset's source: `chain preset PRESET --input song.mid`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lofigen_kit.analysis import drum_onsets, onset_f_measure
from lofigen_kit.audio.files import read_audio
from lofigen_kit.music.midi import to_midi
from lofigen_kit.music.score import Hit, Note, Score

Run = Callable[..., tuple[int, str, str]]
KICKS_S = [0.0, 0.75, 1.5, 2.625]
"""At 80 bpm: the first, second and third beat, and a sixteenth after the fourth and a half."""


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """One bar at 80 bpm, outside the folder in which commands are called."""
    chord = (
        Note(part="keys", midi=midi, onset_s=0.0, duration_s=2.5, velocity=0.4)
        for midi in (60, 63, 67)
    )
    score = Score(
        tempo_bpm=80,
        key="C minor",
        bars=1,
        duration_s=3.0,
        notes=tuple(chord),
        hits=tuple(Hit(drum="kick", onset_s=onset_s) for onset_s in KICKS_S),
    )
    path = tmp_path / "song.mid"
    path.write_bytes(to_midi(score))
    return path


def test_a_shipped_preset_with_its_network_plays_a_song_and_replays(run: Run, song: Path) -> None:
    command = ("chain", "preset", "lofi-tape", "--input", song, "-o", "a.wav", "--json")
    code, out, _ = run(*command)
    assert code == 0
    recipe = json.loads(out)["files"][0]["recipe"]
    assert recipe["preset"]["source"]["use"] == "midi-file"
    assert recipe["preset"]["source"]["path"] == "song.mid"  # without this machine's folders
    assert recipe["network_sha256"] is not None
    audio = read_audio("a.wav")
    assert 3.0 <= audio.duration_s < 4.0  # the song, and what rings after it
    heard = drum_onsets(audio, "kick")
    assert onset_f_measure(np.array(KICKS_S), heard, window_s=0.05) >= 0.85
    assert run("chain", "replay", "a.wav", "--input", song)[0] == 0
    Path("song.mid").write_bytes(song.read_bytes())
    assert run("chain", "replay", "a.wav")[0] == 0


def test_the_content_tells_where_the_suffix_does_not(
    run: Run, refused: Callable[..., str], preset_file: Path, song: Path, recording: Path
) -> None:
    for file, use in ((song, "midi-file"), (recording, "audio-file")):
        bare = file.rename(file.with_suffix(".download"))
        code, out, _ = run("chain", "preset", preset_file, "--input", bare, "-o", use, "--json")
        assert code == 0
        assert json.loads(out)["files"][0]["recipe"]["preset"]["source"]["use"] == use
    Path("words.txt").write_text("neither")
    line = refused("chain", "preset", preset_file, "--input", "words.txt")
    assert line.startswith("words.txt: no source plays such a file; name one of .aif, ")
    line = refused("chain", "preset", preset_file, "--input", "nowhere")
    assert line == "nowhere: there is no such file; check the path"


def test_a_song_has_its_own_settings_and_those_that_are_set(
    run: Run, refused: Callable[..., str], song: Path
) -> None:
    Path("mine.yaml").write_text(
        "{version: 1, name: mine, source: {use: band, bars: 8, tempo_bpm: 90, kit: dusty}}"
    )
    render = ("chain", "preset", "mine.yaml", "--input", song, "-o", "a.wav", "--force")
    code, _, err = run(*render, "--set", "source.kit=kit", "--set", "seed=4")
    assert code == 0
    assert err == (
        "lofigen-kit: song.mid has its own bars, tempo_bpm, not the preset's: see "
        "--set source.FIELD=VALUE\n"
    )
    facts = json.loads(Path("a.json").read_text())["preset"]
    assert (facts["seed"], facts["source"]["tempo_bpm"]) == (4, None)
    assert facts["source"]["kit"] == {"use": "kit", "kit": "dusty"}
    assert run(*render, "--quiet")[2] == ""
    told = run(*render, "--set", "source.tempo_bpm=60", "--quiet")
    assert told == (0, "", "")
    assert 4.0 < read_audio("a.wav").duration_s < 5.0  # its room sounds on
    line = refused(*render, "--set", "mixer.pads.mute=true")
    assert line == "mixer.pads: the song has no part 'pads'; its parts are drums, keys"
    line = refused(*render, "--set", "source.barz=1")
    assert line == "--set source.barz=1: source.barz: there is no such field; did you mean 'bars'?"
