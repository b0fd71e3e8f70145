"""Reads columns of the `predictions.parquet` of runs, and keeps small files."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mtl_cli.comparison.runs import Run
from mtl_cli.core.errors import DAMAGED_FILE_ERRORS
from mtl_cli.data.table import Array
from mtl_cli.metrics.metric import Floats
from mtl_cli.runs.predictions_file import read_predictions

if TYPE_CHECKING:
    import pyarrow as pa

MAX_KEPT_CELLS = 1_000_000  # about 8 MB; larger files are not kept in memory


class PredictionFiles:
    """Reads columns of predictions, and keeps small files in memory.

    If each task opened the file again, the total time would grow with the square of the
    number of tasks, because opening takes time in proportion to the number of columns.
    So the second read of a file keeps all columns. The first read takes only the
    requested columns: usually there are few tasks.
    """

    def __init__(self) -> None:
        self.num_cells: dict[Path, int] = {}  # of each file that was read
        self.kept: dict[Path, pa.Table] = {}

    def read(self, run: Path, requested: set[str]) -> "pa.Table":
        """Reads the requested columns that the `predictions.parquet` of a run has.

        `run` is the run folder. Raises the same errors as `read_predictions`.
        """
        if run not in self.kept and self.num_cells.get(run, np.inf) <= MAX_KEPT_CELLS:
            # The damage may be in a column that is not requested.
            with suppress(*DAMAGED_FILE_ERRORS):
                self.kept[run] = read_predictions(run, list)
        if run in self.kept:
            table = self.kept[run]
            return table.select([n for n in table.column_names if n in requested])
        all_names: list[str] = []

        def choose(names: list[str]) -> list[str]:
            all_names.extend(names)
            return [name for name in names if name in requested]

        table = read_predictions(run, choose)
        self.num_cells[run] = len(all_names) * table.num_rows
        return table


def label_values(run: Run, name: str, column: "pa.ChunkedArray") -> Floats:
    """Converts a label column to float64, (rows,). A missing label becomes NaN.

    A multiclass column has the name of its task, and holds the name of each row's
    class. The name is converted to its index in the `classes` in `config.yaml`.

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
    """Returns the name of the class of each label, (rows,), None for a missing label.

    `labels` is the result of `label_values`. Returns None if they are not classes.

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
    """Returns the names of a task's classes; [] if `config.yaml` lists none."""
    try:
        return [str(value) for value in run.config["dataset"]["tasks"][task]["classes"]]
    except (KeyError, TypeError):
        return []
