"""Zero-inflated lognormal tasks: predict the mean of an amount that is often 0."""

import math
from typing import TYPE_CHECKING, Literal

import numpy as np

from mtl_cli.core.tensors import Tensor
from mtl_cli.metrics.amounts import d2, gini, spearman
from mtl_cli.metrics.calibration import pcoc
from mtl_cli.metrics.curves import gain_curve
from mtl_cli.metrics.metric import Floats
from mtl_cli.metrics.regression import mae, r2, rmse
from mtl_cli.pages.line_plots import Line, LinePlot
from mtl_cli.tasks.base import Array, Statistics, Task

if TYPE_CHECKING:
    import pyarrow as pa

    from mtl_cli.columns.labels import LabelSummary

# The least sigma. Without it, the likelihood of a label that the features determine
# would have no upper bound.
MIN_SIGMA = 0.05
# sigma is 1 where the logit is 0.
SIGMA_LOGIT = math.log(math.expm1(1 - MIN_SIGMA))


class ZILN(Task):
    """An amount of 0 or more, such as money or watch time; the prediction is its mean.

    The label y is 0 with the probability 1 - p, and otherwise lognormal. With the mean
    m and the deviation s of log y over the training rows with y > 0, and
    z = (log y - m) / s, the three logits l of a row give

        p     = sigmoid(l_0)
        mu    = l_1
        sigma = softplus(l_2 + c) + 0.05
        loss  = BCE(y > 0, l_0)
                + (log(sigma / 0.05) + (z - mu)^2 / (2 sigma^2) if y > 0)
        mean  = p exp(m + s mu + (s sigma)^2 / 2)

    c makes sigma 1 where l_2 is 0. The loss is the negative log-likelihood of the label
    up to a constant of its rows with y > 0. The loss is never negative, and does not
    depend on the label's unit.

    Reference: Wang, Liu and Miao, "A Deep Probabilistic Model for Customer Lifetime
        Value Prediction", 2019, section 3.
        Differs from the paper in: log y is standardised; c; sigma is at least 0.05 in
        the loss and in the prediction.
    """

    METRICS = (gini, spearman, d2, pcoc, r2, rmse, mae)
    # The likelihood needs p, mu and sigma, but metrics see the mean alone. Of metrics
    # of a mean, R2 depends on the few largest amounts.
    PROPER_METRIC = d2

    kind: Literal["ziln"] = "ziln"

    @property
    def num_logits(self) -> int:
        return 3

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

    def summarized(self, labels: Floats) -> Floats:
        """Returns the logarithms of the labels above 0."""
        return np.log(labels[labels > 0])

    def label_statistics(self, labels: "LabelSummary") -> Statistics:
        """Returns the mean and the deviation of log y over the rows with y > 0."""
        return {"mean": labels.mean, "deviation": labels.standard_deviation or 1.0}

    def row_losses(
        self, labels: Tensor, logits: Tensor, statistics: Statistics
    ) -> Tensor:
        import tensorflow as tf

        p_logit, mu, sigma = parameters(logits)
        is_positive = labels > 0
        losses = tf.nn.sigmoid_cross_entropy_with_logits(
            labels=tf.cast(is_positive, tf.float32), logits=p_logit
        )
        # log 0 would make the gradient NaN, even where the loss does not use it.
        log_y = tf.math.log(tf.where(is_positive, tf.cast(labels, tf.float64), 1.0))
        z = tf.cast((log_y - statistics["mean"]) / statistics["deviation"], tf.float32)
        of_amount = tf.math.log(sigma / MIN_SIGMA) + 0.5 * tf.square((z - mu) / sigma)
        return losses + tf.where(is_positive, of_amount, 0.0)

    def predictions(self, logits: Tensor, statistics: Statistics) -> Tensor:
        """Returns the mean, (batch, 1), in the label's unit, float64."""
        from keras import ops

        p_logit, mu, sigma = parameters(logits)
        # float64 starts here, since ONNX Runtime has no softplus of float64.
        summands = ops.log_sigmoid(p_logit), mu, sigma
        log_p, mu, sigma = (ops.cast(x, "float64") for x in summands)
        m, s = statistics["mean"], statistics["deviation"]
        return ops.exp(log_p + m + s * mu + 0.5 * ops.square(s * sigma))[:, None]

    def plots(
        self, label: Floats, prediction: Floats, weight: Floats
    ) -> list[LinePlot]:
        """Returns the calibration plot, and the gain curve beside a perfect one."""
        calibration = super().plots(label, prediction, weight)
        if not label.any():  # there is nothing to gain
            return calibration
        gain = [
            Line(name, *gain_curve(label, score, weight), color=i)
            for i, (name, score) in enumerate(
                {"model": prediction, "perfect order": label}.items()
            )
        ]
        axes = "share of rows, highest predictions first", "share of all amounts"
        return [LinePlot("gain", *axes, gain, diagonal=True), *calibration]


def parameters(logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Returns the logit of p, mu and sigma of each row, (batch,) each.

    mu and sigma are those of the standardised logarithm of a label above 0.
    """
    from keras import ops

    sigma = ops.softplus(logits[:, 2] + SIGMA_LOGIT) + MIN_SIGMA
    return logits[:, 0], logits[:, 1], sigma
