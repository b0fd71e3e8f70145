"""Losses of tasks: from logits and labels to a number a row, a step, an epoch."""

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from mtl_cli.tasks.base import Task

Array = npt.NDArray[Any]


def bce(label: Any, logit: Any) -> Any:
    """Binary cross-entropy, in nats, exact for large logits."""
    return tf.nn.sigmoid_cross_entropy_with_logits(labels=label, logits=logit)


def focal(label: Any, logit: Any, gamma: float) -> Any:
    """Cross-entropy times (1 - p)^gamma, p the probability of the row's own class.

    Reference: Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, eq. 4.
    """
    # 1 - p of the own class is the sigmoid of the other class's logit. Its power is
    # taken by way of the logarithm: the slope of x^gamma at 0, where certain
    # predictions end, is infinite for gamma below 1.
    other = tf.math.log_sigmoid(tf.where(label > 0.5, -logit, logit))
    return tf.exp(gamma * other) * bce(label, logit)


def cross_entropy(label: Any, logits: Any) -> Any:
    """Softmax cross-entropy, in nats; `logits` is (batch, classes)."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=tf.cast(label, tf.int32), logits=logits
    )


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


LOSSES = {
    "bce": bce,
    "cross_entropy": cross_entropy,
    "mse": mse,
    "mae": mae,
    "huber": huber,
}


def task_losses(
    tasks: dict[str, Task],
    logits: Any,
    labels: Any,
    weights: Any,
    statistics: dict[str, dict[str, float]] | None = None,
    totals: list[Any] | None = None,
) -> Any:
    """Returns the loss of each task: the weighted mean over the task's own rows.

    A task without a row in the batch has loss 0 and gradient 0.

    Args:
        tasks: by name.
        logits: by output, (batch, 1) or (batch, classes).
        labels: by task, (batch,).
        weights: by task, (batch,), 0 where a row does not count.
        statistics: by task, mean and deviation of labels that are standardised.
        totals: of each task's weights, if these rows are a part of the batch.

    Returns: (T,), of a part of a batch its share of the losses.
    """
    totals = totals or [tf.reduce_sum(weights[name]) for name in tasks]
    means = []
    for (name, task), whole in zip(tasks.items(), totals, strict=True):
        weight = weights[name]
        # A row that does not count may hold any label; a NaN would come through a
        # gradient of 0 times NaN.
        label = tf.where(weight > 0, labels[name], 0.0)
        label = transformed(label, task, (statistics or {}).get(name, {}))
        logit = tf.cast(logits[name], tf.float32)
        logit = logit if task.kind == "multiclass" else logit[:, 0]
        if task.loss_name == "focal":
            each = focal(label, logit, task.focal_gamma)
        else:
            each = LOSSES[task.loss_name](label, logit)
        if task.positive_weight != 1:
            each *= tf.where(label == 1, task.positive_weight, 1.0)
        total = tf.reduce_sum(weight * each)
        means.append(tf.math.divide_no_nan(total, whole))
    return tf.stack(means)


def mean_losses(taken: Array) -> Array:
    """Returns the loss of each task over the rows of many steps, (T,).

    Args:
        taken: of steps the losses and the weights of their rows, (steps, 2, T).
    """
    losses, weights = np.moveaxis(taken.astype("float64"), 1, 0)
    whole = weights.sum(axis=0)
    means: Array = (losses * weights).sum(axis=0) / np.where(whole > 0, whole, 1)
    return means


def transformed(label: Any, task: Task, statistics: dict[str, float]) -> Any:
    """Returns labels as the loss sees them."""
    if task.transform == "log1p":
        return tf.math.log1p(label)
    if task.transform == "standard":
        return (label - statistics["mean"]) / statistics["deviation"]
    return label
