"""Computes the losses of the tasks and the penalties of a step, and means over steps.

If several processes train together, each process has a *share* of a batch: some of its
rows. Letters in shapes: T is the number of tasks. A network with several members
returns logits of shape (members * batch, ...): first the rows of the first member, then
the rows of the second member, and so on. Labels and weights have one value per row of
the batch.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from mtl_cli.core.errors import ConfigError
from mtl_cli.core.tensors import Tensor, check_shape, shape_text
from mtl_cli.heads.base import Heads
from mtl_cli.tasks.base import Statistics, Task
from mtl_cli.training.feed import TensorTable

Array = npt.NDArray[np.floating]
# A step returns three values for each task: the loss, the sum of the row weights, and
# the weight that the balancing method gives the task.
VALUES_PER_TASK = 3


class BatchShare(NamedTuple):
    """The share of one process in a batch, with sums over the whole batch."""

    rows: TensorTable
    is_real: Tensor  # 0 for rows that fill up the last batch, else 1, (batch,)
    num_rows: Tensor  # number of rows in the whole batch that are trained on
    total_weights: list[Tensor]  # the sum of each task's weights over the whole batch


def task_losses(
    tasks: dict[str, Task],
    logits: dict[str, Tensor],
    labels: dict[str, Tensor],
    weights: dict[str, Tensor],
    label_statistics: dict[str, Statistics] | None = None,
    total_weights: list[Tensor] | None = None,
) -> Tensor:
    """Returns the loss of each task, (T,): the weighted mean over the task's rows.

    A task without a row in the batch has loss 0 and gradient 0. If each process
    computes the losses of its share of the batch, the sums over all processes are the
    losses of the batch.

    Args:
        tasks: {name of a task: task}.
        logits: {name of an output: logits, (members * batch, num_logits)}.
        labels: {name of a task: labels, (batch,)}.
        weights: {name of a task: weights of the rows, (batch,)}. Rows without a label,
            or outside of the task's space, have weight 0.
        label_statistics: {name of a task: statistics of the training labels}.
        total_weights: the sum of each task's weights over the whole batch; None if the
            rows are the whole batch, and not one process's share.
    """
    if total_weights is None:
        total_weights = [tf.reduce_sum(weights[name]) for name in tasks]
    means = []
    for (name, task), total_weight in zip(tasks.items(), total_weights, strict=True):
        weight = weights[name]
        # A row of weight 0 may have the label NaN. Without this replacement, the row's
        # gradient would be 0 * NaN = NaN.
        label = tf.where(weight > 0, labels[name], 0.0)
        logit = tf.cast(logits[name], tf.float32)
        statistics = (label_statistics or {}).get(name, {})
        losses = task.row_losses(repeat_for_members(label, logit), logit, statistics)
        check_shape(
            f"dataset.tasks.{name}: `row_losses` of kind {task.kind}",
            losses,
            (logit.shape[0],),
            "return one loss per row; a single logit is `logits[:, 0]`",
        )
        mean_loss = mean_of_members(losses, tf.size(weight))  # of each row
        weighted_sum = tf.reduce_sum(weight * mean_loss)
        means.append(tf.math.divide_no_nan(weighted_sum, total_weight))
    return tf.stack(means)


def logits_of_sample(
    heads: Heads,
    tasks: dict[str, Task],
    logits: dict[str, Tensor],
    log_rates: Mapping[str, Tensor],
) -> dict[str, Tensor]:
    """Returns the logits that hold in sampled data, for the losses.

    A network learns the logits of complete data. If the data contain only the fraction
    r of the rows with label 0, the odds of label 1 are 1 / r times as high in the data.
    So -log r is added to the logit of the task's tower, and the heads compute all
    outputs from the new logits of the towers.

    `log_rates` are {name of a task: log r, (batch,)}, for tasks with sampled rows.
    """
    if not log_rates:
        return logits
    towers = {
        task: tf.cast(logits[output.name], tf.float32)
        for task, output in heads.tower_outputs(tasks).items()
    }
    for name, log_rate in log_rates.items():
        towers[name] -= repeat_for_members(log_rate, towers[name])[:, None]
    return heads.connect(towers, tasks)


def penalties_of_layers(model: Any, logit: Tensor, is_real: Tensor) -> list[Tensor]:
    """Returns the penalties that the latest call of a network has added by `add_loss`.

    These are scalars, and vectors with one penalty per row, (batch,) or (members *
    batch,). `logit` are the logits of any output, with members * batch rows.
    """
    num_rows = is_real.shape[0]
    for penalty in model.losses:
        if tuple(penalty.shape) not in [(), (num_rows,), (logit.shape[0],)]:
            raise ConfigError(
                "`add_loss` of a layer takes a scalar or one value per row, "
                f"{shape_text((num_rows,))}, not {shape_text(penalty.shape)}; sum or "
                "average over all other axes"
            )
    # A layer may compute in bfloat16.
    return [tf.cast(penalty, tf.float32) for penalty in model.losses]


def penalties_of_heads(
    heads: Heads, tasks: dict[str, Task], logits: dict[str, Tensor], batch: BatchShare
) -> list[Tensor]:
    """Computes the penalty of the heads for each row.

    Returns: a list of one vector with the penalty of each row, (members * batch,); or
        [] if the heads have no penalty.
    """
    labels, weights = {}, {}
    for name, total_weight in zip(tasks, batch.total_weights, strict=True):
        logit = logits[name]
        weight = batch.rows.weights[name]
        label = tf.where(weight > 0, batch.rows.labels[name], 0.0)
        labels[name] = repeat_for_members(label, logit)
        # The weights are scaled so that their mean over the whole batch is 1.
        weight = tf.math.divide_no_nan(weight * batch.num_rows, total_weight)
        weights[name] = repeat_for_members(weight, logit)
    penalty = heads.row_penalty(logits, tasks, labels, weights)
    if penalty is None:
        return []
    first_logit, *_ = logits.values()
    check_shape("model.heads: `row_penalty`", penalty, (first_logit.shape[0],))
    return [penalty]


def repeat_for_members(values: Tensor, logits: Tensor) -> Tensor:
    """Repeats one value per row, (batch,), for each member: (members * batch,)."""
    num_members = tf.shape(logits)[0] // tf.shape(values)[0]
    return tf.tile(values, [num_members])


def mean_of_members(values: Tensor, num_rows: Tensor | int) -> Tensor:
    """Returns the mean over the members, (members * batch,), for each row, (batch,)."""
    return tf.reduce_mean(tf.reshape(values, [-1, num_rows]), axis=0)


def sum_of_penalties(
    penalties: list[Tensor], is_real: Tensor, num_rows: Tensor, num_processes: int
) -> Tensor:
    """Returns this process's share of the total penalty of a step, a scalar.

    Scalars, such as a penalty on the network's weights, are averaged over the
    processes. Vectors with one penalty per row, (batch,) or (members * batch,), are
    averaged over the `num_rows` real rows of the whole batch.
    """
    total = tf.constant(0.0)
    for penalty in penalties:
        if penalty.shape.rank == 0:
            total += penalty / num_processes
        else:
            penalty = mean_of_members(penalty / num_rows, tf.size(is_real))
            total += tf.reduce_sum(tf.where(is_real > 0, penalty, 0.0))
    return total


def mean_losses(step_values: Array) -> Array:
    """Returns the mean loss of each task over the rows of many steps, (T,).

    `step_values` are the values of `VALUES_PER_TASK`, (steps, 3, T). A task without
    rows in these steps has loss 0.
    """
    losses, weights, _ = np.moveaxis(step_values.astype("float64"), 1, 0)
    total_weight = weights.sum(axis=0)
    weighted_sum: Array = (losses * weights).sum(axis=0)
    return weighted_sum / np.where(total_weight > 0, total_weight, 1)


def mean_task_weights(step_values: Array) -> Array:
    """Returns the mean weight that the balancing method gave each task, (T,).

    The mean is over the steps with rows of the task, and 0 without such a step.
    """
    _, row_weights, task_weights = np.moveaxis(step_values, 1, 0)
    has_rows = row_weights > 0
    total = (task_weights * has_rows).sum(axis=0, dtype="float64")
    num_steps = has_rows.sum(axis=0)
    means: Array = total / np.maximum(num_steps, 1)
    return means
