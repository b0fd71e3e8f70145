"""Refuses tables that would be misread, and test tables unlike the training table."""

import re

from mtl_cli.core.errors import DataError
from mtl_cli.core.message_text import comma_list, unknown_name_message
from mtl_cli.init.column_profile import ColumnProfile, profile_column
from mtl_cli.init.dataset_proposal import DatasetProposal
from mtl_cli.init.preview import TablePreview
from mtl_cli.init.task_proposal import yaml_value
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
        return
    # A first line with the name of a label certainly holds names.
    if any(column.name in labels for column in columns):
        return
    if reason := why_header_holds_values(columns):
        raise DataError(
            f"the first line of '{train.path}' looks like values, not names "
            f"({reason}); give the names with --columns a,b,c or take --no-header"
        )


def why_header_holds_values(columns: list[ColumnProfile]) -> str:
    """Returns why the first line seems to hold values, or "" if it seems to hold names.

    - In a table with columns of numbers, the first line seems to hold values if the
      names of all these columns are numbers too. The exceptions are names that number
      the columns: 0, 1, 2 and so on, or 1, 2, 3 and so on.
    - In a table without columns of numbers, the first line seems to hold values if more
      than half of the names occur twice or more in their own column.
    """
    names_above_numbers = [c.name for c in columns if c.numbers is not None and c.name]
    if names_above_numbers:
        number_names = [c.name for c in columns if re.match(NUMBER, c.name)]
        from_0 = [str(i) for i in range(len(number_names))]
        from_1 = [str(i + 1) for i in range(len(number_names))]
        are_numbers = set(names_above_numbers) <= set(number_names)
        if are_numbers and number_names not in (from_0, from_1):
            return f"'{names_above_numbers[0]}' is a number, like the cells below it"
        return ""
    names_among_values = [
        column.name
        for column in columns
        if column.kind == "text" and column.most_frequent().get(column.name, 0) > 1
    ]
    if 2 * len(names_among_values) > len(columns):
        return f"'{names_among_values[0]}' occurs again in its column"
    return ""


def check_no_header(path: str, columns: list[ColumnProfile]) -> None:
    """Refuses a text file without a header if its first row seems to hold names."""
    for column in columns:
        if column.kind != "text" or column.codes[0] < 0:
            continue
        first_value = column.values[int(column.codes[0])].as_py()
        only_first_is_text = column.non_numbers() == ([first_value], 1)
        if only_first_is_text and column.num_filled > 1:
            raise DataError(
                f"--columns, --no-header: the first line of '{path}' seems to hold "
                f"names ('{first_value}' is above numbers); leave out --columns or "
                "--no-header to read the names from the first line"
            )


def check_test_table(
    train: TablePreview, test: TablePreview, proposal: DatasetProposal
) -> None:
    """Refuses a test table that lacks a needed column or holds unknown labels."""
    names = test.table.column_names
    for name in proposal.needed_columns:
        if name not in names:
            message = unknown_name_message("column", name, repr(test.path), names)
            raise DataError(f"--test: {message}")
    for task in proposal.tasks.values():
        train_labels = profile_column(task.label, train.table[task.label])
        test_labels = profile_column(task.label, test.table[task.label])
        message_start = f"--test: column '{task.label}' of '{test.path}' holds"
        has_numbers = test_labels.numbers is not None or not test_labels.num_filled
        # If `train` holds the first rows only, a label may first occur below them.
        if task.task_class.BINARY_LABELS and train.complete:
            check_labels(message_start, train.path, train_labels, test_labels)
        # `check_proposal` warns of unknown classes, because training refuses them.
        if not task.task_class.HAS_CLASSES and not has_numbers:
            raise DataError(
                f"{message_start} {test_labels.kind}, but '{train.path}' holds "
                "numbers; give numbers in both tables"
            )


def check_labels(
    message_start: str,
    train_path: str,
    train_labels: ColumnProfile,
    test_labels: ColumnProfile,
) -> None:
    """Refuses a binary label that the training table lacks; it would count as 0."""
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
