"""Processing existing files: streams equal wholes, memory stays, nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lofigen_kit.audio.block_file import BlockFile
from lofigen_kit.audio.buffer import AudioBuffer, AudioFormat
from lofigen_kit.audio.files import as_stored, read_audio, read_metadata
from lofigen_kit.audio.hashing import hash_audio
from lofigen_kit.batch.input_files import find_files
from lofigen_kit.batch.process_files import list_jobs
from lofigen_kit.components.base import Context
from lofigen_kit.dsp.fades import apply_fades
from lofigen_kit.dsp.mastering import master
from lofigen_kit.effects import rack
from lofigen_kit.errors import InputError, RenderError
from lofigen_kit.plugins.registry import Registry
from lofigen_kit.preset.schema import Preset, load_preset
from lofigen_kit.provenance.save import process
from lofigen_kit.render.recording import examine
from lofigen_kit.runtime.seeding import rng_for

RATE_HZ = 44_100
PRESET = """\
version: 1
name: plain
seed: 5
source: {use: bursts}
effects: [{use: lowpass, cutoff_hz: 5000, mix: 0.7}, {use: fake-noise}]
output: {bit_depth: 32, tail: none}
"""
IN_BLOCKS = """\
version: 1
name: blocks
source: {use: beatmaker}
effects: [{use: lowpass, cutoff_hz: 9000}]
"""
MEASURED = """
import sys
from pathlib import Path
from lofigen_kit.plugins.loader import load_plugins
from lofigen_kit.preset.schema import load_preset
from lofigen_kit.provenance.save import process

registry = load_plugins()
preset = load_preset(sys.argv[1], registry=registry).without_model()
for name in sys.argv[2:]:
    process(Path(name), preset, Path(name + ".out.wav"), registry)
    # Not getrusage's, which a process inherits from whoever began it.
    [highest] = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
    print(highest.split()[1])
"""


@pytest.fixture
def preset(tmp_path: Path, registry: Registry) -> Preset:
    (tmp_path / "plain.yaml").write_text(PRESET)
    return load_preset(tmp_path / "plain.yaml", registry=registry)


def beat(seconds: int) -> Iterator[np.ndarray]:
    rng, t = np.random.default_rng(0), np.arange(RATE_HZ) / RATE_HZ
    kick = 0.5 * np.exp(-(t % 0.5) / 0.1) * np.sin(2 * np.pi * 60 * (t % 0.5))
    for _ in range(seconds):
        yield (kick + 0.05 * rng.standard_normal((2, RATE_HZ))).T


def record(path: Path, seconds: int) -> Path:
    with soundfile.SoundFile(path, "w", RATE_HZ, 2, "PCM_16") as file:
        for second in beat(seconds):
            file.write(second)
    return path


def test_a_file_in_blocks_is_what_the_whole_would_be(
    tmp_path: Path, preset: Preset, registry: Registry
) -> None:
    path = record(tmp_path / "a.wav", 3)
    facts = process(path, preset, tmp_path / "out.wav", registry)
    heard, grid = read_audio(path), examine(path).grid
    for stage, effect in rack.name_stages(preset.effects):
        heard = rack.apply_effect(effect, heard, Context(rng_for(5, 0, stage), grid), loop=False)
    whole = master(heard, loudness_lufs=-14, true_peak_dbtp=-1)
    written = read_audio(tmp_path / "out.wav")
    np.testing.assert_array_equal(written.samples, whole.audio.samples)
    assert facts["audio_sha256"] == hash_audio(written)
    assert facts["loudness_lufs"] == whole.loudness_lufs == pytest.approx(-14, abs=0.1)
    assert facts["tempo_bpm"] == pytest.approx(60, rel=0.01)
    assert facts["disclosure"] == "processed by lofigen-kit"
    assert facts["duration_s"] == 3.0


MOVING = """\
version: 1
name: moving
source: {use: bursts}
effects:
  - {use: varispeed, semitones: -4}
  - {use: lowpass, cutoff_hz: {at: {0: 9000, 2: 500}}}
  - {use: delay, mix: 0.5}
master: {fade_in_ms: 100, fade_out_ms: 700}
output: {bit_depth: 16, tail: auto}
"""


def test_speed_tails_and_fades_are_those_of_the_whole(tmp_path: Path, registry: Registry) -> None:
    (tmp_path / "moving.yaml").write_text(MOVING)
    preset = load_preset(tmp_path / "moving.yaml", registry=registry)
    path = record(tmp_path / "a.wav", 3)
    facts = process(path, preset, tmp_path / "out.wav", registry)
    grid, speed = examine(path).grid, 2 ** (-4 / 12)
    *_, (_, heard) = rack.process_whole(
        preset.effects,
        read_audio(path),
        lambda stage: Context(rng_for(0, 0, stage), grid, root=tmp_path),
        loop=False,
    )
    pieces = apply_fades(
        iter([heard.samples]),
        AudioFormat(2, heard.frames, RATE_HZ),
        fade_in_ms=100,
        fade_out_ms=700,
    )
    whole = master(
        heard.with_samples(np.concatenate([*pieces], axis=1)), loudness_lufs=-14, true_peak_dbtp=-1
    )
    stored = as_stored(whole.audio, format="wav", bit_depth=16, rng=rng_for(0, 0, "output"))
    written = read_audio(tmp_path / "out.wav")
    np.testing.assert_array_equal(written.samples, stored.samples)
    assert written.duration_s == facts["duration_s"] > 3 / speed + 0.1  # it sounds on
    labels = read_metadata(tmp_path / "out.wav")
    assert labels.tempo_bpm == pytest.approx(speed * grid.tempo_bpm, rel=1e-6)
    assert labels.loop is None
    assert labels.cues[0].frame == round(grid.start_s / speed * RATE_HZ)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate_hz", [8000, 22_050, 192_000])
def test_a_tone_keeps_its_pitch_its_length_and_its_channels(
    tmp_path: Path, registry: Registry, preset: Preset, channels: int, rate_hz: int
) -> None:
    plain = preset.model_copy(update={"effects": ()})
    frames = 2 * rate_hz + 7
    tone = 0.1 * np.sin(2 * np.pi * 500 * np.arange(frames) / rate_hz)
    soundfile.write(tmp_path / "a.flac", np.repeat(tone[:, None], channels, axis=1), rate_hz)
    process(tmp_path / "a.flac", plain, tmp_path / "out.wav", registry)
    audio = read_audio(tmp_path / "out.wav")
    assert audio.samples.shape == (channels, round(frames * RATE_HZ / rate_hz))
    middle = audio.samples[:, RATE_HZ // 2 :][:, :RATE_HZ].astype(np.float64)
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(RATE_HZ)))
    assert (spectrum.argmax(axis=1) == 500).all()


def test_many_channels_are_heard_on_both_sides(
    tmp_path: Path, preset: Preset, registry: Registry
) -> None:
    soundfile.write(tmp_path / "a.wav", np.eye(6)[np.arange(RATE_HZ) % 6] * 0.1, RATE_HZ)
    plain = preset.model_copy(update={"effects": ()})
    process(tmp_path / "a.wav", plain, tmp_path / "out.wav", registry)
    audio = read_audio(tmp_path / "out.wav")
    np.testing.assert_array_equal(audio.samples[0], audio.samples[1])
    assert audio.channels == 2


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="there is no /proc to read the peak from"
)


@needs_proc
def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    """Three minutes of stereo are 64 MB of samples."""
    after = peaks_mb(tmp_path, [60, 240])
    assert after[1] - after[0] < 20


@needs_proc
@pytest.mark.slow
def test_an_hour_fits_into_400_mb(tmp_path: Path) -> None:
    assert peaks_mb(tmp_path, [3600])[0] < 400


def peaks_mb(folder: Path, lengths_s: list[int]) -> list[float]:
    """Return the highest resident memory of a process after each of some files."""
    (folder / "blocks.yaml").write_text(IN_BLOCKS)
    paths = [record(folder / f"{seconds}.wav", seconds) for seconds in lengths_s]
    ran = subprocess.run(
        [sys.executable, "-c", MEASURED, str(folder / "blocks.yaml"), *map(str, paths)],
        capture_output=True, text=True, check=True, env={**os.environ, "LOFIGEN_PLUGIN_DIR": ""},
    )  # fmt: skip
    return [int(line) / 1024 for line in ran.stdout.split()]


def test_a_stage_that_breaks_is_named_and_leaves_nothing(
    tmp_path: Path, registry: Registry
) -> None:
    path = record(tmp_path / "a.wav", 1)
    (tmp_path / "broken.yaml").write_text(PRESET.replace("fake-noise", "breaks, how: raise"))
    broken = load_preset(tmp_path / "broken.yaml", registry=registry)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(RenderError, match=r"effects\.breaks#0: ZeroDivisionError"):
        process(path, broken, tmp_path / "new" / "out.wav", registry)
    assert sorted(tmp_path.iterdir()) == before


HANGS = '''
import time
from typing import Literal

from lofigen_kit.api import BlockEffect, hookimpl


class Hangs(BlockEffect):
    """Takes its time."""

    use: Literal["hangs"] = "hangs"

    def start(self, sound, ctx):
        blocks = 0

        def process(block, now):
            nonlocal blocks
            blocks += 1
            if blocks == 20:
                print("ready", flush=True)
                time.sleep(60)
            return block

        return process


@hookimpl
def lofigen_effects():
    return [Hangs]
'''


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to a child")
def test_interrupting_leaves_nothing(tmp_path: Path) -> None:
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / "hangs.py").write_text(HANGS)
    (tmp_path / "hangs.yaml").write_text(PRESET.replace("bursts", "beatmaker").replace(
        "fake-noise", "hangs"))  # fmt: skip
    path = record(tmp_path / "a.wav", 8)
    output = tmp_path / "out"
    output.mkdir()
    code = (
        "import signal, sys, lofigen_kit.cli as c\n"
        # What runs in the background of a shell ignores Ctrl-C, and so do its children.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "c.main(sys.argv[1:])\n"
    )
    command = [sys.executable, "-c", code, "--plugin-dir", plugins, "process", path]
    command += ["--preset", tmp_path / "hangs.yaml", "-o", output]
    with subprocess.Popen(
        [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        running.stdout.readline()
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=90)
    assert running.returncode == 130
    assert b"Traceback" not in err
    assert list(output.iterdir()) == []


def test_a_spool_gives_back_what_it_was_given_to_several_at_once(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    blocks = [rng.standard_normal((2, n)).astype(np.float32) for n in (5, 1, 8192, 0, 3)]
    with BlockFile(tmp_path) as spool:
        for block in blocks:
            spool.append(block[:, ::-1])
        for _ in range(2):
            for ours, first, second in zip(blocks, spool, spool, strict=True):
                np.testing.assert_array_equal(first, ours[:, ::-1])
                np.testing.assert_array_equal(second, ours[:, ::-1])
    assert list(tmp_path.iterdir()) == []


# Many files.


@pytest.fixture
def crate(tmp_path: Path) -> Path:
    folder = tmp_path / "crate"
    for name in ("b.wav", "A side/Ünsafe: näme.wav", ".hidden.wav", ".git/x.wav", "out/old.wav"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


def test_a_tree_is_kept_and_names_are_made_safe(crate: Path, preset: Preset) -> None:
    found = find_files([crate], crate / "out")
    jobs = list_jobs(found.sounds, preset, crate / "out")
    assert [(job.source.name, str(job.target.relative_to(crate / "out"))) for job in jobs] == [
        ("Ünsafe: näme.wav", "A side/Ünsafe- näme_plain.wav"),
        ("b.wav", "b_plain.wav"),
    ]


def list_names(folder: Path, preset: Preset) -> dict[str, str]:
    """Return the name of each output, by that of its input."""
    found = find_files([folder], folder / "out")
    jobs = list_jobs(found.sounds, preset, folder / "out")
    return {job.source.name: job.target.name for job in jobs}


def test_files_for_one_place_are_numbered(crate: Path, preset: Preset) -> None:
    (crate / "B.flac").write_bytes(b"x")
    (crate / "b-2.wav").write_bytes(b"x")
    assert list_names(crate, preset) == {
        "Ünsafe: näme.wav": "Ünsafe- näme_plain.wav",
        "B.flac": "B_plain.wav",
        "b-2.wav": "b-2_plain.wav",
        "b.wav": "b-3_plain.wav",
    }


def test_what_is_no_sound_is_left_out(crate: Path) -> None:
    (crate / "b.cue").write_text('FILE "b.wav" WAVE\n')
    (crate / "b.json").write_text("{}")
    (crate / "cover.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(100))
    (crate / "Thumbs.db").write_bytes(b"")
    (crate / "lost.wav").symlink_to(crate / "nowhere.wav")
    (crate / "b.stems").mkdir()
    (crate / "b.stems" / "part-drums.wav").write_bytes(b"x")
    soundfile.write(crate / "really", np.zeros(800), 8000, format="WAV")
    os.mkfifo(crate / "pipe.wav")
    found = find_files([crate], crate / "out")
    assert [path.name for path, _ in found.sounds] == ["Ünsafe: näme.wav", "b.wav", "really"]
    assert {path.name: why for path, why in found.left_out.items()} == {
        "b.cue": "this is not audio that can be read",
        "b.json": "this is not audio that can be read",
        "cover.jpg": "this is not audio that can be read",
        "Thumbs.db": "the file is empty",
        "lost.wav": "the link leads nowhere, or the file may not be read",
        "b.stems": "it holds the stems of a take",
        "pipe.wav": "it is a device",
    }


def test_a_linked_folder_is_searched_once(crate: Path, tmp_path: Path) -> None:
    (tmp_path / "drive").mkdir()
    (tmp_path / "drive" / "far.wav").write_bytes(b"x")
    (crate / "0 link").symlink_to(tmp_path / "drive", target_is_directory=True)
    (crate / "0 again").symlink_to(tmp_path / "drive", target_is_directory=True)
    (crate / "0 near").symlink_to(crate / "A side", target_is_directory=True)
    (tmp_path / "drive" / "back").symlink_to(crate, target_is_directory=True)
    (crate / "0 out").symlink_to(crate / "out", target_is_directory=True)
    found = find_files([crate], crate / "out")
    places = [str(place) for _, place in found.sounds]
    assert places == ["0 again/far.wav", "A side/Ünsafe: näme.wav", "b.wav"]
    assert sorted(path.name for path in found.left_out) == ["0 link", "0 near", "back"]
    assert {*found.left_out.values()} == {"it links to a folder that is searched already"}


def test_a_folder_without_sounds(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("nothing")
    with pytest.raises(InputError, match="the folder holds no sound"):
        find_files([tmp_path], tmp_path / "out")


def test_what_is_no_loop_is_mastered_from_its_beginning_to_its_end() -> None:
    """Whatever is loud at a piece's end leaves its beginning alone; in a loop it does not."""
    t = np.arange(2 * RATE_HZ) / RATE_HZ
    tone = np.sin(2 * np.pi * 220 * t) * np.where(t < 1.95, 0.2, 1.8)
    audio = AudioBuffer(tone[None], RATE_HZ)
    piece, loop = (
        master(audio, loudness_lufs=None, true_peak_dbtp=-1, loop=loop).audio.samples[0]
        for loop in (False, True)
    )
    start = slice(0, RATE_HZ // 50)
    gains = [np.std(heard[start]) / np.std(tone[start]) for heard in (piece, loop)]
    assert 20 * np.log10(gains[0]) == pytest.approx(0, abs=0.1)
    assert 20 * np.log10(gains[1]) < -3
