"""Converts the tables that callers pass to Arrow tables."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Protocol, TypeAlias

from mtl_cli.core.errors import DataError, first_line
from mtl_cli.core.locations import Location

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from mtl_cli.data.column_request import ColumnRequest
    from mtl_cli.evaluation.open_table import TableInMemory

    Rows: TypeAlias = pd.DataFrame | pa.Table | pa.RecordBatch | "ArrowStream"

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

    Attributes:
        frame: the rows.
        method: the method of `Model` that was called, such as `predict`, for messages.
    """

    frame: "pd.DataFrame"
    method: str

    @property
    def column_names(self) -> list[str]:
        """The names of the columns as text. In pandas, they may also be numbers."""
        return [str(name) for name in self.frame.columns]

    @property
    def num_rows(self) -> int:
        """The number of rows."""
        return len(self.frame)

    def select(self, columns: list[str]) -> "pa.Table":
        """Converts the named columns to Arrow.

        Raises:
            DataError: if the cells of a column have different types, or a type that
                Arrow cannot hold.
        """
        import pyarrow as pa

        from mtl_cli.columns.arrow_types import with_plain_types

        index_by_name = {name: i for i, name in enumerate(self.column_names)}
        frame = self.frame.iloc[:, [index_by_name[column] for column in columns]]
        try:
            table = pa.Table.from_pandas(intervals_as_text(frame), preserve_index=False)
            return with_plain_types(table)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            reason = "; ".join(map(str, error.args))  # names the column
            raise DataError(
                f"{self.method}: {reason}; give all its cells one type"
            ) from None
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            # Such an error, for instance about a sparse column or whole numbers above
            # 2^64, does not name the column. So each column is converted alone, until
            # the call for the wrong column raises the error below.
            if len(columns) > 1:
                for column in columns:
                    self.select([column])
            reason = first_line(error)
            if isinstance(error, pa.ArrowException):  # it may have several texts
                reason = "; ".join(map(str, error.args))
            raise DataError(
                f"{self.method}: column {columns[0]}: {reason}; convert the column"
            ) from None


def intervals_as_text(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Replaces intervals, as `pandas.cut` makes them, by texts such as `(0, 5]`.

    Arrow cannot read categories that are intervals. Arrow turns other intervals into a
    type that no feature reads.
    """
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

    So a frame has the same columns as a Parquet file that pandas has written, except
    that such a file has no column for a `RangeIndex`.
    """
    columns = set(map(str, frame.columns))
    # If several levels have the same name, only the last one becomes a column: pandas
    # refuses two columns of one name.
    levels = {
        name: i
        for i, name in enumerate(frame.index.names)
        if name is not None and str(name) not in columns
    }
    if not levels or frame.columns.nlevels > 1:
        return frame
    return frame.reset_index(level=list(levels.values()))


def as_rows(table: object, method: str) -> "TableInMemory | None":
    """Returns the rows that a caller has passed; None if the object is no table.

    Args:
        table: what the caller has passed.
        method: the method of `Model` that was called, such as `predict`, for messages.

    Raises:
        DataError: if an Arrow table is damaged, or if Arrow cannot read the rows of
            another library.
    """
    import pandas as pd
    import pyarrow as pa

    if isinstance(table, pd.DataFrame):
        return FrameTable(named_index_as_columns(table), method)
    rows: TableInMemory
    if isinstance(table, pa.Table):
        try:
            table.validate()
        except pa.ArrowInvalid as error:
            raise DataError(
                f"{method}: the Arrow table is damaged: {first_line(error)}; make this "
                "column again"
            ) from None
        rows = table
        return rows
    if hasattr(table, "__arrow_c_stream__"):
        try:
            rows = pa.table(table)
        except (pa.ArrowException, TypeError, ValueError) as error:
            raise DataError(
                f"{method}: Arrow cannot read the {type(table).__name__}: "
                f"{first_line(error)}; convert it to an Arrow table"
            ) from None
        return rows
    return None


def select_feature_columns(table: "Rows", request: "ColumnRequest") -> "pa.Table":
    """Selects the columns that features read, and converts them as training does.

    Args:
        table: the rows, as the caller of `predict` has passed them.
        request: the columns to select.

    Raises:
        DataError: if the table is none of `EXPECTED_ROWS`, if a column is missing, or
            if its cells have different types.
    """
    from mtl_cli.columns.arrow_types import with_plain_types

    rows = as_rows(table, "predict")
    if rows is None:
        advice = ""
        if isinstance(table, str | PathLike):
            advice = (
                "; read the file first, as with pandas.read_parquet, or use mtl-predict"
            )
        raise DataError(
            f"predict: expected {EXPECTED_ROWS}, but got {type(table).__name__}{advice}"
        )
    request.check("predict", "the table", rows.column_names)
    # A categorical column of pandas becomes a dictionary of Arrow.
    return with_plain_types(rows.select(request.columns))


def rows_or_location(
    table: "Rows | str | PathLike[str] | Sequence[str | PathLike[str]]",
) -> "TableInMemory | Location":
    """Returns the rows to evaluate, or the paths of the files that hold them.

    Args:
        table: the rows; or a path, or a list of paths.

    Raises:
        DataError: if the table is neither rows nor paths.
    """
    rows = as_rows(table, "evaluate")
    if rows is not None:
        return rows
    if isinstance(table, str | PathLike):
        return os.fspath(table)
    if isinstance(table, list | tuple):
        if not table:
            raise DataError("evaluate: the list names no file; name one")
        return [os.fspath(path) for path in table]
    raise DataError(
        f"evaluate: expected {EXPECTED_ROWS}, or paths, but got {type(table).__name__}"
    )
