"""Scores outputs on each slice of a table, and finds their weakest slices."""

from operator import itemgetter

import numpy as np

from mtl_cli.data.table import Array
from mtl_cli.scoring.scored_rows import ScoredRows, value_with_interval
from mtl_cli.scoring.slice_records import (
    ScoredSlice,
    SliceRecord,
    SliceTest,
    Verdict,
    slice_record,
)
from mtl_cli.scoring.slices import OTHER, Slices
from mtl_cli.statistics.intervals import on_symmetric_scale
from mtl_cli.statistics.sampling_error import SamplingError, num_less_frequent
from mtl_cli.statistics.significance import SIGNIFICANCE_LEVEL, holm, t_test

# The number of rows of each class that a slice needs to be tested.
MIN_OF_CLASS = 20
# If a slice has a smaller fraction of all rows than this, the sampling error on the
# other rows is estimated from the error on all rows, to save a bootstrap.
SMALL_FRACTION = 0.2


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
    """Scores one output on each slice, and judges the slices.

    Returns: the records of the slices of all columns, in order.
    """
    main_metric = rows.main_metric.name
    error_on_all = None
    # DeLong's formula is quick, but the bootstrap takes seconds for many rows.
    if slices_by_column and not rows.has_quick_error_formula:
        error_on_all = rows.sampling_error(main_metric)
    if rows.prediction.ndim == 1:
        # The rows are sorted here once. Each slice and its other rows are then in the
        # order of their predictions too, so that their metrics do not sort them again.
        rows = rows.take(np.argsort(rows.prediction, kind="stable"))
    scored_slices = [
        score_slice(rows, slices, slice_index, error_on_all)
        for slices in slices_by_column
        for slice_index in range(len(slices.names))
    ]
    tests = [scored.test for scored in scored_slices]
    verdicts = judge_slices(tests, rows.main_direction)
    return [
        slice_record(rows.output, main_metric, scored, verdict)
        for scored, verdict in zip(scored_slices, verdicts, strict=True)
    ]


def score_slice(
    rows: ScoredRows,
    slices: Slices,
    slice_index: int,
    error_on_all: SamplingError | None,
) -> ScoredSlice:
    """Scores an output on one slice, and tests the slice against all other rows.

    Args:
        rows: all rows on which the output is scored.
        slices: the slices by one column.
        slice_index: the index of the slice in `slices.names`.
        error_on_all: the sampling error of the main metric on `rows`, if a bootstrap is
            needed to estimate it.
    """
    is_inside = slices.codes[rows.row_indices] == slice_index
    inside = rows.take(is_inside)
    main_metric = rows.main_metric.name
    # The key `metrics` of the task may leave out the main metric.
    metric_names = dict.fromkeys([*rows.output.task.metric_names, main_metric])
    score = inside.score(list(metric_names))
    value = score[main_metric]
    error = None if value is None else inside.sampling_error(main_metric)
    test = None
    name = slices.names[slice_index]
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
    return ScoredSlice(
        column=slices.column,
        name=name,
        score=score,
        main=value_with_interval(value, error),
        calibration=inside.calibration(),
        test=test,
    )


def have_same_classes(inside: ScoredRows, others: ScoredRows) -> bool:
    """Whether a slice and all other rows have the same classes.

    The macro AUC is a mean over the classes that occur, and a class of a few rows makes
    it uncertain. So the classes that occur must be the same, and also the classes with
    `MIN_OF_CLASS` rows. True for tasks that do not have several classes.
    """
    task = inside.output.task
    if task.BINARY_LABELS or not task.HAS_CLASSES:
        return True

    def classes(rows: ScoredRows) -> tuple[list[float], list[float]]:
        labels, counts = np.unique(rows.label, return_counts=True)
        return labels.tolist(), labels[counts >= MIN_OF_CLASS].tolist()

    return classes(inside) == classes(others)


def degrees_of_freedom(inside: ScoredRows, others: ScoredRows) -> float:
    """Returns the degrees of freedom of the test of a slice against all other rows.

    A bootstrap's error is rough if few rows, or few groups, have another label than the
    most frequent one. So their number is returned. For DeLong's formula and for `gauc`,
    infinity is returned: their errors have their own degrees of freedom.
    """
    if inside.has_quick_error_formula or inside.main_metric.grouped:
        return np.inf
    counts = (num_less_frequent(rows.label, rows.group) for rows in (inside, others))
    return max(1, min(counts))


def error_on_rest(
    error_on_all: SamplingError | None, is_inside: Array
) -> SamplingError | None:
    """Estimates a metric's error on the rows outside of a small slice.

    The estimate scales the error on all rows to the smaller number of rows.
    `is_inside`, (rows,), is True for the rows of the slice.

    Returns: None if the error on all rows is unknown, or if the slice is not small, see
        `SMALL_FRACTION`.
    """
    if error_on_all is None:
        return None
    fraction_inside = is_inside.mean()
    if fraction_inside >= SMALL_FRACTION:
        return None
    standard_error = error_on_all.standard_error / float(np.sqrt(1 - fraction_inside))
    return error_on_all._replace(standard_error=standard_error)


def compare_with_rest(
    value: float | None,
    error: SamplingError | None,
    others: ScoredRows,
    metric: str,
    error_on_others: SamplingError | None,
    degrees_of_freedom: float,
) -> SliceTest | None:
    """Tests a metric's value on a slice against the same metric on all other rows.

    Args:
        value: the metric on the slice; None if it is undefined.
        error: the sampling error of `value`; None if it is unknown.
        others: all other rows.
        metric: the name of the metric.
        error_on_others: the sampling error on the other rows; None to estimate it here.
        degrees_of_freedom: the largest degrees of freedom of the test.

    Returns: None if the metric or its sampling error is unknown on the slice or on the
        other rows.
    """
    rest_value = others.score([metric])[metric]
    if value is None or error is None or rest_value is None:
        return None
    error_of_rest = error_on_others or others.sampling_error(metric)
    if error_of_rest is None:
        return None
    inside, standard_error = on_symmetric_scale(value, error)
    outside, standard_error_of_rest = on_symmetric_scale(rest_value, error_of_rest)
    # The rows differ, so the two errors are independent and their squares add up. If
    # some groups have rows on both sides, their errors cancel in part, and the sum is
    # too large.
    total_error = float(np.hypot(standard_error, standard_error_of_rest))
    degrees = min(
        degrees_of_freedom, error.degrees_of_freedom, error_of_rest.degrees_of_freedom
    )
    test = t_test(inside - outside, total_error, degrees)
    return SliceTest(rest_value, value - rest_value, test.p_value)


def judge_slices(tests: list[SliceTest | None], direction: int) -> list[Verdict | None]:
    """Corrects the p-values of an output's slices, and ranks the tested slices.

    `direction` is 1 if a higher metric is better, and -1 if a lower metric is better.

    Returns: the verdict on each slice; None for a slice that is not tested.
    """
    # The keys of the following dicts are the indices of the tested slices.
    tested = {index: test for index, test in enumerate(tests) if test is not None}
    corrected = holm([test.p for test in tested.values()])
    p_corrected = dict(zip(tested, corrected, strict=True))
    gain = {index: direction * test.difference for index, test in tested.items()}
    is_surely_weaker = {
        index: gain[index] < 0 and p < SIGNIFICANCE_LEVEL
        for index, p in p_corrected.items()
    }
    order = sorted(tested, key=lambda index: (not is_surely_weaker[index], gain[index]))
    verdicts: list[Verdict | None] = [None] * len(tests)
    for rank, index in enumerate(order, 1):
        verdicts[index] = Verdict(p_corrected[index], is_surely_weaker[index], rank)
    return verdicts
