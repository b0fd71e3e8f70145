"""Evaluates the trained model of a run on a table, or on the run's validation rows."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from mtl_cli.core.errors import DAMAGED_FILE_ERRORS, ConfigError
from mtl_cli.core.locations import Location
from mtl_cli.core.other_files import read_json_object
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.data.compute_report import label_counts
from mtl_cli.data.label_findings import unsampled_findings
from mtl_cli.data.load import Data
from mtl_cli.evaluation.crosses import find_crosses
from mtl_cli.evaluation.data_of_run import read_data_of_run
from mtl_cli.evaluation.evaluation import Evaluation
from mtl_cli.evaluation.feature_drift import FeatureDrift
from mtl_cli.evaluation.open_table import TableInMemory, opened_for_evaluation
from mtl_cli.evaluation.prediction_drift import PredictionDrift, prediction_drift
from mtl_cli.evaluation.rows import EvaluatedRows, rows_of_source, validation_rows
from mtl_cli.metrics.regression import truth_rmse
from mtl_cli.metrics.score_dict import NON_METRIC_KEYS, metrics_of
from mtl_cli.network.trained_model import TrainedModel
from mtl_cli.runs.diagnosis import measure_gates
from mtl_cli.scoring.importance import MIN_REPEATS, REPEATS, permutation_importance
from mtl_cli.scoring.scored_rows import (
    ScoredRows,
    metric_with_interval,
    scored_rows,
    value_with_interval,
)
from mtl_cli.scoring.scores import score_outputs
from mtl_cli.scoring.slice_scores import SliceRecord, score_slices
from mtl_cli.scoring.slices import Slices, slices_by, slices_by_feature
from mtl_cli.statistics.sampling_error import bootstrap_error


@dataclass(frozen=True)
class EvaluationRequest:
    """The settings of an evaluation."""

    by: list[str] = field(default_factory=list)  # columns and features that make slices
    importance: bool = False  # whether to measure the importance of features
    crosses: bool = False  # whether to look for pairs of columns to cross
    repeats: int = REPEATS  # the number of shufflings for the importance
    # Is called with the name of the work, such as "predicting", and with the numbers of
    # finished and of all rows or steps.
    on_progress: Callable[[str, int, int], None] = lambda word, done, total: None

    def __post_init__(self) -> None:
        if self.repeats < MIN_REPEATS:
            raise ConfigError(
                f"--repeats: {self.repeats} is too few for an interval; take at least "
                f"{MIN_REPEATS}"
            )


def evaluate(
    model: TrainedModel,
    table: Location | TableInMemory | None,
    request: EvaluationRequest,
) -> tuple[Evaluation, EvaluatedRows]:
    """Evaluates a trained model on a table, or on the run's validation rows for None.

    Returns: the evaluation, and the rows with their predictions.
    """
    rows, data = read_rows(model, table, request)
    rows_of_outputs = [
        scored_rows(output, rows.table, rows.predictions[output.name])
        for output in rows.outputs
    ]
    slices = requested_slices(model, rows)
    slice_records, weakest_first = score_slices(rows_of_outputs, slices)
    drift_records, drift_remarks = measure_drift(model, rows)
    importances = {}
    if request.importance:
        importances = permutation_importance(
            model.network,
            model.features,
            rows.outputs,
            rows.sample,
            request.repeats,
            request.on_progress,
        )
    crosses = None
    if request.crosses and data is not None:
        crosses = find_crosses(model, data, rows, request.on_progress)
    remarks = [*rows.remarks, *drift_remarks, *sampling_remarks(model, rows)]
    evaluation = Evaluation(
        run=str(model.folder),
        table_name=mask_secrets(rows.table_name),
        rows=rows.num_rows,
        tasks=task_results(rows, rows_of_outputs, weakest_first),
        slice_records=slice_records,
        drift_records=drift_records,
        importances=importances,
        cross_records=crosses,
        gates=gate_usage(model, rows, slices),
        remarks=mask_secrets(remarks),
    )
    return evaluation, rows


def read_rows(
    model: TrainedModel,
    table: Location | TableInMemory | None,
    request: EvaluationRequest,
) -> tuple[EvaluatedRows, Data | None]:
    """Returns the rows to evaluate, and the run's own data if it was read again."""
    if table is None:
        if request.by:
            raise ConfigError("--by: slices need a TABLE; name the file to evaluate")
        data = read_data_of_run(model, partial(request.on_progress, "encoding"))
        return validation_rows(model, data), data
    if request.crosses:
        raise ConfigError(
            "--crosses: reads the run's own training and validation rows, not a TABLE; "
            "leave TABLE out"
        )
    by = list(dict.fromkeys(request.by))  # each name once
    with opened_for_evaluation(model, table, by) as (source, plan):
        on_rows = partial(request.on_progress, "predicting")
        return rows_of_source(model, source, plan, on_rows), None


def measure_drift(
    model: TrainedModel, rows: EvaluatedRows
) -> tuple[list[FeatureDrift | PredictionDrift], list[str]]:
    """Returns the drift of features and predictions, and why some of it is unknown."""
    features = rows.feature_counts.drift()
    if rows.drift_problem:
        for record in features:
            record["psi"] = None
        return [*features], [rows.drift_problem]
    predictions, remark = prediction_drift(
        model, rows.outputs, rows.predictions, rows.table.metric_weights
    )
    remarks = filter(None, [rows.feature_counts.remark, remark])
    return [*features, *predictions], [*remarks]


def sampling_remarks(model: TrainedModel, rows: EvaluatedRows) -> list[str]:
    """Returns a remark for each `sampling_rate` that does not fit the rows."""
    evaluated = {o.name: label_counts(o, rows.table) for o in rows.outputs}
    try:
        trained = read_json_object(model.folder / "data_report.json")["tasks"]
        counts = {
            name: {"train": trained[name]["train"], "evaluated": evaluated[name]}
            for name in evaluated
        }
        return unsampled_findings(rows.outputs, counts)
    except DAMAGED_FILE_ERRORS:
        return []


def requested_slices(model: TrainedModel, rows: EvaluatedRows) -> list[Slices]:
    """Cuts the rows into slices by each requested column or feature.

    A column with many distinct numbers is cut into ranges, unless a feature reads the
    column as text: the numbers are then ids.
    """
    id_columns = {
        column
        for name, feature in model.features.by_name.items()
        for column, kind in feature.input_kinds(name).items()
        if kind in ("text", "texts")
    }
    by_columns = [
        slices_by(column, cells, are_ids=column in id_columns)
        for column, cells in rows.slice_columns.items()
    ]
    by_features = [
        slices_by_feature(model.features, name, values)
        for name, values in rows.slice_features.items()
    ]
    return [*by_columns, *filter(None, by_features)]


def task_results(
    rows: EvaluatedRows,
    rows_of_outputs: list[ScoredRows],
    weakest_first: dict[str, list[SliceRecord]],
) -> dict[str, dict[str, Any]]:
    """Returns the results of each output on all rows.

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
        results[name] = {
            "main_metric": rows_of_output.main_metric.name,
            **{key: x for key, x in scores[name].items() if key in NON_METRIC_KEYS},
            "metrics": metrics,
            "calibration": rows_of_output.calibration(),
            "weakest_slice": next(iter(weakest_first[name]), None),
        }
    return results


def truth_rmse_with_interval(
    rows: EvaluatedRows, name: str, value: Any
) -> dict[str, Any]:
    """Returns an output's `truth_rmse` with an interval.

    The metric counts all rows of the table, also the rows outside of a task's space.
    """
    error = None
    if value is not None:
        true_probabilities = rows.table.truths[name].astype("float64")
        columns = [true_probabilities, rows.predictions[name]]
        error = bootstrap_error(truth_rmse, columns, rows.table.groups)
    return value_with_interval(value, error) | {"method": "bootstrap"}


def gate_usage(
    model: TrainedModel, rows: EvaluatedRows, slices_by_column: list[Slices]
) -> dict[str, Any]:
    """Summarizes how gates use their experts, on the sampled rows and on each slice.

    Returns: see `GateUsage`; {} if the model has no gates.
    """
    tasks = list(model.config.chosen_tasks)
    # If the table has no labels of a task, all rows count for the task's gates.
    equal_weights = dict.fromkeys(tasks, np.ones(rows.sample.num_rows))
    weights = equal_weights | rows.sample.weights
    sample = replace(rows.sample, weights=weights)
    slices_of_sample = [
        replace(slices, codes=slices.codes[rows.sample_indices])
        for slices in slices_by_column
    ]
    usage = measure_gates(model.network, tasks, sample, slices_of_sample)
    return {} if usage is None else {**usage}
