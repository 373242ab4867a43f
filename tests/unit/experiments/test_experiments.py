from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lofigen_kit.audio.files import read_audio
from lofigen_kit.components.base import Context
from lofigen_kit.corpus.crops import Crops
from lofigen_kit.corpus.songs import Song, make_corpus, read_songs
from lofigen_kit.errors import InputError, RenderError
from lofigen_kit.experiments import measure, report, runs
from lofigen_kit.experiments.defects import Defect, ReferenceTrainer, average_over_all, shift_target
from lofigen_kit.experiments.runs import RunResult, Subject, run_all
from lofigen_kit.experiments.settings import ExperimentSettings
from lofigen_kit.nn.checkpoint import expected_shapes, load
from lofigen_kit.nn.network import to_network
from lofigen_kit.nn.spec import make_stack_spec
from lofigen_kit.plugins.registry import Registry
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit.training.callbacks import Callbacks
from lofigen_kit.training.loop import train
from lofigen_kit_plugins.beatmaker import Beatmaker, Solo

SMALL = ((1, 8, 32), (8, 8, 16), (8, 1, 8))
QUICK = ExperimentSettings(steps=4, batch=1, window=512, seconds=1.0)
CALM = replace(QUICK, steps=200, batch=4, learning_rate=1e-2)


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("corpora")
    sources = {"lofi": Beatmaker(bars=1), "drums": Solo(bars=1, part="drums")}
    for name, source in sources.items():
        make_corpus(folder / name, source, minutes=0.3, seed=3)
    return {name: folder / name for name in sources}


@pytest.fixture(scope="module")
def songs(corpora: dict[str, Path]) -> list[Song]:
    return read_songs(corpora["lofi"], "train")


@pytest.fixture(scope="module")
def tones(songs: list[Song]) -> list[Song]:
    """Sums of three tones, which a short filter foretells: one sample ahead, or two."""
    time = np.arange(16_000)
    waves = [sum(0.1 * np.sin(time * w + n) for w in (0.3, 0.5, 1.1)) for n in range(3)]
    return [replace(songs[0], samples=np.asarray(wave, np.float32)) for wave in waves]


@pytest.mark.parametrize(
    ("variant", "parameters", "receptive_field"),
    [("conv4", 528_481, 765), ("conv6", 4_722_977, 1275), ("conv8", 21_500_577, 1785)],
)
def test_the_networks_are_those_of_the_reference(
    registry: Registry, variant: str, parameters: int, receptive_field: int
) -> None:
    spec = Subject(variant, registry.find("model", variant).layers, Path()).spec  # type: ignore[attr-defined]
    assert sum(int(np.prod(shape)) for shape in expected_shapes(spec).values()) == parameters
    assert spec.receptive_field == receptive_field
    assert (spec.head, spec.guide) == ("mse", ())


def test_an_error_averaged_over_all_batches_is_true_times_trained_over_all() -> None:
    errors = [0.004, 0.012]
    assert average_over_all(errors) == pytest.approx(np.mean(errors) / 8192)
    assert average_over_all(errors) == pytest.approx(1.0e-6, rel=0.03)
    # As the reference counts: the errors of every fourth batch, divided by the number of all.
    every_fourth = sum(error for n, error in enumerate(np.repeat(errors, 4)) if n % 4 == 0) / 8
    assert average_over_all(errors, one_in=4) == pytest.approx(every_fourth)


def test_a_shifted_target_is_the_sample_after_the_next(songs: list[Song]) -> None:
    crops = Crops(songs, make_stack_spec(SMALL, head="mse"), frames=64)
    plain = crops.cut_crops([(0, 100)])
    batch = shift_target(plain, 2)
    samples = songs[0].samples
    np.testing.assert_array_equal(batch.x[0, 0], samples[100:163])
    np.testing.assert_array_equal(batch.target[0, 0], samples[102:165])
    assert np.array_equal(shift_target(plain, 1).target, plain.target)


def test_without_a_defect_its_loop_does_what_the_normal_one_does(
    songs: list[Song], tmp_path: Path
) -> None:
    spec, path = make_stack_spec(SMALL, head="mse"), tmp_path / "m.safetensors"
    losses: list[list[float]] = [[], []]
    config = replace(QUICK, steps=12, learning_rate=1e-3).training_config
    train(spec, songs, config, path, facts={},
          callbacks=Callbacks(progress=lambda now: losses[0].append(now.loss)))  # fmt: skip
    trainer = ReferenceTrainer(spec, config)
    ours = to_network(trainer.train(songs, progress=lambda now: losses[1].append(now.loss)))
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-3)
    for mine, theirs in zip(ours.weights, load(path).weights, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=2e-3 * np.abs(theirs).max())


@pytest.mark.parametrize("shift", [1, 2])
def test_a_network_learns_the_sample_it_is_shown(tones: list[Song], shift: int) -> None:
    trainer = ReferenceTrainer(make_stack_spec(SMALL, head="mse"), CALM.training_config)
    network = to_network(trainer.train(tones[:2], shift=shift))
    found = measure.measure_accuracy(network, tones[:2], tones[2:])
    own, other = found.mse, found.mse_two_ahead
    if shift == 2:
        own, other = other, own
    assert own < 0.2 * other
    assert own < 0.2 * found.variance


def test_one_model_goes_on_where_the_last_genre_ended(tones: list[Song]) -> None:
    spec, firsts = make_stack_spec(SMALL, head="mse"), []

    def note(now: object) -> None:
        if now.step == 1:  # type: ignore[attr-defined]
            firsts.append(now.loss)  # type: ignore[attr-defined]

    fresh = ReferenceTrainer(spec, CALM.training_config)
    fresh.train(tones[1:2], progress=note)
    one = ReferenceTrainer(spec, CALM.training_config)
    one.train(tones[:1], progress=note)
    one.train(tones[1:2], progress=note)
    alone, first, second = firsts
    assert second < 0.3 * alone
    assert first == pytest.approx(alone, rel=0.3)


def test_a_loss_that_is_no_number_stops(songs: list[Song]) -> None:
    config = replace(QUICK, learning_rate=float("inf")).training_config
    with pytest.raises(RenderError, match="not a number at step"):
        ReferenceTrainer(make_stack_spec(SMALL, head="mse"), config).train(songs)


def test_errors_stand_at_the_true_shift_beside_their_baselines(tones: list[Song]) -> None:
    # A network that says the last sample again.
    spec = make_stack_spec(((1, 1, 2),), head="mse")
    network = to_network(ReferenceTrainer(spec, QUICK.training_config).train(tones))
    weights = (np.array([[[0.0, 1.0 / spec.input_scale]]], np.float32),)
    found = measure.measure_accuracy(
        replace(network, weights=weights, biases=(np.zeros(1, np.float32),)), tones[:2], tones[2:]
    )
    wave = tones[2].samples.astype(np.float64)
    assert found.mse == pytest.approx(found.last_sample_mse, rel=1e-4)
    assert found.mse == pytest.approx(np.mean(np.diff(wave) ** 2), rel=0.02)
    assert found.mse_two_ahead == pytest.approx(np.mean((wave[2:] - wave[:-2]) ** 2), rel=0.02)
    assert found.mae == pytest.approx(np.mean(np.abs(np.diff(wave))), rel=0.02)
    assert found.variance == pytest.approx(wave.var(), rel=0.02)
    assert found.linear_mse < 1e-3 * found.variance


def test_a_network_that_says_nothing_is_heard_as_silence(tones: list[Song]) -> None:
    network = to_network(
        ReferenceTrainer(make_stack_spec(((1, 1, 2),), head="mse"), QUICK.training_config).train(
            tones
        )
    )
    silent = replace(
        network, weights=tuple(0 * w for w in network.weights),
        biases=tuple(0 * b for b in network.biases),
    )  # fmt: skip
    sound = measure.measure_rollout(silent, tones[0], 4.0)
    assert sound.verdict == "silence 0-4 s"
    assert sound.level_db < -60
    np.testing.assert_array_equal(sound.reference[:16_000], tones[0].samples)


@pytest.fixture(scope="module")
def subjects(corpora: dict[str, Path]) -> list[Subject]:
    return [Subject(name, SMALL, corpus) for name, corpus in corpora.items()]


@pytest.fixture(scope="module")
def finished(
    subjects: list[Subject], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[RunResult]]:
    folder = tmp_path_factory.mktemp("genres")
    defects: list[Defect] = ["mse-average", "double-shift", "one-model"]
    results = run_all(folder, "genres", subjects, QUICK, defects=defects)
    report.write(folder, "genres", QUICK, results)
    return folder, results


def named(results: Sequence[RunResult], label: str) -> RunResult:
    (row,) = (row for row in results if row.label == label)
    return row


def test_every_defect_has_its_row_beside_the_true_one(
    finished: tuple[Path, list[RunResult]],
) -> None:
    results = finished[1]
    defects = ("", "double-shift", "one-model", "mse-average")
    assert [(r.name, r.defect) for r in results] == [
        (name, defect) for defect in defects for name in ("lofi", "drums")
    ]
    plain, average = named(results, "lofi"), named(results, "lofi with mse-average")
    assert average.reported_mse == pytest.approx(plain.accuracy.mse / 8192)
    assert average.accuracy == plain.accuracy
    assert plain.reported_mse == plain.accuracy.mse
    double = named(results, "lofi with double-shift")
    assert double.reported_mse == double.accuracy.mse_two_ahead != double.accuracy.mse
    # The first genre of one model is a fresh one's; the second is not.
    for name, is_same in (("lofi", True), ("drums", False)):
        one, fresh = named(results, f"{name} with one-model"), named(results, name)
        assert (one.first_loss == pytest.approx(fresh.first_loss, rel=1e-4)) == is_same


def test_each_network_leaves_its_model_curve_and_sound(
    finished: tuple[Path, list[RunResult]],
) -> None:
    folder, results = finished
    for row in results:
        own = folder / row.folder
        network = load(own / "model.safetensors")
        assert network.parameters == row.parameters
        assert network.licence == "CC0-1.0"
        assert network.facts.get("defect", "") == row.defect or row.defect == "mse-average"
        assert read_audio(own / "free.flac").duration_s == QUICK.seconds
        lines = (own / "curve.csv").read_text().splitlines()
        assert [line.split(",")[0] for line in lines] == ["step", "1", "2", "3", "4"]
        assert float(lines[-1].split(",")[1]) == pytest.approx(row.last_loss, rel=1e-4)


def test_the_page_says_where_the_references_figures_came_from(
    finished: tuple[Path, list[RunResult]],
) -> None:
    folder, results = finished
    markdown, html = ((folder / f"report.{kind}").read_text() for kind in ("md", "html"))
    for page in (markdown, html):
        assert "one in 8,192" in page
        assert "appends it as the next" in page
        assert "one network with one optimiser" in page
        for row in results:
            assert row.label in page
    for link in re.findall(r'(?:src="|\(<)([^">]+)', markdown + html):
        assert (folder / link).is_file(), link
    assert (folder / "curves.png").read_bytes().startswith(b"\x89PNG")
    with (folder / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["run"] for row in rows] == [row.label for row in results]
    assert float(rows[0]["test MSE"]) == pytest.approx(results[0].accuracy.mse, rel=0.01)
    with (folder / "curves.csv").open() as file:
        steps = [row["step"] for row in csv.DictReader(file)]
    assert len(steps) == 6 * QUICK.steps


def test_what_is_done_is_not_done_again(subjects: list[Subject], tmp_path: Path) -> None:
    calls: list[str] = []

    def counted(run: str, _now: object) -> None:
        if run not in calls:
            calls.append(run)

    first = run_all(tmp_path, "genres", subjects[:1], QUICK, report=counted)
    (tmp_path / "runs" / "drums").mkdir()  # a run that was killed before it had its result
    (tmp_path / "runs" / "drums" / "curve.csv").write_text("step,loss\n1,0.")
    both = run_all(tmp_path, "genres", subjects, QUICK, defects=["double-shift"], report=counted)
    assert calls == ["lofi", "drums", "lofi.double-shift", "drums.double-shift"]
    assert both[0] == first[0]
    path = tmp_path / "runs" / "lofi" / "result.json"
    data = json.loads(path.read_text())
    data[0]["corpus_sha256"] = "0" * 64
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match="the corpus is not the one"):
        run_all(tmp_path, "genres", subjects, QUICK)


def test_a_corpus_without_a_split_is_refused(tmp_path: Path) -> None:
    make_corpus(tmp_path / "c", Beatmaker(bars=1), minutes=0.01, seed=1)
    with pytest.raises(InputError, match="the corpus has no song for train"):
        run_all(tmp_path / "e", "genres", [Subject("c", SMALL, tmp_path / "c")], QUICK)


def test_a_folder_holds_one_experiment(tmp_path: Path) -> None:
    runs.begin(tmp_path / "e", {"steps": 1})
    runs.begin(tmp_path / "e", {"steps": 1})
    with pytest.raises(InputError, match="another experiment"):
        runs.begin(tmp_path / "e", {"steps": 2})
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        runs.begin(tmp_path / "f", {"steps": 1})


SHORT = ("--steps", 1, "--window", 256, "--seconds", 1, "--minutes", 1.5)


@pytest.mark.slow
def test_the_genres_command_renders_what_is_not_given(
    run: Callable[..., tuple[int, str, str]],
) -> None:
    code, out, err = run("experiment", "genres", "-o", "g", *SHORT, "--defect", "mse-average")
    assert (code, err) == (0, "")
    labels = [re.split(r"  +", line)[0] for line in out.splitlines()[1:-1]]
    genres = ["lofi", "piano", "drums"]
    assert labels == [*genres, *(f"{genre} with mse-average" for genre in genres)]
    scores = [json.loads(p.read_text()) for p in Path("g/corpora/piano").glob("0*.json")]
    assert all(score["notes"] and not score["hits"] for score in scores)
    assert run("experiment", "genres", "-o", "g", *SHORT)[0] == 0
    code, _, err = run("experiment", "genres", "-o", "g", *SHORT, "--seed", 1)
    assert code == 2
    assert "another experiment" in err


def test_the_layers_command_compares_variants_on_one_corpus(
    run: Callable[..., tuple[int, str, str]], corpora: dict[str, Path]
) -> None:
    command = ("experiment", "layers", "-o", "l", "--corpus", corpora["lofi"], "--model", "conv4")
    code, out, _ = run(*command, *SHORT, "--json")
    assert code == 0
    (row,) = json.loads(out)
    assert (row["name"], row["parameters"]) == ("conv4", 528_481)
    assert not Path("l/corpora").exists()
    code, _, err = run(*command, "--defect", "one-model", *SHORT)
    assert code == 2
    assert "one-model is a defect of `experiment genres`" in err


@pytest.mark.parametrize("part", ["keys", "bass", "drums"])
def test_a_solo_is_the_part_of_the_same_beat(part: str) -> None:
    def take(source: Beatmaker | Solo) -> Song:
        made = source.make_take(Context(rng_for(2, 0, "source")))
        return Song(made.audio.samples[0], made.score, "train", made.title)

    whole, alone = take(Beatmaker(bars=1)), take(Solo(bars=1, part=part))
    named = part
    assert alone.score.notes == tuple(n for n in whole.score.notes if n.part == named)
    assert alone.score.hits == (whole.score.hits if part == "drums" else ())
    assert len(alone.score.instruments) == 1
    assert alone.score.tempo_bpm == whole.score.tempo_bpm
    assert 0.01 < np.sqrt(np.mean(alone.samples**2)) < np.sqrt(np.mean(whole.samples**2))


def test_settings_come_from_a_file_from_set_and_from_options(
    corpora: dict[str, Path], run: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "e.yaml").write_text("steps: 9\nbatch: 2\nwindow: 256\nseconds: 1\n")
    told = ["--config", tmp_path / "e.yaml", "--set", "steps=8", "--set", "batch=3", "--steps", 2]
    lofi = corpora["lofi"]
    done = run("experiment", "layers", "-o", tmp_path / "x", "--corpus", lofi, "--model", "conv4",
               *told)  # fmt: skip
    assert done.code == 0, done.err
    settings = json.loads((tmp_path / "x" / "experiment.json").read_text())["settings"]
    assert settings == {
        "steps": 2, "batch": 3, "window": 256, "learning_rate": 3e-5, "seconds": 1.0, "seed": 0,
        "threads": 1,
    }  # fmt: skip
    wrong = run("experiment", "genres", "-o", tmp_path / "y", "--set", "step=2")
    assert wrong.code == 2
    assert "--set step=2: step: there is no such field; did you mean 'steps'?" in wrong.err
