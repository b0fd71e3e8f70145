"""Makes tables of scores as text: one row per output and one column per metric."""

from collections.abc import Iterable
from typing import Any

from mtl_cli.heads.base import Output
from mtl_cli.metrics.metrics_json import COUNTS, Score, Scores
from mtl_cli.metrics.regression import truth_rmse

Cells = list[list[str]]  # the rows of a table; the first row is the header


def score_tables(outputs: list[Output], scores: Scores) -> list[Cells]:
    """Returns one table per kind of task, since two kinds share only few metrics.

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

    The columns are the metrics that at least one output has, then the numbers of rows,
    of positive labels and of groups.

    Args:
        outputs: the outputs whose scores are shown.
        scores: the scores of one split, by the name of the output.
    """
    metric_order = [metric.name for metric in (*outputs[0].task.METRICS, truth_rmse)]
    present = {name for output in outputs for name in scores[output.name]}
    metrics = [name for name in metric_order if name in present]
    counts = [name for name in COUNTS if name in present]
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
    # {scenario: score} of each output; all outputs have the same scenarios.
    scores_by_scenario = [scores[x.name].get("scenarios", {}) for x in outputs]
    if not scores_by_scenario[0]:
        return []
    header = ["scenario"]
    for output in outputs:
        header += [f"{output.name} {output.first_metric.replace('_', ' ')}", "rows"]
    cells = [header]
    for scenario in scores_by_scenario[0]:
        row = [scenario]
        for output, by_scenario in zip(outputs, scores_by_scenario, strict=True):
            score = by_scenario[scenario]
            row.append(format_metric(score.get(output.first_metric)))
            row.append(format_count(score.get("rows")))
        cells.append(row)
    return cells


def tables_by_metrics(rows: Iterable[tuple[str, dict[str, str], Score]]) -> list[Cells]:
    """Groups outputs with the same metrics into tables: a header, one row per output.

    Args:
        rows: the title, {metric: value as text}, and the score of each output. The
            numbers of rows, of positive labels and of groups are those of the score.
    """
    tables: dict[tuple[str, ...], Cells] = {}
    for title, metrics, score in rows:
        names = [metric.replace("_", " ") for metric in metrics]
        counts = [name for name in COUNTS if name in score]
        header = ["task", *names, *counts]
        cells = tables.setdefault(tuple(header), [header])
        numbers = (format_count(score[name]) for name in counts)
        cells.append([title, *metrics.values(), *numbers])
    return list(tables.values())


def format_metric(value: float | None) -> str:
    """Formats a metric with four decimals, with one above 1000; a dash for None."""
    if value is None:
        return "-"
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:,.1f}"


def format_count(value: int | None) -> str:
    """Formats a count, such as `12,345`; a dash for None."""
    return "-" if value is None else f"{value:,}"


def text_with_interval(metric: dict[str, Any]) -> str:
    """Returns `0.9167 ±0.0046`: a value and half the width of its 95 % interval.

    Args:
        metric: the keys `value`, `low` and `high`; the last two are None if there is no
            interval.
    """
    value = format_metric(metric["value"])
    if metric["low"] is None:
        return value
    return f"{value} ±{format_metric((metric['high'] - metric['low']) / 2)}"


def p_value_text(p: float) -> str:
    """Returns `p = 0.031`, or `p < 0.001`."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
