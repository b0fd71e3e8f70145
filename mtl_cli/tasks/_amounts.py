"""The base class of the kinds of tasks whose labels are amounts."""

from typing import TYPE_CHECKING

import numpy as np

from mtl_cli.metrics.amounts import d2, gini, spearman
from mtl_cli.metrics.calibration import pcoc
from mtl_cli.metrics.curves import gain_curve
from mtl_cli.metrics.metric import Floats
from mtl_cli.metrics.regression import mae, r2, rmse
from mtl_cli.pages.line_plots import Line, LinePlot
from mtl_cli.tasks.base import Array, Task

if TYPE_CHECKING:
    import pyarrow as pa


class AmountTask(Task):
    """An amount of 0 or more, such as money or watch time; the prediction is its mean.

    The loss must not depend on the label's unit.
    """

    METRICS = (gini, spearman, d2, pcoc, r2, rmse, mae)
    # The metrics D2 and R2 are best if the predictions are the true means. R2 depends
    # too much on the few largest amounts.
    PROPER_METRIC = d2

    @property
    def num_predictions(self) -> int:
        return 1

    def read_labels(self, message_start: str, column: "pa.ChunkedArray") -> Array:
        """Converts the labels to float64, (rows,), NaN where a cell is empty."""
        from mtl_cli.columns.labels import check_labels, read_label_numbers

        fix = "give amounts of 0 or more"
        labels = read_label_numbers(message_start, column, fix)
        is_wrong = (labels < 0) | (labels > np.finfo("float32").max)
        check_labels(message_start, labels, is_wrong, "a finite amount of 0 or more")
        return labels

    def plots(
        self, label: Floats, prediction: Floats, weight: Floats
    ) -> list[LinePlot]:
        """Returns the calibration plot, and the gain curve beside a perfect curve."""
        calibration = super().plots(label, prediction, weight)
        if not label.any():  # there is nothing to gain
            return calibration
        gain = [
            Line("model", *gain_curve(label, prediction, weight), color=0),
            Line("perfect order", *gain_curve(label, label, weight), color=1),
        ]
        axes = "share of rows, highest predictions first", "share of all amounts"
        return [LinePlot("gain", *axes, gain, diagonal=True), *calibration]
