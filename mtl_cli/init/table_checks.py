"""Refuses tables that would be misread, and test tables unlike the training table."""

import re

from mtl_cli.core.errors import ConfigError, DataError, unknown_name
from mtl_cli.init.column_profile import ColumnProfile, profile_column
from mtl_cli.init.dataset_proposal import DatasetProposal
from mtl_cli.init.preview import TablePreview
from mtl_cli.init.task_proposal import yaml_value
from mtl_cli.init.value_kinds import NUMBER


def check_first_line(
    train: TablePreview, columns: list[ColumnProfile], labels: list[str]
) -> None:
    """Refuses values in the place of a text file's header, and names among its values.

    A first line that holds the name of a label is certainly a header.
    """
    if train.csv is None:
        return
    if train.csv.columns is not None:
        check_no_header(train.path, columns)
        return
    reason = why_header_holds_values(columns)
    if reason and not set(labels) & {column.name for column in columns}:
        raise DataError(
            f"the first line of '{train.path}' looks like values, not names "
            f"({reason}); give the names with --columns a,b,c or take --no-header"
        )


def why_header_holds_values(columns: list[ColumnProfile]) -> str:
    """Returns why the header seems to hold values instead of names; "" if it does not.

    If the table has columns of numbers, the header seems to hold values if the names of
    all these columns are numbers too. But columns may be named 0, 1, 2 ... or 1, 2, 3
    ... If the table has no columns of numbers, the header seems to hold values if
    more than half of the names occur again in their own column.
    """
    names = [c.name for c in columns if c.numbers is not None and c.name]
    if names:
        numbered = [[str(start + i) for i in range(len(names))] for start in (0, 1)]
        if names not in numbered and all(re.match(NUMBER, name) for name in names):
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
        only_first_is_text = column.non_numbers() == ([first_value], 1)
        if only_first_is_text and column.num_filled > 1:
            raise DataError(
                f"--columns, --no-header: the first line of '{path}' seems to hold "
                f"names ('{first_value}' is above numbers); leave the argument out"
            )


def missing_task_error(path: str, columns: list[ColumnProfile]) -> ConfigError:
    """Returns the error for a command without --task, with possible label columns."""
    binary = [column.name for column in columns if column.is_binary]
    if binary:
        candidates = f"columns of 0 and 1 in '{path}': {', '.join(binary)}"
    else:
        names = [column.name for column in columns if column.num_distinct == 2]
        names = names or [column.name for column in columns]
        candidates = f"no column of '{path}' holds 0 and 1; it has {', '.join(names)}"
    return ConfigError(f"--task: say what to predict; {candidates}")


def check_test(
    train: TablePreview, test: TablePreview, proposal: DatasetProposal
) -> None:
    """Refuses a test table that lacks a needed column, or holds labels of its own."""
    names = test.table.column_names
    for name in proposal.needed_columns:
        if name not in names:
            raise DataError(
                f"--test: {unknown_name('column', name, repr(test.path), names)}"
            )
    for task in proposal.tasks.values():
        train_column = profile_column(task.label, train.table[task.label])
        test_column = profile_column(task.label, test.table[task.label])
        message_start = f"--test: column '{task.label}' of '{test.path}' holds"
        if not task.task_class.HAS_CLASSES:
            if test_column.numbers is None and test_column.num_filled:
                raise DataError(
                    f"{message_start} {test_column.kind}; it holds numbers in "
                    f"'{train.path}'"
                )
            continue
        train_counts = train_column.most_frequent()
        train_labels = {yaml_value(train_column, value) for value in train_counts}
        for value, count in test_column.most_frequent().items():
            if yaml_value(test_column, value) not in train_labels:
                raise DataError(
                    f"{message_start} '{value}' in {count:,} rows; '{train.path}' only "
                    f"holds {', '.join(list(train_counts)[:10])}; use the same labels"
                )


def common_format(train: TablePreview, test: TablePreview | None) -> str:
    """Returns the value of the YAML's key `format`.

    The value is `auto` if the endings of both files name their format.

    Raises:
        DataError: if the files have different formats and an ending names none.
    """
    tables = [train] if test is None else [train, test]
    if all(table.ending_names_format for table in tables):
        return "auto"
    for table in tables:
        if table.format != train.format:
            raise DataError(
                f"--test: '{table.path}' seems to be {table.format}, "
                f"'{train.path}' {train.format}; write both in one format"
            )
    return train.format
