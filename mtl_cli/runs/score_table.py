"""Tables of a run's scores, with one row per output and one column per metric."""

from collections.abc import Iterable
from typing import Any

from mtl_cli.heads.base import Output
from mtl_cli.metrics.regression import truth_rmse
from mtl_cli.metrics.scores import Score, Scores, metrics_of

Cells = list[list[str]]


def score_tables(outputs: list[Output], scores: Scores) -> list[Cells]:
    """Returns one table per kind of task, since two kinds have few metrics in common.

    Args:
        outputs: the outputs whose scores are shown.
        scores: the scores of one split, by the name of the output.
    """
    outputs_by_kind: dict[str, list[Output]] = {}
    for output in outputs:
        outputs_by_kind.setdefault(output.task.kind, []).append(output)
    return [score_table(same_kind, scores) for same_kind in outputs_by_kind.values()]


def score_table(outputs: list[Output], scores: Scores) -> Cells:
    """Returns a header and one row per output, for outputs of the same kind of task.

    The columns are the metrics that an output has, then the numbers of rows and of
    positive labels.
    """
    metric_order = [metric.name for metric in (*outputs[0].task.METRICS, truth_rmse)]
    scored = {name for output in outputs for name in scores[output.name]}
    metrics = [name for name in metric_order if name in scored]
    counts = [name for name in ("rows", "positives") if name in scored]
    cells = [["task", *(metric.replace("_", " ") for metric in metrics), *counts]]
    for output in outputs:
        values = scores[output.name]
        cells.append(
            [
                output.title,
                *(format_metric(values.get(name)) for name in metrics),
                *(format_count(values.get(name)) for name in counts),
            ]
        )
    return cells


def scenario_table(outputs: list[Output], scores: Scores) -> Cells:
    """Returns a header and one row per scenario; [] if there are no scenarios.

    Each output has two columns: its first metric, and its number of rows.

    Args:
        outputs: the outputs whose scores are shown.
        scores: the scores of one split, by the name of the output.
    """
    by_output = [(x, scores[x.name].get("scenarios", {})) for x in outputs]
    if not by_output[0][1]:
        return []
    header = ["scenario"]
    for output, _ in by_output:
        header += [f"{output.name} {output.first_metric.replace('_', ' ')}", "rows"]
    cells = [header]
    for name in by_output[0][1]:
        row = [name]
        for output, scenarios in by_output:
            values = scenarios[name]
            row.append(format_metric(values.get(output.first_metric)))
            row.append(format_count(values.get("rows")))
        cells.append(row)
    return cells


def tables_by_metrics(rows: Iterable[tuple[str, dict[str, str], Score]]) -> list[Cells]:
    """Returns one table per set of metrics: a header, then one row per output.

    Args:
        rows: for each output: its title, its metrics as text, and its score with the
            numbers of rows and of positive labels.
    """
    tables: dict[tuple[str, ...], Cells] = {}
    for title, metrics, score in rows:
        names = [metric.replace("_", " ") for metric in metrics]
        cells = tables.setdefault(
            tuple(metrics), [["task", *names, "rows", "positives"]]
        )
        counts = (format_count(score.get(name)) for name in ("rows", "positives"))
        cells.append([title, *metrics.values(), *counts])
    return list(tables.values())


def metric_texts(score: Score) -> dict[str, str]:
    """Returns the metrics of a score as text, by name."""
    return {name: format_metric(value) for name, value in metrics_of(score).items()}


def format_metric(value: float | None) -> str:
    """Returns a metric with four decimals, or one from 1000 on; a dash for None."""
    if value is None:
        return "-"
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:,.1f}"


def format_count(value: int | None) -> str:
    """Returns a count with a comma after the thousands; a dash for None."""
    return "-" if value is None else f"{value:,}"


def text_with_interval(metric: dict[str, Any]) -> str:
    """Returns `0.9167 ±0.0046`: a value and half the width of its 95 % interval."""
    value = format_metric(metric["value"])
    if metric["low"] is None:
        return value
    return f"{value} ±{format_metric((metric['high'] - metric['low']) / 2)}"


def p_value_text(p: float) -> str:
    """Returns `p = 0.031`, or `p < 0.001`."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
