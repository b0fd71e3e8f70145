"""An open Parquet or Feather file, with the same attributes for both formats."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import pyarrow as pa


class ColumnarFile(NamedTuple):
    """An open file that stores its rows column by column.

    `batches` takes column names and a largest number of rows, and yields all rows in
    batches of at most this number. A batch has the named columns, and perhaps others.
    """

    schema: pa.Schema
    num_rows: int
    batches: Callable[[list[str], int], Iterator[pa.RecordBatch]]
