"""Labels: from columns to numbers that a loss can read, and the rows that count."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.columns.numeric import as_numbers
from mtl_cli.core.errors import DataError, RowError, shown, suggest
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.table import Array, Table
from mtl_cli.tasks.base import Output, Task


def label_columns(dataset: Dataset, outputs: list[Output]) -> dict[str, str]:
    """Returns the columns that labels, spaces, weights and groups need.

    Args:
        dataset: that declares them.
        outputs: of the model.

    Returns: by column, the configuration's key that asks for it.
    """
    columns = {}
    for output in outputs:
        task = dataset.tasks[output.label]
        columns[task.label] = f"dataset.tasks.{output.label}.label"
        if output.given is not None:
            column = space_task(dataset, output.given).label
            columns.setdefault(column, f"dataset.tasks.{output.label}.space")
        for name in truth_tasks(output):
            truth = dataset.tasks[name].truth if name in dataset.tasks else None
            if truth is not None:
                columns.setdefault(truth, f"dataset.tasks.{name}.truth")
    for key in ("weight_column", "group_column", "split_column"):
        column = getattr(dataset, key)
        if column is not None:
            columns.setdefault(column, f"dataset.{key}")
    return columns


def label_types(dataset: Dataset, outputs: list[Output]) -> dict[str, pa.DataType]:
    """Returns what those columns are read as from a text file."""
    types = {column: pa.float64() for column in label_columns(dataset, outputs)}
    for column in (dataset.group_column, dataset.split_column):
        if column is not None:
            types[column] = pa.string()
    for output in outputs:
        for name in (output.label, output.given):
            task = dataset.tasks.get(name or "")
            if task is not None and (task.positive is not None or task.classes):
                types[task.label] = pa.string()
    return types


def space_task(dataset: Dataset, given: str) -> Task:
    """Returns the task of a space, or a column of 0 and 1 as one."""
    return dataset.tasks.get(given) or Task(label=given, kind="binary")


def truth_tasks(output: Output) -> list[str]:
    """Returns the tasks whose true probabilities give an output's: ESMM's pCVR is
    pCTCVR over pCTR.
    """
    added = [output.label, output.given] if output.added else [output.name]
    return [name for name in added if name is not None]


def labels_of_rows(dataset: Dataset, outputs: list[Output], table: pa.Table) -> Table:
    """Returns the labels, weights and truths of some rows, without features.

    Args:
        dataset: that declares tasks, spaces and the weight column.
        outputs: of the model.
        table: the rows.

    Raises:
        DataError: naming the column, row and value that is wrong.
    """
    found = Table({}, {}, {})
    row_weight = row_weights(dataset, table)
    for output in outputs:
        task = dataset.tasks[output.label]
        y = label_of(f"dataset.tasks.{output.label}", task, table[task.label])
        counts = ~np.isnan(y)
        if output.given is not None:
            given = space_task(dataset, output.given)
            where = f"dataset.tasks.{output.given}"
            if output.given not in dataset.tasks:
                where = f"dataset.tasks.{output.label}.space"
            counts &= label_of(where, given, table[given.label]) == 1
        found.labels[output.label] = y
        found.weights[output.name] = np.where(counts, row_weight, 0).astype("float32")
        truth = truth_of(dataset, output, table)
        if truth is not None:
            found.truths[output.name] = truth
    return found


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


def truth_of(dataset: Dataset, output: Output, table: pa.Table) -> Array | None:
    """Returns an output's true probabilities, float32 (rows,), if they are known."""
    truths = []
    for name in truth_tasks(output):
        column = dataset.tasks[name].truth if name in dataset.tasks else None
        if column is None:
            return None
        where = f"dataset.tasks.{name}.truth: column '{column}'"
        p = as_numbers(where, table[column])
        wrong = ~((p >= 0) & (p <= 1))
        if wrong.any():
            row = int(np.argmax(wrong))
            what = f"holds {p[row]:g}, not a probability from 0 to 1; correct it"
            raise RowError(where, row, what)
        truths.append(p)
    if output.added:
        whole, part = truths
        truths = [np.divide(whole, part, out=np.zeros_like(whole), where=part > 0)]
    return truths[0].astype("float32")


def label_of(key: str, task: Task, column: pa.ChunkedArray) -> Array:
    """Returns a task's labels, float32 (rows,), NaN where the column is empty.

    Args:
        key: of the task in the configuration, for messages.
        task: its kind, and which values mean what.
        column: of the table.

    Raises:
        DataError: naming the column, row and value that is not a label.
    """
    where = f"{key}: column '{task.label}'"
    missing = np.asarray(pc.is_null(column, nan_is_null=True))
    if missing.all() and task.positive is None:
        return np.full(len(column), np.nan, "float32")
    if task.positive is not None:
        y = positives(where, column, task.positives)
    elif task.classes is not None:
        return classes(where, column, task.classes)
    else:
        y = numeric_label(where, task, column)
    y = np.where(missing, np.nan, y)
    if task.kind == "regression":
        rule = "a finite float32 number"
        wrong = np.abs(y) > np.finfo("float32").max
        if task.transform == "log1p":
            rule += " above -1, which transform log1p needs"
            wrong |= y <= -1 + 2**-25  # which in float32 is -1
    else:
        rule, wrong = "0 or 1", ~np.isin(y, (0, 1))
    wrong &= ~missing
    if wrong.any():
        row = int(np.argmax(wrong))
        raise RowError(
            where,
            row,
            f"holds {y[row]:g}, not {rule} ({int(wrong.sum())} such rows); an empty "
            "cell is a missing label",
        )
    return np.asarray(y, "float32")


def numeric_label(where: str, task: Task, column: pa.ChunkedArray) -> Array:
    """Returns a column of numbers, or asks for what text would need."""
    try:
        return as_numbers(where, column)
    except DataError as error:
        fix = "say with `positive:` which value counts as 1"
        fix = fix if task.kind == "binary" else "a regression needs numbers"
        if isinstance(error, RowError):
            raise RowError(where, error.row, f"{error.problem}; {fix}") from None
        example = next(v.as_py() for v in column if v.is_valid)
        raise DataError(
            f"{where} holds {column.type} such as {shown(example)}, not numbers; {fix}"
        ) from None


def positives(where: str, column: pa.ChunkedArray, values: list[str | int]) -> Array:
    """Returns 1 where a column holds a positive value, 0 elsewhere."""
    y = np.zeros(len(column))
    for value in values:
        y[equals(where, column, value, "positive")] = 1
    return y


def classes(where: str, column: pa.ChunkedArray, values: list[str | int]) -> Array:
    """Returns the position of each row's value among the classes, NaN if empty."""
    y = np.full(len(column), np.nan, "float32")
    for i, value in enumerate(values):
        y[equals(where, column, value, "classes")] = i
    wrong = np.isnan(y) & ~np.asarray(pc.is_null(column, nan_is_null=True))
    if wrong.any():
        row = int(np.argmax(wrong))
        value = column[row].as_py()
        raise RowError(
            where,
            row,
            f"holds {shown(value)}, which is none of its classes ({int(wrong.sum())} "
            f"such rows){suggest(str(value), [str(v) for v in values])}",
        )
    return y


def equals(where: str, column: pa.ChunkedArray, value: Any, key: str) -> Array:
    """Returns which cells of a column hold a value that the configuration names."""
    if pa.types.is_null(column.type):
        return np.zeros(len(column), bool)
    try:
        if pa.types.is_string(column.type):
            value = str(value)
        same = pc.equal(column, pa.scalar(value).cast(column.type))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise DataError(
            f"{where} holds {column.type}, which `{key}: {value!r}` is not"
        ) from None
    return np.asarray(pc.fill_null(same, False))
