"""Reads the labels of rows, and the weight with which each row counts for an output.

A row counts for an output if it has a label and lies in the output's space. In the loss
and the metrics of the output, it then has its weight of `dataset.weight_column`, or 1
without this column. All other rows have the weight 0.
"""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from mtl_cli.columns.numeric import (
    Floats,
    as_numbers,
    check_numbers,
    numbers_from_0_to_1,
)
from mtl_cli.core.option_classes import overridden_below
from mtl_cli.core.tensors import check_shape
from mtl_cli.data.column_request import ColumnRequest
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.sampling_correction import add_sampling, sampled_task
from mtl_cli.data.table import Array, Table
from mtl_cli.heads.base import Output
from mtl_cli.tasks.base import Task
from mtl_cli.tasks.binary import Binary

WEIGHT_RANGE = (1e-30, 1e30)  # of row weights above 0


def label_request(dataset: Dataset, outputs: list[Output]) -> ColumnRequest:
    """Returns the columns that are read besides the features.

    The columns hold labels, spaces, true probabilities, sampling rates, weights, groups
    and the times or groups of a split.
    """
    # {column: the configuration's key in messages about the column}. If several keys
    # name the same column, the key `label` of a task wins, or else the first key.
    keys: dict[str, str] = {}
    tasks: list[Task] = []  # the tasks whose labels are read
    for output in outputs:
        tasks.append(output.task)
        keys[output.task.label] = f"dataset.tasks.{output.label}.label"
        if output.space is not None:
            task = space_task(dataset, output.space)
            tasks.append(task)
            keys.setdefault(task.label, f"dataset.tasks.{output.label}.space")
        for name, column in truth_columns(dataset, output).items():
            keys.setdefault(column, f"dataset.tasks.{name}.truth")
        sampled = sampled_task(dataset, output)
        if sampled is not None:
            key = f"dataset.tasks.{output.sampled_task}"
            tasks.append(sampled)
            keys.setdefault(sampled.label, f"{key}.label")
            rates = sampled.kept_negatives_column
            if rates is not None:
                keys.setdefault(rates, f"{key}.sampling_rate")
    for name in ("weight_column", "group_column", "split_column"):
        column = getattr(dataset, name)
        if column is not None:
            keys.setdefault(column, f"dataset.{name}")
    return ColumnRequest(keys, label_types(dataset, tasks, keys))


def label_types(
    dataset: Dataset, tasks: list[Task], columns: Iterable[str]
) -> dict[str, pa.DataType]:
    """Returns the types of columns, see `ColumnRequest.types`.

    `tasks` are the tasks whose label columns are among the columns.
    """
    text_columns = (dataset.group_column, dataset.split_column)
    types = {c: pa.string() if c in text_columns else pa.float64() for c in columns}
    # A label column that several tasks read is read as text if one of them needs text.
    for task in tasks:
        if task.column_type() != pa.float64():
            types[task.label] = task.column_type()
    return types


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
    key = f"dataset.tasks.{space}"
    if space not in dataset.tasks:  # the space is a column
        key = f"dataset.tasks.{task}.space"
    labels = labels_of_task(key, space_task(dataset, space), table)
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
