"""Losses of one task: from logits and labels to one number a row."""

from typing import Any

import tensorflow as tf


def bce(label: Any, logit: Any) -> Any:
    """Binary cross-entropy, in nats, exact for large logits."""
    return tf.nn.sigmoid_cross_entropy_with_logits(labels=label, logits=logit)


def mse(label: Any, prediction: Any) -> Any:
    """Squared error."""
    return tf.square(label - prediction)


def mae(label: Any, prediction: Any) -> Any:
    """Absolute error."""
    return tf.abs(label - prediction)


def huber(label: Any, prediction: Any) -> Any:
    """Squared error up to 1, then linear (Huber, 1964): outliers pull less."""
    error = tf.abs(label - prediction)
    return tf.where(error <= 1, 0.5 * tf.square(error), error - 0.5)


LOSSES = {"bce": bce, "mse": mse, "mae": mae, "huber": huber}


def task_losses(losses: dict[str, str], logits: Any, labels: Any, weights: Any) -> Any:
    """Returns the loss of each task: the weighted mean over the task's own rows.

    A task without a row in the batch has loss 0 and gradient 0.

    Args:
        losses: by task, the name of its loss.
        logits: by output, (batch, 1).
        labels: by task, (batch,).
        weights: by task, (batch,), 0 where a row does not count.

    Returns: (T,).
    """
    means = []
    for task, name in losses.items():
        weight = weights[task]
        # A row that does not count may hold any label; a NaN would come through a
        # gradient of 0 times NaN.
        label = tf.where(weight > 0, labels[task], 0.0)
        each = LOSSES[name](label, tf.cast(logits[task][:, 0], tf.float32))
        total = tf.reduce_sum(weight * each)
        means.append(tf.math.divide_no_nan(total, tf.reduce_sum(weight)))
    return tf.stack(means)
