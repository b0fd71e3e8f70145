"""Reads the predictions of runs for many tasks, and opens each file few times."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mtl_cli.core.errors import DAMAGED_FILE_ERRORS
from mtl_cli.runs.predictions_file import read_predictions

if TYPE_CHECKING:
    import pyarrow as pa

CELLS_IN_ADVANCE = (
    500_000  # number of cells, 4 MB, that are read before they are needed
)
# If more cells of a file were read, they are not cached, but read again when needed.
MAX_CACHED_CELLS = 2 * CELLS_IN_ADVANCE


class CachedColumns(NamedTuple):
    """Columns of a file.

    Attributes:
        names: the names of all columns of the file.
        columns: {name: column} of the columns that were read last; {} if they have more
            than `MAX_CACHED_CELLS` cells.
        num_rows: the number of rows.
    """

    names: frozenset[str]
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
        """Reads columns of a run's predictions, as `read_predictions` does.

        Args:
            run: the run folder.
            requested: the columns. Columns that the file lacks are left out.
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
    """Reads columns of a file.

    Args:
        run: the run folder.
        requested: the columns.
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
