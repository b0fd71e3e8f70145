"""Reads the tables of `mtl-init`, and empties cells that mark missing values."""

import argparse
from collections.abc import Iterable
from dataclasses import dataclass, replace

import pyarrow as pa

from mtl_cli.core.errors import DataError
from mtl_cli.data.csv_options import Csv, trim_to_null
from mtl_cli.init.arguments import parse_columns
from mtl_cli.init.null_values import find_null_values, null_value_notes
from mtl_cli.init.preview import TablePreview, read_preview


@dataclass(frozen=True)
class Tables:
    """The first rows of the tables of a data set.

    Attributes:
        format: the value of the key `format` in the YAML.
        null_values: {mark of missing values: the columns in which it was recognized}.
            In the tables, the cells with these marks are empty.
        null_notes: notes for the user about these marks.
    """

    train: TablePreview
    test: TablePreview | None
    format: str
    null_values: dict[str, list[str]]
    null_notes: list[str]

    @property
    def complete(self) -> bool:
        """Whether all rows of the tables were read."""
        return self.train.complete and (self.test is None or self.test.complete)

    @property
    def csv_options(self) -> list[Csv]:
        """The keys `dataset.csv.*` of each table that is a text file."""
        previews = [self.train] if self.test is None else [self.train, self.test]
        return [preview.csv for preview in previews if preview.csv]


def read_tables(arguments: argparse.Namespace, label_columns: list[str]) -> Tables:
    """Reads the first rows of the tables that the command line names."""
    column_names = parse_columns(arguments)
    train = read_preview("TABLE", arguments.table, column_names)
    test = None
    if arguments.test is not None:
        test = read_preview("--test", arguments.test, column_names, train.csv)
    table_format = format_of_tables(train, test)
    previews = [train] if test is None else [train, test]
    text_tables = [preview.table for preview in previews if preview.csv]
    null_values = find_null_values(text_tables, label_columns)
    return Tables(
        without_null_values(train, null_values),
        None if test is None else without_null_values(test, null_values),
        table_format,
        null_values,
        null_value_notes(text_tables, null_values),
    )


def format_of_tables(train: TablePreview, test: TablePreview | None) -> str:
    """Returns the value of the YAML's key `format` for both tables together.

    The value is `auto` if the endings of all paths name the format.

    Raises:
        DataError: if the tables have different formats, and the ending of a path names
            no format.
    """
    tables = [train] if test is None else [train, test]
    if all(table.ending_names_format for table in tables):
        return "auto"
    if test is not None and test.format != train.format:
        raise DataError(
            f"--test: '{test.path}' seems to be {test.format}, but '{train.path}' "
            f"seems to be {train.format}; write both tables in one format"
        )
    return train.format


def without_null_values(
    preview: TablePreview, null_values: Iterable[str]
) -> TablePreview:
    """Returns a preview with empty cells in place of the texts `null_values`.

    Only text files have such texts.
    """
    if preview.csv is None:
        return preview
    columns = [
        trim_to_null(column, list(null_values)) for column in preview.table.columns
    ]
    table = pa.table(columns, preview.table.column_names)
    return replace(preview, table=table)
