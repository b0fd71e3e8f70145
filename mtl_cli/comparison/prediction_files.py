"""Reads columns of the `predictions.parquet` of runs, and keeps some in a cache."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mtl_cli.comparison.runs import Run
from mtl_cli.core.errors import DAMAGED_FILE_ERRORS
from mtl_cli.core.prediction_names import GROUP
from mtl_cli.data.table import Array
from mtl_cli.metrics.metric import Floats
from mtl_cli.runs.predictions_file import read_predictions

if TYPE_CHECKING:
    import pyarrow as pa

# The number of cells, about 4 MB, that are read in advance for the next tasks.
CELLS_IN_ADVANCE = 500_000
MAX_CACHED_CELLS = 2 * CELLS_IN_ADVANCE  # the cache keeps at most this many of a file


class CachedColumns(NamedTuple):
    """The part of a `predictions.parquet` that the cache keeps.

    Attributes:
        names: the names of all columns of the file.
        columns: the columns that were read last; {} if these are too large to be kept.
        num_rows: the number of rows.
    """

    names: frozenset[str]
    columns: "dict[str, pa.ChunkedArray]"
    num_rows: int


class PredictionFiles:
    """Reads columns of predictions, and keeps the columns that were read last.

    The first read of a file gets only the requested columns. Each further read also
    gets the columns that follow, because the next tasks will request them. Otherwise
    each task would open the file again. Opening takes time in proportion to the number
    of columns, so the total time would grow with the square of the number of tasks.
    """

    def __init__(self) -> None:
        self.cached: dict[Path, CachedColumns] = {}

    def read(self, run: Path, requested: set[str]) -> "pa.Table":
        """Reads the requested columns that the `predictions.parquet` of a run has.

        `run` is the run folder. Raises the same errors as `read_predictions`.
        """
        import pyarrow as pa

        cached = self.cached.get(run)
        if cached is None:
            cached = read_columns(run, requested, num_more=0)
        elif not requested & cached.names <= cached.columns.keys():
            num_more = CELLS_IN_ADVANCE // max(1, cached.num_rows)
            try:
                cached = read_columns(run, requested, num_more)
            except DAMAGED_FILE_ERRORS:
                # The damage may be in a column that is not requested.
                cached = read_columns(run, requested, num_more=0)
        table = pa.table({c: cached.columns[c] for c in requested & cached.names})
        if len(cached.columns) * cached.num_rows > MAX_CACHED_CELLS:
            cached = cached._replace(columns={})
        self.cached[run] = cached
        return table


def read_columns(run: Path, requested: set[str], num_more: int) -> CachedColumns:
    """Reads the requested columns of a file, and the next `num_more` columns.

    These follow the last requested column in the file. A request for the groups does
    not count: all tasks request them, and they are the last column.
    """
    all_names: list[str] = []

    def choose(names: list[str]) -> list[str]:
        all_names.extend(names)
        indices = [i for i, name in enumerate(names) if name in requested]
        end = max((i for i in indices if names[i] != GROUP), default=-1) + 1
        chosen = [names[i] for i in indices] + names[end : end + num_more]
        return list(dict.fromkeys(chosen))

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
    classes = pa.array(classes_of(run, name), column.type)
    indices = pc.index_in(column, classes, skip_nulls=True)
    if indices.null_count != column.null_count:
        raise ValueError(f"a label of {name} is not in its classes in config.yaml")
    return np.asarray(indices.cast(pa.float64()).to_numpy(), "float64")


def class_names(run: Run, name: str, labels: Floats) -> Array | None:
    """Returns the name of the class of each label, (rows,).

    Args:
        run: the run whose `config.yaml` lists the classes.
        name: the name of the label column.
        labels: the result of `label_values`.

    Returns: the names, with None for a missing label; or None instead of an array if
        the labels are not classes.

    Raises:
        OSError, ValueError: if `config.yaml` cannot be read.
    """
    classes = classes_of(run, name)
    if not classes:
        return None
    is_class = np.isin(labels, np.arange(len(classes)))
    # The index -1 is the None at the end.
    indices = np.where(is_class, labels, -1).astype("int64")
    names: Array = np.array([*classes, None], object)[indices]
    return names


def classes_of(run: Run, task: str) -> list[str]:
    """Returns the names of a task's classes; [] if `config.yaml` lists none.

    Raises:
        OSError, ValueError: if `config.yaml` cannot be read.
    """
    try:
        return [str(value) for value in run.config["dataset"]["tasks"][task]["classes"]]
    except (KeyError, TypeError):
        return []
