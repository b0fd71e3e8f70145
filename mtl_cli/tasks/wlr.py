"""Weighted logistic regression: predict the mean of an amount, such as watch time."""

import numpy as np

from mtl_cli.columns.labels import LabelSummary
from mtl_cli.core.learnt_values import check_positive
from mtl_cli.core.tensors import Tensor
from mtl_cli.metrics.metric import Floats
from mtl_cli.tasks._amounts import AmountTask
from mtl_cli.tasks.base import Statistics


class WLR(AmountTask):
    """An amount of 0 or more, such as watch time; the prediction is its mean.

    With the mean m of the training labels above 0, a label y and a row's logit l,

        loss = -log(1 - sigmoid(l)) - (y / m) log sigmoid(l)
        mean = m exp(l)

    A logistic regression has this loss if it sees each row twice: with the label 0 and
    the weight 1, and with the label 1 and the weight y / m. The loss is lowest where
    the odds exp(l) are the mean of y / m, whatever distribution the amounts have. So
    the sum of the predictions is about the sum of the labels.

    Reference: Covington et al., "Deep Neural Networks for YouTube Recommendations",
        RecSys 2016, section 4.2.
        Differs from the paper in: rows with y > 0 count with the label 0 too. In the
        paper they do not, so the odds are the mean of y only if few amounts are above
        0. The label is divided by m.
    """

    kind: str = "wlr"

    def summarized(self, labels: Floats) -> Floats:
        """Returns the labels above 0, and NaN for labels of 0."""
        return np.where(labels > 0, labels, np.nan)

    def label_statistics(self, labels: LabelSummary) -> Statistics:
        """Returns the mean of the labels above 0."""
        return {"mean": labels.mean}

    def check_statistics(self, statistics: Statistics) -> None:
        check_positive(statistics, "mean")

    def typical_amount(self, statistics: Statistics) -> float:
        return statistics["mean"]

    def initial_logits(
        self, labels: Floats, weights: Floats, statistics: Statistics
    ) -> Floats:
        """Returns the logarithm of the mean of y / m, (1,)."""
        amounts = weights @ labels / statistics["mean"]
        # Half a row more of each label keeps the logit finite if all labels are 0.
        return np.log([(amounts + 0.5) / (len(labels) + 0.5)])

    def row_losses(
        self, labels: Tensor, logits: Tensor, statistics: Statistics
    ) -> Tensor:
        import tensorflow as tf

        logit = logits[:, 0]
        weights = tf.cast(tf.cast(labels, tf.float64) / statistics["mean"], tf.float32)
        return tf.nn.softplus(logit) + weights * tf.nn.softplus(-logit)

    def predictions(self, logits: Tensor, statistics: Statistics) -> Tensor:
        """Returns the mean in the label's unit, (batch, 1), float64."""
        from keras import ops

        return ops.exp(ops.cast(logits, "float64")) * statistics["mean"]
