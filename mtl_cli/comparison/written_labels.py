"""Reads the labels in a run's `predictions.parquet` as numbers."""

from typing import TYPE_CHECKING

import numpy as np

from mtl_cli.comparison.runs import Run
from mtl_cli.metrics.metric import Floats
from mtl_cli.runs.saved_config import read_config

if TYPE_CHECKING:
    import pyarrow as pa


def label_numbers(run: Run, task: str, column: "pa.ChunkedArray") -> Floats:
    """Returns labels as numbers, float64 (rows,), NaN where a label is missing.

    The label of a multiclass task is the name of its class; its number is the position
    in the task's `classes`. Runs before version 0.2 wrote the number itself.

    Args:
        run: the run. The classes stand in the run's configuration.
        task: the name of the task.
        column: the column of `predictions.parquet`.

    Raises:
        OSError: if the configuration cannot be read.
        ValueError: if a label is none of the task's classes.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return np.asarray(column.to_numpy(), "float64")
    try:
        classes = read_config(run.path)["dataset"]["tasks"][task]["classes"]
    except (KeyError, TypeError):
        raise ValueError(f"config.yaml names no classes of {task}") from None
    names = pa.array([str(value) for value in classes], column.type)
    numbers = pc.index_in(column, names, skip_nulls=True)
    if numbers.null_count != column.null_count:
        raise ValueError(f"a label of {task} is none of its classes")
    return np.asarray(numbers.cast(pa.float64()).to_numpy(), "float64")
