"""Finds odd properties of the data, which often come from mistakes."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mtl_cli.data.table import Table
from mtl_cli.data.univariate_auc import SUSPICIOUS_AUC
from mtl_cli.features.base import Feature

if TYPE_CHECKING:
    from mtl_cli.data.report import Report

# Smaller numbers are not reported.
MIN_UNSEEN_DIFFERENCE = 0.1  # between the unseen fractions of a split and of training
MIN_REPEATED_FRACTION = 0.01
MIN_EARLY_FRACTION = 0.01
MIN_DRIFT = 0.25  # the usual threshold of the population stability index
MAX_CASES = 8  # in one line


def findings(report: "Report", features: dict[str, Feature]) -> list[str]:
    """Returns one line for each kind of odd property that the data has.

    Args:
        report: the data report. Its `findings` are not read.
        features: {name: feature}.
    """
    lines = [*findings_of_features(report, features), *findings_of_rows(report)]
    for split in report["splits"]:
        if split != "train":
            lines += findings_of_split(report, split)
    return [line for line in lines if line]


def finding(sentence: str, cases: list[str]) -> str:
    """Returns a sentence followed by the features or splits that it is about.

    Args:
        sentence: a sentence about "these features" or "these rows".
        cases: each feature or split, with its numbers in brackets.

    Returns: "" if there are no cases.
    """
    dots = ["..."] if len(cases) > MAX_CASES else []
    return f"{sentence}: {', '.join(cases[:MAX_CASES] + dots)}" if cases else ""


def findings_of_features(
    report: "Report", features: dict[str, Feature]
) -> Iterator[str]:
    """Yields the odd properties of features in the training rows."""
    reports, num_rows = report["features"].items(), report["splits"]["train"]
    yield finding(
        "these features have the same value in all "
        f"{report['sampled_rows']['train']:,} training rows looked at",
        [name for name, f in reports if f["distinct"] <= 1],
    )
    yield finding(
        "these features look like ids of rows (values, training rows)",
        [
            f"{name} ({f['distinct']:,}, {num_rows:,})"
            for name, f in reports
            if features[name].is_row_id(f["distinct"], num_rows)
        ],
    )
    yield finding(
        f"each of these features alone predicts a label (AUC above {SUSPICIOUS_AUC}); "
        "check that their values are known before the prediction",
        [
            f"{name} ({output} {auc:.4f})"
            for name, f in reports
            for output, auc in f["auc"].items()
            if auc > SUSPICIOUS_AUC
        ],
    )


def findings_of_rows(report: "Report") -> Iterator[str]:
    """Yields the odd properties of the rows of all splits."""
    yield finding(
        "these rows do not count in gauc, because their cell of dataset.group_column "
        "is empty",
        [f"{s} ({n:,})" for s, n in report["rows_without_group"].items() if n],
    )
    yield finding(
        "these rows are earlier than the last training row, although split_by is time, "
        "so their scores say less about future rows",
        [
            f"{split} ({count:,} of {report['splits'][split]:,})"
            for split, count in report["early_rows"].items()
            if count >= MIN_EARLY_FRACTION * report["splits"][split]
        ],
    )


def findings_of_split(report: "Report", split: str) -> Iterator[str]:
    """Yields the odd properties of a split, compared with the training rows.

    Args:
        report: the data report.
        split: `valid` or `test`.
    """
    reports = report["features"].items()
    yield finding(
        f"these features have values in {split} rows that training rows lack, or hold "
        "less than min_count times (share of such rows; for lists, of such values)",
        [
            f"{name} ({f['unseen'][split]:.0%})"
            for name, f in reports
            if f["unseen"].get(split, 0)
            > f["unseen"].get("train", 0) + MIN_UNSEEN_DIFFERENCE
        ],
    )
    yield finding(
        f"these features are distributed differently in {split} rows than in training "
        "rows (PSI)",
        [
            f"{name} ({f['drift'][split]:.2f})"
            for name, f in reports
            if f["drift"][split] > MIN_DRIFT
        ],
    )
    fraction = report["repeated_rows"].get(split, 0)
    if fraction > MIN_REPEATED_FRACTION:
        yield (
            f"{fraction:.1%} of {split} rows are the same as a training row in all "
            "columns that are read"
        )


def sampling_findings(train: Table) -> list[str]:
    """Returns a line for each task whose column `sampling_rate` reveals the label.

    The rate of a row is the fraction of the rows with label 0 that the data keep, among
    all rows like this row. Rows with label 1 need this rate too, although none of them
    was dropped. A common mistake is the rate 1 in all rows with label 1.

    Args:
        train: training rows.
    """
    lines = []
    for name, log_rates in train.log_rates.items():
        is_positive = train.labels[name] == 1
        # The logarithm of the rate 1 is 0.
        if is_positive.any() and log_rates.any() and not log_rates[is_positive].any():
            lines.append(
                f"the sampling_rate of {name} is 1 in all rows with label 1; it must "
                "be the share that the data keep of such rows with label 0; otherwise "
                "the probabilities are wrong"
            )
    return lines
