"""The results of an experiment: a table, curves, and a report in Markdown and in HTML."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any

from lofigen_kit.experiments.defects import EXPLAINED, ONE_IN
from lofigen_kit.experiments.runs import Kind, RunResult
from lofigen_kit.experiments.settings import ExperimentSettings
from lofigen_kit.runtime.files import write_atomic

TITLES: dict[Kind, str] = {
    "layers": "Four, six and eight layers",
    "genres": "One fresh network for each genre",
}
COLUMNS = {
    "run": "which network, and with which defect",
    "parameters": "how many numbers were trained",
    "hears": "receptive field: past samples that one output depends on",
    "first loss": "squared error of the first update, before it",
    "last loss": "training loss at the end, smoothed over about 100 updates",
    "test MSE": "squared error of the next sample on held-out songs",
    "of the one after": "squared error of the same output as the sample after the next",
    "as reported": "the test error that the run itself would report",
    "last sample": "test MSE of the last sample as the prediction",
    "linear": "test MSE of linear prediction of order 32",
    "variance": "test MSE of silence as the prediction",
    "level": "level of the last second of its rollout, relative to the reference, in dB",
    "playing free": "what the collapse detector found in its rollout",
}
_logger = logging.getLogger(__name__)
Rows = Sequence[Sequence[str]]


@dataclass(frozen=True)
class _Block:
    """A part of a report: its text in Markdown and in HTML."""

    markdown: str
    html: str


def write(
    folder: Path, kind: Kind, settings: ExperimentSettings, results: Sequence[RunResult]
) -> None:
    """Write table.csv, curves.csv, curves.png, report.md and report.html into a folder.

    The picture needs matplotlib; without it the report has none, and the log says so.
    """
    write_atomic(folder / "table.csv", _csv(list(COLUMNS), table(results)).encode())
    curves = {row.label: _curve(folder, row) for row in results if row.defect != "mse-average"}
    rows = [(label, step, loss) for label, curve in curves.items() for step, loss in curve]
    write_atomic(folder / "curves.csv", _csv(["run", "step", "loss"], rows).encode())
    has_picture = _draw(folder / "curves.png", curves, results)
    blocks = _page(kind, settings, results, has_picture=has_picture)
    text = "\n\n".join(block.markdown for block in blocks) + "\n"
    write_atomic(folder / "report.md", text.encode())
    body = "\n".join(block.html for block in blocks)
    write_atomic(folder / "report.html", _HTML.format(title=TITLES[kind], body=body).encode())


def table(results: Sequence[RunResult]) -> list[list[str]]:
    """Return the cells of each row, in the order of `COLUMNS`."""
    return [
        [
            row.label,
            f"{row.parameters:,}",
            str(row.receptive_field),
            _number(row.first_loss),
            _number(row.last_loss),
            _number(row.accuracy.mse),
            _number(row.accuracy.mse_two_ahead),
            _number(row.reported_mse),
            _number(row.accuracy.last_sample_mse),
            _number(row.accuracy.linear_mse),
            _number(row.accuracy.variance),
            f"{row.level_db:+.1f}",
            row.verdict,
        ]
        for row in results
    ]


def _number(value: float) -> str:
    return f"{value:.3g}"


def _csv(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue()


def _curve(folder: Path, row: RunResult) -> list[tuple[int, float]]:
    lines = (folder / row.folder / "curve.csv").read_text().splitlines()[1:]
    pairs = (line.split(",") for line in lines)
    return [(int(step), float(loss)) for step, loss in pairs]


def _draw(
    path: Path, curves: dict[str, list[tuple[int, float]]], results: Sequence[RunResult]
) -> bool:
    """Write the training curves as PNG, if matplotlib is there."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        _logger.warning("curves.png is left out: it needs matplotlib (lofigen-kit[plots])")
        return False
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    for label, curve in curves.items():
        # Some curves are the same: a defect is dashed, so that both are visible.
        axes.plot(*zip(*curve, strict=True), "--" if " with " in label else "-", label=label)
    if len({row.corpus_sha256 for row in results}) == 1:
        variance = results[0].accuracy.variance
        axes.axhline(variance, color="grey", linestyle=":", label="variance, test songs")
    axes.set(xlabel="update", ylabel="squared error in training, smoothed", yscale="log")
    figure.legend(loc="outside right upper")
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=120)
    write_atomic(path, png.getvalue())
    return True


def _page(
    kind: Kind, settings: ExperimentSettings, results: Sequence[RunResult], *, has_picture: bool
) -> list[_Block]:
    first = results[0].accuracy
    settled = ", ".join(f"{key} {value:g}" for key, value in asdict(settings).items())
    return [
        _heading(TITLES[kind], 1),
        _paragraph(
            "Networks without a guide that predict one number, the expected next sample, trained "
            f"by squared error ({settled}). They are measured on held-out songs, {first.frames} "
            "frames a row, with the next sample as the target; so are the baselines."
        ),
        _table(list(COLUMNS), table(results)),
        _list([f"{name}: {meaning}" for name, meaning in COLUMNS.items()]),
        *([_picture("curves.png", "Training curves")] if has_picture else []),
        _heading("What they play", 2),
        _paragraph(
            "Each network played on from the last 8,192 samples of a held-out song; what it "
            "expects was appended sample by sample. A regression predicts the mean of all that "
            "may come next, and nothing is drawn at random: with a small error it can still fade "
            "out or hum."
        ),
        *(_audio(row) for row in results if row.defect != "mse-average"),
        _heading("Where the reference's own numbers came from", 2),
        _list([f"{name}: {text}" for name, text in EXPLAINED.items()]),
        _paragraph(
            "So the published figures cannot be compared with those of this table, whose errors "
            "are means over all measured frames. Rows with a defect show its effect: mse-average "
            f"is the same network, its error divided by {ONE_IN:,}; double-shift is trained and "
            "measured on the sample after the next; the later genres of one-model begin (first "
            "loss) where the genre before ended. Add rows with --defect; finished runs are not "
            "done again."
        ),
    ]


def _heading(text: str, level: int) -> _Block:
    return _Block(f"{'#' * level} {text}", f"<h{level}>{escape(text)}</h{level}>")


def _paragraph(text: str) -> _Block:
    return _Block(text, f"<p>{escape(text)}</p>")


def _list(items: Sequence[str]) -> _Block:
    lines = "\n".join(f"- {item}" for item in items)
    return _Block(lines, "<ul>" + "".join(f"<li>{escape(i)}</li>" for i in items) + "</ul>")


def _table(head: Sequence[str], rows: Rows) -> _Block:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    def row(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(c)}</{tag}>" for c in cells) + "</tr>"

    markdown = [line(head), line(["---"] * len(head)), *(line(cells) for cells in rows)]
    html = [row(head, "th"), *(row(cells, "td") for cells in rows)]
    return _Block("\n".join(markdown), "<table>\n" + "\n".join(html) + "\n</table>")


def _picture(path: str, text: str) -> _Block:
    return _Block(f"![{text}]({path})", f'<img src="{path}" alt="{escape(text)}">')


def _audio(row: RunResult) -> _Block:
    free, reference = (f"{row.folder}/{name}.flac" for name in ("free", "reference"))
    said = f"{row.label}: {row.verdict}"
    players = (
        f'<figure><figcaption>{escape(name)}</figcaption><audio controls preload="none" '
        f'src="{escape(path)}"></audio></figure>'
        for name, path in ((said, free), ("the song itself", reference))
    )
    links = f"- {said} ([listen](<{free}>), [the song itself](<{reference}>))"
    return _Block(links, "".join(players))


_HTML = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse; display: block; overflow-x: auto }}
th, td {{ border: 1px solid #999; padding: .3em .6em; text-align: left }}
figure {{ display: inline-block; margin: .5rem 1rem .5rem 0 }}
img {{ max-width: 100% }}
</style>
<body>
{body}
</body>
</html>
"""
