"""The scores, the test and the rank of one output on one slice of a table."""

from typing import Any, NamedTuple, TypedDict

from mtl_cli.heads.base import Output
from mtl_cli.metrics.score_dict import Score
from mtl_cli.scoring.scored_rows import CalibrationSummary


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


class ScoredSlice(NamedTuple):
    """The scores of one output on one slice, before the verdict on the slice.

    Attributes:
        column: the column of the slices.
        name: the name of the slice.
        score: the counts, and the metrics of the task and the main metric.
        main: the main metric with its interval, see `value_with_interval`.
        calibration: see `ScoredRows.calibration`.
        test: None if the slice is not tested.
    """

    column: str
    name: str
    score: Score
    main: dict[str, Any]
    calibration: CalibrationSummary | None
    test: SliceTest | None


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


def slice_record(
    output: Output, main_metric: str, scored: ScoredSlice, verdict: Verdict | None
) -> SliceRecord:
    """Returns the record of a slice. The verdict is None if the slice is not tested."""
    score, test, calibration = scored.score, scored.test, scored.calibration
    reasons = score.get("why", {})
    metric_names = output.task.metric_names
    return {
        "column": scored.column,
        "slice": scored.name,
        "task": output.name,
        "metric": main_metric,
        "rows": score["rows"],
        "positives": score.get("positives"),
        "value": scored.main["value"],
        "low": scored.main["low"],
        "high": scored.main["high"],
        "rest": None if test is None else test.rest,
        "difference": None if test is None else test.difference,
        "p": None if test is None else test.p,
        "p_corrected": None if verdict is None else verdict.p_corrected,
        "surely_weaker": None if verdict is None else verdict.surely_weaker,
        "rank": None if verdict is None else verdict.rank,
        "predicted": None if calibration is None else calibration["predicted"],
        "actual": None if calibration is None else calibration["actual"],
        "ratio": None if calibration is None else calibration["ratio"],
        "error": None if calibration is None else calibration["error"],
        "why": "; ".join(f"{name}: {reason}" for name, reason in reasons.items()),
        "metrics": {name: score[name] for name in metric_names if name in score},
    }
