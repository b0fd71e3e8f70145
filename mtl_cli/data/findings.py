"""Finds odd properties of the data. Such properties often come from mistakes."""

from mtl_cli.core.message_text import MAX_ITEMS, line_if_any
from mtl_cli.data.label_findings import rare_class_findings
from mtl_cli.data.report import Report
from mtl_cli.data.univariate_auc import SUSPICIOUS_AUC
from mtl_cli.features.base import Feature

# Thresholds from which on an odd property is reported.
MIN_UNSEEN_DIFFERENCE = 0.1  # between the unseen fractions of a split and of training
MIN_REPEATED_FRACTION = 0.01
MIN_EARLY_FRACTION = 0.01
MIN_DRIFT = 0.25  # the usual threshold of the population stability index
MAX_OUTSIDE_FRACTION = 0.5  # of the training rows, outside an earlier learnt range


def findings(
    report: Report, features: dict[str, Feature], split_groups: str | None
) -> list[str]:
    """Returns one line for each kind of odd property that the report shows.

    `split_groups` is the column of the groups that `split_by: group` keeps whole; None
    with other splits.
    """
    lines = feature_findings(report, features) + range_findings(report, features)
    lines += odd_row_findings(report) + rare_class_findings(report)
    for split in report["splits"]:
        if split != "train":
            lines += changed_feature_findings(report, features, split, split_groups)
            fraction = report["repeated_rows"].get(split, 0)
            lines += repeated_rows_finding(fraction, split, "training")
    fraction = report["test_rows_in_valid"]
    return lines + repeated_rows_finding(fraction, "test", "validation")


def repeated_rows_finding(fraction: float, split: str, other: str) -> list[str]:
    """Returns the line about rows of a split that are in another split; [] if few are.

    `fraction` is the fraction of the split's rows; `other` is a word for the other
    split, such as `training`.
    """
    if fraction <= MIN_REPEATED_FRACTION:
        return []
    return [
        f"{fraction:.1%} of {split} rows are the same as a {other} row in all columns "
        "that are read"
    ]


def feature_findings(report: Report, features: dict[str, Feature]) -> list[str]:
    """Returns the lines about features that are odd in the training rows."""
    num_rows = report["splits"]["train"]
    num_sampled = report["sampled_rows"]["train"]
    constants, row_ids, predictors = [], [], []
    for name, feature in report["features"].items():
        num_distinct = feature["distinct"]
        if num_distinct <= 1:
            constants.append(name)
        if features[name].is_row_id(num_distinct, num_rows):
            row_ids.append(f"{name} ({num_distinct:,} values in {num_rows:,} rows)")
        for output, auc in feature["auc"].items():
            if auc > SUSPICIOUS_AUC:
                predictors.append(f"{name} ({output} {auc:.4f})")
    lines = line_if_any(
        "these features have the same value in all "
        f"{num_sampled:,} training rows looked at",
        constants,
    )
    lines += line_if_any("these features look like ids of rows", row_ids)
    return lines + line_if_any(
        f"each of these features alone predicts a label (AUC above {SUSPICIOUS_AUC}); "
        "check that their values are known before the prediction",
        predictors,
    )


def range_findings(report: Report, features: dict[str, Feature]) -> list[str]:
    """Returns a line about numeric features that have left their learnt range.

    The range holds all training rows, unless an earlier run has learnt the range.
    """
    outside = {
        name: feature["unseen"]["train"]
        for name, feature in report["features"].items()
        if features[name].numeric
        and feature["unseen"].get("train", 0) > MAX_OUTSIDE_FRACTION
    }
    names = ",".join(list(outside)[:MAX_ITEMS])
    if len(outside) > MAX_ITEMS:
        names += ",..."
    return line_if_any(
        "in most training rows these features lie outside the range that the earlier "
        f"run learnt; if the new numbers are right, start_from.refit=[{names}] learns "
        "their range (share of training rows)",
        [f"{name} ({fraction:.0%})" for name, fraction in outside.items()],
    )


def odd_row_findings(report: Report) -> list[str]:
    """Returns the lines about rows without a group, and about rows that are early."""
    num_rows = report["splits"]
    without_group = [
        f"{split} ({count:,})"
        for split, count in report["rows_without_group"].items()
        if count
    ]
    early_rows = [
        f"{split} ({count:,} of {num_rows[split]:,})"
        for split, count in report["early_rows"].items()
        if count >= MIN_EARLY_FRACTION * num_rows[split]
    ]
    lines = line_if_any(
        "these rows do not count in gauc, because their cell of dataset.group_column "
        "is empty",
        without_group,
    )
    return lines + line_if_any(
        "these rows are earlier than the last training row, although split_by is time, "
        "so their scores say less about future rows",
        early_rows,
    )


def changed_feature_findings(
    report: Report, features: dict[str, Feature], split: str, split_groups: str | None
) -> list[str]:
    """Returns the lines about features whose values differ in `valid` or `test`.

    Each feature is in one line at most. See `findings` for `split_groups`.
    """
    new_values, drifted = [], []
    for name, feature in report["features"].items():
        unseen, drift = feature["unseen"].get(split, 0), feature["drift"][split]
        if unseen > feature["unseen"].get("train", 0) + MIN_UNSEEN_DIFFERENCE:
            new_values.append(f"{name} ({unseen:.0%})")
            continue
        # Training rows hold no group of a split that is cut off their table.
        has_own_table = split in feature["missing"]
        reads_groups = split_groups in features[name].source_columns(name)
        if drift > MIN_DRIFT and (has_own_table or not reads_groups):
            drifted.append(f"{name} ({drift:.2f})")
    lines = line_if_any(
        f"in these features, many {split} rows have a value that the training rows "
        "lack or hold fewer than min_count times, or a number outside their range "
        f"(share of {split} rows; for lists, of their values)",
        new_values,
    )
    return lines + line_if_any(
        f"these features are distributed differently in {split} rows than in training "
        "rows (PSI)",
        drifted,
    )
