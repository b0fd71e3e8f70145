"""Labels: from a column to numbers that a loss can read."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.errors import DataError
from mtl_cli.tasks import Task


def labels_of(
    name: str, task: Task, column: pa.ChunkedArray, training: bool
) -> npt.NDArray[Any]:
    """Returns a task's labels, float32 (rows,).

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
    if missing.any():
        raise DataError(
            f"{where} is empty in row {int(np.argmax(missing)) + 1} "
            f"({int(missing.sum())} such rows); fill or remove them"
        )
    if task.positive is not None:
        return positives(where, column, task.positive, training)
    if not (is_number(column.type) or pa.types.is_boolean(column.type)):
        example = column[0].as_py()
        raise DataError(
            f"{where} holds {column.type} such as {example!r}, not numbers; "
            "say with `positive:` which value counts as 1"
        )
    y = pc.cast(column, pa.float64(), safe=False).to_numpy()
    wrong = ~np.isfinite(y) if task.kind == "regression" else ~np.isin(y, (0, 1))
    if wrong.any():
        row = int(np.argmax(wrong))
        rule = "a finite number" if task.kind == "regression" else "0 or 1"
        raise DataError(
            f"{where}, row {row + 1}: {y[row]:g} is not {rule} "
            f"({int(wrong.sum())} such rows)"
        )
    return np.asarray(y, "float32")


def positives(
    where: str, column: pa.ChunkedArray, positive: str | int, training: bool
) -> npt.NDArray[Any]:
    """Returns 1 where a column holds the positive value, 0 elsewhere."""
    try:
        value = pa.scalar(positive).cast(column.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise DataError(
            f"{where} holds {column.type}, which `positive: {positive!r}` is not"
        ) from None
    y = pc.equal(column, value).to_numpy().astype("float32")
    if training and not y.any():
        held = ", ".join(repr(v) for v in pc.unique(column).to_pylist()[:8])
        raise DataError(
            f"{where} never holds the positive value {positive!r}; it holds {held}"
        )
    return np.asarray(y)


def is_number(kind: pa.DataType) -> bool:
    """Whether an Arrow type is a number."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))
