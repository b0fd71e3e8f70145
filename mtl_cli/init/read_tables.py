"""Reads the tables of `mtl-init`, and empties cells that mark missing values."""

import argparse
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.core.message_text import comma_list
from mtl_cli.data.csv_options import Csv, trim_to_null
from mtl_cli.init.arguments import parse_columns
from mtl_cli.init.preview import TablePreview, read_preview
from mtl_cli.init.value_kinds import kind_of_values
from mtl_cli.init.yes_no import are_yes_and_no

# Texts that mark missing values among numbers, times, or answers such as yes and no.
MARKS = r"NA N/A n/a <NA> #N/A NaN nan na NULL Null null \N ? None none nil - -- ."


@dataclass(frozen=True)
class Tables:
    """The first rows of the tables of a data set.

    Attributes:
        format: the value of the key `format` in the YAML.
        csv: the section `csv` of the YAML. The cells with `csv.null_values` are empty
            in the tables.
        notes: notes for the user about `csv.null_values`.
    """

    train: TablePreview
    test: TablePreview | None
    format: str
    csv: Csv
    notes: list[str]

    @property
    def complete(self) -> bool:
        """Whether all rows of the tables were read."""
        return self.train.complete and (self.test is None or self.test.complete)


def read_tables(arguments: argparse.Namespace) -> Tables:
    """Reads the first rows of the tables that the command line names."""
    names = parse_columns(arguments)
    previews = [read_preview("TABLE", arguments.table, names)]
    if arguments.test is not None:
        training_csv = previews[0].csv
        previews.append(read_preview("--test", arguments.test, names, training_csv))
    text_tables = [preview.table for preview in previews if preview.csv]
    marks = find_null_values(text_tables)
    csvs = [preview.csv for preview in previews if preview.csv] or [Csv()]
    trim = any(csv.trim for csv in csvs)
    csv = csvs[0].model_copy(update={"trim": trim, "null_values": marks})
    known_endings = all(preview.ending_names_format for preview in previews)
    train, *tests = [without_marks(preview, marks) for preview in previews]
    return Tables(
        train,
        tests[0] if tests else None,
        "auto" if known_endings else "csv",
        csv,
        null_value_notes(text_tables, marks),
    )


def find_null_values(tables: list[pa.Table]) -> list[str]:
    """Returns the texts of `MARKS` that mark missing values in some text tables.

    In at least one column, all cells besides these marks are numbers, or all are times,
    or all say yes or no.
    """
    found: dict[str, None] = {}
    for column in (column for table in tables for column in table.columns):
        values = pc.unique(column.drop_null())
        is_mark = pc.is_in(values, pa.array(MARKS.split()))
        if not pc.any(is_mark).as_py():
            continue
        others = values.filter(pc.invert(is_mark))
        kind = kind_of_values(others.type, others)
        if kind in ("whole", "decimal", "time") or are_yes_and_no(others.to_pylist()):
            found |= dict.fromkeys(values.filter(is_mark).to_pylist())
    return list(found)


def null_value_notes(tables: list[pa.Table], marks: list[str]) -> list[str]:
    """Returns a note for each mark: the columns of all tables that hold the mark."""
    notes = []
    for mark in marks:
        columns = [
            name
            for table in tables
            for name in table.column_names
            if pc.any(pc.equal(table[name], mark)).as_py()
        ]
        notes.append(
            f"'{mark}' counts as an empty cell, here in "
            f"{comma_list(dict.fromkeys(columns))}; if '{mark}' is a word in one of "
            "these columns, remove it from csv.null_values"
        )
    return notes


def without_marks(preview: TablePreview, marks: list[str]) -> TablePreview:
    """Empties the cells of a text file that hold a mark of missing values."""
    if preview.csv is None:
        return preview
    columns = [trim_to_null(column, marks) for column in preview.table.columns]
    return replace(preview, table=pa.table(columns, preview.table.column_names))
