"""Refuses tables that would be misread, and test tables that differ from training."""

import re

from mtl_cli.core.errors import ConfigError, DataError, suggest
from mtl_cli.init.column_profile import NUMBER, ColumnProfile, profile_column
from mtl_cli.init.dataset_proposal import DatasetProposal
from mtl_cli.init.preview import TablePreview
from mtl_cli.init.task_proposal import yaml_value


def check_header(
    train: TablePreview, columns: list[ColumnProfile], labels: list[str]
) -> None:
    """Refuses a first line of values instead of names, and names that repeat.

    A first line that names a label of the command line holds names.
    """
    names = [column.name for column in columns]
    reason = header_of_values(columns) if train.format.is_text else ""
    if reason and not set(labels) & set(names):
        raise DataError(
            f"the first line of '{train.path}' looks like values, not names "
            f"({reason}); give the names with --columns a,b,c or take --no-header"
        )
    for name in names:
        if name and names.count(name) > 1:
            raise DataError(
                f"'{train.path}' has {names.count(name)} columns '{name}'; rename all "
                "but one"
            )


def header_of_values(columns: list[ColumnProfile]) -> str:
    """Returns why the names of columns look like values, or "".

    Either all columns of numbers have numbers for names, other than 0, 1, 2, ... or 1,
    2, 3, ...; or there are no numbers, and most names are values of their own column.
    """
    names = [c.name for c in columns if c.numbers is not None and c.name]
    if names:
        counted = [[str(i + n) for i in range(len(names))] for n in (0, 1)]
        if names not in counted and all(re.match(NUMBER, name) for name in names):
            return f"'{names[0]}' above numbers"
        return ""
    repeated = [
        column.name
        for column in columns
        if column.kind == "text" and column.most_frequent().get(column.name, 0) > 1
    ]
    if 2 * len(repeated) > len(columns):
        return f"'{repeated[0]}' comes again below"
    return ""


def check_no_header(path: str, columns: list[ColumnProfile]) -> None:
    """Refuses a text file read without a header whose first line seems to be one."""
    for column in columns:
        if column.kind != "text" or column.codes[0] < 0:
            continue
        first = column.values[int(column.codes[0])].as_py()
        if column.non_numbers() == ([first], 1) and column.filled > 1:
            raise DataError(
                f"--columns, --no-header: the first line of '{path}' seems to hold "
                f"names ('{first}' above numbers); leave the argument out"
            )


def missing_task(path: str, columns: list[ColumnProfile]) -> ConfigError:
    """Returns the error of a command without --task: which columns may be labels."""
    binary = [column.name for column in columns if column.is_binary]
    if binary:
        candidates = f"columns of 0 and 1 in '{path}': {', '.join(binary)}"
    else:
        names = [column.name for column in columns if column.distinct == 2]
        names = names or [column.name for column in columns]
        candidates = f"no column of '{path}' holds 0 and 1; it has {', '.join(names)}"
    return ConfigError(f"--task: say what to predict; {candidates}")


def check_test(
    train: TablePreview, test: TablePreview, proposal: DatasetProposal
) -> None:
    """Refuses a test table that lacks a column, or has labels that training lacks."""
    names = test.table.column_names
    labels = [task.label for task in proposal.tasks.values()]
    for name in [*labels, *(feature.column.name for feature in proposal.features)]:
        if name not in names:
            raise DataError(
                f"--test: no column '{name}' in '{test.path}', which has "
                f"{', '.join(names)}{suggest(name, names)}"
            )
    for task in proposal.tasks.values():
        name = task.label
        train_column = profile_column(name, train.table.column(name))
        test_column = profile_column(name, test.table.column(name))
        where = f"--test: column '{name}' of '{test.path}' holds"
        if not task.task_class.HAS_CLASSES:
            if test_column.numbers is None and test_column.filled:
                raise DataError(
                    f"{where} {test_column.kind}, numbers in '{train.path}'"
                )
            continue
        in_training = {
            yaml_value(train_column, v) for v in train_column.most_frequent()
        }
        for value, count in test_column.most_frequent().items():
            if yaml_value(test_column, value) not in in_training:
                raise DataError(
                    f"{where} '{value}' in {count:,} rows, which '{train.path}' does "
                    f"not; it holds {', '.join(train_column.most_frequent(10))}; make "
                    "them the same"
                )


def common_format(train: TablePreview, test: TablePreview | None) -> str:
    """Returns the YAML's format of the tables: `auto` if their endings name it."""
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
