"""Finds texts that mark missing values in the cells of text files, such as NA."""

from collections import Counter, defaultdict
from collections.abc import Container, Iterable

import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.init.task_rules import NO, YES
from mtl_cli.init.value_kinds import kind_of_values

# Marks of missing values among numbers, times, and labels that say yes or no.
MARKS = ["NA", "N/A", "n/a", "<NA>", "#N/A", "NaN", "nan", "NULL", "null", "\\N", "?"]
# Marks among numbers and times. Among labels, a text such as `none` may mean no.
MARKS_AMONG_NUMBERS = [*MARKS, "na", "Null", "None", "none", "nil", "-", "--", "."]


def find_null_values(
    tables: list[pa.Table], labels: Container[str]
) -> dict[str, list[str]]:
    """Finds the texts that mark missing values.

    A text is taken for such a mark if it occurs in a column whose other cells all hold
    numbers or times, or in a label column whose other cells all say yes or no.

    Returns: {mark: names of the columns in which it was recognized}.
    """
    columns_by_mark: defaultdict[str, list[str]] = defaultdict(list)
    for table in tables:
        for name in table.column_names:
            values = pc.unique(table[name].drop_null())
            for mark in marks_among(values, is_label=name in labels):
                columns_by_mark[mark].append(name)
    return columns_by_mark


def marks_among(values: pa.Array, is_label: bool) -> list[str]:
    """Returns those distinct values of a column that mark missing values."""
    if not pc.any(pc.is_in(values, pa.array(MARKS_AMONG_NUMBERS))).as_py():
        return []
    for marks in (MARKS, MARKS_AMONG_NUMBERS):
        is_mark = pc.is_in(values, pa.array(marks))
        others = values.filter(pc.invert(is_mark))
        answers = {text.lower() for text in others.to_pylist()} if is_label else set()
        is_yes_no = answers & YES and answers & NO and answers <= YES | NO
        kind = kind_of_values(others.type, others)
        if kind in ("whole", "decimal", "time") or (is_yes_no and marks is MARKS):
            present: list[str] = values.filter(is_mark).to_pylist()
            return present
    return []


def with_empty_cells(table: pa.Table, null_values: Iterable[str]) -> pa.Table:
    """Returns a table of texts in which the cells with these texts are empty."""
    marks = pa.array(list(null_values), pa.string())
    empty = pa.scalar(None, pa.string())
    columns = [pc.if_else(pc.is_in(c, marks), empty, c) for c in table.columns]
    return pa.table(columns, table.column_names)


def null_value_notes(
    tables: list[pa.Table], null_values: dict[str, list[str]]
) -> list[str]:
    """Returns one note per mark: the columns that hold the mark, with counts of cells.

    A mark counts as missing in all columns. The note is a warning if other columns than
    those in which the mark was recognized hold it too: it may be a word there.
    """
    notes = []
    for mark, recognized_in in null_values.items():
        counts: Counter[str] = Counter()
        for table in tables:
            for name in table.column_names:
                counts[name] += pc.sum(pc.equal(table[name], mark)).as_py() or 0
        columns = [name for name, n in counts.items() if n]
        cells_by_column = [f"{name} ({counts[name]:,})" for name in columns]
        doubtful = [name for name in columns if name not in recognized_in]
        note = f"'{mark}' counts as an empty cell: {', '.join(cells_by_column)}"
        if doubtful:
            note = f"WARNING: {note}; may it be a word in {', '.join(doubtful)}?"
        notes.append(note)
    return notes
