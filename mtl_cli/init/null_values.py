"""Finds the marks of missing values in the cells of text files, such as NA."""

from collections import Counter, defaultdict
from collections.abc import Container

import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.init.value_kinds import kind_of_values
from mtl_cli.init.yes_no import are_yes_and_no

# Marks of missing values among labels that say yes or no in words. There `none` and `-`
# may mean no, so they are not marks.
MARKS_AMONG_ANSWERS = [
    r"NA",
    r"N/A",
    r"n/a",
    r"<NA>",
    r"#N/A",
    r"NaN",
    r"nan",
    r"NULL",
    r"null",
    r"\N",
    r"?",
]
# Marks of missing values among numbers and times.
MARKS_AMONG_NUMBERS = [
    *MARKS_AMONG_ANSWERS,
    *["na", "Null", "None", "none", "nil", "-", "--", "."],
]


def find_null_values(
    tables: list[pa.Table], labels: Container[str]
) -> dict[str, list[str]]:
    """Finds the marks of missing values in the columns of some tables.

    A text of `MARKS_AMONG_NUMBERS` is a mark in a column whose other cells all hold
    numbers, or all hold times. A text of `MARKS_AMONG_ANSWERS` is also a mark in a
    label column whose other cells all say yes or no in words.

    Returns: {mark: names of the columns in which the mark was recognized}.
    """
    columns_by_mark: defaultdict[str, list[str]] = defaultdict(list)
    for table in tables:
        for name in table.column_names:
            values = pc.unique(table[name].drop_null())
            for mark in marks_among(values, is_label=name in labels):
                columns_by_mark[mark].append(name)
    return columns_by_mark


def marks_among(values: pa.Array, is_label: bool) -> list[str]:
    """Returns the marks of missing values among the distinct values of a column.

    See `find_null_values` for the rules.
    """
    marks, others = split_marks(values, MARKS_AMONG_NUMBERS)
    if not marks:
        return []
    if kind_of_values(others.type, others) in ("whole", "decimal", "time"):
        return marks
    if not is_label:
        return []
    marks, others = split_marks(values, MARKS_AMONG_ANSWERS)
    return marks if are_yes_and_no(others.to_pylist()) else []


def split_marks(
    values: pa.Array, possible_marks: list[str]
) -> tuple[list[str], pa.Array]:
    """Returns the values that are among the possible marks, and the other values."""
    is_mark = pc.is_in(values, pa.array(possible_marks))
    return values.filter(is_mark).to_pylist(), values.filter(pc.invert(is_mark))


def null_value_notes(
    tables: list[pa.Table], columns_by_mark: dict[str, list[str]]
) -> list[str]:
    """Returns one note per mark: the columns that hold the mark, with counts of cells.

    A mark counts as an empty cell in all columns of text files. The note is a warning
    if a column holds the mark in which it was not recognized: there it may be a word.
    """
    notes = []
    for mark, recognized_in in columns_by_mark.items():
        num_cells: Counter[str] = Counter()
        for table in tables:
            for name in table.column_names:
                num_cells[name] += pc.sum(pc.equal(table[name], mark)).as_py() or 0
        columns = [name for name, count in num_cells.items() if count]
        counts = [f"{name} ({num_cells[name]:,})" for name in columns]
        doubtful = [name for name in columns if name not in recognized_in]
        note = f"'{mark}' counts as an empty cell: {', '.join(counts)}"
        if doubtful:
            note = (
                f"WARNING: {note}; if '{mark}' is a word in {', '.join(doubtful)}, "
                "remove it from csv.null_values"
            )
        notes.append(note)
    return notes
