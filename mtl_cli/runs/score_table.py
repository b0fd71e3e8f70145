"""The tables of a run's scores: a row an output, a column a metric, and counts."""

from mtl_cli.heads.base import Output
from mtl_cli.metrics.regression import truth_rmse
from mtl_cli.metrics.scores import Scores

Cells = list[list[str]]


def tables(outputs: list[Output], scores: Scores) -> list[Cells]:
    """Returns a table for each kind of task, since kinds have few metrics in common.

    Args:
        outputs: whose scores are shown.
        scores: of one split.

    Returns: the rows of each, its head first.
    """
    kinds: dict[str, list[Output]] = {}
    for output in outputs:
        kinds.setdefault(output.task.kind, []).append(output)
    return [table(of_kind, scores) for of_kind in kinds.values()]


def table(outputs: list[Output], scores: Scores) -> Cells:
    """Returns the rows of a table of outputs of one kind, its head first."""
    known = [metric.name for metric in (*outputs[0].task.METRICS, truth_rmse)]
    names = [n for n in known if any(n in scores[output.name] for output in outputs)]
    counts = [n for n in ("rows", "positives") if n in scores[outputs[0].name]]
    head = ["task", *(name.replace("_", " ") for name in names), *counts]
    rows = [
        [
            output.title,
            *(short(scores[output.name].get(name)) for name in names),
            *(count(scores[output.name].get(name)) for name in counts),
        ]
        for output in outputs
    ]
    return [head, *rows]


def short(value: float | None) -> str:
    """Returns a metric to four places, or a dash where it is undefined."""
    if value is None:
        return "-"
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:,.1f}"


def count(value: int | None) -> str:
    """Returns a count with separators, or a dash where there is none."""
    return "-" if value is None else f"{value:,}"
