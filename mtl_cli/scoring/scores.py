"""Scores predictions: computes the metrics of each output on its rows of weight > 0."""

from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from mtl_cli.core.errors import DAMAGED_FILE_ERRORS, DataError
from mtl_cli.core.other_files import read_json_object
from mtl_cli.data.label_findings import MIN_VALID_ROWS
from mtl_cli.data.scenarios import RowScenarios
from mtl_cli.data.table import Array, Table
from mtl_cli.heads.base import Output, OutputMetric
from mtl_cli.metrics.auc import num_usable_groups
from mtl_cli.metrics.metric import Metric, UndefinedError
from mtl_cli.metrics.regression import truth_rmse
from mtl_cli.metrics.score_dict import Score, Scores
from mtl_cli.tasks.base import Task


def score_outputs(
    outputs: list[Output],
    table: Table,
    predictions: dict[str, Array],
    scenarios: RowScenarios | None = None,
) -> Scores:
    """Scores all outputs of a model on the rows of a table.

    The predictions are (rows,) or (rows, classes). If `scenarios` are given, the rows
    of each scenario are scored too.
    """
    scores: Scores = {}
    masks = {} if scenarios is None else scenarios.masks
    # A stored table reads its columns from disk at each access, so access each once.
    labels, weights, groups = table.labels, table.metric_weights, table.groups
    truths = table.truths
    for output in outputs:
        columns = (  # the arguments of `score`
            labels[output.label],
            predictions[output.name],
            weights[output.name],
            groups,
            truths.get(output.name),
        )
        scores[output.name] = score(output.task, *columns)
        if output.space is not None:
            scores[output.name]["space"] = f"{output.space} = 1"
        score_by_scenario = {}
        for name, mask in masks.items():
            on_scenario: list[Any] = [None if x is None else x[mask] for x in columns]
            score_by_scenario[name] = score(output.task, *on_scenario)
        if score_by_scenario:
            scores[output.name]["scenarios"] = score_by_scenario
    return scores


def score(
    task: Task,
    label: Array,
    prediction: Array,
    weight: Array,
    group: Array | None = None,
    truth: Array | None = None,
    names: list[str] | None = None,
) -> Score:
    """Scores predictions on the rows whose weight is above 0.

    Args:
        prediction: the predictions, (rows,); (rows, classes) for tasks of several
            classes.
        group: the group of each row, whole numbers (rows,), below 0 for rows without
            a group; None leaves out the metrics that need groups.
        truth: the true probabilities of generated data, (rows,); None if unknown.
        names: names of the metrics to compute; None computes the metrics of the task.

    Returns: the metrics, counts and reasons that `metrics.score_dict` describes.
    """
    is_scored = weight > 0
    columns = [np.asarray(x[is_scored], "float64") for x in (label, prediction, weight)]
    scored_label, scored_prediction, _ = columns
    score: Score = {}
    reasons: dict[str, str] = {}

    def add(metric: Metric, problem: str, arguments: list[Array]) -> None:
        """Adds the value of a metric, or None and the reason why it is undefined."""
        if problem:
            score[metric.name], reasons[metric.name] = None, problem
            return
        try:
            score[metric.name] = metric(*arguments)
        except UndefinedError as error:
            score[metric.name], reasons[metric.name] = None, str(error)

    problem = prediction_problem(scored_prediction)
    for name in task.metric_names if names is None else names:
        metric = task.metric(name)
        if not metric.grouped:
            add(metric, problem, columns)
        elif group is not None:
            scored_group = group[is_scored]
            score["groups"] = num_usable_groups(scored_label, scored_group)
            add(metric, problem, [*columns, scored_group])
    score["rows"] = len(scored_label)
    if task.BINARY_LABELS:
        score["positives"] = int((scored_label > 0.5).sum())
    # Unlike other metrics, `truth_rmse` counts all rows, also rows of weight 0.
    if truth is not None and len(truth):
        add(truth_rmse, prediction_problem(prediction), [truth, prediction])
    if reasons:
        score["why"] = reasons
    return score


def prediction_problem(prediction: Array) -> str:
    """Returns why predictions cannot be scored or plotted, or ""."""
    if not len(prediction):
        return "no rows"
    num_wrong = int((~np.isfinite(prediction)).sum())
    if num_wrong:
        return f"{num_wrong} of {prediction.size} predictions are not finite numbers"
    return ""


def monitored_value(metrics: list[OutputMetric], scores: Scores) -> float | None:
    """Returns the value by which `trainer.monitor` judges an epoch; higher is better.

    The value is the mean of the monitored metrics on validation rows, weighted by
    `monitor_weight`. Metrics for which lower is better are negated. Returns None if one
    of the metrics, see `monitored_metrics`, is undefined.
    """
    if not metrics:
        return None
    total = total_weight = 0.0  # `sum` rounds in another way from Python 3.12 on
    for output, name in metrics:
        value = scores[output.name][name]
        if value is None:
            return None
        weight = monitor_weight(scores[output.name])
        total += weight * (output.task.metric(name).direction * value)
        total_weight += weight
    return total / total_weight


def monitor_weight(score: Score) -> float:
    """Returns the weight of a task in the monitored mean, above 0 and at most 1.

    The weight is below 1 if the task has fewer than `MIN_VALID_ROWS` validation rows.
    For a binary task, only the rows with its rarer label count.
    """
    num_rows: int = score["rows"]
    if "positives" in score:
        num_rows = min(score["positives"], num_rows - score["positives"])
    return min(1.0, max(num_rows, 1) / MIN_VALID_ROWS)


def monitored_score(
    metrics: list[OutputMetric], monitored: float | None
) -> dict[str, float | None]:
    """Returns {title: monitored value to show}.

    A title is `trainer.monitor (mean ne, lower is better)`. A metric for which lower is
    better is shown without the minus sign of the monitored value. If higher is better
    for other metrics, the title shows the signs instead: `trainer.monitor (mean of -ne
    and r2, higher is better)`. Returns {} if the value is the first metric of a single
    task, because the scores of the tasks show this metric already.
    """
    if not metrics:
        return {}
    first_output, first_name = metrics[0]
    if len(metrics) == 1 and first_name == first_output.first_metric:
        return {}
    directions = {
        name.replace("_", " "): output.task.metric(name).direction
        for output, name in metrics
    }
    if len(set(directions.values())) > 1:
        signed = [f"-{name}" if d < 0 else name for name, d in directions.items()]
        title = f"mean of {' and '.join(signed)}"
        return {f"trainer.monitor ({title}, higher is better)": monitored}
    task_or_mean = first_output.name if len(metrics) == 1 else "mean"
    direction = first_output.task.metric(first_name).direction
    value = None if monitored is None else monitored * direction
    better = "lower" if direction < 0 else "higher"
    title = f"{task_or_mean} {' and '.join(directions)}"
    return {f"trainer.monitor ({title}, {better} is better)": value}


def read_scores(run: Path, outputs: list[Output]) -> dict[str, Scores]:
    """Reads the `metrics.json` of a finished run, {split: scores}.

    Returns {} if there is no such file, because the run only checked its data. In each
    split, the first metric of each output must be a finite number or None.
    """
    path = run / "metrics.json"
    try:
        scores_by_split: dict[str, Scores] = read_json_object(path)
        first_metrics = [
            scores[output.name][output.first_metric]
            for scores in scores_by_split.values()
            for output in outputs
        ]
        defined = [x for x in first_metrics if x is not None]
        if not first_metrics or not all(map(isfinite, defined)):
            raise ValueError("there are no scores, or one is not finite")
    except FileNotFoundError:
        return {}
    except DAMAGED_FILE_ERRORS:
        raise DataError(
            f"{path} is damaged; remove the folder {run} and repeat the command, which "
            "then trains this run again"
        ) from None
    return scores_by_split


def main_split(scores: dict[str, Scores]) -> str:
    """Returns the split to report: the first of test, valid and train with scores."""
    return next(split for split in ("test", "valid", "train") if split in scores)
