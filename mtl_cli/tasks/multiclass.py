"""Multiclass tasks: predict the probability of each class of a label."""

from typing import ClassVar, Literal

import numpy as np

from mtl_cli.core.tensors import Tensor
from mtl_cli.metrics.auc import macro_auc
from mtl_cli.metrics.classes import accuracy
from mtl_cli.metrics.log_loss import cross_entropy, normalized_cross_entropy
from mtl_cli.metrics.metric import Floats, Metric
from mtl_cli.tasks._classes import ClassTask
from mtl_cli.tasks.base import Statistics


class Multiclass(ClassTask):
    """A label that is one of several classes; the prediction is their probabilities.

    Attributes:
        loss: the loss that training minimises: `cross_entropy`.
    """

    METRICS: ClassVar[tuple[Metric, ...]] = (
        macro_auc,
        accuracy,
        cross_entropy,
        normalized_cross_entropy,
    )
    PROPER_METRIC = normalized_cross_entropy

    kind: str = "multiclass"
    loss: Literal["cross_entropy"] = "cross_entropy"

    @property
    def num_logits(self) -> int:
        return len(self.classes)

    def initial_logits(
        self, labels: Floats, weights: Floats, statistics: Statistics
    ) -> Floats:
        """Returns the logarithm of the share of each class, (classes,)."""
        sizes = self.class_sizes(labels, weights)
        logits: Floats = np.log(sizes / sizes.sum())
        return logits

    def row_losses(
        self, labels: Tensor, logits: Tensor, statistics: Statistics
    ) -> Tensor:
        """Returns the softmax cross-entropy of each row, in nats."""
        import tensorflow as tf

        return tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=tf.cast(labels, tf.int32), logits=logits
        )

    def predictions(self, logits: Tensor, statistics: Statistics) -> Tensor:
        from keras import ops

        return ops.softmax(logits)
