"""Converts the tables that callers pass to Arrow tables."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Protocol, TypeAlias

from mtl_cli.core.errors import DataError, first_line
from mtl_cli.core.locations import Location
from mtl_cli.core.message_text import shown

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from mtl_cli.data.column_request import ColumnRequest
    from mtl_cli.evaluation.open_table import TableInMemory

    Rows: TypeAlias = pd.DataFrame | pa.Table | pa.RecordBatch | "ArrowStream"
    Paths: TypeAlias = str | PathLike[str] | Sequence[str | PathLike[str]]

# The tables that callers may pass, for messages.
EXPECTED_ROWS = (
    "a pandas DataFrame, an Arrow table or an object with __arrow_c_stream__"
)


class ArrowStream(Protocol):
    """A table of another library that Arrow can read, such as one of Polars."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Returns the rows as a stream of Arrow's C interface."""


@dataclass(frozen=True)
class FrameTable:
    """A DataFrame of pandas of which `select` converts some columns to Arrow.

    The other columns are not converted, so they may hold cells that Arrow cannot hold.
    """

    frame: "pd.DataFrame"
    method: str  # the method of `Model` that was called, for messages

    @property
    def column_names(self) -> list[str]:
        """The names of the columns as text. In pandas, they may also be numbers."""
        return [str(name) for name in self.frame.columns]

    @property
    def num_rows(self) -> int:
        return len(self.frame)

    def select(self, columns: list[str]) -> "pa.Table":
        import pyarrow as pa

        index_by_name = {name: i for i, name in enumerate(self.column_names)}
        frame = self.frame.iloc[:, [index_by_name[column] for column in columns]]
        try:
            return pa.Table.from_pandas(intervals_as_text(frame), preserve_index=False)
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            # The error may not name the column. So each column is converted alone,
            # until the call for the wrong column raises the error below.
            if len(columns) > 1:
                for column in columns:
                    self.select([column])
            # Arrow's errors hold several texts, and UnicodeEncodeErrors also the cell.
            is_arrow = isinstance(error, pa.ArrowException)
            reason = "; ".join(error.args) if is_arrow else first_line(error)
            raise DataError(
                f"{self.method}: column {columns[0]}: {reason}; convert the column, or "
                "give all its cells one type"
            ) from None


def intervals_as_text(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Replaces intervals, as `pandas.cut` makes them, by texts such as `(0, 5]`."""
    import pandas as pd

    frame = frame.copy(deep=False)
    for i, dtype in enumerate(frame.dtypes):
        is_category = isinstance(dtype, pd.CategoricalDtype)
        value_dtype = dtype.categories.dtype if is_category else dtype
        if isinstance(value_dtype, pd.IntervalDtype):
            texts = frame.iloc[:, i].map(str, na_action="ignore").astype(object)
            frame.isetitem(i, texts.array)
    return frame


def named_index_as_columns(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Adds a column for each named level of the index, unless a column has its name.

    So a frame has the same columns as a Parquet file that pandas has written.
    """
    columns = set(map(str, frame.columns))
    names = [n for n in frame.index.names if n is not None and str(n) not in columns]
    if not names or frame.columns.nlevels > 1:
        return frame
    return frame.reset_index(level=names)


def as_rows(table: object, method: str) -> "TableInMemory | None":
    """Returns the rows that a caller has passed; None if the object is no table.

    `method` is the method of `Model` that was called, for messages.
    """
    import pandas as pd
    import pyarrow as pa

    from mtl_cli.data.struct_columns import with_struct_columns_in_memory

    if isinstance(table, pd.DataFrame):
        return FrameTable(named_index_as_columns(table), method)
    if not hasattr(table, "__arrow_c_stream__"):
        return None
    try:
        rows = table if isinstance(table, pa.Table) else pa.table(table)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise DataError(
            f"{method}: Arrow cannot read the {type(table).__name__}: "
            f"{first_line(error)}; convert it to an Arrow table"
        ) from None
    table_in_memory: TableInMemory = with_struct_columns_in_memory(rows)
    return table_in_memory


def select_feature_columns(
    rows: "TableInMemory", request: "ColumnRequest"
) -> "pa.Table":
    """Selects the columns that features read, and converts them as training does."""
    from mtl_cli.data.arrow_errors import plain_rows_in_memory

    request.check("predict", "the table", rows.column_names)
    # A categorical column of pandas becomes a dictionary of Arrow.
    return plain_rows_in_memory(rows.select(request.columns), "predict")


def rows_or_location(table: "Rows | Paths", method: str) -> "TableInMemory | Location":
    """Returns the rows that a caller has passed, or the paths of their files.

    `method` is the method of `Model` that was called, for messages.
    """
    rows = as_rows(table, method)
    if rows is not None:
        return rows
    if isinstance(table, str | PathLike):
        return os.fspath(table)
    paths = table if isinstance(table, list | tuple) else ()
    if paths and all(isinstance(path, str | PathLike) for path in paths):
        return [os.fspath(path) for path in paths]
    raise DataError(
        f"{method}: expected {EXPECTED_ROWS}, or paths, but got {shown(table)}"
    )
