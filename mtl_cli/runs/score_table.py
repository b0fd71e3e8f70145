"""Tables of a run's scores: one row per output, one column per metric or count."""

from mtl_cli.heads.base import Output
from mtl_cli.metrics.regression import truth_rmse
from mtl_cli.metrics.scores import Scores

Cells = list[list[str]]


def tables(outputs: list[Output], scores: Scores) -> list[Cells]:
    """Returns a table for each kind of task, since kinds have few metrics in common.

    Args:
        outputs: the outputs whose scores are shown.
        scores: the scores of one split.
    """
    outputs_by_kind: dict[str, list[Output]] = {}
    for output in outputs:
        outputs_by_kind.setdefault(output.task.kind, []).append(output)
    return [table(same_kind, scores) for same_kind in outputs_by_kind.values()]


def table(outputs: list[Output], scores: Scores) -> Cells:
    """Returns a header, then a row for each of several outputs of the same kind."""
    known = [metric.name for metric in (*outputs[0].task.METRICS, truth_rmse)]
    metrics = [m for m in known if any(m in scores[output.name] for output in outputs)]
    counts = [c for c in ("rows", "positives") if c in scores[outputs[0].name]]
    cells = [["task", *(metric.replace("_", " ") for metric in metrics), *counts]]
    for output in outputs:
        values = scores[output.name]
        row = [short(values.get(metric)) for metric in metrics]
        row += [count(values.get(name)) for name in counts]
        cells.append([output.title, *row])
    return cells


def short(value: float | None) -> str:
    """Returns a metric with four decimals (one from 1000 on), or a dash for None."""
    if value is None:
        return "-"
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:,.1f}"


def count(value: int | None) -> str:
    """Returns a count with separators of thousands, or a dash for None."""
    return "-" if value is None else f"{value:,}"
