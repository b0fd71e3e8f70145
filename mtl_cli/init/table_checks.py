"""Refuses tables that would be misread, and test tables unlike the training table."""

import re

from mtl_cli.core.errors import DataError
from mtl_cli.core.message_text import comma_list
from mtl_cli.init.column_profile import ColumnProfile, profile_column
from mtl_cli.init.preview import TablePreview
from mtl_cli.init.task_proposal import TaskProposal, yaml_value
from mtl_cli.init.value_kinds import NUMBER


def check_first_line(
    train: TablePreview, columns: list[ColumnProfile], labels: list[str]
) -> None:
    """Refuses a text file whose first line seems to be read in the wrong way.

    Without --columns and --no-header, the first line should hold names. With one of
    these arguments, the first line should hold values.
    """
    if train.csv is None:
        return
    # --columns and --no-header set `csv.columns`.
    if train.csv.columns is not None:
        check_no_header(train.path, columns)
    # A first line with the name of a label certainly holds names.
    elif not any(column.name in labels for column in columns):
        check_header(train.path, columns)


def check_header(path: str, columns: list[ColumnProfile]) -> None:
    """Refuses a first line that seems to hold values.

    - In a table with columns of numbers, the first line seems to hold values if the
      names of all these columns are numbers too. The exceptions are names that number
      the columns: 0, 1, 2 and so on, or 1, 2, 3 and so on.
    - In a table without columns of numbers, the first line seems to hold values if more
      than half of the names occur twice or more in their own column.
    """
    above_numbers = {c.name for c in columns if c.numbers is not None}
    numbers = [c.name for c in columns if re.match(NUMBER, c.name)]
    if above_numbers:
        counts_up = any(numbers == count_from(k, len(numbers)) for k in (0, 1))
        holds_values = above_numbers <= set(numbers) and not counts_up
    else:
        repeated = [c for c in columns if c.most_frequent().get(c.name, 0) > 1]
        holds_values = 2 * len(repeated) > len(columns)
    if holds_values:
        raise DataError(
            f"the first line of '{path}' looks like values, not names "
            f"({comma_list(c.name for c in columns)}); give the names with --columns "
            "a,b,c or take --no-header"
        )


def count_from(start: int, length: int) -> list[str]:
    return [str(start + i) for i in range(length)]


def check_no_header(path: str, columns: list[ColumnProfile]) -> None:
    """Refuses a text file without a header if its first row seems to hold names."""
    for column in columns:
        first = int(column.codes[0])
        if column.kind != "text" or first < 0 or column.num_filled < 2:
            continue
        is_text = column.non_number_mask
        if is_text[first] and column.counts[is_text].sum() == 1:
            raise DataError(
                f"--columns, --no-header: the first line of '{path}' seems to hold "
                f"names ('{column.values[first]}' is above numbers); leave out "
                "--columns or --no-header to read the names from the first line"
            )


def check_test_labels(
    train: TablePreview, test: TablePreview, tasks: dict[str, TaskProposal]
) -> None:
    """Refuses a binary label that the training table lacks; it would count as 0."""
    # If `train` holds the first rows only, a label may first occur below them.
    if not train.complete:
        return
    for task in tasks.values():
        if task.task_class.BINARY_LABELS and task.label in test.table.column_names:
            train_labels = profile_column(task.label, train.table[task.label])
            test_labels = profile_column(task.label, test.table[task.label])
            message_start = f"--test: column '{task.label}' of '{test.path}' holds"
            check_labels(message_start, train.path, train_labels, test_labels)


def check_labels(
    message_start: str,
    train_path: str,
    train_labels: ColumnProfile,
    test_labels: ColumnProfile,
) -> None:
    train_counts = train_labels.most_frequent()
    # `yaml_value` gives the number 1 for a label "1" or "1.0" in a table of numbers,
    # and the text "1" in a table with words. So labels are also compared as text.
    known_labels = {yaml_value(train_labels, value) for value in train_counts}
    for value, count in test_labels.most_frequent().items():
        if value in train_counts or yaml_value(test_labels, value) in known_labels:
            continue
        raise DataError(
            f"{message_start} '{value}' in {count:,} rows, but '{train_path}' holds "
            f"{comma_list(train_counts)}; use the same labels in both tables"
        )
