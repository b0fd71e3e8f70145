"""The tables of a data report: a row a task, a row a feature."""

from typing import Any

from mtl_cli.runs.score_table import count
from mtl_cli.tasks.base import Output

Cells = list[list[str]]


def task_table(report: dict[str, Any], outputs: list[Output]) -> Cells:
    """Returns head and rows: each task's rows and positives by split."""
    splits = list(report["splits"])
    head = ["task", *(f"{s} {what}" for s in splits for what in ("rows", "positives"))]
    cells = [head]
    for output in outputs:
        row = [output.title]
        for split in splits:
            found = report["tasks"][output.name][split]
            row += [count(found["rows"]), count(found.get("positives"))]
        cells.append(row)
    return cells


def feature_table(report: dict[str, Any]) -> Cells:
    """Returns head and rows: kind, values, and shares and drift of the last split."""
    last = list(report["splits"])[-1]
    head = ["feature", "kind", "values", "missing", f"unseen in {last}"]
    cells = [[*head, f"drift to {last}", "best auc alone"]]
    for name, about in report["features"].items():
        best = max(about["auc"].items(), key=lambda item: item[1], default=None)
        cells.append(
            [
                name,
                about["kind"],
                f"{about['distinct']:,}",
                share(about["missing"].get("train")),
                share(about["unseen"].get(last)),
                "-" if last == "train" else f"{about['drift'][last]:.3f}",
                "-" if best is None else f"{best[1]:.4f} {best[0]}",
            ]
        )
    return cells


def share(value: float | None) -> str:
    """Returns a share in percent, or a dash where there is none."""
    return "-" if value is None else f"{value:.1%}"
