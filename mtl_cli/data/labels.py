"""Reads the labels of rows, and the weight with which each row counts for an output.

A row counts for an output if it has a label and lies in the output's space. In the loss
and the metrics of the output, it then has its weight of `dataset.weight_column`, or 1
without this column. All other rows have the weight 0.

The key `sampling_rate` of a task says which fraction of the rows with label 0 was kept.
Each of these rows stands for several rows of the data before sampling.
"""

import math

import numpy as np
import pyarrow as pa

from mtl_cli.columns.labels import check_labels, read_label_numbers
from mtl_cli.columns.numeric import (
    Floats,
    as_numbers,
    check_numbers,
    numbers_from_0_to_1,
)
from mtl_cli.core.option_classes import overridden_below
from mtl_cli.core.tensors import check_shape
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.table import Array, Table
from mtl_cli.heads.base import Output
from mtl_cli.tasks.base import Task
from mtl_cli.tasks.binary import Binary

WEIGHT_RANGE = (1e-30, 1e30)  # of row weights above 0


def labels_of_rows(
    dataset: Dataset,
    outputs: list[Output],
    table: pa.Table,
    unknown_as_missing: bool = False,
) -> Table:
    """Returns a `Table` of some rows, without their features and groups.

    With `unknown_as_missing`, labels that are not in `classes` count as missing.
    Otherwise they are refused.
    """
    rows = Table(features={}, labels={}, weights={})
    weights = np.ones(table.num_rows)
    if dataset.weight_column is not None:
        weights = row_weights(dataset.weight_column, table)
    for output in outputs:
        key = f"dataset.tasks.{output.label}"
        labels = labels_of_task(key, output.task, table, unknown_as_missing)
        is_counted = ~np.isnan(labels)
        if output.space is not None:
            is_counted &= is_in_space(dataset, output.label, output.space, table)
        rows.labels[output.label] = labels
        rows.weights[output.name] = np.where(is_counted, weights, 0).astype("float32")
        sampled = sampled_task(dataset, output)
        if sampled is not None:
            key = f"dataset.tasks.{output.sampled_task}"
            sampled_labels = labels_of_task(key, sampled, table)
            add_sampling(rows, output, sampled, sampled_labels, table)
        truth = true_probabilities(dataset, output, table)
        if truth is not None:
            rows.truths[output.name] = truth
    return rows


def row_weights(column: str, table: pa.Table) -> Floats:
    """Reads the column of row weights, (rows,).

    Raises a `CellError` for a weight so small or so large that weighted losses, or
    their sums, might not fit float32.
    """
    lowest, highest = WEIGHT_RANGE
    message_start = f"dataset.weight_column: column '{column}'"
    weights = as_numbers(message_start, table[column])
    # A column of float32 holds the nearest numbers to the limits.
    is_in_range = (weights >= np.float32(lowest)) & (weights <= np.float32(highest))
    is_right = (weights == 0) | is_in_range
    rule = f"a weight from {lowest:g} to {highest:g}, or 0 to leave the row out"
    fix = "correct the cell, or multiply all weights by the same number"
    check_numbers(message_start, weights, ~is_right, rule, fix)
    return weights


def is_in_space(dataset: Dataset, task: str, space: str, table: pa.Table) -> Array:
    if space in dataset.tasks:
        key = f"dataset.tasks.{space}"
        return np.equal(labels_of_task(key, dataset.tasks[space], table), 1)
    # The space is a column. A task's key `positive` does not apply to it.
    message_start = f"dataset.tasks.{task}.space: column '{space}'"
    labels = read_label_numbers(message_start, table[space], "write 0 and 1")
    check_labels(message_start, labels, ~np.isin(labels, (0, 1)), "0 or 1")
    return np.equal(labels, 1)


def space_task(dataset: Dataset, space: str) -> Task:
    """Returns the task whose label is 1 on the rows of a space.

    If the space is a column of 0 and 1, this is a made-up binary task.
    """
    return dataset.tasks.get(space) or Binary(label=space)


def labels_of_task(
    key: str, task: Task, table: pa.Table, unknown_as_missing: bool = False
) -> Array:
    """Reads a task's labels. For `unknown_as_missing`, see `labels_of_rows`.

    Returns: (rows,), NaN where the cell is empty.
    """
    # A plugin's kind that overrides only `read_labels` may read other cells than the
    # `read_known_labels` that it inherits.
    overrides = overridden_below(type(task), "read_known_labels")
    knows_others = unknown_as_missing and "read_labels" not in overrides
    read = task.read_known_labels if knows_others else task.read_labels
    labels = read(f"{key}: column '{task.label}'", table[task.label])
    source = f"{key}: `read_labels` of kind {task.kind}"
    check_shape(source, labels, (table.num_rows,))
    return labels


def truth_columns(dataset: Dataset, output: Output) -> dict[str, str]:
    """Returns {task: the column of its true probability} for `Output.truth_tasks`.

    Returns {} if one of these tasks has no such column.
    """
    columns = {}
    for name in output.truth_tasks:
        column = dataset.tasks[name].truth_column
        if column is None:
            return {}
        columns[name] = column
    return columns


def true_probabilities(
    dataset: Dataset, output: Output, table: pa.Table
) -> Array | None:
    """Returns an output's true probabilities, float32 (rows,); None without columns.

    The result is the true probability of the first task in `Output.truth_tasks`,
    divided by the true probabilities of the other tasks.
    """
    rule = "a probability from 0 to 1"
    truths = [
        numbers_from_0_to_1(f"dataset.tasks.{name}.truth", column, table, rule)
        for name, column in truth_columns(dataset, output).items()
    ]
    if not truths:
        return None
    quotient, *divisors = truths
    for divisor in divisors:
        zeros = np.zeros_like(quotient)  # the result where the divisor is 0
        quotient = np.divide(quotient, divisor, out=zeros, where=divisor > 0)
    return quotient.astype("float32")


def sampled_task(dataset: Dataset, output: Output) -> Task | None:
    """Returns the task whose `sampling_rate` removed rows of an output, or None."""
    if output.sampled_task is None:
        return None
    task = dataset.tasks[output.sampled_task]
    return task if task.lacks_negatives else None


def add_sampling(
    rows: Table, output: Output, task: Task, labels: Array, table: pa.Table
) -> None:
    """Sets `population` and `log_rates` for an output whose rows are a sample.

    `task` is the task whose rows were sampled, see `sampled_task`, `labels` are its
    labels, and `table` holds the raw rows. A row with label 0 and the sampling rate 0.1
    has the weight of ten rows in metrics.
    """
    name = str(output.sampled_task)
    key = f"dataset.tasks.{name}.sampling_rate"
    column = task.kept_negatives_column
    if column is None:
        rates = np.full(table.num_rows, task.kept_negatives)
    else:
        rule = "a share above 0, up to 1"
        rates = numbers_from_0_to_1(key, column, table, rule)
        message_start = f"{key}: column '{column}'"
        check_numbers(message_start, rates, rates == 0, rule, "correct the cell")
        rows.log_rates[name] = np.log(rates).astype("float32")
    weights = rows.weights[output.name] / np.where(labels == 0, rates, 1)
    rows.population[output.name] = weights.astype("float32")


def labels_for_initial_bias(
    table: Table, output: Output, max_rows: int
) -> tuple[Floats, Floats]:
    """Returns the labels and weights from which a network's initial biases follow.

    The rows with the weight 0 are left out. Of more than `max_rows` rows, only every
    n-th row is read.

    If each row has its own sampling rate, the network learns the logits of the data
    before sampling, so the weights are `Table.population`. If all rows have the same
    rate, the network learns the logits of the sampled rows, and its predictions are
    corrected later.

    Returns: the labels and the weights, (rows,) each.
    """
    labels, weights = table.labels[output.label], table.weights[output.name]
    if output.sampled_task in table.log_rates:
        weights = table.population[output.name]
    step = math.ceil(len(labels) / max_rows)
    labels, weights = labels[::step], weights[::step]
    has_weight = weights > 0
    return labels[has_weight].astype("float64"), weights[has_weight].astype("float64")
