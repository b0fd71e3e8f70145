"""Finds texts in the cells of text files that mark missing values, such as NA."""

from collections import Counter
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.init.odd_labels import NO, YES
from mtl_cli.init.value_kinds import kind_of_values

# Texts that never are a label or a category by themselves.
MARKS = ["NA", "N/A", "n/a", "<NA>", "#N/A", "NaN", "nan", "NULL", "null", "\\N", "?"]
# Texts that mark missing values only among numbers or times.
MARKS_AMONG_NUMBERS = [*MARKS, "na", "Null", "None", "none", "nil", "-", "--", "."]


def find_null_values(
    tables: list[pa.Table], labels: Iterable[str]
) -> dict[str, list[str]]:
    """Returns the texts that mark missing values, and the columns that show it.

    A text counts as such a mark if all other cells of its column are numbers or times,
    or if all other cells of a label column say yes or no.

    Args:
        tables: the rows of text files, every cell as text.
        labels: the names of the label columns.

    Returns: {text: names of columns}.
    """
    columns_by_mark: dict[str, list[str]] = {}
    for table in tables:
        for name, cells in zip(table.column_names, table.columns, strict=True):
            values = pc.unique(cells.drop_null())
            for mark in marks_among(values, is_label=name in labels):
                columns = columns_by_mark.setdefault(mark, [])
                columns.extend([name] if name not in columns else [])
    return columns_by_mark


def marks_among(values: pa.Array, is_label: bool) -> list[str]:
    """Returns the distinct values of a column that mark missing values.

    Args:
        values: the distinct values, as text.
        is_label: whether the column holds labels.
    """
    if not pc.any(pc.is_in(values, value_set=pa.array(MARKS_AMONG_NUMBERS))).as_py():
        return []
    for marks in (MARKS, MARKS_AMONG_NUMBERS):
        is_mark = pc.is_in(values, value_set=pa.array(marks))
        others = values.filter(pc.invert(is_mark))
        says_yes_or_no = is_label and marks is MARKS and is_yes_or_no(others)
        kind = kind_of_values(others.type, others)
        if kind in ("whole", "decimal", "time") or says_yes_or_no:
            present_marks: list[str] = values.filter(is_mark).to_pylist()
            return present_marks
    return []


def is_yes_or_no(values: pa.Array) -> bool:
    """Whether some of the values say yes, and all others say no."""
    texts = {text.lower() for text in values.to_pylist()}
    return bool(texts & YES) and bool(texts & NO) and texts <= YES | NO


def with_empty_cells(table: pa.Table, null_values: Iterable[str]) -> pa.Table:
    """Returns a table of text with empty cells in place of some texts."""
    marks = pa.array(list(null_values), pa.string())
    empty = pa.scalar(None, pa.string())
    columns = [
        pc.if_else(pc.is_in(cells, value_set=marks), empty, cells)
        for cells in table.columns
    ]
    return pa.table(columns, table.column_names)


def null_value_notes(
    tables: list[pa.Table], null_values: dict[str, list[str]]
) -> list[str]:
    """Returns one line for each text that marks missing values: the cells that hold it.

    Args:
        tables: the rows of text files, every cell as text.
        null_values: the result of `find_null_values`.
    """
    notes = []
    for text, shown_by in null_values.items():
        counts: Counter[str] = Counter()
        for table in tables:
            for name, cells in zip(table.column_names, table.columns, strict=True):
                counts[name] += pc.sum(pc.equal(cells, text)).as_py() or 0
        cells_by_column = [f"{name} ({n:,})" for name, n in counts.items() if n]
        others = [name for name, n in counts.items() if n and name not in shown_by]
        message = f"'{text}' counts as an empty cell: {', '.join(cells_by_column)}"
        if others:
            message = f"WARNING: {message}; may it be a word in {', '.join(others)}?"
        notes.append(message)
    return notes
