"""Odd properties of the data, found in the data report."""

from typing import Any

from mtl_cli.data.univariate_auc import SUSPICIOUS_AUC
from mtl_cli.features.base import Feature

UNSEEN_SHARE = 0.1
REPEATED_SHARE = 0.01
DRIFT = 0.25  # the usual mark of the population stability index
NAMES_SHOWN = 8


def findings(report: dict[str, Any], features: dict[str, Feature]) -> list[str]:
    """Returns one line for each kind of oddity.

    Args:
        report: the data report, see `report.describe`.
        features: the features by name.
    """
    described, rows = report["features"], report["splits"]["train"]
    lines: list[str] = []

    def add(oddity: str, details: dict[str, str]) -> None:
        """Adds a line that lists the odd features or splits, if there are any."""
        if details:
            listed = [f"{name}{detail}" for name, detail in details.items()]
            more = ["..."] if len(listed) > NAMES_SHOWN else []
            lines.append(f"{oddity}: {', '.join(listed[:NAMES_SHOWN] + more)}")

    add(
        f"the same value in all {report['sampled_rows']['train']:,} training rows "
        "looked at",
        {n: "" for n, f in described.items() if f["distinct"] <= 1},
    )
    add(
        "an id of rows rather than a feature (values, training rows)",
        {
            n: f" ({f['distinct']:,}, {rows:,})"
            for n, f in described.items()
            if features[n].is_row_id(f["distinct"], rows)
        },
    )
    add(
        f"tells a label alone (AUC above {SUSPICIOUS_AUC}); is it known beforehand?",
        {
            n: f" ({task} {auc:.4f})"
            for n, f in described.items()
            for task, auc in f["auc"].items()
            if auc > SUSPICIOUS_AUC
        },
    )
    add(
        "rows left out of gauc, whose dataset.group_column is empty",
        {s: f" ({n:,})" for s, n in report["rows_without_group"].items() if n},
    )
    for split in [s for s in report["splits"] if s != "train"]:
        add(
            f"{split} rows hold values that training rows lack, or hold fewer than "
            "min_count times (share)",
            {
                n: f" ({f['unseen'][split]:.0%})"
                for n, f in described.items()
                if f["unseen"].get(split, 0)
                > f["unseen"].get("train", 0) + UNSEEN_SHARE
            },
        )
        add(
            f"{split} rows are distributed otherwise than training rows (PSI)",
            {
                n: f" ({f['drift'][split]:.2f})"
                for n, f in described.items()
                if f["drift"][split] > DRIFT
            },
        )
        share = report["repeated_rows"].get(split, 0)
        if share > REPEATED_SHARE:
            lines.append(
                f"{share:.1%} of {split} rows are the same as a training row in all "
                "columns that are read"
            )
    return lines
