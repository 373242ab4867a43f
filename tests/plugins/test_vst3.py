"""VST3 plugins: heard as they are, in time, and never the end of the process."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
from pydantic import ValidationError

from lofigen_kit.api import AudioBuffer, AudioFormat, Context, InputError
from lofigen_kit.audio.blocks import split_blocks
from lofigen_kit.effects import rack
from lofigen_kit.errors import PresetError
from lofigen_kit.plugins.loader import load_plugins
from lofigen_kit.provenance.load import find_preset, load
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit_plugins.vst3 import Vst3, file

RATE_HZ = 44_100
NOISE = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 30_000)).astype(np.float32)

MakePlugin = Callable[..., Path]


class Command(Protocol):
    """Runs the command line; returns exit code, output and errors."""

    def __call__(self, *arguments: object) -> tuple[int, str, str]: ...


def played(path: Path, samples: np.ndarray, rate_hz: int = RATE_HZ, **more: Any) -> np.ndarray:
    effect = Vst3.model_validate({"path": path.name, **more})
    context = Context(rng=rng_for(1, 0, "test"), root=path.parent)
    return effect.apply(AudioBuffer(samples, rate_hz), context).samples


def refused(path: Path, **more: Any) -> str:
    with pytest.raises(InputError) as error:
        played(path, NOISE, **more)
    return str(error.value)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("insists_on", [0, 1, 2])
@pytest.mark.parametrize("rate_hz", [22_050, 48_000])
def test_a_gain_of_6_db_in_mono_and_stereo(
    vst3: MakePlugin, channels: int, insists_on: int, rate_hz: int
) -> None:
    before = NOISE[:channels]
    path = vst3(CHANNELS=insists_on)
    out = played(path, before, rate_hz, parameters={"gain_db": 6})
    gain_db = 20 * np.log10(np.std(out, axis=1) / np.std(before, axis=1))
    assert gain_db == pytest.approx(6, abs=0.05)  # a thousandth of its range
    assert out == pytest.approx(before * 10 ** (gain_db[:, None] / 20), abs=1e-5)


@pytest.mark.parametrize("latency", [1, 3000, 8192, 20_000, 44_100])
def test_what_it_holds_back_is_taken_off(vst3: MakePlugin, latency: int) -> None:
    for frames in (1, 5000, 30_000):
        before = NOISE[:, :frames]
        assert np.array_equal(played(vst3(LATENCY=latency), before), before)


@pytest.mark.parametrize("predelay", [2000, 4000])  # what pedalboard sees, and what it does not
def test_of_what_it_heard_before_nothing_is_left(vst3: MakePlugin, predelay: int) -> None:
    path = vst3(PREDELAY=predelay, KEEPS=1)
    out = played(path, NOISE)
    assert not out[:, :predelay].any()
    assert np.array_equal(out[:, predelay:], NOISE[:, :-predelay])


def test_one_that_holds_back_more_than_a_second_is_refused(vst3: MakePlugin) -> None:
    assert "has a latency of 44101 frames: the limit is 44100" in refused(vst3(LATENCY=44_101))


def test_texts_and_switches_are_set(vst3: MakePlugin) -> None:
    path = vst3()
    assert np.array_equal(played(path, NOISE, parameters={"mode": "Inverted"}), -NOISE)
    assert not played(path, NOISE, parameters={"mute": True}).any()


def test_one_of_several_is_chosen_by_its_name(vst3: MakePlugin) -> None:
    path = vst3("Two", CLASSES=2)
    assert np.array_equal(played(path, NOISE, plugin_name="Plain Gain 2"), NOISE)
    assert refused(path) == (
        "plugin_name: 'Two.vst3' holds 2 plugins; name one: it holds 'Plain Gain', 'Plain Gain 2'"
    )
    assert "did you mean 'Plain Gain 2'?" in refused(path, plugin_name="Plain Gian 2")
    assert "holds no plugin '--help'; it holds 'Pl" in refused(path, plugin_name="--help")


@pytest.mark.parametrize(
    ("parameters", "line"),
    [
        ({"gain": 6}, "parameters: 'Plain Gain' has no parameter 'gain'; did you mean 'gain_db'?"),
        ({"xyz": 6}, "has no parameter 'xyz'; it has gain_db, mode, mute"),
        ({"gain_db": 30}, "parameters.gain_db: 30.0 is out of range; give -20 to 20 dB"),
        ({"gain_db": True}, "parameters.gain_db: true is not a number; give -20 to 20 dB"),
        ({"gain_db": "loud"}, 'parameters.gain_db: "loud" is not a number'),
        ({"mute": 1}, "parameters.mute: 1.0 is not true or false"),
        ({"mode": 2}, 'parameters.mode: 2.0 is not one of its texts; give one of "Clean", "Inver'),
        ({"mode": "Cleam"}, "did you mean 'Clean'?"),
    ],
)
def test_a_parameter_that_it_does_not_take(
    vst3: MakePlugin, parameters: dict[str, Any], line: str
) -> None:
    assert line in refused(vst3(), parameters=parameters)


@pytest.mark.parametrize("value", [None, [1], {"at": {"0": 1}}, 1e12])
def test_a_parameter_that_is_no_setting(value: Any) -> None:
    with pytest.raises(ValidationError, match="gain_db must be a number, a text, true or false"):
        Vst3.model_validate({"path": "Gain.vst3", "parameters": {"gain_db": value}})


def test_an_instrument_is_refused(vst3: MakePlugin) -> None:
    assert "instruments cannot stand in the rack" in refused(vst3(CATEGORY='"Instrument|Synth"'))


@pytest.mark.parametrize(
    ("faults", "line"),
    [
        ({"AT_LOAD": "raise(SIGSEGV)"}, "path: 'Bad.vst3' crashes (SIGSEGV)"),
        ({"AT_ENTRY": "abort()"}, "path: 'Bad.vst3' crashes (SIGABRT)"),
        ({"AT_ENTRY": "_exit(7)"}, "path: 'Bad.vst3' crashes (code 0x7)"),
        ({"AT_ENTRY": "_exit(0)"}, "path: 'Bad.vst3' is no VST3 plugin that can be loaded here"),
        ({"AT_PROCESS": "abort()"}, "path: 'Bad.vst3' crashes (SIGABRT)"),
        ({"AT_EXIT": "abort()"}, "path: 'Bad.vst3' crashes (SIGABRT)"),
        ({"BAD_RATE_HZ": RATE_HZ}, "path: 'Bad.vst3' crashes (SIGABRT)"),
    ],
)
def test_one_that_crashes_is_one_line(
    vst3: MakePlugin, faults: dict[str, str | int], line: str
) -> None:
    assert refused(vst3("Bad", **faults)) == f"{line}; name another plugin"


def test_one_that_crashes_as_it_is_set_is_one_line(vst3: MakePlugin) -> None:
    path = vst3(AT_PROCESS="if (plugin->values[GAIN] > 0.9) abort()")
    played(path, NOISE, parameters={"gain_db": 6})
    assert "crashes (SIGABRT)" in refused(path, parameters={"gain_db": 18})


@pytest.mark.parametrize("where", ["AT_LOAD", "AT_PROCESS"])
def test_one_that_hangs_is_one_line(
    vst3: MakePlugin, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr(file, "PATIENCE_S", 3.0)
    line = refused(vst3("Bad", **{where: "for (;;) sleep(1)"}))
    assert line == "path: 'Bad.vst3' was not ready after 3 s when it was tried; name another plugin"


def test_what_it_prints_is_no_answer(vst3: MakePlugin) -> None:
    path = vst3(AT_ENTRY='(puts("{}"), fflush(stdout))')
    command = [sys.executable, "-m", "lofigen_kit_plugins.vst3.probe", str(path)]
    done = subprocess.run(command, capture_output=True, check=True)
    assert json.loads(done.stdout)["name"] == "Plain Gain"
    assert b"{}" in done.stderr


def test_nothing_is_imported_from_the_current_directory(
    vst3: MakePlugin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shutil.copytree(vst3(), tmp_path / "Gain.vst3")
    (tmp_path / "json.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    assert np.array_equal(played(path, NOISE), NOISE)


def test_another_library_is_no_plugin(vst3: MakePlugin, tmp_path: Path) -> None:
    bundle = shutil.copytree(vst3("Bad"), tmp_path / "Bad.vst3")
    (library,) = bundle.glob("Contents/*/*")
    (tmp_path / "other.c").write_text("int answer(void) { return 42; }")
    subprocess.run(["cc", "-shared", "-o", library, tmp_path / "other.c"], check=True)
    assert "'Bad.vst3' is no VST3 plugin that can be loaded here" in refused(bundle)


def test_rubbish_is_no_plugin(tmp_path: Path) -> None:
    single, empty, bundle = (tmp_path / f"{name}.vst3" for name in ("Single", "Empty", "Bundle"))
    single.write_bytes(b"\x7fELF" + bytes(1000))
    empty.mkdir()
    (bundle / "Contents" / "x86_64-linux").mkdir(parents=True)
    (bundle / "Contents" / "x86_64-linux" / "Bundle.so").write_text("no machine code")
    for path in (single, empty, bundle):
        assert "is no VST3 plugin that can be loaded here" in refused(path)
    assert "there is no VST3 plugin" in refused(tmp_path / "Missing.vst3")
    (tmp_path / "song.wav").touch()
    assert "there is no VST3 plugin" in refused(tmp_path / "song.wav")


def test_a_file_is_tried_once_until_it_changes(
    vst3: MakePlugin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shutil.copytree(vst3(), tmp_path / "Gain.vst3")
    asked = []
    run = subprocess.run

    def count(*arguments: Any, **more: Any) -> Any:
        asked.append(arguments)
        return run(*arguments, **more)

    monkeypatch.setattr(subprocess, "run", count)
    for _ in range(2):
        file.probe_facts(path, None, {}, RATE_HZ)
    assert len(asked) == 1
    (library,) = path.glob("Contents/*/*")
    os.utime(library, (0, 0))
    file.probe_facts(path, None, {}, RATE_HZ)
    assert len(asked) == 2


def test_paths_lead_beside_the_preset_or_to_installed_plugins(
    vst3: MakePlugin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, presets = tmp_path / "home", tmp_path / "presets"
    installed = home / ".vst3" / "Gain.vst3"
    installed.parent.mkdir(parents=True)
    presets.mkdir()
    shutil.copytree(vst3(), installed)
    outside = home / "Gain.vst3"
    outside.symlink_to(installed)
    (presets / "Link.vst3").symlink_to(installed)
    monkeypatch.setenv("HOME", str(home))
    context = Context(rng=rng_for(1, 0, "test"), root=presets)
    audio = AudioBuffer(NOISE, RATE_HZ)
    for path in ("~/.vst3/Gain.vst3", str(installed)):
        assert np.array_equal(Vst3(path=path).apply(audio, context).samples, NOISE)
    outside_all = ("../home/.vst3/Gain.vst3", str(outside), "~/.vst3/../Gain.vst3", "Link.vst3")
    for path in outside_all:
        with pytest.raises(InputError, match=r"^path: .* lies outside .* put it beside the preset"):
            Vst3(path=path).apply(audio, context)


@pytest.fixture(
    params=[{"LATENCY": 700, "CHANNELS": 2}, "dragonfly"], ids=["compiled", "dragonfly"]
)
def real(request: pytest.FixtureRequest) -> Vst3:
    """A plugin that remembers: one that is made here, and a reverb, where it is installed."""
    if request.param != "dragonfly":
        path: Path = request.getfixturevalue("vst3")(**request.param)
        return Vst3(path=str(path), parameters={"gain_db": -3.5})
    folders = (Path("~/.vst3").expanduser(), Path("/usr/lib/vst3"), Path("/usr/local/lib/vst3"))
    for folder in folders:
        for path in folder.rglob("*DragonflyPlateReverb*.vst3"):
            return Vst3(path=str(path), parameters={"predelay_ms": 30, "decay_s": 2.5})
    pytest.skip("Dragonfly Plate Reverb is not installed")


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate_hz", [8000, RATE_HZ, 96_000])
def test_a_real_one_is_the_same_in_pieces_and_again(
    real: Vst3, channels: int, rate_hz: int
) -> None:
    audio = AudioBuffer(NOISE[:channels], rate_hz)
    sound = AudioFormat(channels, audio.frames, rate_hz)
    context = Context(rng=rng_for(1, 0, "test"))
    whole, again = (rack.apply_effect(real, audio, context, loop=False) for _ in range(2))
    assert np.std(whole.samples) > 0.05
    np.testing.assert_array_equal(whole.samples, again.samples)
    for size in (999, 20_000):
        pieces = rack.apply_blocks(real, sound, context, split_blocks(audio.samples, size))
        np.testing.assert_array_equal(np.concatenate(list(pieces), axis=1), whole.samples)


def test_a_real_one_is_the_same_in_another_process(real: Vst3, tmp_path: Path) -> None:
    script = tmp_path / "again.py"
    script.write_text(
        "import hashlib, sys\n"
        "import numpy as np\n"
        "from lofigen_kit.api import AudioBuffer, Context\n"
        "from lofigen_kit_plugins.vst3 import Vst3\n"
        "effect = Vst3.model_validate_json(sys.argv[1])\n"
        "noise = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 30_000)).astype(np.float32)\n"
        "ctx = Context(rng=np.random.default_rng(0))\n"
        f"out = effect.apply(AudioBuffer(noise, {RATE_HZ}), ctx).samples\n"
        "print(hashlib.sha256(out.tobytes()).hexdigest())\n"
    )
    command = [sys.executable, str(script), real.model_dump_json()]
    there = subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()
    context = Context(rng=rng_for(1, 0, "test"))
    here = real.apply(AudioBuffer(NOISE, RATE_HZ), context).samples
    assert hashlib.sha256(here.tobytes()).hexdigest() == there


PRESET = """\
version: 1
name: hosted
seed: 7
source: {use: bursts}
effects:
  - {use: vst3, path: Gain.vst3, parameters: {gain_db: 6}}
"""


def beside(folder: Path, plugin: Path) -> Path:
    return shutil.copytree(plugin, folder / plugin.name)


def preset(folder: Path, text: str = PRESET) -> Path:
    path = folder / "hosted.yaml"
    path.write_text(text)
    return path


def test_the_recipe_says_which_plugin_it_was(
    vst3: MakePlugin, tmp_path: Path, run: Command
) -> None:
    (library,) = beside(tmp_path, vst3()).glob("Contents/*/*")
    out = tmp_path / "out.wav"
    code, _, err = run("chain", "preset", preset(tmp_path), "-o", out)
    assert code == 0, err
    plugins = json.loads(out.with_suffix(".json").read_text())["plugins"]
    digest = hashlib.sha256(library.read_bytes()).hexdigest()
    assert plugins["vst3 Plain Gain"] == f"1.2.3 sha256:{digest}"


def test_what_a_rendered_file_names_runs_only_if_the_user_says_so(
    vst3: MakePlugin, tmp_path: Path, run: Command
) -> None:
    beside(tmp_path, vst3())
    out = tmp_path / "out.wav"
    assert run("chain", "preset", preset(tmp_path), "-o", out)[0] == 0
    for command in (
        ("chain", "replay", out),
        ("chain", "preset", out, "-o", tmp_path / "again.wav"),
        ("process", out, "-p", out, "-o", tmp_path / "again.wav"),
    ):
        code, _, err = run(*command)
        assert code == 2
        assert "its recipe runs a plugin of machine code (vst3)" in err
        assert err.count("\n") == 1
    assert run("chain", "show", out)[0] == 0
    code, text, _ = run("chain", "replay", out, "--native")
    assert (code, "bit-identical" in text) == (0, True)


def test_nor_does_one_within_another_effect(
    vst3: MakePlugin, tmp_path: Path, run: Command, plugin_dir: Path
) -> None:
    beside(tmp_path, vst3())
    text = PRESET.replace("- {use: vst3", "- {use: mix, branches: [[{use: vst3").replace(
        "gain_db: 6}}", "gain_db: 6}}]]}"
    )
    out = tmp_path / "out.wav"
    assert run("chain", "preset", preset(tmp_path, text), "-o", out)[0] == 0
    registry = load_plugins(plugin_dir)
    with pytest.raises(PresetError, match="machine code"):
        load(out, registry)
    assert find_preset(str(out), registry, native=True)[0].effects


def test_the_command_line_says_it_in_one_line(
    vst3: MakePlugin, tmp_path: Path, run: Command
) -> None:
    beside(tmp_path, vst3(AT_PROCESS="abort()"))
    code, _, err = run("chain", "preset", preset(tmp_path), "-o", tmp_path / "out.wav")
    assert code == 2
    assert err == (
        "lofigen-kit: effects.vst3#0: path: 'Gain.vst3' crashes (SIGABRT); name another plugin\n"
    )
    assert not (tmp_path / "out.wav").exists()
