from __future__ import annotations

import logging
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lofigen_kit.audio.files import read_audio, read_audio_blocks
from lofigen_kit.components.base import Context
from lofigen_kit.corpus import recordings
from lofigen_kit.corpus.build import Workers
from lofigen_kit.corpus.recordings import make_recordings_corpus, read_pieces
from lofigen_kit.corpus.songs import SAMPLE_RATE_HZ, read_manifest, read_songs, resample_take
from lofigen_kit.dsp.resample import resample, resample_blocks
from lofigen_kit.errors import AudioError, InputError
from lofigen_kit.music.score import Score
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit_plugins.beatmaker import Beatmaker

RATE_HZ = 22_050


def beat(seed: int, *, bars: int = 2, tempo_bpm: float = 80.0) -> np.ndarray:
    """A beat of so many bars [shape=(frames,)], at 22.05 kHz."""
    source = Beatmaker(bars=bars, tempo_bpm=tempo_bpm, progression="two-five-one")
    return np.asarray(source.make_take(Context(rng_for(seed, 0, "source"))).audio.samples[0])


@pytest.fixture(scope="module")
def crate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings of several formats, rates and depths, and what else lies about."""
    folder = tmp_path_factory.mktemp("crate")
    (folder / "album" / "b-side").mkdir(parents=True)
    soundfile.write(folder / "one.flac", beat(1), RATE_HZ)
    soundfile.write(folder / "two.ogg", beat(2), RATE_HZ)
    soundfile.write(folder / "album" / "three.mp3", np.stack([beat(3), beat(3)], 1), RATE_HZ)
    soundfile.write(folder / "album" / "b-side" / "four.wav", beat(4), RATE_HZ, subtype="PCM_16")
    (folder / "copy.flac").write_bytes((folder / "one.flac").read_bytes())
    (folder / "cover.jpg").write_bytes(b"\xff\xd8\xff\xe0 no sound")
    (folder / ".hidden.wav").write_bytes(b"RIFF")
    (folder / "linked").symlink_to(folder / "album", target_is_directory=True)
    soundfile.write(folder / "silence.wav", np.zeros(5 * RATE_HZ), RATE_HZ)
    return folder


@pytest.fixture(scope="module")
def corpus(crate: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    make_recordings_corpus(folder, crate, licence="CC-BY-4.0")
    return folder


def test_every_recording_is_in_and_the_rest_is_reported(
    corpus: Path, crate: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    manifest, _ = read_manifest(corpus)
    names = {song["recording"] for song in manifest["songs"]}
    assert names == {
        "copy.flac", "two.ogg", str(Path("album/three.mp3")), str(Path("album/b-side/four.wav"))
    }  # fmt: skip
    assert {each["recording"]: each["why"] for each in manifest["left_out"]} == {
        "one.flac": "the same file as copy.flac",
        "linked": "a link to a folder, which is not followed: name that folder, or copy it",
        "cover.jpg": "this is not audio that can be read",
        "silence.wav": "it holds no whole bar of sound",
    }
    make_recordings_corpus(tmp_path / "again", crate, licence="CC-BY-4.0")
    lines = [r.getMessage() for r in caplog.records if r.getMessage().startswith("left out")]
    assert len(lines) == len(manifest["left_out"])


def test_songs_carry_the_users_licence_and_their_place(corpus: Path) -> None:
    manifest, _ = read_manifest(corpus)
    assert manifest["split_by"] == "recording"
    assert {song["licence"] for song in manifest["songs"]} == {"CC-BY-4.0"}
    assert {song["split"] for song in manifest["songs"]} == {"train", "valid", "test"}
    assert all(song["group"] == song["recording"] for song in manifest["songs"])
    assert str(corpus.parent) not in (corpus / "manifest.json").read_text()


def test_a_loop_stays_whole_and_its_score_has_its_tempo(corpus: Path) -> None:
    manifest, _ = read_manifest(corpus)
    (entry,) = (s for s in manifest["songs"] if s["recording"].endswith("four.wav"))
    assert entry["frames"] == 8 * 60 * SAMPLE_RATE_HZ / 80
    score = Score.model_validate_json((corpus / entry["file"]).with_suffix(".json").read_bytes())
    assert score.tempo_bpm == pytest.approx(80.0, abs=0.1)
    assert score.bars == 2
    assert score.hits
    assert score.notes
    (song,) = (s for s in read_songs(corpus, entry["split"]) if s.title == entry["title"])
    take = Beatmaker(bars=2, tempo_bpm=80, progression="two-five-one").make_take(
        Context(rng_for(4, 0, "source"))
    )
    assert np.corrcoef(song.samples, resample_take(take))[0, 1] > 0.99


def test_workers_change_nothing(corpus: Path, crate: Path, tmp_path: Path) -> None:
    make_recordings_corpus(tmp_path / "c", crate, licence="CC-BY-4.0", workers=Workers(2))
    names = {path.name for path in corpus.iterdir()}
    assert {path.name for path in (tmp_path / "c").iterdir()} == names
    assert all((tmp_path / "c" / n).read_bytes() == (corpus / n).read_bytes() for n in names)


def test_songs_have_the_rate_that_is_asked_for(crate: Path, tmp_path: Path) -> None:
    manifest = make_recordings_corpus(tmp_path / "c", crate, licence="CC0-1.0", rate_hz=16_000)
    assert manifest["sample_rate_hz"] == 16_000
    [song, *_] = read_songs(tmp_path / "c", "train")
    assert song.sample_rate_hz == 16_000
    assert soundfile.info(tmp_path / "c" / song.file).samplerate == 16_000
    assert len(song.samples) / 16_000 == pytest.approx(song.score.duration_s, abs=0.01)
    spectrum = np.abs(np.fft.rfft(song.samples))
    hz = np.fft.rfftfreq(len(song.samples), 1 / 16_000)
    assert spectrum[(hz > 4500) & (hz < 7500)].max() > 1e-3 * spectrum.max()  # above an 8 kHz's


def test_a_long_recording_is_cut_at_bars_with_no_bar_lost(tmp_path: Path) -> None:
    long = np.tile(beat(1, bars=8), 5)
    soundfile.write(tmp_path / "mix.flac", long, RATE_HZ)
    bar_s = 4 * 60 / 80
    found = list(read_pieces(tmp_path / "mix.flac"))
    for piece in found:
        bars = len(piece.samples) / SAMPLE_RATE_HZ / bar_s
        assert abs(bars - round(bars)) < 0.02
        assert 1 <= round(bars) <= 8
        assert abs(piece.start_s / bar_s * 4 - round(piece.start_s / bar_s * 4)) < 0.2
    total_s = sum(len(piece.samples) for piece in found) / SAMPLE_RATE_HZ
    assert total_s > len(long) / RATE_HZ - 2 * bar_s
    ends = [p.start_s + len(p.samples) / SAMPLE_RATE_HZ for p in found]
    assert all(b.start_s >= end - 1e-3 for b, end in zip(found[1:], ends, strict=False))


def test_memory_does_not_grow_with_the_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings, "beat_track", lambda _audio: (80.0, 0.0))
    rng = np.random.default_rng(0)
    minute = rng.uniform(-0.1, 0.1, 60 * RATE_HZ)
    peaks = []
    for minutes in (2, 20):
        path = tmp_path / f"{minutes}.flac"
        with soundfile.SoundFile(path, "w", RATE_HZ, 1, "PCM_16") as file:
            for _ in range(minutes):
                file.write(minute)
        tracemalloc.start()
        assert sum(len(p.samples) for p in read_pieces(path)) > (minutes - 1) * 60 * SAMPLE_RATE_HZ
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]
    assert peaks[1] < 20 * 60 * RATE_HZ * 4 / 4


def test_two_recordings_are_split_by_stretches(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for seed in (1, 2):
        soundfile.write(tmp_path / "in" / f"{seed}.flac", np.tile(beat(seed, bars=8), 3), RATE_HZ)
    manifest = make_recordings_corpus(tmp_path / "c", tmp_path / "in", licence="CC0-1.0")
    assert manifest["split_by"] == "stretch"
    assert {song["split"] for song in manifest["songs"]} == {"train", "valid", "test"}
    assert manifest["songs"][0]["group"] == "1.flac, stretch 1"


def test_too_little_and_nothing_are_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(InputError, match="there is no file"):
        make_recordings_corpus(tmp_path / "c", tmp_path / "in", licence="CC0-1.0")
    with pytest.raises(InputError, match="no such folder"):
        make_recordings_corpus(tmp_path / "c", tmp_path / "none", licence="CC0-1.0")
    soundfile.write(tmp_path / "in" / "a.wav", beat(1), RATE_HZ)
    with pytest.raises(InputError, match="too little audio"):
        make_recordings_corpus(tmp_path / "c", tmp_path / "in", licence="CC0-1.0")


def test_a_limit_in_minutes_stops_after_the_recording_that_reaches_it(
    crate: Path, tmp_path: Path
) -> None:
    manifest = make_recordings_corpus(tmp_path / "c", crate, licence="x", minutes=0.25)
    assert len({song["recording"] for song in manifest["songs"]}) == 3


def test_a_recording_that_changes_begins_another_corpus(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    soundfile.write(tmp_path / "in" / "a.wav", beat(1), RATE_HZ)
    for _ in range(2):
        with pytest.raises(InputError, match="too little audio"):
            make_recordings_corpus(tmp_path / "c", tmp_path / "in", licence="CC0-1.0")
    soundfile.write(tmp_path / "in" / "a.wav", beat(2), RATE_HZ)
    with pytest.raises(InputError, match="another corpus"):
        make_recordings_corpus(tmp_path / "c", tmp_path / "in", licence="CC0-1.0")


def test_the_command_takes_a_folder(run: Callable[..., tuple[int, str, str]], crate: Path) -> None:
    command = ("corpus", "make", "--input", crate, "--licence", "CC0-1.0", "-o", "mine")
    code, out, err = run(*command)
    assert code == 0
    assert out.startswith("mine  4 songs")
    assert sorted(line.split(": ")[2] for line in err.splitlines()) == [
        "cover.jpg", "linked", "one.flac", "silence.wav"
    ]  # fmt: skip


@pytest.mark.parametrize("old_hz", [8_000, 22_050, 44_100, 48_000])
def test_blocks_are_resampled_as_a_whole_is(old_hz: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    soundfile.write(tmp_path / "a.wav", rng.uniform(-0.5, 0.5, 2 * old_hz + 77), old_hz)
    whole = resample(read_audio(tmp_path / "a.wav"), 8000).samples[0]
    blocks = (b.samples for b in read_audio_blocks(tmp_path / "a.wav", frames=1000))
    joined = np.concatenate(list(resample_blocks(blocks, 1, old_hz, 8000)), axis=1)[0]
    assert joined.shape == whole.shape
    np.testing.assert_allclose(joined[:-300], whole[:-300], atol=2e-5)


def test_blocks_are_what_a_whole_reading_gives(crate: Path, tmp_path: Path) -> None:
    whole = read_audio(crate / "one.flac").samples
    joined = np.concatenate([b.samples for b in read_audio_blocks(crate / "one.flac")], axis=1)
    np.testing.assert_array_equal(joined, whole)
    (tmp_path / "empty.wav").write_bytes(b"")
    with pytest.raises(AudioError, match="empty"):
        next(read_audio_blocks(tmp_path / "empty.wav"))


def test_a_file_that_breaks_off_is_used_as_far_as_it_goes(
    crate: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = (crate / "one.flac").read_bytes()
    (tmp_path / "cut.flac").write_bytes(data[: len(data) * 3 // 4])
    done = sum(block.frames for block in read_audio_blocks(tmp_path / "cut.flac"))
    assert 0.5 * 6 * RATE_HZ < done < 6 * RATE_HZ
    assert "the file is damaged" in caplog.text


def test_an_endless_file_is_left_at_the_limit(
    crate: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        blocks = list(read_audio_blocks(crate / "one.flac", frames=1000, max_duration_s=1.0))
    assert sum(block.frames for block in blocks) == 23_000
    assert "all after 1 s is left out" in caplog.text
