"""Converts the tables that callers pass to Arrow tables."""

import os
from typing import TYPE_CHECKING, TypeAlias

from mtl_cli.core.errors import DataError, first_line

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from mtl_cli.data.column_request import ColumnRequest

    Rows: TypeAlias = pd.DataFrame | pa.Table


def select_feature_columns(table: "Rows", request: "ColumnRequest") -> "pa.Table":
    """Selects the columns that features read, with the types that training reads.

    Args:
        table: the rows.
        request: the columns that features read.

    Raises:
        DataError: if a column is missing, or its cells have different types.
    """
    import pandas as pd
    import pyarrow as pa

    from mtl_cli.data.open_files import without_dictionaries

    if not isinstance(table, pd.DataFrame | pa.Table):
        advice = ""
        if isinstance(table, str | os.PathLike):
            advice = "; read the file first, as pandas.read_parquet does, or use "
            advice += "mtl-predict"
        raise DataError(
            f"predict: needs a pandas DataFrame or an Arrow table, not "
            f"{type(table).__name__}{advice}"
        )
    if isinstance(table, pa.Table):
        request.check("predict", "the table", table.column_names)
        rows = table.select(request.columns)
    else:
        request.check("predict", "the table", [str(name) for name in table.columns])
        rows = as_arrow(table[request.columns], "predict")
    return without_dictionaries(rows)  # which the categorical columns of pandas become


def as_arrow(frame: "pd.DataFrame", method: str) -> "pa.Table":
    """Converts a DataFrame to an Arrow table.

    Args:
        frame: the rows.
        method: the method that the caller has called, for the error message.

    Raises:
        DataError: if the cells of a column have different types, or a type that Arrow
            cannot hold.
    """
    import pyarrow as pa

    try:
        return pa.Table.from_pandas(frame, preserve_index=False)
    except pa.ArrowException as error:
        reason = "; ".join(map(str, error.args))
        raise DataError(f"{method}: {reason}; give all its cells one type") from None
    except (TypeError, ValueError, OverflowError) as error:
        # Python's own errors, without the column: for instance a sparse column, or
        # whole numbers above 2^64.
        if len(frame.columns) > 1:
            for i in range(len(frame.columns)):
                as_arrow(frame.iloc[:, [i]], method)
        raise DataError(
            f"{method}: column {frame.columns[0]}: {first_line(error)}; convert the "
            "column"
        ) from None
