"""Refuses tables that would be misread, and test tables unlike the training table.

Also chooses the key `format` of both tables, and names columns that may be labels.
"""

import re

from mtl_cli.core.errors import ConfigError, DataError, comma_list, unknown_name
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
    these arguments, the first line should hold values. A first line that holds the name
    of a label certainly holds names.
    """
    if train.csv is None:
        return
    # --columns and --no-header set `csv.columns`.
    if train.csv.columns is not None:
        check_no_header(train.path, columns)
        return
    has_label = any(column.name in labels for column in columns)
    reason = why_header_holds_values(columns)
    if reason and not has_label:
        raise DataError(
            f"the first line of '{train.path}' looks like values, not names "
            f"({reason}); give the names with --columns a,b,c or take --no-header"
        )


def why_header_holds_values(columns: list[ColumnProfile]) -> str:
    """Returns why the header seems to hold values; "" if the header seems to hold
    names.

    In a table with columns of numbers, the header seems to hold values if the names of
    all these columns are numbers too, unless the names count 0, 1, 2 ... or 1, 2, 3 ...
    In a table without columns of numbers, the header seems to hold values if more than
    half of the names occur again in their own column.
    """
    names = [c.name for c in columns if c.numbers is not None and c.name]
    if names:
        from_0 = [str(i) for i in range(len(names))]
        from_1 = [str(i + 1) for i in range(len(names))]
        are_numbers = all(re.match(NUMBER, name) for name in names)
        if are_numbers and names not in (from_0, from_1):
            return f"'{names[0]}' is above numbers"
        return ""
    repeated = [
        column.name
        for column in columns
        if column.kind == "text" and column.most_frequent().get(column.name, 0) > 1
    ]
    if 2 * len(repeated) > len(columns):
        return f"'{repeated[0]}' occurs again in its column"
    return ""


def check_no_header(path: str, columns: list[ColumnProfile]) -> None:
    """Refuses a text file without a header if its first row seems to hold names."""
    for column in columns:
        if column.kind != "text" or column.codes[0] < 0:
            continue
        first_value = column.values[int(column.codes[0])].as_py()
        texts, num_texts = column.non_numbers()
        only_first_is_text = texts == [first_value] and num_texts == 1
        if only_first_is_text and column.num_filled > 1:
            raise DataError(
                f"--columns, --no-header: the first line of '{path}' seems to hold "
                f"names ('{first_value}' is above numbers); leave out --columns or "
                "--no-header to read the names from the first line"
            )


def missing_task_error(path: str, columns: list[ColumnProfile]) -> ConfigError:
    """Returns the error for a command without --task, with possible label columns."""
    binary = [column.name for column in columns if column.is_binary]
    if binary:
        candidates = f"columns of 0 and 1 in '{path}': {', '.join(binary)}"
    else:
        two_values = [column.name for column in columns if column.num_distinct == 2]
        description = "columns with two values" if two_values else "all columns"
        names = two_values or [column.name for column in columns]
        candidates = f"no column of '{path}' holds 0 and 1; {description}: "
        candidates += ", ".join(names)
    return ConfigError(f"--task: say what to predict; {candidates}")


def check_test(
    train: TablePreview, test: TablePreview, proposal: DatasetProposal
) -> None:
    """Refuses a test table that lacks a needed column, or labels of another form."""
    names = test.table.column_names
    for name in proposal.needed_columns:
        if name not in names:
            raise DataError(
                f"--test: {unknown_name('column', name, repr(test.path), names)}"
            )
    for task in proposal.tasks.values():
        train_labels = profile_column(task.label, train.table[task.label])
        test_labels = profile_column(task.label, test.table[task.label])
        message_start = f"--test: column '{task.label}' of '{test.path}' holds"
        if task.task_class.HAS_CLASSES:
            check_classes(message_start, train.path, train_labels, test_labels)
        elif test_labels.numbers is None and test_labels.num_filled:
            raise DataError(
                f"{message_start} {test_labels.kind}, but '{train.path}' holds "
                "numbers; give numbers in both tables"
            )


def check_classes(
    message_start: str,
    train_path: str,
    train_labels: ColumnProfile,
    test_labels: ColumnProfile,
) -> None:
    """Refuses a test table with a label that the training table does not hold."""
    train_counts = train_labels.most_frequent()
    known_labels = {yaml_value(train_labels, value) for value in train_counts}
    for value, count in test_labels.most_frequent().items():
        if yaml_value(test_labels, value) not in known_labels:
            raise DataError(
                f"{message_start} '{value}' in {count:,} rows, but '{train_path}' "
                f"holds {comma_list(train_counts)}; use the same labels in both tables"
            )


def common_format(train: TablePreview, test: TablePreview | None) -> str:
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
