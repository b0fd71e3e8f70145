"""Regression tasks: predict a label that is a number, in the label's unit."""

from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa

from mtl_cli.columns.labels import LabelSummary, check_labels, read_label_numbers
from mtl_cli.core.learnt_values import check_number, check_positive
from mtl_cli.core.tensors import Tensor
from mtl_cli.metrics.metric import Floats, Metric
from mtl_cli.metrics.regression import mae, r2, rmse
from mtl_cli.tasks.base import Array, Statistics, Task

# The largest number of steps in the search for the initial logit. Labels from -1e38 to
# 1e38 take about 200 steps.
MAX_STEPS = 1000


class Regression(Task):
    """A label that is a number; the prediction is in the label's unit.

    Attributes:
        loss: the loss that training minimises: `mse`, `mae` or `huber` (half the
            squared error up to an error of 1, linear above 1). The error is the
            difference from the transformed label.
        transform: the transform of the label for training: `standard` (to mean 0 and
            deviation 1), `log1p` (the logarithm of 1 + the label, for labels above -1)
            or `none`, for labels whose deviation is near 1. Predictions and metrics are
            in the unit of the label before the transform.
    """

    METRICS: ClassVar[tuple[Metric, ...]] = (r2, rmse, mae)
    PROPER_METRIC = r2

    kind: str = "regression"
    loss: Literal["mse", "mae", "huber"] = "mse"
    transform: Literal["standard", "log1p", "none"] = "standard"

    def read_labels(self, message_start: str, column: pa.ChunkedArray) -> Array:
        """Converts the labels to float64, (rows,), NaN where a cell is empty.

        float32 would round the labels before training subtracts their mean. For times
        in milliseconds since 1970, it would round two times of the same minute to one
        number.
        """
        fix = "convert the column to numbers"
        labels = read_label_numbers(message_start, column, fix)
        rule = "a finite float32 number"
        is_wrong = np.abs(labels) > np.finfo("float32").max
        if self.transform == "log1p":
            rule += " above -1, which transform log1p needs"
            is_wrong |= labels <= -1
        check_labels(message_start, labels, is_wrong, rule)
        return labels

    def label_statistics(self, labels: LabelSummary) -> Statistics:
        """Returns the mean and deviation for the transform `standard`, otherwise {}."""
        if self.transform != "standard":
            return {}
        # If all labels are equal, their deviation is 0. Training divides by the
        # deviation, so 1 replaces 0.
        return {"mean": labels.mean, "deviation": labels.standard_deviation or 1.0}

    def check_statistics(self, statistics: Statistics) -> None:
        if self.transform == "standard":
            check_number(statistics, "mean")
            check_positive(statistics, "deviation")

    def initial_logits(
        self, labels: Floats, weights: Floats, statistics: Statistics
    ) -> Floats:
        """Returns the mean of the transformed labels, (1,).

        With the loss `mae`, returns their median. With `huber`, returns a number
        between mean and median.
        """
        from scipy.optimize import brentq

        targets = np.log1p(labels) if self.transform == "log1p" else labels
        if self.transform == "standard":
            targets = (labels - statistics["mean"]) / statistics["deviation"]
        if self.loss == "mse":
            return np.array([weights @ targets / len(targets)])

        def negative_slope(logit: float) -> float:
            """Returns minus the slope of the loss: 0 at the lowest loss."""
            errors = targets - logit
            slopes = np.sign(errors) if self.loss == "mae" else np.clip(errors, -1, 1)
            return float(weights @ slopes)

        lowest, highest = targets.min(), targets.max()
        best = brentq(negative_slope, lowest, highest, maxiter=MAX_STEPS)
        return np.array([best])

    def row_losses(
        self, labels: Tensor, logits: Tensor, statistics: Statistics
    ) -> Tensor:
        """Returns the loss of each row for the transformed labels, (batch,)."""
        import tensorflow as tf

        labels = tf.cast(labels, tf.float64)
        if self.transform == "log1p":
            labels = tf.math.log1p(labels)
        if self.transform == "standard":
            labels = (labels - statistics["mean"]) / statistics["deviation"]
        error = tf.cast(labels, tf.float32) - logits[:, 0]
        if self.loss == "mse":
            return tf.square(error)
        error = tf.abs(error)
        if self.loss == "mae":
            return error
        return tf.where(error <= 1, 0.5 * tf.square(error), error - 0.5)

    def predictions(self, logits: Tensor, statistics: Statistics) -> Tensor:
        """Inverts the label's transform.

        For `standard`, in float64, because float32 may be too coarse for the unit.
        """
        from keras import ops

        if self.transform == "log1p":
            return ops.expm1(logits)
        if self.transform == "standard":
            logits = ops.cast(logits, "float64")
            return logits * statistics["deviation"] + statistics["mean"]
        return logits
