"""Opens Feather (Arrow) files, and refuses a file that would fill the memory.

A Feather file of a few kilobytes can expand to gigabytes: it can hold compressed zeros,
or refer to one long text in every row. Arrow expands a whole batch of rows at once. So
this module first checks how large each batch will be.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from mtl_cli.columns.arrow_types import is_list
from mtl_cli.data.columnar_file import ColumnarFile
from mtl_cli.data.feather_batches import batch_sizes
from mtl_cli.data.table_limits import check_rows, check_size, check_texts


@contextmanager
def open_feather(stream: pa.NativeFile) -> Iterator[ColumnarFile]:
    """Opens a Feather (Arrow) file; refuses a file whose batches expand too much."""
    file_bytes = stream.size()
    with pa.ipc.open_file(stream) as file:
        dictionaries, row_batches = batch_sizes(stream, file_bytes)
        for batch in dictionaries + row_batches:
            check_size("a batch", batch.expanded_bytes, batch.num_cells, file_bytes)
        num_rows = sum(batch.num_rows for batch in row_batches)
        check_rows(num_rows, file_bytes)

        # Arrow chooses columns when it opens a file, before the caller names the
        # columns. So `_columns` is not used, and each batch is read with all columns.
        def batches(_columns: list[str], max_rows: int) -> Iterator[pa.RecordBatch]:
            for batch in map(file.get_batch, range(file.num_record_batches)):
                for name, column in zip(batch.schema.names, batch.columns, strict=True):
                    check_column(name, column, file_bytes)
                for start in range(0, batch.num_rows, max_rows):
                    yield batch.slice(start, max_rows)

        yield ColumnarFile(file.schema, num_rows, batches)


def check_column(name: str, column: pa.Array, file_bytes: int) -> None:
    """Refuses a column if its rows refer to the same long texts too often."""
    if is_list(column.type):
        # In a damaged file, a list may reach beyond its values. `flatten` would then
        # crash the process.
        column.validate(full=True)
        check_column(name, column.flatten(), file_bytes)
    # Several rows of a column of these types can refer to the same text.
    checks = pa.types.is_string_view, pa.types.is_binary_view, pa.types.is_dictionary
    if any(check(column.type) for check in checks):
        check_texts(name, column, file_bytes)
