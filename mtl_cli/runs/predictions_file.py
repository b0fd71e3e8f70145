"""Reads the predictions that a run has made for its test rows."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mtl_cli.core.other_files import (
    MAX_BYTES,
    MAX_RATIO,
    UnsafeFileError,
    check_regular,
)

if TYPE_CHECKING:
    import pyarrow as pa

PREDICTIONS = "predictions.parquet"
SCENARIO = "scenario"  # the column that names the scenario of a row
ROWS = 500_000  # at a time


def read_predictions(run: Path, choose: Callable[[list[str]], list[str]]) -> "pa.Table":
    """Reads columns of a run's predictions, in bounded memory.

    A Parquet file of a few megabytes can hold billions of equal numbers. Row numbers
    and predictions differ from row to row, so an honest file does not expand like this.

    Args:
        run: the run folder.
        choose: returns the columns to read; receives the names of all columns.

    Raises:
        FileNotFoundError: if there is no such file.
        OSError: if the file cannot be read.
        ValueError: if the file is damaged or expands too much.
    """
    import pyarrow as pa

    from mtl_cli.data.parquet_file import open_parquet

    path = run / PREDICTIONS
    check_regular(path)
    largest = max(MAX_BYTES, MAX_RATIO * path.stat().st_size)
    batches: list[pa.RecordBatch] = []
    try:
        with pa.OSFile(str(path)) as stream, open_parquet(stream) as file:
            names = choose(file.schema.names)
            expanded = 0
            for batch in file.batches(names, ROWS):
                batch.validate(full=True)
                batches.append(batch)
                expanded += batch.nbytes
                if expanded > largest:
                    raise UnsafeFileError(
                        f"{path} expands to more than {largest:,} bytes"
                    )
            schema = pa.schema([file.schema.field(name) for name in names])
        schema = batches[0].schema if batches else schema
        return pa.Table.from_batches(batches, schema).select(names)
    except pa.ArrowException as error:
        raise ValueError(str(error)) from None
