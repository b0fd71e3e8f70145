"""The loss of each task: the mean over a batch's rows, and over many steps."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from mtl_cli.core.tensors import Tensor
from mtl_cli.tasks.base import Statistics, Task

Array = npt.NDArray[np.floating]


def task_losses(
    tasks: dict[str, Task],
    logits: dict[str, Tensor],
    labels: dict[str, Tensor],
    weights: dict[str, Tensor],
    label_statistics: dict[str, Statistics] | None = None,
    total_weights: list[Tensor] | None = None,
    log_rates: Mapping[str, Tensor] = MappingProxyType({}),
) -> Tensor:
    """Returns the loss of each task: the weighted mean over the task's rows.

    A task without a row in the batch has loss 0 and gradient 0.

    Args:
        tasks: {task's name: task}.
        logits: {output's name: logits}, each `(batch, 1)` or `(batch, classes)`.
        labels: {task's name: labels}, each `(batch,)`.
        weights: {task's name: weights of the rows}, each `(batch,)`. Rows that do not
            count have weight 0.
        label_statistics: {task's name: mean and deviation of its labels}, for tasks
            with standardised labels.
        total_weights: the sum of each task's weights over the whole batch. Needed if
            the rows are only one process's share of the batch.
        log_rates: {task's name: log of the share of rows like this one, with label 0,
            that the data keep}, each `(batch,)`, for the tasks with a column of it. The
            logit that fits such data is higher by -log of the share. The loss takes
            this logit; so the network learns the logit of all rows.

    Returns: `(T,)`. The losses of all processes' shares sum to the batch's losses.
    """
    if total_weights is None:
        total_weights = [tf.reduce_sum(weights[name]) for name in tasks]
    means = []
    for (name, task), total_weight in zip(tasks.items(), total_weights, strict=True):
        weight = weights[name]
        # A row of weight 0 may hold any label. With a NaN label its gradient would be
        # 0 * NaN = NaN.
        label = tf.where(weight > 0, labels[name], 0.0)
        logit = tf.cast(logits[name], tf.float32)
        if name in log_rates:
            logit -= of_all_members(log_rates[name], logit)[:, None]
        statistics = (label_statistics or {}).get(name, {})
        losses = task.row_losses(of_all_members(label, logit), logit, statistics)
        weighted_sum = tf.reduce_sum(weight * mean_of_members(losses, weight))
        means.append(tf.math.divide_no_nan(weighted_sum, total_weight))
    return tf.stack(means)


def of_all_members(x: Tensor, rows: Tensor) -> Tensor:
    """Returns what stands for a batch, `(batch,)`, once for each member of an ensemble.

    Args:
        x: a number of each row of the batch, `(batch,)`.
        rows: a tensor with the rows of one member after another.
    """
    return tf.tile(x, [tf.shape(rows)[0] // tf.shape(x)[0]])


def mean_of_members(x: Tensor, batch: Tensor) -> Tensor:
    """Returns the mean over the members of an ensemble, `(batch,)`.

    Args:
        x: a number of each row, the rows of one member after another.
        batch: a tensor with the rows of the batch.
    """
    return tf.reduce_mean(tf.reshape(x, [-1, tf.shape(batch)[0]]), axis=0)


def sum_of_penalties(
    penalties: list[Tensor], is_real: Tensor, num_processes: int
) -> Tensor:
    """Returns this process's share of all penalties that layers add, a scalar.

    Args:
        penalties: the losses that the layers have added. A scalar is a penalty on
            weights: all processes compute the same value. A vector holds a penalty for
            each row, `(batch,)`, or for each row of each member; its sum over the batch
            counts.
        is_real: `(batch,)`, 1 for rows that count and 0 for rows that do not.
        num_processes: number of processes whose shares are summed.
    """
    total = tf.constant(0.0)
    for penalty in penalties:
        if penalty.shape.rank:
            penalty = mean_of_members(penalty, is_real)
            total += tf.reduce_sum(tf.where(is_real > 0, penalty, 0.0))
        else:
            total += penalty / num_processes
    return total


def mean_losses(step_losses: Array) -> Array:
    """Returns the loss of each task over the rows of many steps, `(T,)`.

    Args:
        step_losses: `(steps, 2, T)`, for each step and task the loss and the sum of
            the rows' weights.
    """
    losses, weights = np.moveaxis(step_losses.astype("float64"), 1, 0)
    total_weight = weights.sum(axis=0)
    means: Array = (losses * weights).sum(axis=0)
    return means / np.where(total_weight > 0, total_weight, 1)
