"""The metrics of each output on all evaluated rows, with their intervals."""

from typing import Any

from mtl_cli.evaluation.rows import EvaluatedRows
from mtl_cli.metrics.regression import truth_rmse
from mtl_cli.metrics.score_dict import NON_METRIC_KEYS, metrics_of
from mtl_cli.scoring.scored_rows import (
    ScoredRows,
    metric_with_interval,
    value_with_interval,
)
from mtl_cli.scoring.scores import score_outputs
from mtl_cli.scoring.slice_records import SliceRecord
from mtl_cli.statistics.sampling_error import bootstrap_error


def task_results(
    rows: EvaluatedRows,
    rows_of_outputs: list[ScoredRows],
    weakest_first: dict[str, list[SliceRecord]],
) -> dict[str, dict[str, Any]]:
    """Returns the results of each output on all rows.

    Args:
        rows: all evaluated rows.
        rows_of_outputs: the rows on which each output is scored.
        weakest_first: {output: the records of its tested slices, the weakest first}.

    Returns: {output: a dict}, with `main_metric`, the name of a metric; `metrics`, each
        with its interval; `calibration`; `weakest_slice`, a record or None; and the
        entries of `NON_METRIC_KEYS`, such as `rows`.
    """
    scores = score_outputs(rows.outputs, rows.table, rows.predictions)
    results = {}
    for rows_of_output in rows_of_outputs:
        name = rows_of_output.output.name
        metrics = {}
        for metric, value in metrics_of(scores[name]).items():
            if metric == truth_rmse.name:
                metrics[metric] = truth_rmse_with_interval(rows, name, value)
            else:
                metrics[metric] = metric_with_interval(rows_of_output, metric, value)
        tested_slices = weakest_first[name]
        results[name] = {
            "main_metric": rows_of_output.main_metric.name,
            **{key: x for key, x in scores[name].items() if key in NON_METRIC_KEYS},
            "metrics": metrics,
            "calibration": rows_of_output.calibration(),
            "weakest_slice": tested_slices[0] if tested_slices else None,
        }
    return results


def truth_rmse_with_interval(
    rows: EvaluatedRows, name: str, value: Any
) -> dict[str, Any]:
    """Returns an output's `truth_rmse` with an interval.

    The metric counts all rows of the table, also the rows outside of a task's space.

    Returns: see `value_with_interval`, but `method` is always `bootstrap`.
    """
    error = None
    if value is not None:
        true_probabilities = rows.table.truths[name].astype("float64")
        columns = [true_probabilities, rows.predictions[name]]
        error = bootstrap_error(truth_rmse, columns, rows.table.groups)
    return value_with_interval(value, error) | {"method": "bootstrap"}
