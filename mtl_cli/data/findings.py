"""Finds odd properties of the data. Such properties often come from mistakes."""

from mtl_cli.core.message_text import line_if_any
from mtl_cli.data.label_findings import rare_class_findings
from mtl_cli.data.report import Report
from mtl_cli.data.univariate_auc import SUSPICIOUS_AUC
from mtl_cli.features.base import Feature

# Thresholds from which on an odd property is reported.
MIN_ROW_IDS = 50  # fewer distinct values may differ by chance
# Between the fractions of unseen values, or of empty cells, of a split and of training.
MIN_DIFFERENCE = 0.1
MIN_REPEATED_FRACTION = 0.01
MIN_DRIFT = 0.25  # the usual threshold of the population stability index
MAX_OUTSIDE_FRACTION = 0.5  # of the training rows, outside an earlier learnt range


def findings(report: Report, features: dict[str, Feature]) -> list[str]:
    """Returns one line for each kind of odd property that the report shows."""
    lines = training_findings(report, features) + rare_class_findings(report)
    for split in [split for split in report["splits"] if split != "train"]:
        lines += changed_feature_findings(report, split)
        fraction = report["repeated_rows"][split]
        if fraction > MIN_REPEATED_FRACTION:
            lines.append(
                f"{fraction:.1%} of {split} rows are the same as a training row in all "
                "columns that are read"
            )
    return lines


def training_findings(report: Report, features: dict[str, Feature]) -> list[str]:
    """Returns the lines about features that are odd in the training rows."""
    num_rows = report["splits"]["train"]
    num_sampled = report["sampled_rows"]["train"]
    constants, row_ids, predictors, outside = [], [], [], []
    for name, feature in report["features"].items():
        num_distinct = feature["distinct"]
        if num_distinct <= 1:
            constants.append(name)
        kind = features[name]
        has_word = kind.id_encoding == "vocabulary" and kind.has_one_id
        if has_word and num_distinct > max(num_rows / 2, MIN_ROW_IDS):
            row_ids.append(f"{name} ({num_distinct:,} values in {num_rows:,} rows)")
        for output, auc in feature["auc"].items():
            if auc > SUSPICIOUS_AUC:
                predictors.append(f"{name} ({output} {auc:.4f})")
        fraction = feature["unseen"].get("train", 0)
        if kind.numeric and fraction > MAX_OUTSIDE_FRACTION:
            outside.append(f"{name} ({fraction:.0%})")
    return [
        *line_if_any(
            "these features have the same value in all "
            f"{num_sampled:,} training rows looked at",
            constants,
        ),
        *line_if_any("these features look like ids of rows", row_ids),
        *line_if_any(
            "each of these features alone predicts a label (AUC above "
            f"{SUSPICIOUS_AUC}); check that their values are known before the "
            "prediction",
            predictors,
        ),
        *line_if_any(
            "in most training rows these features lie outside the range that the "
            "earlier run learnt; if the new numbers are right, name the features in "
            "start_from.refit (share of training rows)",
            outside,
        ),
    ]


def changed_feature_findings(report: Report, split: str) -> list[str]:
    """Returns the lines about features whose values differ in `valid` or `test`.

    Each feature is in one line at most.
    """
    new_values, drifted = [], []
    for name, feature in report["features"].items():
        shares = [
            share[split]
            for share in (feature["missing"], feature["unseen"])
            if share.get(split, 0) > share.get("train", 0) + MIN_DIFFERENCE
        ]
        if shares:
            new_values.append(f"{name} ({max(shares):.0%})")
        elif feature["drift"][split] > MIN_DRIFT:
            drifted.append(f"{name} ({feature['drift'][split]:.2f})")
    return line_if_any(
        f"in these features, many {split} rows have an empty cell, a value that the "
        "training rows lack or hold fewer than min_count times, or a number outside "
        f"their range (share of {split} rows; for lists, of their values)",
        new_values,
    ) + line_if_any(
        f"these features are distributed differently in {split} rows than in training "
        "rows (PSI)",
        drifted,
    )
