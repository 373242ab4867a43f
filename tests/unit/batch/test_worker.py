"""What a worker does with a group of takes: every outcome is a record."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lofigen_kit.analysis.collapse import Finding
from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.audio.files import read_audio
from lofigen_kit.audio.hashing import hash_audio
from lofigen_kit.batch.plan import make_plan
from lofigen_kit.batch.ranking import compute_quality
from lofigen_kit.batch.worker import BatchOptions, TakeGroup, WorkerSettings, render_group
from lofigen_kit.music.score import Hit, Note, Score
from lofigen_kit.plugins.registry import Registry
from lofigen_kit.provenance import recipe
from lofigen_kit.provenance.load import load
from lofigen_kit.render.take import render


@pytest.fixture
def group(preset_file: Path, registry: Registry, plugin_dir: Path, tmp_path: Path) -> TakeGroup:
    plan = make_plan(str(preset_file), 4, registry)
    settings = WorkerSettings(tmp_path / "beats", plan.root, plugin_dir, tmp_path / "cache")
    return TakeGroup(plan.points[0].data, tuple(plan.iterate_jobs()), "", settings, BatchOptions())


def collapses(monkeypatch: pytest.MonkeyPatch, times: int) -> list[AudioBuffer]:
    """Let the doctor find fault with this many performances."""
    seen: list[AudioBuffer] = []

    def examine(audio: AudioBuffer) -> list[Finding]:
        if not any(np.array_equal(audio.samples, other.samples) for other in seen):
            seen.append(audio)
        is_new = any(np.array_equal(audio.samples, other.samples) for other in seen[:times])
        return [Finding("hum", 0.0, 1.0)] if is_new else []

    monkeypatch.setattr("lofigen_kit.analysis.collapse.examine", examine)
    return seen


def test_takes_are_published_with_their_facts(group: TakeGroup) -> None:
    records = render_group(group)
    assert [(r["take"], r["status"], r["attempt"]) for r in records] == [
        (take, "done", 0) for take in range(4)
    ]
    for record in records:
        path = group.settings.folder / record["path"]
        assert hash_audio(read_audio(path)) == record["audio_sha256"]
        facts = recipe.read(path)
        assert facts is not None
        assert facts["audio_sha256"] == record["audio_sha256"]
        assert (record["seed"], record["tempo_bpm"], record["key"]) == (7, 200.0, "D minor")
        assert record["made_with"] == {"source": "bursts", "model": f"tiny {'ab' * 32}"}
        assert record["seconds"] >= 0
    assert any((group.settings.cache or Path()).rglob("*"))


def test_what_collapses_is_only_told(group: TakeGroup, monkeypatch: pytest.MonkeyPatch) -> None:
    collapses(monkeypatch, 1)
    records = render_group(group)
    assert [len(r["findings"]) for r in records] == [1, 0, 0, 0]
    assert records[0]["findings"][0]["fault"] == "hum"


def test_what_collapses_is_played_again_from_a_fresh_stream(
    group: TakeGroup, monkeypatch: pytest.MonkeyPatch, registry: Registry
) -> None:
    collapses(monkeypatch, 2)
    one = replace(group, jobs=group.jobs[:1], options=BatchOptions(reject_collapsed=True))
    [record] = render_group(one)
    assert (record["status"], record["attempt"], record["findings"]) == ("done", 2, [])
    preset, take, facts = load(group.settings.folder / record["path"], registry)
    assert (take, recipe.read_attempt(facts)) == (0, 2)
    first = render(preset, 0).audio
    assert hash_audio(read_audio(group.settings.folder / record["path"])) != hash_audio(first)


def test_what_always_collapses_fails_and_nobody_else(
    group: TakeGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = collapses(monkeypatch, 4)
    records = render_group(replace(group, options=BatchOptions(reject_collapsed=True)))
    by_take = {record["take"]: record for record in records}
    assert by_take[0]["status"] == "failed"
    assert "collapsed in all 4 attempts: hum from 0 to 1 s" in by_take[0]["error"]
    assert [by_take[take]["status"] for take in (1, 2, 3)] == ["done"] * 3
    assert len(seen) > 4


def test_a_preset_that_is_wrong_here_fails_every_take(group: TakeGroup) -> None:
    """A worker of another machine may lack a plugin, or their folder."""
    elsewhere = replace(group, settings=replace(group.settings, plugin_dir=group.settings.folder))
    records = render_group(elsewhere)
    assert [record["status"] for record in records] == ["failed"] * 4
    assert "there is no such plugin folder" in records[0]["error"]
    group.settings.folder.mkdir()
    records = render_group(elsewhere)
    assert [record["status"] for record in records] == ["failed"] * 4
    assert "bursts" in records[0]["error"]


def test_ranks_are_of_what_was_played(group: TakeGroup) -> None:
    records = render_group(replace(group, options=BatchOptions(rank=True)))
    assert all(0 <= record["rank"] <= 1 for record in records)


def kicks(times_s: list[float]) -> AudioBuffer:
    t = np.arange(32_000) / 8000
    samples = np.zeros(32_000)
    for onset_s in times_s:
        after = np.maximum(t - onset_s, 0)
        samples += np.where(t >= onset_s, np.exp(-after / 0.1) * np.sin(2 * np.pi * 55 * after), 0)
    return AudioBuffer(0.6 * samples[None], 8000)


def test_who_keeps_to_the_score_ranks_above_who_does_not() -> None:
    onsets_s = [0.25, 1.25, 2.25, 3.25]
    hits = tuple(Hit(drum="kick", onset_s=onset_s) for onset_s in onsets_s)
    score = Score(tempo_bpm=60, bars=1, duration_s=4.0, hits=hits)
    right, wrong = (
        compute_quality(kicks(onsets_s), score, []),
        compute_quality(kicks([0.7, 1.8, 2.75]), score, []),
    )
    assert right > 0.9
    assert wrong < 0.3
    assert compute_quality(kicks(onsets_s), score, [Finding("hum", 0.0, 2.0)]) == pytest.approx(
        right / 2
    )


def test_the_notes_count_too() -> None:
    t = np.arange(32_000) / 8000
    tone = AudioBuffer(0.3 * np.sin(2 * np.pi * 440 * t)[None], 8000)
    scores = [
        Score(tempo_bpm=60, bars=1, duration_s=4.0,
              notes=(Note(part="chords", midi=midi, onset_s=0, duration_s=4),))
        for midi in (69, 74)
    ]  # fmt: skip
    right, wrong = (compute_quality(tone, score, []) for score in scores)
    assert right > wrong + 0.5
