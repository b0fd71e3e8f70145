"""Reads columns of runs' `predictions.parquet`, and opens each file few times."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mtl_cli.comparison.runs import Run
from mtl_cli.core.errors import DAMAGED_FILE_ERRORS
from mtl_cli.metrics.metric import Floats
from mtl_cli.runs.predictions_file import read_predictions
from mtl_cli.runs.saved_config import read_config

if TYPE_CHECKING:
    import pyarrow as pa

# The number of cells, 4 MB, that are read before they are needed.
CELLS_IN_ADVANCE = 500_000
# If more cells of a file were read, they are not cached, but read again when needed.
MAX_CACHED_CELLS = 2 * CELLS_IN_ADVANCE


class CachedColumns(NamedTuple):
    """Columns of a file."""

    names: frozenset[str]  # of all columns of the file
    # The columns that were read last; {} if they are too large for the cache.
    columns: "dict[str, pa.ChunkedArray]"
    num_rows: int


class PredictionFiles:
    """Reads columns of predictions, and in advance the columns that follow in the file.

    Opening a file takes time in proportion to its number of columns, and each task has
    two columns. If a file were opened once for each task, the time would grow with the
    square of the number of tasks.
    """

    def __init__(self) -> None:
        self.cached: dict[Path, CachedColumns] = {}

    def read(self, run: Path, requested: set[str]) -> "pa.Table":
        """Reads columns of a run's predictions, without columns that the file lacks.

        Raises the errors of `read_predictions`.
        """
        import pyarrow as pa

        cached = self.cached.get(run)
        if cached is None:
            cached = read_columns(run, requested, 0)
        elif not requested & cached.names <= cached.columns.keys():
            num_more = CELLS_IN_ADVANCE // max(1, cached.num_rows)
            try:
                cached = read_columns(run, requested, num_more)
            except DAMAGED_FILE_ERRORS:
                # The damage may be in a column that is not requested.
                cached = read_columns(run, requested, 0)
        table = pa.table({c: cached.columns[c] for c in requested & cached.names})
        if len(cached.columns) * cached.num_rows > MAX_CACHED_CELLS:
            cached = cached._replace(columns={})
        self.cached[run] = cached
        return table


def read_columns(run: Path, requested: set[str], num_more: int) -> CachedColumns:
    """Reads the requested columns of a file, and some columns after the last of them.

    Args:
        num_more: the number of columns to read after the last requested column.
    """
    all_names: list[str] = []

    def choose(names: list[str]) -> list[str]:
        all_names.extend(names)
        indices = [i for i, name in enumerate(names) if name in requested]
        end = max(indices, default=-1) + 1
        return [names[i] for i in indices] + names[end : end + num_more]

    table = read_predictions(run, choose)
    columns = dict(zip(table.column_names, table.columns, strict=True))
    return CachedColumns(frozenset(all_names), columns, table.num_rows)


def label_values(run: Run, name: str, column: "pa.ChunkedArray") -> Floats:
    """Converts a label column to float64, (rows,). A missing label becomes NaN.

    A multiclass column holds the name of each row's class. The name is converted to its
    index in the task's `classes`.

    Args:
        run: the run whose `config.yaml` lists the classes.
        name: the name of the column. A multiclass column has the name of its task.

    Raises:
        OSError: if the column is text and `config.yaml` cannot be read.
        ValueError: if the column is text, and `config.yaml` is damaged or does not list
            one of the labels.
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
        raise ValueError(f"config.yaml has no dataset.tasks.{name}.classes") from None
    class_names = pa.array([str(value) for value in classes], column.type)
    indices = pc.index_in(column, class_names, skip_nulls=True)
    if indices.null_count != column.null_count:
        raise ValueError(f"a label of {name} is not in its classes in config.yaml")
    return np.asarray(indices.cast(pa.float64()).to_numpy(), "float64")
