"""Labels that are numbers: their value, in the label's own unit."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np

from mtl_cli.core.tensors import Tensor
from mtl_cli.metrics.metric import Metric
from mtl_cli.metrics.regression import mae, r2, rmse
from mtl_cli.tasks.base import (
    Array,
    LabelSummary,
    Statistics,
    Task,
    null_is,
    numbers_in,
    refuse_labels,
)

if TYPE_CHECKING:
    import pyarrow as pa


class Regression(Task):
    """A label that is a number; the prediction is in the label's own unit.

    Attributes:
        loss: the loss that training minimises, of the transformed label: `mse`,
            `mae`, or `huber` (squared up to 1, then linear).
        transform: how training transforms the label: `standard` (mean 0, deviation
            1), `log1p` (labels above -1), `none`; predictions and metrics are in the
            label's own unit.
    """

    METRICS: ClassVar[tuple[Metric, ...]] = (r2, rmse, mae)
    HAS_CLASSES = False

    kind: Literal["regression"] = "regression"
    loss: Annotated[Literal["mse", "mae", "huber"], null_is("mse")] = "mse"
    transform: Literal["none", "standard", "log1p"] = "none"

    def read_labels(self, where: str, column: "pa.ChunkedArray") -> Array:
        from mtl_cli.columns.cells import empty_cells

        if empty_cells(column).all():
            return np.full(len(column), np.nan, "float32")
        labels = numbers_in(where, column, "a regression needs numbers")
        rule = "a finite float32 number"
        wrong = np.abs(labels) > np.finfo("float32").max
        if self.transform == "log1p":
            rule += " above -1, which transform log1p needs"
            wrong |= labels <= -1 + 2**-25  # which in float32 is -1
        refuse_labels(where, labels, wrong, rule)
        return labels.astype("float32")

    def label_statistics(self, labels: LabelSummary) -> Statistics:
        """Returns mean and deviation of labels that are standardised."""
        if self.transform != "standard":
            return {}
        mean = labels.total / labels.rows
        deviation = float(np.sqrt(max(labels.squares / labels.rows - mean**2, 0.0)))
        return {"mean": float(mean), "deviation": deviation or 1.0}

    def row_losses(
        self, labels: Tensor, logits: Tensor, statistics: Statistics
    ) -> Tensor:
        """Returns the loss of each row; `huber` is the loss of Huber, 1964."""
        import tensorflow as tf

        if self.transform == "log1p":
            labels = tf.math.log1p(labels)
        if self.transform == "standard":
            labels = (labels - statistics["mean"]) / statistics["deviation"]
        error = labels - logits[:, 0]
        if self.loss == "mse":
            return tf.square(error)
        error = tf.abs(error)
        if self.loss == "mae":
            return error
        return tf.where(error <= 1, 0.5 * tf.square(error), error - 0.5)

    def predictions(self, logits: Tensor, statistics: Statistics) -> Tensor:
        """Returns the inverse of the label's transform, applied to the logits."""
        from keras import ops

        if self.transform == "log1p":
            return ops.expm1(logits)
        if self.transform == "standard":
            return logits * statistics["deviation"] + statistics["mean"]
        return logits
