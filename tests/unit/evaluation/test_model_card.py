"""Cards and reports say what was recorded, and nothing else."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from lofigen_kit.errors import InputError
from lofigen_kit.evaluation import model_card, tables
from lofigen_kit.evaluation.tables import Evaluation
from lofigen_kit.nn.checkpoint import Network, load
from lofigen_kit.nn.variant import list_checkpoints
from lofigen_kit.runtime import resources

NAME = "conv4-lofi-guided"
SECTIONS = (
    "Intended use", "Out of scope", "Bias", "Limits", "Metrics", "Training",
    "Environmental impact", "Training data", "Licences",
)  # fmt: skip


@pytest.fixture(scope="module")
def network() -> Network:
    return load(list_checkpoints()[NAME])


@pytest.fixture
def evaluation(network: Network) -> Evaluation:
    finding = {"fault": "hum", "start_s": 0.0, "end_s": 2.0}
    nearest = {"clip_s": 3.0, "similarity": 0.61, "title": "t", "file": "0001.flac", "song_s": 4.0}
    row = {"title": "noir, jazz", "kick_f": 0.9, "findings": [finding], "nearest": nearest}
    playing = {
        "songs": 4, "seconds": 240.0, "collapsed": 1, "collapsed_reference": 0,
        "collapse_rate_at_most": 0.75, "collapse_faults": {"hum": 1}, "kick_f": 0.9,
        "kick_f_reference": 0.96, "noise_floor_dbfs": -48.0, "noise_floor_reference_dbfs": -67.5,
    }  # fmt: skip
    memory = {
        "threshold": 0.85, "windows": 92, "copies": 2, "highest": 0.91, "median": 0.6,
        "windows_held_out": 80, "copies_held_out": 0, "highest_held_out": 0.7,
        "median_held_out": 0.58,
    }  # fmt: skip
    return {
        "model": {"sha256": network.sha256},
        "sampler": {"use": "truncated", "temperature": 0.2},
        "playing": playing,
        "memory": memory,
        "songs": [row],
    }


def test_the_bundled_model_has_a_card_with_every_section(network: Network) -> None:
    path = resources.find_evaluation(NAME)
    assert path
    text = model_card.write(NAME, network, model_card.read_evaluation(path))
    for section in SECTIONS:
        assert f"# {section}\n" in text
    recorded = json.loads(path.read_text())
    assert f"{recorded['playing']['kick_f']:.3f}" in text
    assert f"{recorded['prediction']['network_nats']:.3f}" in text
    assert network.sha256 in text
    assert network.licence in text


def test_a_card_without_an_evaluation_says_so(network: Network) -> None:
    text = model_card.write("mine", network)
    assert "No evaluation is at hand" in text
    assert "How often is not known." in text
    assert "was not measured" in text


def test_a_card_says_what_went_wrong(network: Network, evaluation: Evaluation) -> None:
    text = model_card.write("mine", network, evaluation)
    assert "It did so in 1 of 4 takes of 60 s" in text
    assert "2 of 92 windows" in text
    assert "reaches 0.91" in text
    assert "`truncated,temperature=0.2`" in text
    assert "does not say" not in text.split("## Metrics")[1].split("## Training")[0]


def test_a_card_lists_the_stages_and_adds_up_their_time() -> None:
    stage = {"recipe": {"batch": 8}, "steps": 10, "loss": -1.0, "seconds": 1800}
    facts = {**stage, "loss": -2.0, "seconds": 3600, "from": stage}
    text = model_card.write("mine", replace(load(list_checkpoints()[NAME]), facts=facts))
    assert "| 1 | 10 | 8 |" in text
    assert "| 2 | 10 | 8 |" in text
    assert "1.5 hours of computing in the 2 stages" in text


@pytest.mark.parametrize("key", ["rehearse_every", "self_play_every"])
def test_a_card_reads_self_play_under_its_first_and_its_present_name(key: str) -> None:
    facts = {"recipe": {"batch": 8, key: 250}, "steps": 10, "loss": -1.0, "seconds": 1800}
    text = model_card.write("mine", replace(load(list_checkpoints()[NAME]), facts=facts))
    assert "| every 250 updates |" in text


def test_a_card_describes_the_corpus(network: Network) -> None:
    corpus = {"minutes": 90.15, "licences": ["CC0-1.0"], "splits": {"train": 180, "test": 19}}
    text = model_card.write("mine", network, corpus=corpus)
    assert "| minutes | 90.15 |" in text
    assert "| songs in each split | train 180, test 19 |" in text
    assert "The songs: CC0-1.0." in text


def test_what_belongs_to_another_model_is_refused(network: Network, evaluation: Evaluation) -> None:
    with pytest.raises(InputError, match="of another model"):
        model_card.write("mine", replace(network, sha256="ab" * 32), evaluation)
    with pytest.raises(InputError, match="trained on another corpus"):
        model_card.write("mine", network, corpus={"sha256": "ab" * 32})


def test_what_a_checkpoint_claims_cannot_forge_a_card(network: Network) -> None:
    forged = replace(
        network, facts={"licence": "CC0\n\n## Metrics\n\n| perfect | <b>1</b> |\x1b[2J"}
    )
    text = model_card.write("mine", forged)
    assert text.count("\n## Metrics\n") == 1
    assert "<b>" not in text.replace("\\<b", "")
    assert "\x1b" not in text


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"playing": 3}', '{"playing": {"kick_f": "x"}}'])
def test_what_is_no_evaluation_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "e.json").write_text(text)
    with pytest.raises(InputError, match="no evaluation here"):
        model_card.read_evaluation(tmp_path / "e.json")


def test_figures_stand_beside_their_ceiling(evaluation: Evaluation) -> None:
    lines = tables.format_as_text(evaluation)
    kick = next(line for line in lines if "kick" in line)
    assert kick.split()[-3:] == ["0.900", "0.960", "0.94"]
    floor = next(line for line in lines if "noise floor" in line)
    assert "+19.5 dB" in floor
    collapsed = next(line for line in lines if "collapsed" in line)
    assert "1 of 4 (hum 1)" in collapsed
    assert "0 of 4" in collapsed
    assert "at most 75.0% of all" in collapsed


def test_takes_are_a_row_each(evaluation: Evaluation) -> None:
    (row,) = csv.DictReader(io.StringIO(tables.format_as_csv(evaluation)))
    assert row["title"] == "noir, jazz"
    assert row["faults"] == "hum"
    assert (row["nearest_file"], row["nearest_similarity"]) == ("0001.flac", "0.61")
