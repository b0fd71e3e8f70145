"""Ordinal tasks: predict the probability of each class, where classes have an order."""

from typing import ClassVar

import numpy as np

from mtl_cli.core.tensors import Tensor
from mtl_cli.metrics.auc import macro_auc
from mtl_cli.metrics.classes import accuracy, quadratic_weighted_kappa, rank_mae
from mtl_cli.metrics.log_loss import cross_entropy, normalized_cross_entropy
from mtl_cli.metrics.metric import Floats, Metric
from mtl_cli.tasks._classes import ClassTask
from mtl_cli.tasks.base import Statistics


class Ordinal(ClassTask):
    """A label that is one of several ordered classes, such as a rating (CORN).

    The rank y of a label is the position of its class in `classes`, from 0 to K - 1.
    Logit l_k, for k from 0 to K - 2, predicts whether a label is above rank k if it is
    above rank k - 1:

        sigmoid(l_k) = P(y > k | y > k - 1)
        P(y > k)     = prod_{i <= k} sigmoid(l_i)
        P(y = k)     = P(y > k - 1) - P(y > k)
        loss         = sum_{k <= min(y, K - 2)} BCE(y > k, l_k)  =  -log P(y)

    So P(y > k) never rises with k. A row trains only the logits up to the rank of its
    label.

    Reference: Shi, Cao and Raschka, "Deep Neural Networks for Rank-Consistent Ordinal
        Regression Based On Conditional Probabilities", 2021, equations 3 to 5.
        Differs from the paper in: the sum of the losses of a batch is divided by the
        number of rows, not by the number of summands. So the loss is the log loss
        of the class.
    """

    METRICS: ClassVar[tuple[Metric, ...]] = (
        quadratic_weighted_kappa,
        rank_mae,
        accuracy,
        macro_auc,
        cross_entropy,
        normalized_cross_entropy,
    )
    PROPER_METRIC = normalized_cross_entropy

    kind: str = "ordinal"

    @property
    def num_logits(self) -> int:
        return len(self.classes) - 1

    def initial_logits(
        self, labels: Floats, weights: Floats, statistics: Statistics
    ) -> Floats:
        """Returns the logit of P(y > k | y > k - 1) for each k, (K - 1,)."""
        sizes = self.class_sizes(labels, weights)
        num_above = sizes[::-1].cumsum()[::-1][1:]  # sum of sizes[k + 1:] for each k
        return np.log(num_above / sizes[:-1])

    def row_losses(
        self, labels: Tensor, logits: Tensor, statistics: Statistics
    ) -> Tensor:
        """Returns the negative log-likelihood of each row's class, in nats."""
        import tensorflow as tf

        ranks = tf.range(self.num_logits, dtype=labels.dtype)  # k
        is_above = tf.cast(labels[:, None] > ranks, logits.dtype)  # (batch, K - 1)
        # A row trains logit k if its label is above rank k - 1.
        is_trained = tf.cast(labels[:, None] >= ranks, logits.dtype)
        losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=is_above, logits=logits)
        return tf.reduce_sum(is_trained * losses, axis=1)

    def predictions(self, logits: Tensor, statistics: Statistics) -> Tensor:
        """Returns the probability of each class, (batch, classes).

        P(y = k) = P(y > k - 1) (1 - sigmoid(l_k)). The product is computed as a sum of
        logarithms. A difference of two large probabilities would round a small result.
        """
        from keras import ops

        log_above = ops.cumsum(ops.log_sigmoid(logits), axis=-1)  # log P(y > k)
        # The logarithms of P(y > -1) = 1 and P(y <= K - 1) = 1.
        log_of_one = ops.zeros_like(logits[..., :1])
        log_reached = ops.concatenate([log_of_one, log_above], axis=-1)
        log_stops = ops.concatenate([ops.log_sigmoid(-logits), log_of_one], axis=-1)
        return ops.exp(log_reached + log_stops)
