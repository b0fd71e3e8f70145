"""Labels: from columns to numbers that a loss can read, and the rows that count."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.data.schema import Dataset
from mtl_cli.errors import DataError, suggest
from mtl_cli.tasks import Output, Task

Array = npt.NDArray[Any]


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
            given = dataset.tasks.get(output.given)
            column = output.given if given is None else given.label
            columns.setdefault(column, f"dataset.tasks.{output.label}.space")
    for key in ("weight_column", "group_column", "split_column"):
        column = getattr(dataset, key)
        if column is not None:
            columns.setdefault(column, f"dataset.{key}")
    return columns


def labels_and_weights(
    dataset: Dataset, outputs: list[Output], table: pa.Table, training: bool
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Returns labels by task, and what each row counts by output, float32 (rows,).

    Args:
        dataset: that declares tasks, spaces and the weight column.
        outputs: of the model.
        table: all rows of a file.
        training: whether these are training rows, where each task needs both classes.

    Raises:
        DataError: naming the column, row and value that is wrong.
    """
    labels, weights = {}, {}
    row_weight = row_weights(dataset, table)
    for output in outputs:
        task = dataset.tasks[output.label]
        y = labels_of(output.label, task, table[task.label], training)
        counts = ~np.isnan(y)
        if output.given is not None:
            given = dataset.tasks.get(output.given)
            given = given or Task(label=output.given, kind="binary")
            counts &= labels_of(output.given, given, table[given.label], False) == 1
        if training and not output.added:
            check_task(output, y[counts & (row_weight > 0)])
        labels[output.label] = y
        weights[output.name] = np.where(counts, row_weight, 0).astype("float32")
    return labels, weights


def row_weights(dataset: Dataset, table: pa.Table) -> Array:
    """Returns the data set's own weight of each row, 1 without a weight column."""
    if dataset.weight_column is None:
        return np.ones(table.num_rows)
    column = table[dataset.weight_column]
    where = f"dataset.weight_column: column '{dataset.weight_column}'"
    if not is_number(column.type):
        raise DataError(f"{where} holds {column.type}, not numbers")
    weight = pc.cast(column, pa.float64(), safe=False).to_numpy()
    wrong = ~(np.isfinite(weight) & (weight >= 0))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"{where}, row {row + 1}: {weight[row]:g} is not a number from 0 up "
            f"({int(wrong.sum())} such rows)"
        )
    return np.asarray(weight)


def check_task(output: Output, y: Array) -> None:
    """Refuses a task that no training row teaches anything."""
    where = f"dataset.tasks.{output.name}"
    space = "" if output.given is None else f" where {output.given} = 1"
    if not len(y):
        raise DataError(f"{where}: no training row has a label{space}")
    if output.kind == "binary" and y.min() == y.max():
        raise DataError(
            f"{where}: all {len(y):,} training labels{space} are {y[0]:g}; "
            "a binary task needs both classes"
        )


def labels_of(name: str, task: Task, column: pa.ChunkedArray, training: bool) -> Array:
    """Returns a task's labels, float32 (rows,), NaN where the column is empty.

    Args:
        name: of the task, for messages.
        task: which value is 1, if the column does not hold 0 and 1.
        column: of the table.
        training: whether these are training rows, which must hold the positive value.

    Raises:
        DataError: naming the column, row and value that is not a label.
    """
    where = f"dataset.tasks.{name}: column '{task.label}'"
    missing = pc.is_null(column, nan_is_null=True).to_numpy()
    if task.positive is not None:
        y = positives(where, column, task.positive, training)
    elif is_number(column.type) or pa.types.is_boolean(column.type):
        y = pc.cast(column, pa.float64(), safe=False).to_numpy()
    elif missing.all():
        return np.full(len(column), np.nan, "float32")
    else:
        example = next(v.as_py() for v in column if v.is_valid)
        raise DataError(
            f"{where} holds {column.type} such as {example!r}, not numbers; "
            + (
                "say with `positive:` which value counts as 1"
                if task.kind == "binary"
                else "a regression needs numbers"
            )
        )
    y = np.where(missing, np.nan, y)
    too_large = np.abs(y) > np.finfo("float32").max
    wrong = too_large if task.kind == "regression" else ~np.isin(y, (0, 1))
    wrong &= ~missing
    if wrong.any():
        row = int(np.argmax(wrong))
        rule = "a finite float32 number" if task.kind == "regression" else "0 or 1"
        raise DataError(
            f"{where}, row {row + 1}: {y[row]:g} is not {rule} "
            f"({int(wrong.sum())} such rows); an empty cell is a missing label"
        )
    return np.asarray(y, "float32")


def positives(
    where: str, column: pa.ChunkedArray, positive: Any, training: bool
) -> Array:
    """Returns 1 where a column holds a positive value, 0 elsewhere."""
    values = positive if isinstance(positive, list) else [positive]
    y = np.zeros(len(column))
    for value in values:
        try:
            same = pc.equal(column, pa.scalar(value).cast(column.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise DataError(
                f"{where} holds {column.type}, which `positive: {value!r}` is not"
            ) from None
        found = pc.fill_null(same, False).to_numpy()
        if training and not found.any():
            held = [repr(v) for v in pc.unique(column).to_pylist()]
            raise DataError(
                f"{where} never holds the positive value {value!r}; it holds "
                f"{', '.join(held[:20])}{suggest(repr(value), held)}"
            )
        y[found] = 1
    return y


def is_number(kind: pa.DataType) -> bool:
    """Whether an Arrow type is a number."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))
