"""Odd properties of the data, found in the data report."""

from typing import TYPE_CHECKING

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
    reports, rows = report["features"].items(), report["splits"]["train"]
    lines: list[str] = []

    def add(property_text: str, cases: list[str]) -> None:
        """Adds a line about the features or splits with a property, if there are any.

        Args:
            property_text: a sentence about "these" features or rows, without its end.
            cases: the names of the features or splits, each with its number.
        """
        if cases:
            more = ["..."] if len(cases) > SHOWN_NAMES else []
            lines.append(f"{property_text}: {', '.join(cases[:SHOWN_NAMES] + more)}")

    add(
        "these features have the same value in all "
        f"{report['sampled_rows']['train']:,} training rows looked at",
        [name for name, f in reports if f["distinct"] <= 1],
    )
    add(
        "these features look like ids of rows (values, training rows)",
        [
            f"{name} ({f['distinct']:,}, {rows:,})"
            for name, f in reports
            if features[name].is_row_id(f["distinct"], rows)
        ],
    )
    add(
        f"these features each predict a label alone (AUC above {SUSPICIOUS_AUC}); "
        "check that they are known before the prediction",
        [
            f"{name} ({output} {auc:.4f})"
            for name, f in reports
            for output, auc in f["auc"].items()
            if auc > SUSPICIOUS_AUC
        ],
    )
    add(
        "these rows do not count in gauc, because their cell of dataset.group_column "
        "is empty",
        [f"{s} ({n:,})" for s, n in report["rows_without_group"].items() if n],
    )
    add(
        "these rows are earlier than the last training row, although split_by is time; "
        "their scores are no forecast",
        [
            f"{split} ({number:,} of {report['splits'][split]:,})"
            for split, number in report["early_rows"].items()
            if number >= MIN_EARLY_SHARE * report["splits"][split]
        ],
    )
    for split in [s for s in report["splits"] if s != "train"]:
        add(
            f"these features have values in {split} rows that training rows lack, or "
            "hold fewer than min_count times (share of the rows; of lists, of the "
            "values)",
            [
                f"{name} ({f['unseen'][split]:.0%})"
                for name, f in reports
                if f["unseen"].get(split, 0)
                > f["unseen"].get("train", 0) + MIN_UNSEEN_SHARE
            ],
        )
        add(
            f"these features are distributed differently in {split} rows than in "
            "training rows (PSI)",
            [
                f"{name} ({f['drift'][split]:.2f})"
                for name, f in reports
                if f["drift"][split] > MIN_DRIFT
            ],
        )
        share = report["repeated_rows"].get(split, 0)
        if share > MIN_REPEATED_SHARE:
            lines.append(
                f"{share:.1%} of {split} rows are the same as a training row in all "
                "columns that are read"
            )
    return lines
