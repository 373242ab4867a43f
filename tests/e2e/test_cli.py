"""The command line from end to end, with components made for tests."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.audio.files import read_audio, write_audio
from lofigen_kit.audio.hashing import hash_audio
from lofigen_kit.music.score import Score
from lofigen_kit.runtime.device import device_name

Run = Callable[..., tuple[int, str, str]]

NAME = "small_200bpm_Dmin_seed7_take0"


def test_a_preset_becomes_a_file_that_knows_how_it_was_made(run: Run, preset_file: Path) -> None:
    code, out, err = run("chain", "preset", preset_file)
    assert (code, err) == (0, "")
    assert out.startswith(f"{NAME}.wav  1.2 s  -14.0 LUFS")
    audio = read_audio(Path(f"{NAME}.wav"))
    assert audio.samples.shape == (2, round(1.2 * 44100))
    facts = json.loads(Path(f"{NAME}.json").read_text())
    assert facts["disclosure"] == "generated with AI by lofigen-kit"
    assert facts["preset"]["sampler"] == {"use": "temperature", "temperature": 0.8}
    assert facts["versions"]["lofigen-kit"]
    assert facts["device"] == device_name("cpu")
    assert facts["plugins"]["temperature"].startswith("lofigen-kit ")
    inside = json.loads(run("inspect", f"{NAME}.wav", "--json")[1])["recipe"]
    assert inside == facts


def test_a_rendered_file_renders_itself_again(run: Run, preset_file: Path) -> None:
    run("chain", "preset", preset_file, "-o", "first.wav", "--set", "effects.0.level=0.02")
    code, *_ = run("chain", "preset", "first.wav", "-o", "second.wav")
    assert code == 0
    first, second = (read_audio(Path(n)) for n in ("first.wav", "second.wav"))
    assert hash_audio(first) == hash_audio(second)


def test_takes_differ_and_json_lists_them(run: Run, preset_file: Path, tmp_path: Path) -> None:
    code, out, _ = run("chain", "preset", preset_file, "--takes", 3, "--json", "-o", tmp_path / "o")
    files = json.loads(out)["files"]
    assert code == 0
    assert [Path(f["path"]).name for f in files] == [
        f"small_200bpm_Dmin_seed7_take{n}.wav" for n in range(3)
    ]
    assert len({f["recipe"]["audio_sha256"] for f in files}) == 3


def test_options_override_the_preset(run: Run, preset_file: Path) -> None:
    code, out, _ = run(
        "chain", "preset", preset_file, "--seed", 9, "--set", "source.tempo_bpm=180",
        "--set", "output.sample_rate_hz=48000", "-o", "out.flac", "--json",
    )  # fmt: skip
    assert code == 0
    preset = json.loads(out)["files"][0]["recipe"]["preset"]
    assert (preset["seed"], preset["source"]["tempo_bpm"]) == (9, 180)
    assert preset["output"]["format"] == "flac"
    assert read_audio(Path("out.flac")).sample_rate_hz == 48000


@pytest.mark.slow
def test_the_first_run_says_that_it_compiles(preset_file: Path, plugin_dir: Path) -> None:
    folder = preset_file.parent
    command = [sys.executable, "-m", "lofigen_kit", "--plugin-dir", str(plugin_dir)]
    command += ["chain", "preset", str(preset_file), "--force"]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder / "cache")}
    first, second = (
        subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=True
        )
        for _ in range(2)
    )
    assert "compiling the engine for this processor, once" in first.stderr
    assert second.stderr == ""


def test_quiet_says_nothing(run: Run, preset_file: Path) -> None:
    assert run("chain", "preset", preset_file, "-q") == (0, "", "")


def test_stems_are_written_in_order(run: Run, preset_file: Path) -> None:
    assert run("chain", "preset", preset_file, "--stems", "-o", "x.wav")[0] == 0
    stems = sorted(Path("x.stems").iterdir())
    assert [p.name for p in stems] == ["00-model.wav", "01-fake-noise.wav", "02-fake-noise.wav"]
    assert len({hash_audio(read_audio(stem)) for stem in stems}) == 3


def test_stems_that_are_there_are_kept(run: Run, preset_file: Path) -> None:
    Path("x.stems").mkdir()
    kept = Path("x.stems/01-fake-noise.wav")
    kept.write_bytes(b"mine")
    code, _, err = run("chain", "preset", preset_file, "--stems", "-o", "x.wav")
    assert code == 2
    assert err.startswith("lofigen-kit: x.stems/01-fake-noise.wav: the file is there already")
    assert (kept.read_bytes(), Path("x.wav").exists()) == (b"mine", False)
    assert run("chain", "preset", preset_file, "--stems", "-o", "x.wav", "--force")[0] == 0
    assert read_audio(kept).frames == round(1.2 * 44100)


def test_a_users_file_takes_the_place_of_the_source(
    run: Run, preset_file: Path, recording: Path
) -> None:
    code, out, _ = run("chain", "preset", preset_file, "--input", recording, "--json")
    recipe = json.loads(out)["files"][0]["recipe"]
    assert code == 0
    assert recipe["preset"]["source"]["path"] == "piano.wav"
    assert recipe["duration_s"] == pytest.approx(1.0)


def test_process_runs_the_effects_on_existing_files(
    run: Run, preset_file: Path, recording: Path
) -> None:
    code, out, _ = run("process", recording, "--preset", preset_file, "-o", "done")
    assert code == 0
    assert out.startswith("done/piano_small.wav  1.0 s")
    facts = json.loads(Path("done/piano_small.json").read_text())
    assert facts["disclosure"] == "processed by lofigen-kit"
    assert facts["network_sha256"] is None
    assert read_audio(Path("done/piano_small.wav")).frames == 44100


@pytest.fixture
def crate(tmp_path: Path) -> Path:
    """A folder with two sounds, one of them further down, and what is none."""
    folder = tmp_path / "crate"
    (folder / "side b").mkdir(parents=True)
    for number, name in enumerate(("one.wav", "side b/two.flac")):
        noise = np.random.default_rng(number).uniform(-0.5, 0.5, (2, 8000))
        write_audio(folder / name, AudioBuffer(noise, 8000), format="wav", bit_depth=16,
                    comment="", rng=np.random.default_rng(0))  # fmt: skip
    (folder / "cover.jpg").write_bytes(b"\xff\xd8\xff no sound")
    (folder / "torn.wav").write_bytes(b"RIFF")
    return folder


def test_a_folder_is_processed_and_what_is_no_audio_stops_nothing(
    run: Run, preset_file: Path, crate: Path
) -> None:
    hashes = []
    for workers in (1, 2):
        output = f"by-{workers}"
        command = ("process", crate, "--preset", preset_file, "-o", output, "--json")
        code, out, err = run(*command, "--workers", workers)
        result = json.loads(out)
        assert code == 3
        assert err == (
            f"lofigen-kit: {crate}/torn.wav: this is not audio that can be read; use a WAV, "
            "FLAC, OGG, MP3 or AIFF file\n"
        )
        assert [failed["path"] for failed in result["failed"]] == [str(crate / "torn.wav")]
        assert [left["path"] for left in result["left_out"]] == [str(crate / "cover.jpg")]
        files = {f["path"]: f["recipe"]["audio_sha256"] for f in result["files"]}
        assert set(files) == {f"{output}/one_small.wav", f"{output}/side b/two_small.wav"}
        hashes.append([files[path] for path in sorted(files)])
        names = sorted(str(p.relative_to(output)) for p in Path(output).rglob("*.*"))
        assert names == [
            "one_small.json", "one_small.wav", "side b/two_small.json", "side b/two_small.wav"
        ]  # fmt: skip
    assert hashes[0] == hashes[1]
    again = ("process", crate, "--preset", preset_file, "--workers", 2, "-o", "by-2")
    code, out, err = run(*again)
    assert code == 3
    assert sorted(out.splitlines()) == [
        "by-2/one_small.wav  done already", "by-2/side b/two_small.wav  done already"
    ]  # fmt: skip
    assert "left out, since this is not audio that can be read: cover.jpg\n" in err
    code, out, err = run(*again, "--force")
    assert code == 3
    assert sorted(line.split("  ")[0] for line in out.splitlines()) == [
        "by-2/one_small.wav", "by-2/side b/two_small.wav"
    ]  # fmt: skip
    assert "side b/two.flac: the name says .flac, it is WAV" in err


def test_inspect_draws_a_picture(run: Run, recording: Path) -> None:
    code, out, _ = run("inspect", recording, "--picture", "p.png")
    assert code == 0
    assert "22050 Hz, mono, 1.000 s" in out
    assert Path("p.png").read_bytes().startswith(b"\x89PNG")


def test_inspect_without_matplotlib_says_how_to_get_it(
    run: Run, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    code, _, err = run("inspect", recording, "--picture", "p.png")
    assert (code, err) == (
        2,
        "lofigen-kit: pictures need matplotlib; pip install 'lofigen-kit[plots]'\n",
    )


def test_presets_are_listed_shown_and_validated(run: Run, preset_file: Path) -> None:
    assert "lofi-tape" in run("chain", "list")[1]
    shown = json.loads(run("chain", "show", "lofi-tape", "--json")[1])
    assert shown["source"]["tempo_bpm"] == 78
    assert run("chain", "show", preset_file)[1].startswith("version: 1\nname: small\n")
    assert run("chain", "validate", preset_file)[:2] == (0, f"{preset_file}: valid\n")
    preset_file.with_name("bad.yaml").write_text("version: 1")
    code, out, _ = run("chain", "validate", preset_file, preset_file.with_name("bad.yaml"))
    assert code == 2
    assert "bad.yaml:1:1: name: is missing" in out
    assert "properties" in json.loads(run("chain", "schema")[1])


def test_the_score_of_a_take_is_drawn(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    asked = (
        "chain", "show", "lofi-tape", "--set", "source.bars=4", "--take", "2",
    )  # fmt: skip
    code, out, err = run(*asked, "--score")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("lofi-tape, take 2: ")
    assert lines[1].startswith("D minor \N{MIDDLE DOT} 78 BPM \N{MIDDLE DOT} swing 58 %")
    assert any(line.split() == ["1", "2", "3", "4"] for line in lines)
    assert any(line.startswith("    kick \N{BOX DRAWINGS LIGHT VERTICAL}") for line in lines)
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in out
    score = Score.model_validate(json.loads(run(*asked, "--score", "--json")[1]))
    assert (score.key, score.tempo_bpm, score.bars) == ("D minor", 78, 4)
    code, out, err = run(*asked, "--picture", "roll.svg")
    assert (code, out, err) == (0, "roll.svg\n", "")
    root = ElementTree.parse("roll.svg").getroot()  # noqa: S314 - made here
    assert str(root[0].text) == lines[0]
    assert run(*asked, "--picture", "roll.svg")[0] == 2
    assert run(*asked, "--picture", "roll.svg", "--force")[0] == 0


def test_the_score_is_drawn_as_it_is_heard(run: Run) -> None:
    Path("slow.yaml").write_text(
        "version: 1\nname: slow\n"
        "source: {use: band, bars: 2, tempo_bpm: 80, key: D minor, chords: Dm7 | G13}\n"
        "effects: [{use: varispeed, semitones: -12}]\n"
    )
    score = json.loads(run("chain", "show", "slow.yaml", "--score", "--json")[1])
    assert (score["tempo_bpm"], score["key"]) == (40, "D minor")
    drawn = run("chain", "show", "slow.yaml", "--score")[1]
    assert re.search(r"^ +Dm7 +G13$", drawn, re.MULTILINE)
    moved = run("chain", "show", "slow.yaml", "--score", "--set", "effects.varispeed.semitones=-2")
    assert re.search(r"^ +Cm7 +F13$", moved[1], re.MULTILINE)


def test_a_terminal_without_unicode_gets_ascii(preset_file: Path, plugin_dir: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "lofigen_kit", "--plugin-dir", str(plugin_dir), "chain", "show",
         str(preset_file), "--score"],
        capture_output=True, check=True, env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert b"|X   .   .   .   |" in ran.stdout
    assert ran.stdout.isascii()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--take", "1"], "--take: --take needs --score or --picture; add --score"),
        (["--picture", "a.png"], "a.png: the picture of a score is an SVG file; name it a.svg"),
    ],
)
def test_a_score_that_cannot_be_drawn_is_refused(
    refused: Callable[..., str], options: list[str], said: str
) -> None:
    assert refused("chain", "show", "lofi-tape", *options) == said


def test_plugins_are_listed_and_shown(run: Run) -> None:
    code, out, err = run("plugins", "list")
    assert (code, err) == (0, "")
    assert "effect fake-noise" in out
    shown = run("plugins", "show", "truncated")[1]
    assert "temperature  0.8" in shown
    assert "0 to 2" in shown
    assert "The quantile cut at either end" in shown
    assert run("plugins", "show", "truncted")[2].endswith("did you mean 'truncated'?\n")
    assert run("plugins", "doctor")[0] == 0


@pytest.mark.parametrize("name", ["band", "mixer"])
def test_what_is_shown_of_a_plugin_is_as_wide_as_the_terminal(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    plain, data = (run("plugins", "show", name, *options)[1] for options in ((), ("--json",)))
    assert 90 < max(map(len, plain.splitlines())) <= 100
    monkeypatch.setenv("COLUMNS", "70")
    narrow = run("plugins", "show", name)[1]
    assert 60 < max(map(len, narrow.splitlines())) <= 70
    assert Counter(plain.split()) == Counter(narrow.split())  # no word is broken or left out
    assert run("plugins", "show", name, "--json")[1] == data


def test_a_broken_plugin_is_one_line_and_the_rest_works(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "bad.py").write_text("raise RuntimeError('two\\nlines')")
    monkeypatch.delenv("LOFIGEN_PLUGIN_DIR")
    code, out, err = run("--plugin-dir", broken, "plugins", "list")
    assert code == 0
    assert "sampler truncated" in out
    assert err == (
        "lofigen-kit: plugin 'bad' does not load: RuntimeError: two lines (see `plugins doctor`)\n"
    )
    code, out, _ = run("--plugin-dir", broken, "plugins", "doctor")
    assert code == 1
    assert "Traceback" in out
    code, _, err = run("--plugin-dir", broken, "--strict-plugins", "plugins", "list")
    assert code == 2
    assert err.count("\n") == 1


def test_checkpoints_are_shown(run: Run, tmp_path: Path) -> None:
    from lofigen_kit.nn import checkpoint
    from lofigen_kit.nn.spec import make_stack_spec

    spec = make_stack_spec([(1, 4, 8), (4, 1, 8)], mixtures=2)
    tensors = {n: np.zeros(s, np.float32) for n, s in checkpoint.expected_shapes(spec).items()}
    path = tmp_path / "mine.safetensors"
    checkpoint.save(path, spec, tensors, {"licence": "CC0-1.0"})
    facts = json.loads(run("models", "show", path, "--json")[1])
    assert facts["receptive_field"] == 15
    assert facts["licence"] == "CC0-1.0"
    assert run("models", "list")[0] == 0
    assert run("models", "show", "nothing")[0] == 2


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from lofigen_kit.corpus.songs import make_corpus
    from lofigen_kit_plugins.beatmaker import Beatmaker

    folder = tmp_path_factory.mktemp("cli") / "corpus"
    make_corpus(folder, Beatmaker(bars=1), minutes=0.5, seed=2)
    return folder


@pytest.fixture
def small_model(tmp_path: Path) -> Path:
    from lofigen_kit.nn import checkpoint
    from lofigen_kit.nn.network import CausalStack, to_tensors
    from lofigen_kit.nn.spec import make_stack_spec

    spec, path = make_stack_spec([(1, 4, 8), (4, 1, 8)], mixtures=2), tmp_path / "small.safetensors"
    checkpoint.save(path, spec, to_tensors(CausalStack(spec)), {"licence": "CC0-1.0"})
    return path


def test_an_evaluation_is_written_and_goes_into_a_card(
    run: Run, small_model: Path, corpus: Path
) -> None:
    command = ("evaluate", small_model, corpus, "--songs", 2, "--seconds", 3)
    code, out, err = run(*command, "--output", "figures")
    assert (code, err) == (0, "")
    for heading in ("What it predicts", "What it plays", "What it remembers"):
        assert heading in out
    result = json.loads(Path("figures/evaluate.json").read_text())
    assert result["playing"]["songs"] == len(result["songs"]) == 2
    assert Path("figures/songs.csv").read_text().count("\n") == 3
    for name in ("takes.png", "prediction.png"):
        assert Path("figures", name).read_bytes().startswith(b"\x89PNG")
    code, _, err = run(*command, "--output", "figures")
    assert code == 2
    assert "--force" in err
    card = ("models", "card", small_model, "--evaluation", "figures/evaluate.json")
    assert run(*card, "--corpus", corpus, "-o", "card.md")[0] == 0
    text = Path("card.md").read_text()
    assert f"{result['prediction']['linear_mse']:.2e}" in text
    assert "| licences | CC0-1.0 |" in text
    assert run(*card, "-o", "card.md")[0] == 2


def test_a_corpus_too_small_to_hold_songs_out_is_refused(
    run: Run, small_model: Path, tmp_path: Path
) -> None:
    from lofigen_kit.corpus.songs import make_corpus
    from lofigen_kit_plugins.beatmaker import Beatmaker

    make_corpus(tmp_path / "one", Beatmaker(bars=1), minutes=0.03, seed=2)
    code, _, err = run("evaluate", small_model, tmp_path / "one")
    assert code == 2
    assert "no songs to train on" in err
    assert err.count("\n") == 1


def test_an_evaluation_without_matplotlib_has_no_plots(
    run: Run, small_model: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    command = ("evaluate", small_model, corpus, "--songs", 1, "--seconds", 2, "-o", "plain")
    code, _, err = run(*command)
    assert code == 0
    assert "no plots: they need matplotlib" in err
    assert sorted(p.name for p in Path("plain").iterdir()) == ["evaluate.json", "songs.csv"]


def test_a_file_is_looked_up_in_a_corpus(run: Run, corpus: Path, recording: Path) -> None:
    manifest = json.loads((corpus / "manifest.json").read_text())
    song = next(entry for entry in manifest["songs"] if entry["split"] == "train")
    code, out, _ = run("inspect", corpus / song["file"], "--against", corpus)
    assert code == 0
    assert f"({song['file']}) at 0.0 s, similarity 1.00" in out
    assert "verdict  a copy" in out
    memory = json.loads(run("inspect", recording, "--against", corpus, "--json")[1])["memory"]
    assert memory["copies"] == 0
    assert memory["moved"]["nearest"] == []
    assert "moved" in run("inspect", recording, "--against", corpus)[1]
    assert run("inspect", recording, "--against", "nowhere")[0] == 2


def test_a_file_that_was_moved_is_looked_up_in_a_corpus(
    run: Run, corpus: Path, preset_file: Path
) -> None:
    manifest = json.loads((corpus / "manifest.json").read_text())
    song = next(entry for entry in manifest["songs"] if entry["split"] == "train")
    samples = np.resize(read_audio(corpus / song["file"]).samples[0], 12 * 8_000)
    write_audio(Path("a.wav"), AudioBuffer(samples[None], 8_000), format="wav", bit_depth=24,
                comment="", rng=None)  # fmt: skip
    preset_file.write_text(
        "version: 1\nname: moved\nsource: {use: bursts}\n"
        "effects: [{use: varispeed, semitones: -2}]\n"
    )
    run("process", "a.wav", "-p", preset_file, "-o", "b.wav")
    code, out, _ = run("inspect", "b.wav", "--against", corpus)
    assert code == 0
    (line,) = (line for line in out.splitlines() if line.startswith("moved"))
    assert f"({song['file']})" in line
    assert "-2 semitones, 0.89 times as fast" in line
    verdict = out.partition(line)[2].splitlines()[1]
    assert re.fullmatch(r"verdict +(a copy|listen to both): [1-6] of 6 windows of 8 s .*", verdict)


def test_help_and_version(run: Run) -> None:
    assert "chain" in run("--help")[1]
    assert run("--version")[1].startswith("lofigen-kit 0.")
    assert run("chain", "preset", "--takes", 0, "x")[0] == 2


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to a child")
def test_interrupting_leaves_quietly(tmp_path: Path) -> None:
    code = (
        "import signal, time, lofigen_kit.plugins.loader as p, lofigen_kit.cli as c\n"
        # What runs in the background of a shell ignores Ctrl-C, and so do its children.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def hang(*a, **k):\n    print('ready', flush=True)\n    time.sleep(60)\n"
        "p.load_plugins = hang\n"
        "c.main(['chain', 'preset', 'lofi-tape'])\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=90)
    assert process.returncode == 130
    assert b"Traceback" not in err


def test_the_mixer_is_shown_as_plugins_are(run: Run) -> None:
    code, out, _ = run("plugins", "show", "mixer")
    assert code == 0
    assert "pan_pct     -100 to 100" in out
    assert "  keys    -2 " in out
    data = json.loads(run("plugins", "show", "mixer", "--json")[1])
    assert set(data["defaults"]) == {"drums", "bass", "keys", "lead", "others"}
    assert "use" not in data["schema"]["properties"]
