"""`stream` into real pipes, and `play` into a real sound server."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event, Thread
from types import ModuleType

import numpy as np
import pytest

from lofigen_kit.audio.files import read_audio, read_comment
from lofigen_kit.plugins.registry import Registry
from lofigen_kit.preset.schema import load_preset
from lofigen_kit.provenance.verify import verify
from lofigen_kit.render.stream import StreamRenderer, truncate_blocks

PROGRAM = Path(sys.executable).with_name("lofigen-kit")
RATE_HZ = 44_100
PLAIN = """\
version: 1
name: plain
seed: 7
source: {use: bursts}
model: {use: tiny}
sampler: {use: temperature}
effects: [{use: lowpass, cutoff_hz: 5000}]
"""
Stream = Callable[..., list[str]]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def stream(
    engine: None,  # noqa: ARG001 - compiled by now
    plugin_dir: Path,
    tmp_path: Path,
) -> Stream:
    """Return a command that streams a small preset."""
    preset = tmp_path / "plain.yaml"
    preset.write_text(PLAIN)
    begin = [str(PROGRAM), "--plugin-dir", str(plugin_dir)]
    return lambda *options, command="stream": [*begin, command, str(preset), *map(str, options)]


def test_a_stream_is_a_file_that_says_how_it_was_made(stream: Stream, tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    with path.open("wb") as out:
        ran = subprocess.run(
            stream("--seconds", 3, "--seed", 9, "--bars", 2), stdout=out, stderr=subprocess.PIPE,
            check=True,
        )  # fmt: skip
    assert ran.stderr == b""
    assert read_audio(path).samples.shape == (2, 3 * RATE_HZ)
    facts = json.loads(read_comment(path) or "")
    assert facts["disclosure"] == "generated with AI by lofigen-kit"
    assert (facts["command"], facts["seed"], facts["preset"]["name"]) == ("stream", 9, "plain")
    assert facts["preset"]["source"]["bars"] == 2
    assert facts["licences"] == {"source": "CC0-1.0", "model": "CC0-1.0"}
    found = verify(path)  # of which the header, written before it, cannot tell
    assert (found.sound, found.credentials.state, found.holds) == ("unknown", "none", True)


def test_bare_samples_are_those_of_the_file_and_say_so_beside(stream: Stream) -> None:
    bare, again, wav = (
        subprocess.run(stream("--seconds", 2, "--bit-depth", 32, *more), capture_output=True,
                       check=True)
        for more in (("--format", "pcm"), ("--format", "pcm"), ())
    )  # fmt: skip
    assert bare.stdout == again.stdout
    assert len(bare.stdout) == 2 * RATE_HZ * 8
    assert wav.stdout.endswith(bare.stdout)
    assert bare.stderr.decode().splitlines() == [
        "lofigen-kit: f32le, 44100 Hz, 2 channels; raw samples carry no metadata: "
        "generated with AI by lofigen-kit"
    ]


def test_it_ends_quietly_when_nobody_reads_any_longer(stream: Stream) -> None:
    with subprocess.Popen(
        stream(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert len(running.stdout.read(100_000)) > 0
        running.stdout.close()
        assert running.wait(60) == 0
        assert running.stderr.read() == b""


def test_ctrl_c_ends_it(stream: Stream) -> None:
    heed = (  # a shell's `&` has it ignored
        "import signal, os, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", heed, *stream("--realtime")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
    ) as running:  # fmt: skip
        assert running.stdout is not None
        assert running.stderr is not None
        assert running.stdout.read(1)
        running.send_signal(signal.SIGINT)
        running.stdout.read()
        assert running.wait(60) == 130
        assert running.stderr.read() == b""


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal of our own")
def test_a_terminal_is_not_written_to(stream: Stream) -> None:
    ours, theirs = os.openpty()
    ran = subprocess.run(stream(), stdout=theirs, stderr=subprocess.PIPE, check=False)
    os.close(theirs)
    assert ran.returncode == 2
    assert b"standard output: a terminal cannot play sound; pipe it" in ran.stderr
    os.close(ours)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--format", "mp3"), "there is no format 'mp3'"),
        (("--bit-depth", 8), "8 is not a possible bit depth"),
        (("--bars", 900), "source.bars"),
        (("--set", "effects.lowpass.use=time-stretch"),
         "plain: time-stretch: needs the whole sound, and a stream has no end; leave it out: "
         "--set effects.0.mix=0"),
        (("--set", "source={use: band, plan: standard}"),
         "source: a stream needs loops of whole bars, and band gives a piece with an end; choose "),
    ],
)  # fmt: skip
def test_what_cannot_be_streamed_is_refused_in_one_line(
    stream: Stream, options: tuple[object, ...], said: str
) -> None:
    ran = subprocess.run(stream(*options), capture_output=True, check=False, text=True)
    assert (ran.returncode, ran.stdout) == (2, "")
    [line] = ran.stderr.splitlines()
    assert said in line


def test_a_stream_is_not_replayed(stream: Stream, tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    with path.open("wb") as out:
        subprocess.run(stream("--seconds", 1), stdout=out, check=True)
    replayed = [*stream()[:3], "chain", "replay", str(path)]
    ran = subprocess.run(replayed, capture_output=True, check=False, text=True)
    assert ran.returncode == 2
    assert "it is the output of `stream`" in ran.stderr
    again = subprocess.run([*stream()[:3], "stream", str(path), "--seconds", "1"],
                           capture_output=True, check=True)  # fmt: skip
    assert again.stdout[-RATE_HZ:] == path.read_bytes()[-RATE_HZ:]


def _has_portaudio() -> bool:
    if importlib.util.find_spec("sounddevice") is None:
        return False
    try:
        importlib.import_module("sounddevice")
    except OSError:
        return False
    return True


def _reason() -> str:
    """Return what is missing to play into a sound server of our own, or nothing."""
    if sys.platform != "linux":
        return "the sound server is Linux's"
    if not all(map(shutil.which, ("pulseaudio", "pactl", "parec"))):
        return "pulseaudio is not here"
    if not _has_portaudio():
        return "sounddevice or PortAudio is not here"
    places = Path("/usr/lib").glob("**/libasound_module_pcm_pulse.so")
    return "" if next(places, None) else "ALSA cannot play into pulseaudio here"


class FakeSounddevice(ModuleType):
    """A sounddevice whose one output takes what it is given, faster than one could hear it."""

    class PortAudioError(Exception):
        pass

    def __init__(self, *, outputs: int = 1) -> None:
        super().__init__("sounddevice")
        self.heard = np.zeros((0, 2), np.float32)
        self._outputs = outputs

    def check_output_settings(self, **settings: object) -> None:
        assert settings == {"samplerate": RATE_HZ, "channels": 2, "dtype": "float32"}
        if not self._outputs:
            raise self.PortAudioError("Error querying device -1")

    @contextmanager
    def OutputStream(self, *, callback: Callable[..., None], **settings: object) -> Iterator[None]:  # noqa: N802 - as it is called there
        self.check_output_settings(**settings)
        stopped = Event()

        def take() -> None:
            while not stopped.is_set():
                out = np.empty((441, 2), np.float32)
                callback(out, 441, None, None)
                self.heard = np.concatenate([self.heard, out])

        thread = Thread(target=take)
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join()


def test_what_a_device_is_given_is_the_stream(
    run: Run, tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = FakeSounddevice()
    monkeypatch.setitem(sys.modules, "sounddevice", device)
    monkeypatch.setattr("lofigen_kit.playback.player.BUFFER_S", 10.0)  # as the device does not wait
    (tmp_path / "plain.yaml").write_text(PLAIN)
    code, out, err = run("play", tmp_path / "plain.yaml", "--minutes", 0.1)
    assert (code, out) == (0, "")
    assert err == "lofigen-kit: keys do not work: standard input is not a terminal\n"
    endless = StreamRenderer(load_preset(tmp_path / "plain.yaml", registry=registry))
    blocks = endless.render_blocks(endless.measure_gain(iter(range(10_000)).__next__).gain_db)
    with closing(blocks):
        expected = np.concatenate(list(truncate_blocks(blocks, 6 * RATE_HZ)), axis=1).T
    assert np.array_equal(device.heard[: len(expected)], expected)
    assert not device.heard[len(expected) :].any()


def test_without_an_output_it_says_so(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", FakeSounddevice(outputs=0))
    (tmp_path / "plain.yaml").write_text(PLAIN)
    assert run("play", tmp_path / "plain.yaml") == (
        1,
        "",
        "lofigen-kit: no sound output answers (Error querying device -1); plug one in, or write "
        "the sound with `lofigen-kit stream PRESET > beat.wav`\n",
    )


def test_without_sounddevice_it_names_the_remedy(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    (tmp_path / "plain.yaml").write_text(PLAIN)
    code, out, err = run("play", tmp_path / "plain.yaml")
    assert (code, out) == (2, "")
    assert err == "lofigen-kit: playing needs sounddevice; pip install 'lofigen-kit[play]'\n"


def test_a_machine_that_is_too_slow_says_how_slow_it_is(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", FakeSounddevice())
    monkeypatch.setattr("lofigen_kit.render.stream._speed", lambda _: 0.5 * RATE_HZ)
    (tmp_path / "plain.yaml").write_text(PLAIN)
    code, _, err = run("play", tmp_path / "plain.yaml")
    assert code == 1
    assert err.startswith("lofigen-kit: this machine makes 0.50 seconds of sound in a second")
    code, _, err = run("play", tmp_path / "plain.yaml", "--minutes", 0.1)
    assert code == 0
    assert "generation runs at 0.50 x real time: 3 s are buffered before playback starts" in err


@pytest.fixture
def sound_server(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Start a pulseaudio whose only output is a null sink, and return the environment for it."""
    if reason := _reason():
        pytest.skip(reason)
    (tmp_path / "run").mkdir(mode=0o700)
    (tmp_path / ".asoundrc").write_text("pcm.!default { type pulse }\n")
    socket = tmp_path / "run" / "native"
    env = {
        **os.environ,
        "HOME": str(tmp_path),
        "XDG_RUNTIME_DIR": str(tmp_path / "run"),
        "PULSE_SERVER": f"unix:{socket}",
    }
    server = subprocess.Popen(
        [
            "pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1",
            "-L", f"module-null-sink sink_name=null rate={RATE_HZ} format=float32le channels=2",
            "-L", f"module-native-protocol-unix socket={socket} auth-anonymous=1",
        ],
        env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        end = time.monotonic() + 90
        ask = ["pactl", "info"]
        while subprocess.run(ask, env=env, capture_output=True, check=False).returncode:
            assert time.monotonic() < end, "no sound server answers"
            time.sleep(0.05)
        yield env
    finally:
        server.terminate()
        server.wait(90)


def test_what_is_played_is_what_is_streamed(
    stream: Stream, sound_server: dict[str, str], tmp_path: Path
) -> None:
    recorded = tmp_path / "recorded.raw"
    with recorded.open("wb") as file:
        listening = subprocess.Popen(
            ["parec", "-d", "null.monitor", "--format=float32le", f"--rate={RATE_HZ}",
             "--channels=2"],
            env=sound_server, stdout=file,
        )  # fmt: skip
        ran = subprocess.run(
            stream("--minutes", 0.1, command="play"), env=sound_server, stdin=subprocess.DEVNULL,
            capture_output=True, check=False, text=True,
        )  # fmt: skip
        listening.terminate()
        listening.wait(90)
    assert ran.returncode == 0, ran.stderr
    # ALSA itself may say there that it was held up.
    assert "lofigen-kit: keys do not work: standard input is not a terminal\n" in ran.stderr
    options = ("--seconds", 6, "--format", "pcm", "--bit-depth", 32, "-q")
    expected = subprocess.run(stream(*options), capture_output=True, check=True).stdout
    heard = recorded.read_bytes()
    place, found, size = 0, 0, 8 * 256
    pieces = [expected[start : start + size] for start in range(0, len(expected), size)]
    for piece in pieces[:-1]:
        at = heard.find(piece, place)
        if at >= 0:
            place, found = at, found + 1
    # A server that is held up may lose some: what it does not lose is in order, bit for bit.
    assert np.divide(found, len(pieces)) > 0.9
