"""The scores, the test and the rank of one output on one slice of a table."""

from typing import NamedTuple, TypedDict


class SliceTest(NamedTuple):
    """The test of the main metric on a slice against the metric on all other rows.

    Attributes:
        rest: the main metric on all other rows.
        difference: the main metric on the slice minus `rest`.
        p: the p-value of the difference.
    """

    rest: float
    difference: float
    p: float


class Verdict(NamedTuple):
    """The result for one slice, from the tests of all slices of an output.

    Attributes:
        p_corrected: the p-value, corrected for the number of tested slices.
        surely_weaker: whether the main metric is worse on the slice than on all other
            rows, with a corrected p-value below `significance.SIGNIFICANCE_LEVEL`.
        rank: the number of the slice in the order from weak to strong, from 1. Surely
            weaker slices come before all other slices. Within both groups, the slice
            with the worst difference comes first.
    """

    p_corrected: float
    surely_weaker: bool
    rank: int


class SliceRecord(TypedDict):
    """The scores of one output on one slice, as JSON values; None if unknown.

    Attributes:
        column: the column of the slices.
        slice: the name of the slice.
        task: the name of the output.
        metric: the name of the main metric.
        rows: the number of scored rows.
        positives: the number of rows with label 1.
        value: the main metric; its 95 % interval goes from `low` to `high`.
        rest, difference, p: see `SliceTest`.
        p_corrected, surely_weaker, rank: see `Verdict`.
        predicted, actual, ratio, error: see `ScoredRows.calibration`.
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
