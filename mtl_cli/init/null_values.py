"""Finds the marks of missing values in the cells of text files, such as NA."""

from collections import Counter, defaultdict
from collections.abc import Container

import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.init.task_rules import NOES
from mtl_cli.init.value_kinds import kind_of_values

# Marks of missing values among labels that say yes or no.
MARKS_AMONG_LABELS = [
    *("NA", "N/A", "n/a", "<NA>", "#N/A", "NaN", "nan", "NULL", "null", "\\N", "?")
]
# Marks among numbers and times, also if these are labels. Among labels that are words,
# `none` and `-` may mean no, so there they are not marks.
MARKS_AMONG_NUMBERS = [
    *MARKS_AMONG_LABELS,
    *("na", "Null", "None", "none", "nil", "-", "--", "."),
]


def find_null_values(
    tables: list[pa.Table], labels: Container[str]
) -> dict[str, list[str]]:
    """Finds the marks of missing values in the columns of some tables.

    A text of `MARKS_AMONG_NUMBERS` is a mark in a column whose other cells all hold
    numbers, or all hold times. A text of `MARKS_AMONG_LABELS` is also a mark in a label
    column whose other cells all say yes or no in words.

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
    others, present = split_marks(values, MARKS_AMONG_NUMBERS)
    if not present:
        return []
    if kind_of_values(others.type, others) in ("whole", "decimal", "time"):
        return present
    if not is_label:
        return []
    others, present = split_marks(values, MARKS_AMONG_LABELS)
    return present if are_yes_and_no(others.to_pylist()) else []


def split_marks(values: pa.Array, marks: list[str]) -> tuple[pa.Array, list[str]]:
    """Returns the values that are no marks, and the values that are marks."""
    is_mark = pc.is_in(values, pa.array(marks))
    return values.filter(pc.invert(is_mark)), values.filter(is_mark).to_pylist()


def are_yes_and_no(texts: list[str]) -> bool:
    """Whether each text says yes or no, and both answers occur."""
    answers = {text.lower() for text in texts}
    yes = answers & NOES.keys()
    no = answers.intersection(*(NOES[answer] for answer in yes)) if yes else set()
    return bool(no) and answers == yes | no


def null_value_notes(
    tables: list[pa.Table], columns_by_mark: dict[str, list[str]]
) -> list[str]:
    """Returns one note per mark: the columns that hold the mark, with counts of cells.

    A mark counts as an empty cell in all columns, even in columns in which the mark was
    not recognized. There the mark may be a word, so the note is a warning.
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
        text = f"'{mark}' counts as an empty cell: {', '.join(counts)}"
        if doubtful:
            text = (
                f"WARNING: {text}; if '{mark}' is a word in {', '.join(doubtful)}, "
                "remove it from csv.null_values"
            )
        notes.append(text)
    return notes
