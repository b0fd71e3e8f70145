"""Scores outputs on each slice of a table, and finds their weakest slices."""

from operator import itemgetter
from typing import TypedDict

import numpy as np

from mtl_cli.scoring.scored_rows import ScoredRows, value_with_interval
from mtl_cli.scoring.slice_tests import (
    MIN_OF_CLASS,
    compare_with_rest,
    degrees_of_freedom,
    error_on_rest,
    have_same_classes,
)
from mtl_cli.scoring.slices import OTHER, Slices
from mtl_cli.statistics.sampling_error import SamplingError
from mtl_cli.statistics.significance import SIGNIFICANCE_LEVEL, holm


class SliceRecord(TypedDict):
    """The scores of one output on one slice, as JSON values; None if unknown.

    Attributes:
        metric: the name of the main metric.
        positives: the number of rows with label 1.
        value: the main metric; its 95 % interval goes from `low` to `high`.
        rest, difference, p: see `SliceTest`.
        p_corrected: the p-value, corrected for the number of tested slices.
        surely_weaker: whether the main metric is worse on the slice than on all other
            rows, with a corrected p-value below `SIGNIFICANCE_LEVEL`.
        rank: the number of the slice in the order from weak to strong, from 1. Surely
            weaker slices come before all other slices. Within both groups, the slice
            with the worst difference comes first.
        predicted, actual, ratio, error: see `CalibrationSummary`.
        why: the reasons why metrics are undefined, as one text.
        metrics: {metric of the task: value}.
    """

    column: str
    slice: str
    task: str
    metric: str
    rows: int
    positives: int | None
    value: float | None
    low: float | None
    high: float | None
    rest: float | None
    difference: float | None
    p: float | None
    p_corrected: float | None
    surely_weaker: bool | None
    rank: int | None
    predicted: float | None
    actual: float | None
    ratio: float | None
    error: float | None
    why: str
    metrics: dict[str, float | None]


def score_slices(
    outputs: list[ScoredRows], slices_by_column: list[Slices]
) -> tuple[list[SliceRecord], dict[str, list[SliceRecord]]]:
    """Scores each output on each slice, and ranks the tested slices of each output.

    The main metric on a slice is tested against the main metric on all other rows, if
    the slice has `MIN_OF_CLASS` rows of each class and is not `OTHER`. For a task of
    several classes, the slice must also have the same classes as the other rows. The
    p-values of an output are corrected for the number of its tests (Holm).

    Returns: the records of all columns, slices and outputs, see `SliceRecord`; and
        {output: the records of its tested slices in the order of their ranks}.
    """
    records, tested_by_output = [], {}
    for rows in outputs:
        records_of_output = score_output(rows, slices_by_column)
        tested = [record for record in records_of_output if record["rank"] is not None]
        tested_by_output[rows.output.name] = sorted(tested, key=itemgetter("rank"))
        records += records_of_output
    return records, tested_by_output


def score_output(rows: ScoredRows, slices_by_column: list[Slices]) -> list[SliceRecord]:
    """Scores one output on each slice, and judges the slices."""
    error_on_all = None
    # DeLong's formula is quick, but the bootstrap takes seconds for many rows.
    if slices_by_column and not rows.has_quick_error_formula:
        error_on_all = rows.sampling_error(rows.main_metric.name)
    if rows.prediction.ndim == 1:
        # The rows are sorted here once. Each slice and its other rows are then in the
        # order of their predictions too, so that their metrics do not sort them again.
        rows = rows.take(np.argsort(rows.prediction, kind="stable"))
    records = [
        score_slice(rows, slices, slice_index, error_on_all)
        for slices in slices_by_column
        for slice_index in range(len(slices.names))
    ]
    judge_slices(records, rows.main_direction)
    return records


def score_slice(
    rows: ScoredRows,
    slices: Slices,
    slice_index: int,
    error_on_all: SamplingError | None,
) -> SliceRecord:
    """Scores an output on one slice, and tests the slice against all other rows.

    `error_on_all` is the sampling error of the main metric on `rows`, if a bootstrap is
    needed to estimate it.
    """
    is_inside = slices.codes[rows.row_indices] == slice_index
    inside = rows.take(is_inside)
    task, main_metric = rows.output.task, rows.main_metric.name
    # The key `metrics` of the task may leave out the main metric.
    score = inside.score(list(dict.fromkeys([*task.metric_names, main_metric])))
    value = score[main_metric]
    error = None if value is None else inside.sampling_error(main_metric)
    main = value_with_interval(value, error)
    name = slices.names[slice_index]
    test = None
    if name != OTHER and inside.smaller_class_size >= MIN_OF_CLASS:
        others = rows.take(~is_inside)
        if have_same_classes(inside, others):
            test = compare_with_rest(
                value,
                error,
                others,
                main_metric,
                error_on_others=error_on_rest(error_on_all, is_inside),
                degrees_of_freedom=degrees_of_freedom(inside, others),
            )
    calibration = inside.calibration()
    why = [f"{name}: {reason}" for name, reason in score.get("why", {}).items()]
    return {
        "column": slices.column,
        "slice": name,
        "task": rows.output.name,
        "metric": main_metric,
        "rows": score["rows"],
        "positives": score.get("positives"),
        "value": main["value"],
        "low": main["low"],
        "high": main["high"],
        "rest": test and test.rest,
        "difference": test and test.difference,
        "p": test and test.p,
        "p_corrected": None,  # see `judge_slices`, also for the next two
        "surely_weaker": None,
        "rank": None,
        "predicted": calibration and calibration["predicted"],
        "actual": calibration and calibration["actual"],
        "ratio": calibration and calibration["ratio"],
        "error": calibration and calibration["error"],
        "why": "; ".join(why),
        "metrics": {name: score[name] for name in task.metric_names if name in score},
    }


def judge_slices(records: list[SliceRecord], direction: int) -> None:
    """Corrects the p-values of an output's slices, and ranks the tested slices.

    `direction` is 1 if a higher metric is better, and -1 if a lower metric is better.
    """

    def gain(record: SliceRecord) -> float:
        return direction * (record["difference"] or 0.0)

    tested = [record for record in records if record["p"] is not None]
    corrected = holm([record["p"] or 0.0 for record in tested])
    for record, p in zip(tested, corrected, strict=True):
        record["p_corrected"] = p
        record["surely_weaker"] = gain(record) < 0 and p < SIGNIFICANCE_LEVEL
    tested.sort(key=lambda record: (not record["surely_weaker"], gain(record)))
    for rank, record in enumerate(tested, 1):
        record["rank"] = rank
