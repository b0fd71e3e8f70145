"""What `mtl-init` refuses: tables that would be misread, or that do not fit."""

import re

from mtl_cli.core.errors import ConfigError, DataError, MtlError, suggest
from mtl_cli.init.column import NUMBER, Column, profile
from mtl_cli.init.dataset import Proposal
from mtl_cli.init.labels import typed
from mtl_cli.init.preview import Looked


def check_header(train: Looked, columns: list[Column], labels: list[str]) -> None:
    """Refuses a first line that holds values and not names, and names that repeat.

    Args:
        train: the table.
        columns: of it.
        labels: columns that the user named; if one is there, so is a header.
    """
    names = [column.name for column in columns]
    if train.layout.is_text and not set(labels) & set(names):
        why = looks_like_values(columns)
        if why:
            raise DataError(
                f"the first line of '{train.path}' looks like values, not names "
                f"({why}); give the names with --columns a,b,c or take --no-header"
            )
    for name in names:
        if name and names.count(name) > 1:
            raise DataError(
                f"'{train.path}' has {names.count(name)} columns '{name}'; rename all "
                "but one"
            )


def looks_like_values(columns: list[Column]) -> str:
    """Returns why the names of columns look like values, or "".

    All columns of numbers have numbers for names, which are not 0, 1, 2, ...; or, if
    none holds numbers, most names come again below.
    """
    numeric = [c for c in columns if c.is_number and c.name]
    if numeric:
        names = [column.name for column in numeric]
        counted = (
            [str(int(names[0]) + i) for i in range(len(names))]
            if (names[0] in ("0", "1"))
            else []
        )
        if names != counted and all(re.match(NUMBER, name) for name in names):
            return f"'{names[0]}' above numbers"
        return ""
    repeated = [c for c in columns if c.kind == "text" and names_itself(c)]
    if 2 * len(repeated) > len(columns):
        return f"'{repeated[0].name}' comes again below"
    return ""


def names_itself(column: Column) -> bool:
    """Whether a column's name is one of its values, more than once."""
    return (column.name in set(column.values.to_pylist())) and (
        dict(column.ordered())[column.name] > 1
    )


def check_columns_given(path: str, columns: list[Column]) -> None:
    """Refuses names for a text file whose first line seems to hold names already."""
    for column in columns:
        if column.kind != "text" or column.codes[0] < 0:
            continue
        first = column.values[int(column.codes[0])].as_py()
        odd, cells = column.not_numbers()
        if odd == [first] and cells == 1 and column.known > 1:
            raise DataError(
                f"--columns, --no-header: the first line of '{path}' seems to hold "
                f"names ('{first}' above numbers); leave the argument out"
            )


def no_tasks(path: str, columns: list[Column]) -> MtlError:
    """Returns the error of a command without --task: columns that may be labels."""
    likely = [column.name for column in columns if column.is_binary]
    if likely:
        found = f"columns of 0 and 1 in '{path}': {', '.join(likely)}"
    else:
        names = [column.name for column in columns if column.distinct == 2]
        names = names or [column.name for column in columns]
        found = f"no column of '{path}' holds 0 and 1; it has {', '.join(names)}"
    return ConfigError(f"--task: say what to predict; {found}")


def check_test(train: Looked, test: Looked, proposal: Proposal) -> None:
    """Refuses a test table without the columns or with other labels than training's."""
    names = test.table.column_names
    labels = [label.task["label"] for label in proposal.labels.values()]
    for name in [*labels, *(choice.column.name for choice in proposal.features)]:
        if name not in names:
            raise DataError(
                f"--test: no column '{name}' in '{test.path}', which has "
                f"{', '.join(names)}{suggest(name, names)}"
            )
    for name, label in zip(labels, proposal.labels.values(), strict=True):
        ours = profile(name, train.table.column(name))
        theirs = profile(name, test.table.column(name))
        if label.task["kind"] == "regression":
            if not theirs.is_number and theirs.known:
                raise DataError(
                    f"--test: column '{name}' of '{test.path}' holds {theirs.kind}, "
                    f"numbers in '{train.path}'"
                )
            continue
        known = {typed(ours, word) for word, _ in ours.ordered()}
        for word, count in theirs.ordered():
            if typed(theirs, word) not in known:
                raise DataError(
                    f"--test: column '{name}' of '{test.path}' holds '{word}' in "
                    f"{count:,} rows, which '{train.path}' does not; it holds "
                    f"{', '.join(ours.most_frequent(10))}; make them the same"
                )


def common_format(train: Looked, test: Looked) -> str:
    """Returns the format of both tables; `auto` if their endings say it."""
    if train.layout.by_ending and test.layout.by_ending:
        return "auto"
    if train.layout.format != test.layout.format:
        raise DataError(
            f"--test: '{test.path}' seems to be {test.layout.format}, '{train.path}' "
            f"{train.layout.format}; write both in one format"
        )
    return train.layout.format
