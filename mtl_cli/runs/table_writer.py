"""Writes the table of `mtl-predict`, block by block, to stdout or to a file.

The ending of the file's name tells the format.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from mtl_cli.core.atomic_write import RUN_AGAIN, replacing
from mtl_cli.core.errors import ConfigError, first_line
from mtl_cli.core.message_text import comma_list
from mtl_cli.core.standard_streams import stdout_write_errors

STDOUT = "-"  # as a target: CSV to stdout
# {ending of a file's name: function that takes a file and a schema, and makes a writer}
WRITERS: dict[str, Callable[[Any, pa.Schema], Any]] = {
    ".csv": pyarrow.csv.CSVWriter,
    ".feather": pa.ipc.new_file,
    ".parquet": pyarrow.parquet.ParquetWriter,
}


class TableWriter:
    """Writes tables with the same columns to one file, one below the other.

    Args:
        file: the open file.
        ending: the key of `WRITERS` that tells the format.
        named_errors: makes a context in which write errors name the target. Needed for
            stdout only; for files, `replacing` does it.
    """

    def __init__(
        self,
        file: Any,
        ending: str,
        named_errors: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self.file, self.ending, self.named_errors = file, ending, named_errors
        self.writer: Any = None  # opened with the schema of the first table

    def write(self, table: pa.Table) -> None:
        try:
            with self.named_errors():
                if self.writer is None:
                    self.writer = WRITERS[self.ending](self.file, table.schema)
                self.writer.write_table(table)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            # Every format holds predictions, so this is a column to keep.
            names = [c for c in table.column_names if not self.can_hold(table, c)]
            raise ConfigError(
                f"--keep: {self.ending} cannot hold {comma_list(names)}: "
                f"{first_line(error)}; keep other columns, or choose another format "
                "with -o"
            ) from None

    def can_hold(self, table: pa.Table, column: str) -> bool:
        """Whether the format can hold a column, tried on one row in memory."""
        row = table.select([column]).slice(0, 1)
        try:
            with WRITERS[self.ending](pa.BufferOutputStream(), row.schema) as writer:
                writer.write_table(row)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return False
        return True

    def close(self) -> None:
        """Writes the rows that the format still buffers, and the end of the file."""
        if self.writer is not None:
            with self.named_errors():
                self.writer.close()


def check_prediction_target(target: str) -> None:
    if target != STDOUT and Path(target).suffix not in WRITERS:
        raise ConfigError(
            f"-o: '{target}' ends in none of {', '.join(WRITERS)}; choose one of these"
        )


@contextmanager
def opened_target(target: str) -> Iterator[TableWriter]:
    """Yields a writer to a file or to stdout.

    The file appears at the end of the block, completely or not at all.
    """
    if target == STDOUT:
        writer = TableWriter(sys.stdout.buffer, ".csv", stdout_write_errors)
        yield writer
        writer.close()
        return
    check_prediction_target(target)
    # Arrow gets an open file, because it refuses paths that are not UTF-8.
    with replacing(Path(target), RUN_AGAIN) as path, path.open("wb") as file:
        writer = TableWriter(file, Path(target).suffix)
        try:
            yield writer
        finally:
            writer.close()
