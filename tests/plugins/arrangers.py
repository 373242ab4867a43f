"""What the tests of all arrangers ask of a take and of the samples that play it."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest
import soundfile

from lofigen_kit.api import Take


def check_whole(take: Take, bars: int, quietest_db: float) -> None:
    """Check that a take is as long as its bars, within full scale, and has all onsets inside."""
    score, sound = take.score, take.audio.samples[0]
    assert score.duration_s == pytest.approx(bars * 4 * 60 / score.tempo_bpm)
    assert take.audio.frames == round(score.duration_s * take.audio.sample_rate_hz)
    assert np.abs(sound).max() <= 1
    assert abs(sound.mean()) < 1e-4
    assert quietest_db < 20 * np.log10(sound.std()) < -12
    onsets_s = [note.onset_s for note in score.notes] + [hit.onset_s for hit in score.hits]
    assert min(onsets_s) >= 0
    assert max(onsets_s) < score.duration_s


def check_strokes_heard(take: Take, softest: float, loud: float) -> None:
    """Check that kicks and snares from a velocity up rise above what was there, or are loud."""
    sound, rate_hz = take.audio.samples[0], take.audio.sample_rate_hz
    for hit in take.score.hits:
        if hit.velocity < softest or hit.drum not in ("kick", "snare"):
            continue
        at = round(hit.onset_s * rate_hz)
        around = np.arange(at - rate_hz // 50, at + rate_hz // 20) % len(sound)
        before, after = np.split(sound[around], [rate_hz // 50])
        assert np.abs(after).max() > np.abs(before).max() or np.abs(after).max() > loud


def check_seam(take: Take) -> None:
    """Check that the step from a loop's end to its beginning is an ordinary one.

    A low, quiet stretch would hide a step.
    """
    sound = take.audio.samples[0]
    assert abs(sound[0] - sound[-1]) <= np.abs(np.diff(sound)).max()


def check_samples(package: str, rate_hz: int) -> None:
    """Check that a package's samples stand beside their licence and provenance."""
    folder = files(package) / "samples"
    note = (folder / "PROVENANCE.md").read_text()
    assert "CC0" in (folder / "CC0-1.0.txt").read_text()
    names = [path.name for path in folder.iterdir() if path.name.endswith(".flac")]
    assert names
    for name in names:
        assert name.removesuffix(".flac") in note
        with (folder / name).open("rb") as file:
            assert soundfile.info(file).samplerate == rate_hz
