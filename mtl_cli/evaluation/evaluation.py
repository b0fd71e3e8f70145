"""Shows an evaluation to Python users: as pandas tables, a plot, a notebook's cell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mtl_cli.core.errors import DataError
from mtl_cli.evaluation.page import calibration_plots, notebook
from mtl_cli.evaluation.results import EvaluationResults

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class Evaluation(EvaluationResults):
    """How good a trained model is on a table, and on which rows it is weak.

    Attributes:
        run: the run folder.
        table_name: the table that was evaluated.
        rows: the number of evaluated rows.
        tasks: {output: its metrics with intervals, its calibration, its weakest slice}.
        gates: the use of each expert by the gates, on all rows and on each slice; {} if
            the model has no gates.
        remarks: what is left out or unexpected, one line each.
    """

    @property
    def metrics(self) -> "pd.DataFrame":
        """Table of metrics: one row per output and metric, with a 95 % interval."""
        records = [
            {"task": task, "metric": name, **metric}
            for task, result in self.tasks.items()
            for name, metric in result["metrics"].items()
        ]
        return frame(records, ["task", "metric", "value", "low", "high", "method"])

    @property
    def slices(self) -> "pd.DataFrame":
        """Table of slices: one row per column, slice and output, with all metrics."""
        columns = ["column", "slice", "task", "metric", "rows", "value"]
        return frame(self.slice_records, columns)

    @property
    def drift(self) -> "pd.DataFrame":
        """Table of drift: one row per feature, and one per output or class."""
        return frame(self.drift_records, ["kind", "name", "psi"])

    @property
    def importance(self) -> "pd.DataFrame":
        """Table of importance: one row per output and feature, or group of features."""
        columns = ["features", "group", "task", "importance", "low", "high"]
        columns += ["p", "p_corrected"]
        return frame(self.importances.get("features", []), columns)[columns]

    @property
    def crosses(self) -> "pd.DataFrame":
        """Table of crosses: one row per pair of columns and output, highest z first."""
        columns = ["columns", "task", "combinations", "z", "p", "p_corrected"]
        return frame(self.cross_records or [], [*columns, "loss_change"])

    def plot(self) -> "Figure":
        """Draws how well each task's predictions are calibrated, with matplotlib."""
        from mtl_cli.pages.figures import figure_of

        plots = calibration_plots(self)
        if not plots:
            raise DataError("plot: no task has rows to score")
        return figure_of(plots)

    def _repr_html_(self) -> str:
        return notebook(self)


def frame(records: Sequence[Mapping[str, Any]], columns: list[str]) -> "pd.DataFrame":
    """Returns records as a table. Without records, it has `columns` and no rows.

    A dict within a record, such as `metrics`, becomes columns such as `metrics.auc`.
    """
    import pandas as pd

    if not records:
        return pd.DataFrame(columns=columns)
    return pd.json_normalize([dict(record) for record in records])
