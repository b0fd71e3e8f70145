"""The base class of the kinds of tasks whose labels are amounts."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pyarrow as pa

from mtl_cli.columns.labels import check_labels, read_label_numbers
from mtl_cli.metrics.amounts import SMALLEST_PREDICTION, d2, deviance, gini, spearman
from mtl_cli.metrics.calibration import pcoc
from mtl_cli.metrics.metric import Floats, Metric
from mtl_cli.metrics.regression import mae, r2, rmse
from mtl_cli.tasks.base import Array, CalibrationMethod, Statistics, Task


class AmountTask(Task):
    """An amount of 0 or more, such as money or watch time; the prediction is its mean.

    The loss of a subclass must not depend on the label's unit. A calibration multiplies
    the predictions by exp(shift). So a subclass with several logits overrides
    `shift_direction`: how far each logit moves if the logarithm of the prediction grows
    by 1.
    """

    METRICS: ClassVar[tuple[Metric, ...]] = (gini, spearman, d2, pcoc, r2, rmse, mae)
    # The metrics D2 and R2 are best if the predictions are the true means. R2 depends
    # too much on the few largest amounts.
    PROPER_METRIC = d2

    @property
    def num_predictions(self) -> int:
        return 1

    def read_labels(self, message_start: str, column: pa.ChunkedArray) -> Array:
        fix = "convert the column to numbers"
        labels = read_label_numbers(message_start, column, fix)
        is_wrong = (labels < 0) | (labels > np.finfo("float32").max)
        check_labels(message_start, labels, is_wrong, "a finite amount of 0 or more")
        return labels

    @property
    def calibration_methods(self) -> Mapping[str, CalibrationMethod]:
        return {"auto": "factor", "platt": "factor"}

    def can_calibrate(self, labels: Floats, min_rows: int) -> bool:
        """Whether at least `min_rows` labels are above 0."""
        return bool((labels > 0).sum() >= min_rows)

    @abstractmethod
    def typical_amount(self, statistics: Statistics) -> float:
        """Returns a mean of the training labels above 0, such as the geometric mean."""

    def calibration_losses(
        self, labels: Floats, predictions: Floats, statistics: Statistics
    ) -> Floats:
        """Returns the deviance of each row as in the metric `d2`, (rows,).

        Amounts are in units of `typical_amount`. A calibration chooses the factor of
        the predictions with the lowest mean deviance. With this factor, the mean of
        (label - prediction) / sqrt(prediction) is 0. A factor that makes the sums of
        labels and predictions equal would depend on the few largest amounts alone.
        """
        unit = self.typical_amount(statistics)
        predicted = np.maximum(predictions[:, 0] / unit, SMALLEST_PREDICTION)
        return deviance(labels / unit, predicted)
