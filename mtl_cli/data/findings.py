"""Odd properties of the data, found in the data report."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mtl_cli.data.table import Table
from mtl_cli.data.univariate_auc import SUSPICIOUS_AUC
from mtl_cli.features.base import Feature

if TYPE_CHECKING:
    from mtl_cli.data.report import Report

MIN_UNSEEN_SHARE = 0.1
MIN_REPEATED_SHARE = 0.01
MIN_EARLY_SHARE = 0.01
MIN_DRIFT = 0.25  # the usual threshold of the population stability index
SHOWN_NAMES = 8


def findings(report: "Report", features: dict[str, Feature]) -> list[str]:
    """Returns one line per kind of odd property.

    Args:
        report: the data report. The function does not read its `findings`.
        features: the features by name.
    """
    lines = [*findings_of_features(report, features), *findings_of_rows(report)]
    for split in report["splits"]:
        if split != "train":
            lines += findings_of_split(report, split)
    return [line for line in lines if line]


def finding(sentence: str, cases: list[str]) -> str:
    """Returns a sentence and the cases of which it is true; "" if there are none.

    Args:
        sentence: a sentence about "these" features or rows, without its end.
        cases: the names of the features or splits, each with its number.
    """
    more = ["..."] if len(cases) > SHOWN_NAMES else []
    return f"{sentence}: {', '.join(cases[:SHOWN_NAMES] + more)}" if cases else ""


def findings_of_features(
    report: "Report", features: dict[str, Feature]
) -> Iterator[str]:
    """Yields the odd properties of features in the training rows."""
    reports, rows = report["features"].items(), report["splits"]["train"]
    yield finding(
        "these features have the same value in all "
        f"{report['sampled_rows']['train']:,} training rows looked at",
        [name for name, f in reports if f["distinct"] <= 1],
    )
    yield finding(
        "these features look like ids of rows (values, training rows)",
        [
            f"{name} ({f['distinct']:,}, {rows:,})"
            for name, f in reports
            if features[name].is_row_id(f["distinct"], rows)
        ],
    )
    yield finding(
        f"these features each predict a label alone (AUC above {SUSPICIOUS_AUC}); "
        "check that they are known before the prediction",
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
        "these rows are earlier than the last training row, although split_by is time; "
        "their scores are no forecast",
        [
            f"{split} ({number:,} of {report['splits'][split]:,})"
            for split, number in report["early_rows"].items()
            if number >= MIN_EARLY_SHARE * report["splits"][split]
        ],
    )


def findings_of_split(report: "Report", split: str) -> Iterator[str]:
    """Yields the odd properties of a split beside the training rows."""
    reports = report["features"].items()
    yield finding(
        f"these features have values in {split} rows that training rows lack, or hold "
        "fewer than min_count times (share of the rows; of lists, of the values)",
        [
            f"{name} ({f['unseen'][split]:.0%})"
            for name, f in reports
            if f["unseen"].get(split, 0)
            > f["unseen"].get("train", 0) + MIN_UNSEEN_SHARE
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
    share = report["repeated_rows"].get(split, 0)
    if share > MIN_REPEATED_SHARE:
        yield (
            f"{share:.1%} of {split} rows are the same as a training row in all "
            "columns that are read"
        )


def sampling_findings(train: Table) -> list[str]:
    """Returns a line for each task whose column of sampling rates gives the label away.

    Args:
        train: training rows.
    """
    lines = []
    for name, log_rates in train.log_rates.items():
        is_positive = train.labels[name] == 1
        if is_positive.any() and log_rates.any() and not log_rates[is_positive].any():
            lines.append(
                f"the sampling_rate of {name} is 1 in all rows with label 1; it must "
                "be the share that the data keep of such rows with label 0, else the "
                "probabilities are wrong"
            )
    return lines
