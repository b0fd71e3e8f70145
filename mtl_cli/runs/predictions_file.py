"""Reads the predictions of a run for its test rows: `predictions.parquet`."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mtl_cli.core import other_files
from mtl_cli.data.table import Array

if TYPE_CHECKING:
    import pyarrow as pa

PREDICTIONS = "predictions.parquet"
ROWS_PER_BATCH = 500_000


def read_predictions(run: Path, choose: Callable[[list[str]], list[str]]) -> "pa.Table":
    """Reads the columns of a run's predictions that `choose` selects from their names.

    A malicious Parquet file of a few megabytes can expand to billions of equal values.
    A file that is damaged or expands too much is a `ValueError`.
    """
    import pyarrow as pa

    from mtl_cli.data.parquet_file import open_parquet

    path = run / PREDICTIONS
    other_files.check_regular(path)
    size = path.stat().st_size
    max_bytes = max(other_files.MAX_BYTES, other_files.MAX_RATIO * size)
    batches: list[pa.RecordBatch] = []
    try:
        with pa.OSFile(str(path)) as stream, open_parquet(stream) as file:
            names = choose(file.schema.names)
            num_bytes = 0
            for batch in file.batches(names, ROWS_PER_BATCH):
                batch.validate(full=True)
                batches.append(batch)
                num_bytes += batch.nbytes
                if num_bytes > max_bytes:
                    raise other_files.UnsafeFileError(
                        f"{path} expands to more than {max_bytes:,} bytes"
                    )
            # An empty file has no batches to take the schema from.
            schema = pa.schema([file.schema.field(name) for name in names])
        schema = batches[0].schema if batches else schema
        return pa.Table.from_batches(batches, schema).select(names)
    except pa.ArrowException as error:
        raise ValueError(str(error)) from None


def prediction_array(cells: Array) -> Array:
    """Returns a column of predictions as float64, (rows,) or (rows, classes).

    A cell holds one number, or the probabilities of all classes.
    """
    if cells.dtype == object:
        cells = np.stack(list(cells))
    return cells.astype("float64")
