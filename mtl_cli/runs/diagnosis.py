"""Looks into a trained model: its weak slices, its gates, its important features.

A slice is the rows with one value of a feature. The work is limited so that it adds
little to the duration of a run; `mtl-evaluate` measures the same without limits.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mtl_cli.data.table import Array, Table
from mtl_cli.runs.trained_run import TrainedRun
from mtl_cli.scoring.gate_records import GateUsage
from mtl_cli.scoring.gate_usage import summarize_gates, usage_by_slice
from mtl_cli.scoring.gate_weights import measure_gate_weights
from mtl_cli.scoring.importance import permutation_importance
from mtl_cli.scoring.sample import sample_indices, sample_of
from mtl_cli.scoring.scored_rows import ScoredRows, scored_rows
from mtl_cli.scoring.slice_scores import SliceRecord, score_slices
from mtl_cli.scoring.slice_tests import MIN_OF_CLASS
from mtl_cli.scoring.slices import Slices, slices_by_features

if TYPE_CHECKING:  # this module imports TensorFlow
    from mtl_cli.network.network import Network

MAX_TESTS = 400  # a test compares one slice with the other rows for one output
# The largest number of predictions that importance may take, as a fraction of the
# number of rows that all epochs train on. Training on a row takes about three times as
# long as predicting it, so the predictions add about 4 % to the time of training.
PREDICTED_FRACTION = 0.12
REPEATS = 5  # the number of times that the values of each feature are shuffled
MIN_ROWS = 400  # importance is measured on at least this many rows, or on all rows


@dataclass(frozen=True)
class Diagnosis:
    """The weak slices of a trained model, and the importance of its features."""

    split: str  # the examined split
    rows: int  # the number of examined rows
    slices: dict[str, list[SliceRecord]]  # {output: slices, the weakest first}
    importances: dict[str, Any]  # see `permutation_importance`; {} if not measured
    remarks: list[str]  # a line for each part that was left out, with the reason


def measure_gates(
    network: "Network", tasks: list[str], sample: Table, slices_by_column: list[Slices]
) -> GateUsage | None:
    """Measures how gates use their experts, on a sample of rows and on its slices.

    Returns None if the network has no gates to measure.
    """
    gate_weights = measure_gate_weights(network, tasks, sample)
    if gate_weights is None:
        return None
    usage = summarize_gates(gate_weights)
    usage["slices"] = []
    for slices in slices_by_column:
        usage["slices"] += usage_by_slice(gate_weights, slices)
    return usage


def diagnose(
    run: TrainedRun, predictions: Mapping[str, Mapping[str, Array]], split: str
) -> Diagnosis:
    """Looks for weak slices, and measures the importance of features.

    The validation rows are examined, or the rows of `split` if there are none: findings
    on test rows may influence the next model. `predictions` are {split: {output: ...}}.
    """
    split = "valid" if "valid" in run.data.splits else split
    table = run.data.splits[split]
    sample, row_indices = sample_of(table), sample_indices(table.num_rows)
    rows_of_outputs = [
        scored_rows(output, sample, predictions[split][output.name][row_indices])
        for output in run.config.outputs
    ]
    slices, remarks = slices_to_test(run, sample)
    # A formula, DeLong's, gives the sampling error of an AUC. Outputs with another main
    # metric are left out: their tests would need a slow bootstrap.
    rows_to_test = [rows for rows in rows_of_outputs if rows.has_quick_error_formula]
    slow_outputs = [
        rows.output.name for rows in rows_of_outputs if not rows.has_quick_error_formula
    ]
    if slow_outputs:
        remarks.append(f"slices of {', '.join(slow_outputs)}, whose tests take long")
    _, tested_slices = score_slices(rows_to_test, slices)
    importances, more_remarks = measure_importance(run, rows_of_outputs, sample)
    remarks += more_remarks
    return Diagnosis(split, sample.num_rows, tested_slices, importances, remarks)


def slices_to_test(run: TrainedRun, sample: Table) -> tuple[list[Slices], list[str]]:
    """Chooses at most `MAX_TESTS` slices, of the features that predict a label best.

    Returns: the chosen features, and a remark if features are left out.
    """
    reports = run.data.report["features"]
    features = sorted(
        slices_by_features(run.data.features, sample.features),
        key=lambda x: max(reports[x.column]["auc"].values(), default=0.0),
        reverse=True,
    )
    num_outputs = len(run.config.outputs)
    num_tests = [len(feature.names) * num_outputs for feature in features]
    # The first feature is always tested, even if it has many values.
    num_chosen = max(1, int((np.cumsum(num_tests) <= MAX_TESTS).sum()))
    if num_chosen >= len(features):
        return features, []
    remark = (
        f"slices by {len(features) - num_chosen} of {len(features)} features, which "
        "predict the labels worst on their own"
    )
    return features[:num_chosen], [remark]


def measure_importance(
    run: TrainedRun, rows_of_outputs: list[ScoredRows], sample: Table
) -> tuple[dict[str, Any], list[str]]:
    """Measures the importance of features on a part of the sample, to take little time.

    Returns: the importances, {} if nothing is measured; and a remark for each part that
        is left out.
    """
    predictions_per_row = len(run.data.features.by_name) * REPEATS
    num_trained_rows = run.data.splits["train"].num_rows * len(run.history.epochs)
    num_affordable = int(PREDICTED_FRACTION * num_trained_rows / predictions_per_row)
    num_rows = min(sample.num_rows, num_affordable)
    if num_rows < min(sample.num_rows, MIN_ROWS):
        remark = "the importance of features, which would take long"
        return {}, [remark]
    # Evenly spaced, because the rows of a table may be in the order of time.
    chosen_indices = np.linspace(0, sample.num_rows - 1, num_rows).astype("int64")
    remarks = []
    outputs = []  # the outputs whose chosen rows hold enough rows of each class
    for scored in rows_of_outputs:
        chosen_mask = np.isin(scored.row_indices, chosen_indices)
        if scored.take(chosen_mask).smaller_class_size >= MIN_OF_CLASS:
            outputs.append(scored.output)
        else:
            name = scored.output.name
            remarks.append(f"the importance of features for {name}: too few labels")
    if not outputs:
        return {}, remarks
    rows = sample.take(chosen_indices)
    importances = permutation_importance(
        run.network, run.data.features, outputs, rows, REPEATS
    )
    return importances, remarks
