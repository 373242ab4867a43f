"""`sample-kit`, `sample-instrument` and the SFZ files of `soundfont`: a producer's own samples."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import soundfile

from lofigen_kit.api import Context, Hit, InputError, Instrument, Note
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit.testing import check_component
from lofigen_kit_plugins.instruments.drum_kits import PEAK
from lofigen_kit_plugins.instruments.sample_files import MAX_FILES, find_note
from lofigen_kit_plugins.instruments.sample_instrument import SampleInstrument
from lofigen_kit_plugins.instruments.sample_kit import SampleKit, find_drum
from lofigen_kit_plugins.instruments.soundfont import SoundFont

RATE_HZ = 44_100


def write_tone(path: Path, hz: float, *, level: float = 0.5, rate_hz: int = 44_100,
               length_s: float = 1.0) -> None:  # fmt: skip
    t = np.arange(round(length_s * rate_hz)) / rate_hz
    soundfile.write(path, level * np.exp(-t) * np.sin(2 * np.pi * hz * t), rate_hz)


def frequency_hz(wave: np.ndarray, rate_hz: int = RATE_HZ) -> float:
    """The strongest partial, by the peak of a parabola."""
    level = np.log(np.abs(np.fft.rfft(wave.mean(axis=0) * np.hanning(wave.shape[1]), 1 << 18)))
    top = int(np.argmax(level))
    before, at, after = level[top - 1 : top + 2]
    return float((top + 0.5 * (before - after) / (before - 2 * at + after)) * rate_hz / (1 << 18))


def play(instrument: Instrument, event: Note | Hit, root: Path | None = None, seed: int = 1,
         rate_hz: int = RATE_HZ) -> np.ndarray:  # fmt: skip
    wave = instrument.play(event, rate_hz, Context(rng=rng_for(seed, 0, "part"), root=root))
    assert wave.shape[0] == 2
    assert wave.dtype == np.float32
    return wave


def note(midi: float, velocity: float = 1.0, duration_s: float = 0.6) -> Note:
    return Note(part="keys", midi=midi, onset_s=0, duration_s=duration_s, velocity=velocity)


def hit(drum: str, velocity: float = 1.0) -> Hit:
    return Hit.model_validate({"drum": drum, "onset_s": 0, "velocity": velocity})


# Names.


@pytest.mark.parametrize(
    ("stem", "number"),
    [
        ("piano_C3", 48), ("A#4 soft", 70), ("60", 60), ("Bb2", 46), ("rhodes-eb5-1", 75),
        ("C-1", 0), ("Ds3", 51), ("kalimba 072 v2", 72), ("Grand A1 C4", 60), ("c#4_rr2", 61),
        ("G9", 127), ("A9", None), ("loop", None), ("take 300", None), ("dub2", None),
    ],
)  # fmt: skip
def test_the_note_in_a_name(stem: str, number: int | None) -> None:
    assert find_note(stem) == number


@pytest.mark.parametrize(
    ("stem", "drum"),
    [
        ("kick", "kick"), ("Kick 01", "kick"), ("BD_808", "kick"), ("snare-tight", "snare"),
        ("SD2", "snare"), ("clap", "rim"), ("Snap", "rim"), ("rimshot", "rim"), ("HiHat", "hat"),
        ("closedhat", "hat"), ("hat_open", "open-hat"), ("OH 3", "open-hat"),
        ("Open Hat", "open-hat"), ("ride", "ride"), ("Shaker", "ride"), ("crash1", "ride"),
        ("LofiKick", "kick"), ("vocal", None), ("chat", None),
    ],
)  # fmt: skip
def test_the_drum_in_a_name(stem: str, drum: str | None) -> None:
    assert find_drum(stem) == drum


# Kits.


@pytest.fixture
def kit_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "kit"
    folder.mkdir()
    write_tone(folder / "Kick.wav", 60)
    write_tone(folder / "snare.flac", 200, rate_hz=22_050)
    write_tone(folder / "HIHAT closed.ogg", 8000)
    write_tone(folder / "open.aiff", 7000)
    (folder / "readme.txt").write_text("mine")
    (folder / ".hidden kick.wav").write_bytes(b"")
    return folder


def test_a_folder_of_one_shots_is_a_kit(kit_folder: Path) -> None:
    kit = SampleKit(path=str(kit_folder))
    check_component(SampleKit, path=str(kit_folder))
    for drum, hz in (("kick", 60), ("snare", 200), ("hat", 8000), ("open-hat", 7000)):
        wave = play(kit, hit(drum))
        assert frequency_hz(wave) == pytest.approx(hz, rel=0.01)
        assert np.abs(wave).max() == pytest.approx(PEAK[drum], rel=0.25)  # type: ignore[index]
        assert np.abs(play(kit, hit(drum, 0.4))).max() < 0.4 * np.abs(wave).max()
    assert (kit.terms, SampleKit(path="x", licence="MIT").terms) == ("unknown", "MIT")


def test_what_a_kit_lacks_is_struck_on_the_nearest_or_refused(kit_folder: Path) -> None:
    kit = SampleKit(path=str(kit_folder))
    assert frequency_hz(play(kit, hit("rim"))) == pytest.approx(200, rel=0.01)
    assert frequency_hz(play(kit, hit("ride"))) == pytest.approx(7000, rel=0.01)
    (kit_folder / "Kick.wav").unlink()
    with pytest.raises(InputError, match=r"kit: the folder has no file for the kick; name one"):
        play(kit, hit("kick"))


def test_files_of_one_drum_are_layers_if_they_differ_in_loudness(kit_folder: Path) -> None:
    write_tone(kit_folder / "kick hard.wav", 90, level=0.9)
    write_tone(kit_folder / "kick soft.wav", 40, level=0.1)
    kit = SampleKit(path=str(kit_folder))
    pitches = [frequency_hz(play(kit, hit("kick", velocity))) for velocity in (0.2, 0.5, 0.95)]
    assert pitches == pytest.approx([40, 60, 90], rel=0.03)


def test_files_as_loud_as_each_other_take_turns_by_the_seed(kit_folder: Path) -> None:
    write_tone(kit_folder / "kick 2.wav", 90)
    kit, context = SampleKit(path=str(kit_folder)), Context(rng=rng_for(1, 0, "part"))
    found = [round(frequency_hz(kit.play(hit("kick"), RATE_HZ, context)) / 30) for _ in range(16)]
    assert set(found) == {2, 3}
    again = Context(rng=rng_for(1, 0, "part"))
    assert found == [
        round(frequency_hz(kit.play(hit("kick"), RATE_HZ, again)) / 30) for _ in range(16)
    ]


# Notes.


@pytest.fixture
def piano(tmp_path: Path) -> Path:
    folder = tmp_path / "piano"
    folder.mkdir()
    write_tone(folder / "piano_C3.wav", 130.8128, length_s=3)
    write_tone(folder / "A4.flac", 440.0, rate_hz=48_000)
    write_tone(folder / "84.wav", 1046.5023, rate_hz=32_000)
    return folder


@pytest.mark.parametrize("midi", [36, 48, 55.5, 59, 69, 71, 76, 77, 84, 96])
@pytest.mark.parametrize("rate_hz", [44_100, 24_000])
def test_the_nearest_sample_is_played_in_tune(piano: Path, midi: float, rate_hz: int) -> None:
    wave = play(SampleInstrument(path=str(piano)), note(midi), rate_hz=rate_hz)
    cents = 1200 * np.log2(frequency_hz(wave, rate_hz) / (440.0 * 2 ** ((midi - 69) / 12)))
    assert abs(cents) < 5
    assert np.abs(wave).max() == pytest.approx(0.25, rel=0.1)


def test_a_note_ends_with_its_release_and_velocity_is_level_and_brightness(piano: Path) -> None:
    check_component(SampleInstrument, path=str(piano))
    instrument = SampleInstrument(path=str(piano), release_s=0.1)
    wave = play(instrument, note(48, duration_s=0.5))
    assert wave.shape[1] == pytest.approx(0.6 * RATE_HZ, rel=0.01)
    assert np.abs(wave[:, -10:]).max() < 1e-3
    soft, hard = (np.abs(play(instrument, note(84, velocity))).max() for velocity in (0.2, 1.0))
    assert soft < 0.2 * hard
    shifted = play(SampleInstrument(path=str(piano), transpose=-12), note(60))
    assert frequency_hz(shifted) == pytest.approx(130.81, rel=0.003)
    np.testing.assert_array_equal(play(instrument, note(60)), play(instrument, note(60)))


def test_a_note_far_from_all_samples_is_refused(piano: Path) -> None:
    with pytest.raises(InputError, match="more than three octaves from the nearest sample, 48"):
        play(SampleInstrument(path=str(piano)), note(5))


def test_a_folder_without_notes_or_without_samples_is_refused(kit_folder: Path) -> None:
    with pytest.raises(InputError, match=r"no file of the folder has a note in its name"):
        play(SampleInstrument(path=str(kit_folder)), note(60))
    empty = kit_folder / "empty"
    empty.mkdir()
    for path, message in (
        (empty, "holds no samples"),
        (kit_folder / "Kick.wav", "cannot be read"),
        (kit_folder / "none", "cannot be read"),
    ):
        with pytest.raises(InputError, match=message):
            play(SampleKit(path=str(path)), hit("kick"))


def test_a_damaged_file_is_one_line_that_names_it(kit_folder: Path) -> None:
    (kit_folder / "snare.flac").write_bytes(b"la la la" * 50)
    with pytest.raises(InputError, match=r"snare\.flac: this is not audio") as caught:
        play(SampleKit(path=str(kit_folder)), hit("snare"))
    assert "\n" not in str(caught.value)
    soundfile.write(kit_folder / "open.aiff", np.zeros(100), 44_100)
    with pytest.raises(InputError, match=r"open\.aiff: the sample is silent"):
        play(SampleKit(path=str(kit_folder)), hit("open-hat"))
    soundfile.write(kit_folder / "ride.wav", np.ones(61 * 8000) * 0.1, 8000)
    with pytest.raises(InputError, match=r"ride\.wav: "):
        play(SampleKit(path=str(kit_folder)), hit("ride"))


def test_a_preset_reaches_no_further_than_its_folder(kit_folder: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "linked").symlink_to(kit_folder)
    (root / "own").mkdir()
    (root / "own" / "kick.wav").symlink_to(kit_folder / "Kick.wav")
    for path in ("../kit", str(kit_folder), "linked", "own", "a\0b"):
        with pytest.raises(InputError, match="outside the preset's folder"):
            play(SampleKit(path=path), hit("kick"), root)
    assert play(SampleKit(path="kit"), hit("kick"), tmp_path).any()


def test_a_folder_of_too_many_files_is_refused(tmp_path: Path) -> None:
    for number in range(MAX_FILES + 1):
        (tmp_path / f"{number}.txt").touch()
    with pytest.raises(InputError, match="more than 2000 files"):
        play(SampleKit(path=str(tmp_path)), hit("kick"))


# SFZ.


@pytest.fixture
def sfz(piano: Path) -> Path:
    path = piano.parent / "mine.sfz"
    path.write_text(
        "// a comment <region> sample=none\n"
        "<control> default_path=piano\\\n"
        "<global> ampeg_release=0.3\n"
        "<group> lokey=a2 hikey=59\n"
        "<region> sample=piano_C3.wav pitch_keycenter=c3\n"
        "<group>\n"
        "<region> sample=A4.flac lokey=60 hikey=127 pitch_keycenter=69 hivel=63 volume=-6\n"
        "<region> sample=84.wav lokey=60 hikey=127 pitch_keycenter=84 lovel=64 tune=100\n"
        "<region> sample=A4.flac key=36 pitch_keytrack=0 loop_mode=one_shot\n"
        "<region> sample=A4.flac key=37 trigger=release\n"
    )
    return path


def test_an_sfz_file_is_an_instrument(sfz: Path) -> None:
    check_component(SoundFont, path=str(sfz))
    font = SoundFont(path=sfz.name)
    root = sfz.parent
    assert frequency_hz(play(font, note(48), root)) == pytest.approx(130.81, rel=0.002)
    assert frequency_hz(play(font, note(57), root)) == pytest.approx(220.0, rel=0.002)
    assert frequency_hz(play(font, note(72, 0.4), root)) == pytest.approx(523.25, rel=0.002)
    sharp = 1046.5 * 2 ** (1 / 12)
    assert frequency_hz(play(font, note(84, 0.9), root)) == pytest.approx(sharp, rel=0.002)
    assert play(font, note(48, duration_s=0.5), root).shape[1] == pytest.approx(
        0.8 * RATE_HZ, rel=0.01
    )
    assert frequency_hz(play(font, hit("kick"), root)) == pytest.approx(440, rel=0.01)
    quiet, loud = (np.abs(play(font, note(m, 0.4), root)).max() for m in (69, 48))
    assert quiet == pytest.approx(loud / 2, rel=0.1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no region with a sample"),
        ("<region> key=60", "no region with a sample"),
        ('#include "more.sfz"\n<region> sample=a.wav', "#include is not followed"),
        ("<region> sample=a.wav key=x", "key='x' is no key"),
        ("<region> sample=a.wav volume=loud", "volume='loud' is no number"),
        ("<region> sample=a.wav tune=nan", "tune='nan' is no number"),
        ("<region> sample=a.wav lokey=61", "plays nothing for key 60 at velocity 127"),
        ("<region> sample=a.wav", "a.wav: there is no such file"),
        ("<region> sample=../../../etc/passwd", "outside the preset's folder"),
        ("<region> sample=/etc/passwd", "outside the preset's folder"),
        ("<region> sample=" + "x" * 5000, "has too long a name"),
        ("<region> sample=a.wav " * 5000, "more than 4096 regions"),
        ("x" * (1 << 21), "more than 1 MiB"),
    ],
)
def test_a_hostile_sfz_file_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "mine.sfz").write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        play(SoundFont(path="mine.sfz"), note(60), tmp_path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 2000


# Soundfonts.


class Synth:
    """Plays a sine of its program's level in the left channel until the key is let go."""

    def __init__(self, samplerate: int) -> None:
        self.rate_hz, self.level, self.left = samplerate, 0.0, 0.0

    def sfload(self, data: bytes) -> int:
        return 1

    def sfpreset_name(self, font: int, bank: int, number: int) -> str | None:
        return "there" if number < 40 else None

    def sounds_off(self) -> None:
        self.level, self.frames, self.left = 0.0, 0, self.level or self.left

    def program_select(self, chan: int, font: int, bank: int, number: int, drums: bool) -> None:
        self.loudness = 0.01 * (1 + number)

    def noteon(self, chan: int, key: int, velocity: int) -> None:
        self.hz, self.level = 440.0 * 2 ** ((key - 69) / 12), self.loudness * velocity / 127

    def noteoff(self, chan: int, key: int) -> None:
        self.level *= 0.1

    def generate(self, frames: int) -> memoryview:
        t = (self.frames + np.arange(frames)) / self.rate_hz
        self.frames += frames
        wave = self.level * np.sin(2 * np.pi * getattr(self, "hz", 0.0) * t)
        wave[: round(0.02 * self.rate_hz)] += self.left  # what was turned off is heard a while
        self.left = 0.0
        return memoryview(np.stack([wave, 0 * wave], axis=1).astype(np.float32).tobytes())


@pytest.fixture
def font(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    module: Any = ModuleType("tinysoundfont")
    module.Synth, module.SoundFontException = Synth, RuntimeError
    monkeypatch.setitem(sys.modules, "tinysoundfont", module)
    path = tmp_path / "sines.sf2"
    path.write_bytes(b"font")
    return path


def test_a_soundfont_plays_notes_and_strokes_at_their_level(font: Path) -> None:
    for number in (0, 4):
        instrument = SoundFont(path=str(font), program_number=number, release_s=0.1)
        wave = play(instrument, note(57, duration_s=0.5))
        assert frequency_hz(wave) == pytest.approx(220, rel=0.002)
        assert wave.shape[1] == round(0.6 * RATE_HZ)
        assert np.abs(wave).max() == pytest.approx(0.25, rel=0.02)
        assert not wave[1].any()  # stereo stays
        assert np.abs(play(instrument, hit("kick"))).max() == pytest.approx(0.5, rel=0.02)


def test_what_a_soundfont_played_before_is_not_heard(font: Path) -> None:
    instrument = SoundFont(path=str(font))
    first = play(instrument, note(57))
    play(instrument, note(70))
    np.testing.assert_array_equal(play(instrument, note(57)), first)


def test_a_program_that_a_soundfont_lacks_is_one_line(font: Path) -> None:
    with pytest.raises(InputError, match=r"sines\.sf2: the soundfont has no program 80 in bank 3"):
        play(SoundFont(path=str(font), program_number=80, bank_number=3), note(60))
    with pytest.raises(InputError, match=r"the soundfont has no kit 80"):
        play(SoundFont(path=str(font), program_number=80), hit("kick"))


def test_without_tinysoundfont_one_line_says_how_to_get_it(
    font: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tinysoundfont", None)
    other = font.with_name("other.sf2")
    other.write_bytes(b"font")
    with pytest.raises(InputError, match="pip install --no-deps tinysoundfont"):
        play(SoundFont(path=str(other)), note(60))
