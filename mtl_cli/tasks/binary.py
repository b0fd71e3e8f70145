"""Labels of two values: the probability of one of them."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import model_validator

from mtl_cli.core.options import NotNegative, Positive
from mtl_cli.core.tensors import Tensor
from mtl_cli.metrics.auc import auc, gauc, pr_auc
from mtl_cli.metrics.calibration import ece, pcoc
from mtl_cli.metrics.log_loss import log_loss
from mtl_cli.metrics.metric import Metric
from mtl_cli.tasks.base import (
    Array,
    Statistics,
    Task,
    null_is,
    numbers_in,
    refuse_labels,
)

if TYPE_CHECKING:
    import pyarrow as pa


class Binary(Task):
    """A label of 0 and 1; the prediction is the probability of 1.

    Attributes:
        positive: the value, or values, that count as 1; null if the column holds 0
            and 1.
        loss: the loss that training minimises: `bce`, binary cross-entropy, or `focal`.
        focal_gamma: key of loss `focal`: how much less a row counts the better it is
            predicted.
        positive_weight: factor of the loss of positive rows.
        truth: column of the true probability, where it is known (simulated data): adds
            the metric `truth_rmse`, over all rows, whatever the space.
    """

    METRICS: ClassVar[tuple[Metric, ...]] = (auc, pr_auc, log_loss, ece, pcoc, gauc)
    TRAINING_KEYS = Task.TRAINING_KEYS | {"focal_gamma", "positive_weight"}
    BINARY_LABELS = True

    kind: Literal["binary"] = "binary"
    positive: str | int | list[str | int] | None = None
    loss: Annotated[Literal["bce", "focal"], null_is("bce")] = "bce"
    focal_gamma: NotNegative = 2.0
    positive_weight: Positive = 1.0
    truth: str | None = None

    @model_validator(mode="after")
    def _check_focal_gamma(self) -> "Binary":
        if self.focal_gamma != 2 and self.loss != "focal":
            raise ValueError("focal_gamma: is for loss focal; set it to 2.0")
        return self

    @property
    def truth_column(self) -> str | None:
        return self.truth

    @property
    def required_values(self) -> list[str | int]:
        if self.positive is None:
            return []
        return self.positive if isinstance(self.positive, list) else [self.positive]

    def column_type(self) -> "pa.DataType":
        import pyarrow as pa

        return pa.float64() if self.positive is None else pa.string()

    def read_labels(self, where: str, column: "pa.ChunkedArray") -> Array:
        from mtl_cli.columns.cells import cells_equal, empty_cells

        empty = empty_cells(column)
        if self.positive is not None:
            labels = np.zeros(len(column))
            for value in self.required_values:
                labels[cells_equal(where, column, value, "positive")] = 1
            return np.where(empty, np.nan, labels).astype("float32")
        if empty.all():
            return np.full(len(column), np.nan, "float32")
        fix = "say with `positive:` which value counts as 1"
        labels = numbers_in(where, column, fix)
        refuse_labels(where, labels, ~np.isin(labels, (0, 1)), "0 or 1")
        return labels.astype("float32")

    def row_losses(
        self, labels: Tensor, logits: Tensor, statistics: Statistics
    ) -> Tensor:
        import tensorflow as tf

        logit = logits[:, 0]
        if self.loss == "focal":
            losses = focal(labels, logit, self.focal_gamma)
        else:
            losses = bce(labels, logit)
        if self.positive_weight != 1:
            losses *= tf.where(labels == 1, self.positive_weight, 1.0)
        return losses

    def predictions(self, logits: Tensor, statistics: Statistics) -> Tensor:
        from keras import ops

        return ops.sigmoid(logits)


def bce(label: Tensor, logit: Tensor) -> Tensor:
    """Binary cross-entropy, in nats, exact for large logits."""
    import tensorflow as tf

    return tf.nn.sigmoid_cross_entropy_with_logits(labels=label, logits=logit)


def focal(label: Tensor, logit: Tensor, gamma: float) -> Tensor:
    """Cross-entropy times (1 - p)^gamma, p the probability of the row's own class.

    Reference: Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, eq. 4.
    """
    import tensorflow as tf

    # 1 - p of the own class is the sigmoid of the other class's logit. Its power is
    # computed by way of the logarithm: the slope of x^gamma at 0, where certain
    # predictions end, is infinite for gamma below 1.
    log_other = tf.math.log_sigmoid(tf.where(label > 0.5, -logit, logit))
    return tf.exp(gamma * log_other) * bce(label, logit)
