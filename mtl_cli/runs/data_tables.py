"""The two tables of a data report: the tasks, and the features."""

from mtl_cli.data.report import Report
from mtl_cli.heads.base import Output
from mtl_cli.runs.score_table import Cells, format_count


def task_table(report: Report, outputs: list[Output]) -> Cells:
    """Returns a header, and one row per output: its rows and positives by split."""
    splits = list(report["splits"])
    names = [f"{split} {name}" for split in splits for name in ("rows", "positives")]
    cells = [["task", *names]]
    for output in outputs:
        row = [output.title]
        for split in splits:
            counts = report["tasks"][output.name][split]
            row += [format_count(counts["rows"]), format_count(counts.get("positives"))]
        cells.append(row)
    return cells


MAX_FEATURES = 50  # more than these fill more than a screen


def feature_table(report: Report) -> Cells:
    """Returns a header, and one row per feature: its kind, values, drift and best AUC.

    There are rows of the first `MAX_FEATURES` features only.

    Unseen values and drift compare the last split with the training rows. The best AUC
    is the AUC of the feature alone for the label that it predicts best.
    """
    last = list(report["splits"])[-1]
    header = ["feature", "kind", "values", "missing", f"unseen in {last}"]
    cells = [[*header, f"drift to {last}", "best auc alone"]]
    for name, feature in list(report["features"].items())[:MAX_FEATURES]:
        best = max(feature["auc"].items(), key=lambda item: item[1], default=None)
        cells.append(
            [
                name,
                feature["kind"],
                f"{feature['distinct']:,}",
                format_share(feature["missing"].get("train")),
                format_share(feature["unseen"].get(last)),
                "-" if last == "train" else f"{feature['drift'][last]:.3f}",
                "-" if best is None else f"{best[1]:.4f} {best[0]}",
            ]
        )
    return cells


def format_share(value: float | None) -> str:
    """Returns a share in percent; a dash for None."""
    return "-" if value is None else f"{value:.1%}"
