"""Labels of rows: what they are, which rows count and how much."""

import numpy as np
import pyarrow as pa

from mtl_cli.columns.numeric import as_numbers
from mtl_cli.core.errors import RowError
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.table import Array, Table
from mtl_cli.heads.base import Output
from mtl_cli.tasks.base import Task
from mtl_cli.tasks.binary import Binary


def label_columns(dataset: Dataset, outputs: list[Output]) -> dict[str, str]:
    """Returns the columns that labels, spaces, weights and groups need.

    Args:
        dataset: the data set that declares the columns.
        outputs: the outputs of the model.

    Returns: by column, the configuration's key that asks for the column.
    """
    columns = {}
    for output in outputs:
        columns[output.task.label] = f"dataset.tasks.{output.label}.label"
        if output.space is not None:
            column = space_task(dataset, output.space).label
            columns.setdefault(column, f"dataset.tasks.{output.label}.space")
        for name, truth in truth_columns(dataset, output).items():
            columns.setdefault(truth, f"dataset.tasks.{name}.truth")
    for key in ("weight_column", "group_column", "split_column"):
        column = getattr(dataset, key)
        if column is not None:
            columns.setdefault(column, f"dataset.{key}")
    return columns


def label_types(dataset: Dataset, outputs: list[Output]) -> dict[str, pa.DataType]:
    """Returns the types that these columns of a text file are read as."""
    types = {column: pa.float64() for column in label_columns(dataset, outputs)}
    for column in (dataset.group_column, dataset.split_column):
        if column is not None:
            types[column] = pa.string()
    for output in outputs:
        tasks = [output.task]
        if output.space is not None:
            tasks.append(space_task(dataset, output.space))
        for task in tasks:
            if task.column_type() != pa.float64():
                types[task.label] = task.column_type()
    return types


def space_task(dataset: Dataset, space: str) -> Task:
    """Returns the task of a space; a column of 0 and 1 becomes a task."""
    return dataset.tasks.get(space) or Binary(label=space)


def truth_columns(dataset: Dataset, output: Output) -> dict[str, str]:
    """Returns the columns of an output's true probability, by task; {} if unknown."""
    columns = {n: dataset.tasks[n].truth_column for n in output.truth_tasks}
    known = {name: column for name, column in columns.items() if column is not None}
    return known if len(known) == len(output.truth_tasks) else {}


def labels_of_rows(dataset: Dataset, outputs: list[Output], table: pa.Table) -> Table:
    """Returns the labels, weights and truths of some rows, without features.

    Args:
        dataset: the data set that declares tasks, spaces and the weight column.
        outputs: the outputs of the model.
        table: the rows.

    Raises:
        DataError: naming the column, row and value that is wrong.
    """
    rows = Table({}, {}, {})
    row_weight = row_weights(dataset, table)
    for output in outputs:
        labels = labels_of_task(f"dataset.tasks.{output.label}", output.task, table)
        counts = ~np.isnan(labels)
        if output.space is not None:
            key = f"dataset.tasks.{output.space}"
            if output.space not in dataset.tasks:
                key = f"dataset.tasks.{output.label}.space"
            space = space_task(dataset, output.space)
            counts &= labels_of_task(key, space, table) == 1
        rows.labels[output.label] = labels
        rows.weights[output.name] = np.where(counts, row_weight, 0).astype("float32")
        truth = true_probabilities(dataset, output, table)
        if truth is not None:
            rows.truths[output.name] = truth
    return rows


def labels_of_task(key: str, task: Task, table: pa.Table) -> Array:
    """Returns a task's labels, float32 (rows,), NaN where the column is empty."""
    return task.read_labels(f"{key}: column '{task.label}'", table[task.label])


def row_weights(dataset: Dataset, table: pa.Table) -> Array:
    """Returns the data set's own weight of each row, 1 without a weight column."""
    if dataset.weight_column is None:
        return np.ones(table.num_rows)
    where = f"dataset.weight_column: column '{dataset.weight_column}'"
    weight = as_numbers(where, table[dataset.weight_column])
    wrong = ~((weight >= 0) & (weight <= np.finfo("float32").max))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise RowError(
            where,
            row,
            f"holds {weight[row]:g}, not a float32 number from 0 up ({wrong.sum()} "
            "such rows); correct it, 0 leaves a row out",
        )
    return weight


def true_probabilities(
    dataset: Dataset, output: Output, table: pa.Table
) -> Array | None:
    """Returns an output's true probabilities, float32 (rows,), if they are known."""
    truths = []
    for name, column in truth_columns(dataset, output).items():
        where = f"dataset.tasks.{name}.truth: column '{column}'"
        p = as_numbers(where, table[column])
        wrong = ~((p >= 0) & (p <= 1))
        if wrong.any():
            row = int(np.argmax(wrong))
            rule = "not a probability from 0 to 1; correct it"
            raise RowError(where, row, f"holds {p[row]:g}, {rule}")
        truths.append(p)
    if not truths:
        return None
    joint, *divisor = truths
    for p in divisor:
        joint = np.divide(joint, p, out=np.zeros_like(joint), where=p > 0)
    return joint.astype("float32")
