"""Scores outputs on each slice of a table, and finds their weakest slices."""

from typing import Any

import numpy as np

from mtl_cli.scoring.scored_rows import ScoredRows, metric_with_interval
from mtl_cli.scoring.slices import OTHER, Slices
from mtl_cli.statistics.significance import SIGNIFICANCE_LEVEL, holm, z_test

# The number of rows of each class that a slice needs to be tested.
MIN_OF_CLASS = 20
# The keys of a slice's record that are None if there is no result.
RESULT_KEYS = (
    "positives",  # number of rows with label 1
    "value",  # the main metric on the slice
    "low",  # the ends of the 95 % interval of `value`
    "high",
    "rest",  # the main metric on all other rows
    "difference",  # `value` minus `rest`
    "p",  # the p-value of `difference`
    "p_corrected",  # `p`, corrected for the number of tested slices of the output
    "surely_weaker",  # whether the slice is worse, with `p_corrected` below 5 %
    "rank",  # 1 for the weakest of the tested slices of the output
    "predicted",  # the calibration on the slice, see `ScoredRows.calibration`
    "actual",
    "ratio",
    "error",
)


def score_slices(
    outputs: list[ScoredRows], slices_by_column: list[Slices]
) -> tuple[list[dict[str, Any]], dict[str, list[dict[str, Any]]]]:
    """Scores each output on each slice, and finds the weakest slices of each output.

    The main metric on a slice is tested against the main metric on all other rows, if
    the slice has `MIN_OF_CLASS` rows of each class and is not `OTHER`. The p-values of
    an output are corrected for the number of its tests (Holm).

    Returns: the records of all columns, slices and outputs, see `slice_record`; and
        {output: the records of its tested slices, weakest first}. Slices that are
        surely weaker come before all others.
    """
    records, tested_by_output = [], {}
    for rows in outputs:
        records_of_output = [
            slice_record(rows, slices, code)
            for slices in slices_by_column
            for code in range(len(slices.names))
        ]
        tested = [record for record in records_of_output if record["p"] is not None]
        corrected = holm([record["p"] for record in tested]) if tested else []
        sign = rows.main_metric.direction or 1
        for record, p in zip(tested, corrected, strict=True):
            is_weaker = sign * record["difference"] < 0 and p < SIGNIFICANCE_LEVEL
            record |= {"p_corrected": p, "surely_weaker": bool(is_weaker)}
        tested.sort(key=lambda r: (not r["surely_weaker"], sign * r["difference"]))
        for rank, record in enumerate(tested, 1):
            record["rank"] = rank
        tested_by_output[rows.output.name] = tested
        records += records_of_output
    return records, tested_by_output


def slice_record(rows: ScoredRows, slices: Slices, code: int) -> dict[str, Any]:
    """Scores an output on one slice, and tests it against all other rows.

    Returns: a dict with `column`, `slice`, `task`, `metric` (the main metric), `rows`
        (their number), `metrics` (all metrics by name), `why` (the reasons why metrics
        are undefined, as text) and `RESULT_KEYS`. `p_corrected`, `surely_weaker` and
        `rank` are set later.
    """
    is_inside = slices.codes[rows.row_indices] == code
    inside, outside = rows.take(is_inside), rows.take(~is_inside)
    metric = rows.main_metric.name
    record: dict[str, Any] = {
        "column": slices.column,
        "slice": slices.names[code],
        "task": rows.output.name,
        "metric": metric,
        "rows": len(inside.label),
        **dict.fromkeys(RESULT_KEYS),
    }
    score = inside.score()
    record["positives"] = score.get("positives")
    record["why"] = "; ".join(f"{k}: {v}" for k, v in score.get("why", {}).items())
    record["metrics"] = {
        name: score[name] for name in rows.output.task.metric_names if name in score
    }
    calibration = inside.calibration()
    if calibration is None:
        return record
    record |= {key: x for key, x in calibration.items() if key != "buckets"}
    interval = metric_with_interval(inside, metric, score.get(metric))
    record |= {key: interval[key] for key in ("value", "low", "high")}
    if slices.names[code] != OTHER and inside.smaller_class >= MIN_OF_CLASS:
        record |= test_against(inside, outside, metric, record["value"])
    return record


def test_against(
    inside: ScoredRows, outside: ScoredRows, metric: str, value: float | None
) -> dict[str, Any]:
    """Tests a metric's value on a slice against the same metric on all other rows.

    Returns: `rest`, `difference` and `p`, see `RESULT_KEYS`; {} if the metric or its
        sampling error is unknown on the slice or on the other rows.
    """
    rest = outside.score([metric])[metric]
    if value is None or rest is None:
        return {}
    error = inside.sampling_error(metric)
    error_of_rest = outside.sampling_error(metric)
    if error is None or error_of_rest is None:
        return {}
    # The rows differ, so the two errors are independent and their squares add up.
    standard_error = float(np.hypot(error.standard_error, error_of_rest.standard_error))
    test = z_test(value - rest, standard_error)
    return {"rest": rest, "difference": test.difference, "p": test.p_value}
