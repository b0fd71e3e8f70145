"""Losses of one task: from logits and labels to one number a row."""

from typing import Any

import tensorflow as tf

from mtl_cli.tasks import Task


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


def task_losses(tasks: dict[str, Task], logits: Any, labels: Any, weights: Any) -> Any:
    """Returns the loss of each task: the weighted mean over the task's own rows.

    A task without a row in the batch has loss 0 and gradient 0.

    Args:
        tasks: by name.
        logits: by output, (batch, 1).
        labels: by task, (batch,).
        weights: by task, (batch,), 0 where a row does not count.

    Returns: (T,).
    """
    means = []
    for name, task in tasks.items():
        weight = weights[name]
        # A row that does not count may hold any label; a NaN would come through a
        # gradient of 0 times NaN.
        label = tf.where(weight > 0, labels[name], 0.0)
        each = LOSSES[task.loss_name](label, tf.cast(logits[name][:, 0], tf.float32))
        if task.positive_weight != 1:
            each *= tf.where(label == 1, task.positive_weight, 1.0)
        total = tf.reduce_sum(weight * each)
        means.append(tf.math.divide_no_nan(total, tf.reduce_sum(weight)))
    return tf.stack(means)
