"""Makes two tables of a data report: the tasks, and the features."""

from mtl_cli.data.report import Report
from mtl_cli.heads.base import Output
from mtl_cli.runs.score_table import Cells, format_count

MAX_FEATURES = 50  # a longer table would fill more than one screen


def task_table(report: Report, outputs: list[Output]) -> Cells:
    """Returns a header, and one row per output with its row counts in each split."""
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


def feature_table(report: Report) -> Cells:
    """Returns a header, and one row for each of the first `MAX_FEATURES` features.

    The columns `unseen` and `drift` compare the last split with the training rows. The
    column `best auc alone` gives the label that the feature alone predicts best, and
    the AUC of this prediction.
    """
    last_split = list(report["splits"])[-1]
    header = ["feature", "kind", "values", "missing", f"unseen in {last_split}"]
    cells = [[*header, f"drift to {last_split}", "best auc alone"]]
    for name, feature in list(report["features"].items())[:MAX_FEATURES]:
        best = max(feature["auc"].items(), key=lambda item: item[1], default=None)
        drift = None if last_split == "train" else feature["drift"][last_split]
        cells.append(
            [
                name,
                feature["kind"],
                f"{feature['distinct']:,}",
                format_share(feature["missing"].get("train")),
                format_share(feature["unseen"].get(last_split)),
                "-" if drift is None else f"{drift:.3f}",
                "-" if best is None else f"{best[1]:.4f} {best[0]}",
            ]
        )
    return cells


def format_share(value: float | None) -> str:
    """Formats a fraction as percent; a dash for None."""
    return "-" if value is None else f"{value:.1%}"
