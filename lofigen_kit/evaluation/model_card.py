"""Model cards and data sheets, from what a checkpoint and its evaluation recorded.

The sections are those of Mitchell et al., "Model Cards for Model Reporting" (2019), and of Gebru et
al., "Datasheets for Datasets" (2021). What was not recorded is called unknown.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lofigen_kit.errors import InputError
from lofigen_kit.music.conditioning import INSTRUMENT_PREFIX
from lofigen_kit.runtime.version import installed_version

if TYPE_CHECKING:
    from lofigen_kit.evaluation.tables import Evaluation
    from lofigen_kit.nn.checkpoint import Network

Facts = dict[str, Any]
REMEDY = "write one with `lofigen-kit evaluate MODEL CORPUS --output DIR`"


def read_evaluation(path: Path) -> Evaluation:
    """Read what `evaluate --output` wrote.

    Raises:
        InputError: if it cannot be read, or is something else.
    """
    from lofigen_kit.evaluation import tables

    try:
        evaluation = json.loads(path.read_bytes())
        if not tables.make_tables(evaluation):
            raise ValueError("it has no figures")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"no evaluation here ({error})", where=path, remedy=REMEDY) from None
    return dict(evaluation)


def write(
    name: str, network: Network, evaluation: Evaluation | None = None, corpus: Facts | None = None
) -> str:
    """Return a model card and data sheet as Markdown.

    Args:
        name: Name of the model.
        network: The model.
        evaluation: What `evaluate` found; None where there is none.
        corpus: What `corpus.songs.describe` returns; by default, what the checkpoint recorded.

    Raises:
        InputError: where the evaluation or the corpus is of another model.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    from lofigen_kit.evaluation import tables

    evaluation = evaluation or {}
    stages = _stages(network.facts)
    sheet = corpus or network.facts.get("corpus") or {}
    _check(network, evaluation, sheet)
    # Markdown, not HTML: what is not our own text is made harmless by `finalize`.
    environment = Environment(  # noqa: S701
        loader=PackageLoader("lofigen_kit.evaluation", ""),
        undefined=StrictUndefined,
        finalize=lambda value: value if isinstance(value, Markup) else escape_markdown(value),
        keep_trailing_newline=True,
    )
    instruments = [
        n.removeprefix(INSTRUMENT_PREFIX)
        for n in network.spec.guide
        if n.startswith(INSTRUMENT_PREFIX)
    ]
    return environment.get_template("card.md.j2").render(
        name=name,
        version=installed_version(),
        network=network,
        layers=" ".join(
            f"({t.in_channels}, {t.out_channels}, {t.kernel})" for t in network.spec.layers
        ),
        instruments=instruments,
        evaluation={"corpus": None, **evaluation},
        sampler=_sampler(evaluation),
        same_model=(evaluation.get("model") or {}).get("sha256") == network.sha256,
        tables=Markup(tables.format_as_markdown(evaluation)),  # noqa: S704 - numbers, and cells made plain
        collapses=_collapses(evaluation),
        memory=_memory(evaluation),
        stages=stages,
        seconds=sum(stage["seconds"] or 0 for stage in stages),
        corpus=_sheet(sheet),
        corpus_sha256=network.facts.get("corpus_sha256", "unknown"),
        licences=", ".join(sheet.get("licences", ())),
    )


def escape_markdown(value: object) -> str:
    """Return any value as one line of text that Markdown does not change."""
    line = re.sub(r"\s+", " ", "".join(c for c in str(value) if c.isprintable() or c.isspace()))
    return re.sub(r"([|<>\[\]\\])", r"\\\1", line) if isinstance(value, str) else line


def _check(network: Network, evaluation: Evaluation, corpus: Facts) -> None:
    """Refuse what belongs to another model."""
    evaluated = (evaluation.get("model") or {}).get("sha256")
    if evaluated not in (None, network.sha256):
        raise InputError(f"the evaluation is of another model ({evaluated[:12]})", remedy=REMEDY)
    trained, given = network.facts.get("corpus_sha256"), corpus.get("sha256")
    if None not in (trained, given) and trained != given:
        raise InputError(
            f"the model was trained on another corpus ({str(trained)[:12]}, not {str(given)[:12]})",
            remedy="name the one that it was trained on",
        )


def _stages(facts: Facts) -> list[Facts]:
    """Return the stages of the training, the first one first."""
    stages: list[Facts] = []
    while isinstance(facts, dict) and "recipe" in facts:
        config = {"batch": "", "window": "", "learning_rate": "", **facts["recipe"]}
        # Checkpoints have this under the key of their first version.
        config.setdefault("self_play_every", config.get("rehearse_every", 0))
        stages.insert(
            0, {**{k: facts.get(k) for k in ("steps", "loss", "seconds")}, "config": config}
        )
        facts = facts.get("from") or {}
    return stages


def _sampler(evaluation: Evaluation) -> str:
    fields = dict(evaluation.get("sampler") or {})
    name = fields.pop("use", "unknown")
    return ",".join([str(name), *(f"{key}={value}" for key, value in fields.items())])


def _collapses(evaluation: Evaluation) -> str:
    playing = evaluation.get("playing") or {}
    if "collapsed" not in playing:
        return "How often is not known."
    seconds = playing["seconds"] / playing["songs"]
    return (
        f"It did so in {playing['collapsed']} of {playing['songs']} takes of {seconds:.0f} s, with "
        "the sampler below."
    )


def _memory(evaluation: Evaluation) -> str:
    memory = evaluation.get("memory") or {}
    if memory.get("highest") is None:
        return "Whether it repeats its training songs was not measured."
    verdict = "None" if not memory["copies"] else f"{memory['copies']}"
    return (
        f"{verdict} of {memory['windows']} windows of 2 s that it played pass for copies of a "
        f"training song: the most alike reaches {memory['highest']:.2f}, from "
        f"{memory['threshold']:.2f} on it would be one. Copies that are transposed or of another "
        "speed are not looked for here: `lofigen-kit inspect --against` does, file by file."
    )


def _sheet(corpus: Facts) -> list[tuple[str, object]]:
    """Return what is known of a corpus, labelled."""
    labels = {
        "source": "made by",
        "seed": "seed",
        "minutes": "minutes",
        "songs": "songs",
        "groups": "groups",
        "splits": "songs in each split",
        "licences": "licences",
        "sample_rate_hz": "sample rate in Hz",
    }
    return [(label, _value(corpus[key])) for key, label in labels.items() if key in corpus]


def _value(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items() if item is not None)
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
