"""Zero-inflated lognormal tasks: predict the mean of an amount that is often 0."""

import math

import numpy as np

from mtl_cli.columns.labels import LabelSummary
from mtl_cli.core.learnt_values import check_number, check_positive
from mtl_cli.core.tensors import Tensor
from mtl_cli.metrics.metric import Floats
from mtl_cli.tasks._amounts import AmountTask
from mtl_cli.tasks.base import Statistics

# The smallest sigma. Without this limit, the likelihood of a label that the features
# determine would have no upper bound.
MIN_SIGMA = 0.05
# The constant c in the equations of `ZILN`: sigma is 1 where the logit l_2 is 0.
SIGMA_LOGIT = math.log(math.expm1(1 - MIN_SIGMA))


class ZILN(AmountTask):
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

    The constant c makes sigma 1 where l_2 is 0. The loss of a row is the negative
    log-likelihood of the label, plus a term that depends on the label alone. The loss
    is never negative, and does not depend on the label's unit.

    Reference: Wang, Liu and Miao, "A Deep Probabilistic Model for Customer Lifetime
        Value Prediction", 2019, section 3.
        Differs from the paper in: log y is standardised; sigma has the constant c, and
        is at least 0.05 in the loss and in the prediction.
    """

    kind: str = "ziln"

    @property
    def num_logits(self) -> int:
        return 3

    def summarized(self, labels: Floats) -> Floats:
        """Returns the logarithms of labels above 0, and NaN for labels of 0."""
        return np.log(np.where(labels > 0, labels, np.nan))

    def label_statistics(self, labels: LabelSummary) -> Statistics:
        """Returns m and s: mean and deviation of log y over the rows with y > 0."""
        return {"mean": labels.mean, "deviation": labels.standard_deviation or 1.0}

    def initial_logits(
        self, labels: Floats, weights: Floats, statistics: Statistics
    ) -> Floats:
        """Returns the logarithm of the odds of a label above 0, mu and l_2, (3,).

        mu is 0 and sigma is 1 if all weights are equal.
        """
        is_positive = labels > 0
        weights = weights[is_positive]
        positives = weights.sum()
        zeros = len(labels) - positives
        m, s = statistics["mean"], statistics["deviation"]
        z = (np.log(labels[is_positive]) - m) / s
        # Half a row more of each kind keeps the logits finite. The half row with an
        # amount has the mean and the deviation of the training rows.
        mu = weights @ z / (positives + 0.5)
        variance = (weights @ np.square(z - mu) + 0.5) / (positives + 0.5)
        sigma = max(math.sqrt(variance), 2 * MIN_SIGMA)  # 0 if all amounts are equal
        p_logit = math.log((positives + 0.5) / (zeros + 0.5))
        return np.array(
            [p_logit, mu, math.log(math.expm1(sigma - MIN_SIGMA)) - SIGMA_LOGIT]
        )

    def check_statistics(self, statistics: Statistics) -> None:
        check_number(statistics, "mean")
        check_positive(statistics, "deviation")

    def typical_amount(self, statistics: Statistics) -> float:
        return math.exp(statistics["mean"])

    def shift_direction(self, statistics: Statistics) -> list[float]:
        """Moves mu, so that the logarithm of the mean grows by 1."""
        return [0.0, 1 / statistics["deviation"], 0.0]

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
        m, s = statistics["mean"], statistics["deviation"]
        z = tf.cast((log_y - m) / s, tf.float32)
        amount_losses = tf.math.log(sigma / MIN_SIGMA) + 0.5 * tf.square(
            (z - mu) / sigma
        )
        return losses + tf.where(is_positive, amount_losses, 0.0)

    def predictions(self, logits: Tensor, statistics: Statistics) -> Tensor:
        """Returns the mean in the label's unit, (batch, 1), float64."""
        from keras import ops

        p_logit, mu, sigma = parameters(logits)
        log_p = ops.log_sigmoid(p_logit)
        # Only the following steps use float64: ONNX Runtime has no softplus of float64.
        log_p, mu, sigma = (ops.cast(x, "float64") for x in (log_p, mu, sigma))
        m, s = statistics["mean"], statistics["deviation"]
        return ops.exp(log_p + m + s * mu + 0.5 * ops.square(s * sigma))[:, None]


def parameters(logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Returns the logit of p, mu and sigma of each row, (batch,) each.

    mu and sigma are the mean and the standard deviation of the standardised logarithm
    of a label above 0.
    """
    from keras import ops

    sigma = ops.softplus(logits[:, 2] + SIGMA_LOGIT) + MIN_SIGMA
    return logits[:, 0], logits[:, 1], sigma
