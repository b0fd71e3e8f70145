"""What is odd about the data, told from its report."""

from typing import Any

from mtl_cli.data.univariate_auc import TELLING
from mtl_cli.features.base import Feature

UNSEEN_SHARE = 0.1
REPEATED_SHARE = 0.01
DRIFT = 0.25  # the usual mark of the population stability index


def findings(report: dict[str, Any], kinds: dict[str, Feature]) -> list[str]:
    """Returns what is odd about the data, a line a kind of oddity."""
    features, rows = report["features"], report["splits"]["train"]
    sampled = report["sampled_rows"]["train"]
    found = []

    def tell(text: str, names: dict[str, str]) -> None:
        if names:
            listed = [f"{name}{detail}" for name, detail in names.items()]
            shown = ", ".join(listed[:8]) + (", ..." if len(listed) > 8 else "")
            found.append(f"{text}: {shown}")

    tell(
        f"the same value in all {sampled:,} training rows looked at",
        {n: "" for n, f in features.items() if f["distinct"] <= 1},
    )
    tell(
        "an id of rows rather than a feature (values, training rows)",
        {
            n: f" ({f['distinct']:,}, {rows:,})"
            for n, f in features.items()
            if kinds[n].is_row_id(f["distinct"], rows)
        },
    )
    tell(
        f"tells a label alone (AUC above {TELLING}); is it known beforehand?",
        {
            n: f" ({task} {value:.4f})"
            for n, f in features.items()
            for task, value in f["auc"].items()
            if value > TELLING
        },
    )
    tell(
        "rows left out of gauc, whose dataset.group_column is empty",
        {s: f" ({n:,})" for s, n in report["rows_without_group"].items() if n},
    )
    for split in [s for s in report["splits"] if s != "train"]:
        tell(
            f"{split} rows hold values that training rows lack, or hold fewer than "
            "min_count times (share)",
            {
                n: f" ({f['unseen'][split]:.0%})"
                for n, f in features.items()
                if f["unseen"].get(split, 0)
                > f["unseen"].get("train", 0) + UNSEEN_SHARE
            },
        )
        tell(
            f"{split} rows are distributed otherwise than training rows (PSI)",
            {
                n: f" ({f['drift'][split]:.2f})"
                for n, f in features.items()
                if f["drift"][split] > DRIFT
            },
        )
        share = report["repeated_rows"].get(split, 0)
        if share > REPEATED_SHARE:
            found.append(
                f"{share:.1%} of {split} rows are the same as a training row in all "
                "columns that are read"
            )
    return found
