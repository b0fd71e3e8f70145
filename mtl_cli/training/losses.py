"""Losses of tasks: from the losses of rows to means over a step and an epoch."""

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from mtl_cli.tasks.base import Task

Array = npt.NDArray[Any]


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
        logit = tf.cast(logits[name], tf.float32)
        losses = task.row_losses(label, logit, (statistics or {}).get(name, {}))
        total = tf.reduce_sum(weight * losses)
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
