"""Reads label columns of a run's `predictions.parquet` as numbers."""

from typing import TYPE_CHECKING

import numpy as np

from mtl_cli.comparison.runs import Run
from mtl_cli.metrics.metric import Floats
from mtl_cli.runs.saved_config import read_config

if TYPE_CHECKING:
    import pyarrow as pa


def label_values(run: Run, name: str, column: "pa.ChunkedArray") -> Floats:
    """Converts a label column to float64, (rows,). A missing label becomes NaN.

    A multiclass column holds the name of each row's class. The name is converted to its
    index in the task's `classes`. Runs before version 0.2 wrote the index itself.

    Args:
        run: the run whose `config.yaml` lists the classes.
        name: the name of the column. A multiclass column has the name of its task.
        column: the column.

    Raises:
        OSError: if the column is text and `config.yaml` cannot be read.
        ValueError: if the column is text, and `config.yaml` is damaged, has no
            `classes` for the task, or does not list one of the labels.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return np.asarray(column.to_numpy(), "float64")
    try:
        classes = read_config(run.path)["dataset"]["tasks"][name]["classes"]
    except (KeyError, TypeError):
        raise ValueError(
            f"config.yaml has no dataset.tasks.{name}.classes, which the text labels "
            "in predictions.parquet need"
        ) from None
    class_names = pa.array([str(value) for value in classes], column.type)
    indices = pc.index_in(column, class_names, skip_nulls=True)
    if indices.null_count != column.null_count:
        raise ValueError(
            f"predictions.parquet has a label of {name} that is not in its classes in "
            "config.yaml"
        )
    return np.asarray(indices.cast(pa.float64()).to_numpy(), "float64")
