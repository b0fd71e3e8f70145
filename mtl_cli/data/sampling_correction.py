"""Corrects the weights of rows if only a sample of the rows with label 0 was kept.

The key `sampling_rate` of a task says which fraction of the rows with label 0 was kept.
Each of these rows stands for several rows of the data before sampling.
"""

import math

import numpy as np
import pyarrow as pa

from mtl_cli.columns.numeric import Floats, check_numbers, numbers_from_0_to_1
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.table import Array, Table
from mtl_cli.heads.base import Output
from mtl_cli.tasks.base import Task


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
