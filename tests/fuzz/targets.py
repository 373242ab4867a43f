"""What is fuzzed: readers of strangers' files, each with seeds and with what must hold.

A target takes any bytes. It returns where they are read or refused as they should be, and raises
for all else; `run.py` looks for such bytes by coverage, `test_targets.py` by hypothesis.
"""

from __future__ import annotations

import io
import json
import math
import re
import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from lofigen_kit.audio import riff, tags
from lofigen_kit.audio.files import read_audio_blocks, read_comment, read_metadata
from lofigen_kit.audio.metadata import AudioMetadata, Cue, Loop
from lofigen_kit.audition import decisions
from lofigen_kit.audition.rolls import make_roll
from lofigen_kit.errors import AudioError, InputError, LofigenError, PresetError
from lofigen_kit.music.midi import from_midi, to_midi
from lofigen_kit.music.midi_reader import parse_midi
from lofigen_kit.music.roll_svg import draw_svg
from lofigen_kit.music.roll_text import draw_text
from lofigen_kit.music.score import DRUMS, Hit, Note, Score, Section
from lofigen_kit.plugins.loader import load_plugins
from lofigen_kit.plugins.registry import Registry
from lofigen_kit.preset import yaml_loader
from lofigen_kit.preset.schema import list_presets, parse_preset
from lofigen_kit.provenance import recipe
from lofigen_kit.provenance.load import load
from lofigen_kit_plugins.instruments.sfz_file import parse_regions
from lofigen_kit_plugins.midi_file.arrange import Request, make_score
from tests.fuzz import commands

NAME = "fuzzed.yaml"
PLACE = re.compile(rf"{re.escape(NAME)}(:\d+:\d+)?: ")
LONGEST_LINE = 2000
LABELS = AudioMetadata(
    title="a title",
    description="words",
    tempo_bpm=78.0,
    beats=32,
    key="D minor",
    loop=Loop(0, 999),
    cues=(Cue(0, "bar 1"), Cue(500, "bar 2")),
    loudness_lufs=-14.0,
    true_peak_dbtp=-1.0,
)


@dataclass(frozen=True)
class Target:
    """A reader.

    Attributes:
        check: Raises where it does not keep what it promises.
        seeds: What it is meant to read, from which to start.
    """

    check: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]


def check_preset(data: bytes) -> None:
    """A chain file gives a preset, or one line with the place."""
    try:
        preset = parse_preset(
            yaml_loader.load(data, NAME), root=Path("nowhere"), registry=_plugins()
        )
    except PresetError as error:
        _check_line(error, PLACE)
    else:
        written = preset.model_dump(mode="json", exclude_none=True)
        text = json.dumps(written, allow_nan=False).encode()  # which is YAML
        again = parse_preset(
            yaml_loader.load(text, NAME), root=Path("nowhere"), registry=_plugins()
        )
        assert again.model_dump(mode="json", exclude_none=True) == written


def check_override(data: bytes) -> None:
    """A `--set KEY=VALUE` gives a preset, or one line."""
    preset = yaml_loader.load(list_presets()["lofi-tape"].read_bytes(), NAME)
    try:
        text = data.decode(errors="surrogateescape")  # as a shell gives what is not UTF-8
        parse_preset(preset, root=Path("nowhere"), registry=_plugins(), overrides=[text])
    except PresetError as error:
        _check_line(error)


def check_recipe(data: bytes) -> None:
    """What stands in a file as its recipe gives a preset, or one line that names the file."""
    wav = io.BytesIO(_silent_wav())
    riff.append(
        wav, AudioMetadata(), data.decode(errors="replace"), software="", sample_rate_hz=8000
    )
    with _on_disk(wav.getvalue(), "recipe.wav") as path:
        try:
            load(path, _plugins())
        except PresetError as error:
            _check_line(error, re.compile(r".*recipe\.wav"))


def check_wav(data: bytes) -> None:
    """The chunks of any file give labels that can be written again; nothing is raised."""
    labels, comment = riff.read(io.BytesIO(data))
    _check_labels(labels)
    file = io.BytesIO(_silent_wav())
    written = replace(labels, loop=labels.loop or LABELS.loop)
    riff.append(file, written, comment, software="kit", sample_rate_hz=8000)
    again, comment_again = riff.read(file)
    assert again.loop == written.loop
    assert comment_again == comment


def check_id3(data: bytes) -> None:
    """Any ID3 tag gives labels; nothing is raised."""
    labels, _ = tags.read(io.BytesIO(data), "MP3")
    _check_labels(labels)


def check_flac(data: bytes) -> None:
    """Any FLAC file's comments give labels; nothing is raised."""
    labels, _ = tags.read(io.BytesIO(data), "FLAC")
    _check_labels(labels)


def check_decisions(data: bytes) -> None:
    """What was decided of takes names nothing outside their folder, or is refused in one line."""
    try:
        found = decisions.parse(data, where="decisions.json")
    except InputError as error:
        _check_line(error, re.compile(r"decisions\.json: "))
    else:
        folder = Path("/takes")
        assert all((folder / place).resolve().is_relative_to(folder) for place in found.decisions)
        assert decisions.parse(found.to_json().encode(), where="again") == found


def check_audio(data: bytes) -> None:
    """Any file gives finite samples, or one line that names it."""
    with _on_disk(data, "fuzzed.wav") as path:
        try:
            read_comment(path)
            read_metadata(path)
            for block in islice(read_audio_blocks(path), 50):
                assert np.isfinite(block.samples).all()
        except AudioError as error:
            _check_line(error, re.compile(r".*fuzzed\.wav"))


def check_sound(data: bytes) -> None:
    """Any file is read to an end that is the same for any size of block, or refused in one line."""
    with _on_disk(data, "fuzzed") as path:
        lengths = []
        for frames in (4096, 1000):
            try:
                blocks = islice(read_audio_blocks(path, frames=frames), 4000)
                lengths.append(sum(block.frames for block in blocks))
            except AudioError as error:
                _check_line(error, re.compile(r".*fuzzed"))
                lengths.append(0)
        assert lengths[0] == lengths[1], lengths


def check_ogg(data: bytes) -> None:
    """Any OGG file's comments are read, or refused in one line."""
    with _on_disk(data, "fuzzed.ogg") as path:
        try:
            _check_labels(read_metadata(path))
        except AudioError as error:
            _check_line(error, re.compile(r".*fuzzed\.ogg"))


def check_command(data: bytes) -> None:
    """The commands end well on any sound file."""
    with _on_disk(b"", "empty") as path:
        commands.check_sound(data, path.parent)


def check_midi_command(data: bytes) -> None:
    """The commands end well on any MIDI file."""
    with _on_disk(b"", "empty") as path:
        commands.check_midi(data, path.parent)


def check_midi(data: bytes) -> None:
    """A MIDI file gives a score, or one line that names the file."""
    try:
        song = parse_midi(data, "fuzzed.mid")
        for request in (Request(), Request(first_bar=2, bars=4, tempo_bpm=80, loop=True)):
            score = make_score(song, request, "fuzzed.mid")
            assert score.notes or score.hits or score.bars
            assert all(note.onset_s < score.duration_s for note in score.notes)
            assert all(hit.onset_s < score.duration_s for hit in score.hits)
    except InputError as error:
        _check_line(error, re.compile(r"fuzzed\.mid: "))


def check_score_midi(data: bytes) -> None:
    """A MIDI file beside a take gives a score that can be drawn, or one line that names it."""
    try:
        score = from_midi(data, "fuzzed.mid")
    except InputError as error:
        _check_line(error, re.compile(r"fuzzed\.mid: "))
    else:
        assert len(make_roll(score, 10.0).events) < 100_000
        assert max(len(line.text) for line in draw_text(score)) <= 80
        ElementTree.fromstring(draw_svg(score))  # noqa: S314 - made here


def check_sfz(data: bytes) -> None:
    """An SFZ file gives regions, or one line that names the file."""
    try:
        regions = parse_regions(data.decode("utf-8-sig", errors="replace"), "fuzzed.sfz")
    except InputError as error:
        _check_line(error, re.compile(r"fuzzed\.sfz: "))
    else:
        assert all(math.isfinite(region.tune + region.volume_db) for region in regions)


def _check_line(error: LofigenError, place: re.Pattern[str] = re.compile("")) -> None:
    text = str(error)
    assert place.match(text), text
    assert text.isprintable(), ascii(text)
    assert len(text) < LONGEST_LINE, len(text)
    assert error.exit_code == 2, text


def _check_labels(labels: AudioMetadata) -> None:
    for number in (labels.tempo_bpm, labels.loudness_lufs, labels.true_peak_dbtp):
        assert number is None or math.isfinite(number)
    assert len(labels.cues) <= 10_000


@cache
def _plugins() -> Registry:
    return load_plugins()


@cache
def _silent_wav() -> bytes:
    samples = bytes(2000)
    form = struct.pack("<HHIIHH", 1, 1, 8000, 16_000, 2, 16)
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", 2000) + samples
    return b"RIFF" + struct.pack("<I", len(body)) + body


class _on_disk:  # noqa: N801 - read as a word of the language
    """A file that is gone afterwards, in memory where the system has a place for that."""

    def __init__(self, data: bytes, name: str) -> None:
        memory = Path("/dev/shm")  # noqa: S108
        self._folder = tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)
        self._path = Path(self._folder.name) / name
        self._path.write_bytes(data)

    def __enter__(self) -> Path:
        return self._path

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()


def _preset_seeds() -> list[bytes]:
    return [path.read_bytes() for path in list_presets().values()]


def _override_seeds() -> list[bytes]:
    texts = ["seed=3", "effects.0.mix=.5", "effects.wow-flutter.wow_depth_pct=1", "master={}",
             "effects=[{use: lowpass, cutoff_hz: {at: {0: 100, 2bars: 900}}}]", "output.loop=no",
             "sampler.use=mean", "name=\u202e"]  # fmt: skip
    return [text.encode() for text in texts]


def _recipe_seeds() -> list[bytes]:
    preset = parse_preset(
        yaml_loader.load(list_presets()["lofi-tape"].read_bytes(), NAME),
        root=None, registry=_plugins(),
    )  # fmt: skip
    facts = {"format": recipe.FORMAT, "preset": preset.model_dump(mode="json"), "take": 3,
             "plugins": {"beatmaker": "lofigen-kit"}, "attempt": 1}  # fmt: skip
    return [json.dumps(facts).encode()]


def _decision_seeds() -> list[bytes]:
    made = decisions.Decision(verdict="keep", stars=3, audio_sha256="ab" * 32)
    places = {"a.wav": made, "warm/b.flac": decisions.Decision(verdict="reject")}
    return [decisions.Decisions(sheet="takes", decisions=places).to_json().encode()]


def _wav_seeds() -> list[bytes]:
    whole = io.BytesIO(_silent_wav())
    riff.append(whole, LABELS, "{}", software="kit", sample_rate_hz=8000)
    return [_silent_wav(), whole.getvalue()]


def _midi_seeds() -> list[bytes]:
    import mido

    notes = (Note(part="keys", midi=60 + 4 * n, onset_s=n, duration_s=0.5) for n in range(4))
    hits = (Hit(drum=drum, onset_s=n / 2) for n, drum in enumerate(DRUMS))
    sections = (Section(name="A", first_bar=0, bars=1), Section(name="B", first_bar=1, bars=1))
    score = Score(tempo_bpm=120, key="D minor", bars=2, duration_s=4, notes=tuple(notes),
                  hits=tuple(hits), sections=sections)  # fmt: skip
    file = mido.MidiFile(type=0)
    track = mido.MidiTrack()
    file.tracks.append(track)
    for number, value in ((0x9, 100), (0xB, 127), (0x9, 0), (0xB, 0)):
        data = [number << 4, 60 if number == 0x9 else 64, value]
        track.append(mido.Message.from_bytes(data, time=240))
    blob = io.BytesIO()
    file.save(file=blob)
    return [to_midi(score), blob.getvalue()]


def _sfz_seeds() -> list[bytes]:
    return [
        b"<control> default_path=s/\n<group> ampeg_release=0.5 // slow\n"
        b"<region> sample=a b.wav lokey=c3 hikey=e4 pitch_keycenter=60 lovel=1 hivel=80 tune=-5\n"
        b"<region>\nsample=b.wav key=72 volume=-3 seq_length=2\n",
    ]


def _tagged_seeds(format: str) -> Callable[[], list[bytes]]:  # noqa: A002
    def seeds() -> list[bytes]:
        import soundfile

        file = io.BytesIO()
        soundfile.write(file, np.zeros(2000), 44_100, format=format)
        tags.write(file, LABELS, "{}", format=format.lower(), software="kit")
        return [file.getvalue()]

    return seeds


TARGETS = {
    "preset": Target(check_preset, _preset_seeds),
    "override": Target(check_override, _override_seeds),
    "recipe": Target(check_recipe, _recipe_seeds),
    "decisions": Target(check_decisions, _decision_seeds),
    "wav": Target(check_wav, _wav_seeds),
    "id3": Target(check_id3, _tagged_seeds("MP3")),
    "flac": Target(check_flac, _tagged_seeds("FLAC")),
    "midi": Target(check_midi, _midi_seeds),
    "score-midi": Target(check_score_midi, _midi_seeds),
    "sfz": Target(check_sfz, _sfz_seeds),
    "audio": Target(check_audio, _wav_seeds),
    "ogg": Target(check_ogg, _tagged_seeds("OGG")),
    "sound": Target(check_sound, commands.sound_seeds),
    "command": Target(check_command, commands.sound_seeds),
    "midi-command": Target(check_midi_command, _midi_seeds),
}
