"""Where a trained model is weak, and what it looks at: a part of each run's report.

The work is bounded, so that a run hardly takes longer. `mtl-evaluate` measures the same
on any rows, without these bounds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mtl_cli.data.table import Array, Table
from mtl_cli.runs.trained_run import TrainedRun
from mtl_cli.scoring.importance import importance
from mtl_cli.scoring.sample import sample_indices, sample_of
from mtl_cli.scoring.scored_rows import ScoredRows, scored_rows
from mtl_cli.scoring.slice_scores import MIN_OF_CLASS, score_slices
from mtl_cli.scoring.slices import Slices, slices_by_feature

MAX_TESTS = 400  # slices times tasks
# Importance predicts this share of the rows that training went through. A step of
# training costs about three predictions of its rows.
PREDICTED_SHARE = 0.12
REPEATS = 5
MIN_ROWS = 400  # that importance is measured on


@dataclass(frozen=True)
class Diagnosis:
    """Where a trained model is weak, and what it looks at.

    Attributes:
        split: the split whose rows were looked at: the validation rows if the run has
            any, since the test rows should decide nothing.
        rows: the number of these rows.
        slices: {output: its tested slices, the weakest first}.
        importances: the importance of features, see `importance`; {} if not measured.
        remarks: what was left out, one line each.
    """

    split: str
    rows: int
    slices: dict[str, list[dict[str, Any]]]
    importances: dict[str, Any]
    remarks: list[str]


def diagnose(
    run: TrainedRun, predictions: Mapping[str, Mapping[str, Array]], split: str
) -> Diagnosis:
    """Looks for weak slices, and measures the importance of features.

    Args:
        run: the trained run.
        predictions: the predictions by split and output.
        split: the split to take if there are no validation rows.
    """
    split = "valid" if "valid" in run.data.splits else split
    table = run.data.splits[split]
    sample, numbers = sample_of(table), sample_indices(table.rows)
    scored = [
        scored_rows(output, sample, predictions[split][output.name][numbers])
        for output in run.config.outputs
    ]
    remarks: list[str] = []
    slices = slices_to_test(run, sample, remarks)
    quick = [rows for rows in scored if rows.has_delong_error]
    if slow := [rows.output.name for rows in scored if not rows.has_delong_error]:
        names = ", ".join(slow)
        remarks.append(f"slices of {names}, whose tests take long")
    _, tested = score_slices(quick, slices)
    importances = measure_importance(run, scored, sample, remarks)
    return Diagnosis(split, sample.rows, tested, importances, remarks)


def slices_to_test(run: TrainedRun, sample: Table, remarks: list[str]) -> list[Slices]:
    """Returns the slices by the features that say most of a label alone.

    Args:
        run: the trained run.
        sample: the rows.
        remarks: gets a line for what is left out.
    """
    reports = run.data.report["features"]
    slices = sorted(
        slices_by_feature(run.data.features, sample.features),
        key=lambda by: -max(reports[by.column]["auc"].values(), default=0.0),
    )
    tests = np.cumsum([len(by.names) * len(run.config.outputs) for by in slices])
    chosen = slices[: max(1, int((tests <= MAX_TESTS).sum()))]
    if len(chosen) < len(slices):
        remarks.append(
            f"slices by {len(slices) - len(chosen)} of {len(slices)} features, which "
            "alone tell least of a label"
        )
    return chosen


def measure_importance(
    run: TrainedRun, scored: list[ScoredRows], sample: Table, remarks: list[str]
) -> dict[str, Any]:
    """Measures the importance of features on as many rows as are cheap.

    Args:
        run: the trained run.
        scored: the rows on which each output is scored.
        sample: the rows.
        remarks: gets a line for what is left out.

    Returns: see `importance`; {} if nothing is measured.
    """
    data = run.data
    predictions_per_row = len(data.features.features) * REPEATS
    trained_rows = data.splits["train"].rows * len(run.history.epochs)
    affordable = int(PREDICTED_SHARE * trained_rows / predictions_per_row)
    rows = min(sample.rows, affordable)
    if rows < min(sample.rows, MIN_ROWS):
        remarks.append(
            "the importance of features, which would take long compared with the "
            "training"
        )
        return {}
    chosen = np.linspace(0, sample.rows - 1, rows).astype("int64")
    outputs = []
    for rows_of_output in scored:
        name = rows_of_output.output.name
        in_sample = rows_of_output.take(np.isin(rows_of_output.row_indices, chosen))
        if in_sample.smaller_class >= MIN_OF_CLASS:
            outputs.append(rows_of_output.output)
        else:
            remarks.append(
                f"the importance of features for {name}, since {rows:,} rows hold too "
                "few of a class"
            )
    if not outputs:
        return {}
    some_rows = sample.take(chosen)
    return importance(run.network, data.features, outputs, some_rows, REPEATS)
