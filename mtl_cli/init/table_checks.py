"""Refuses tables that would be misread, and test tables unlike the training table."""

import re
from collections.abc import Iterable

from mtl_cli.core.errors import ConfigError, DataError, suggest
from mtl_cli.init.column_profile import ColumnProfile, profile_column
from mtl_cli.init.dataset_proposal import DatasetProposal
from mtl_cli.init.preview import TablePreview
from mtl_cli.init.task_proposal import yaml_value
from mtl_cli.init.value_kinds import NUMBER


def check_header(
    train: TablePreview, columns: list[ColumnProfile], labels: list[str]
) -> None:
    """Refuses a header that seems to hold values, and names that repeat.

    Args:
        train: the preview of the training table.
        columns: the profiles of the table's columns.
        labels: the label columns on the command line. A first line that holds one of
            these names is certainly a header.
    """
    names = [column.name for column in columns]
    reason = why_header_holds_values(columns) if train.format.is_text else ""
    if reason and not set(labels) & set(names):
        raise DataError(
            f"the first line of '{train.path}' looks like values, not names "
            f"({reason}); give the names with --columns a,b,c or take --no-header"
        )
    check_unique(train.path, filter(None, names), names)


def check_unique(path: str, needed: Iterable[str], names: list[str]) -> None:
    """Refuses a table in which several columns have the name of a needed column.

    Args:
        path: the table as the user named it.
        needed: the names of the columns that must be unique.
        names: the names of all columns.
    """
    for name in needed:
        if names.count(name) > 1:
            raise DataError(
                f"'{path}' has {names.count(name)} columns '{name}'; rename all but one"
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
    """Refuses a test table without a column of the proposal, or with other labels.

    Args:
        train: the preview of the training table.
        test: the preview of the test table.
        proposal: the tasks and features of the data set.

    Raises:
        DataError: if the test table lacks a column, or holds a label that the training
            table does not hold.
    """
    names = test.table.column_names
    needed = proposal.needed_columns
    for name in needed:
        if name not in names:
            raise DataError(
                f"--test: no column '{name}' in '{test.path}', which has "
                f"{', '.join(names)}{suggest(name, names)}"
            )
    check_unique(test.path, needed, names)
    for task in proposal.tasks.values():
        name = task.label
        train_column = profile_column(name, train.table.column(name))
        test_column = profile_column(name, test.table.column(name))
        message_start = f"--test: column '{name}' of '{test.path}' holds"
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
    if all(table.format.by_ending for table in tables):
        return "auto"
    for table in tables:
        if table.format.name != train.format.name:
            raise DataError(
                f"--test: '{table.path}' seems to be {table.format.name}, "
                f"'{train.path}' {train.format.name}; write both in one format"
            )
    return train.format.name
