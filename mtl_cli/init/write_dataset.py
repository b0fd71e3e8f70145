"""Reads the first rows of a table, proposes a data set, and writes its YAML."""

import argparse
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from mtl_cli.core.atomic_write import write_text
from mtl_cli.core.errors import ConfigError, DataError, WriteError
from mtl_cli.core.message_text import readable_name
from mtl_cli.core.paths import conf_is_of_other_application
from mtl_cli.data.column_request import WRITE_INTO_FILES
from mtl_cli.data.csv_options import trim_to_null
from mtl_cli.data.dataset import DATASET_NAME_PATTERN, RULES_OF_PATTERNS
from mtl_cli.init.arguments import (
    dataset_name,
    hydra_reads_as_value,
    parse_columns,
    parse_spaces,
    parse_tasks,
)
from mtl_cli.init.column_profile import ColumnProfile, profile_column
from mtl_cli.init.dataset_proposal import DatasetProposal, propose_dataset
from mtl_cli.init.null_values import find_null_values, null_value_notes
from mtl_cli.init.preview import TablePreview, read_preview
from mtl_cli.init.self_check import check_proposal
from mtl_cli.init.table_checks import check_first_line, check_test_table
from mtl_cli.init.terminal_text import terminal_text
from mtl_cli.init.yaml_lines import on_one_line
from mtl_cli.init.yaml_text import dataset_yaml


def write_dataset(arguments: argparse.Namespace) -> str:
    """Writes the YAML of a data set, and returns the text for the terminal.

    Raises:
        ConfigError: if the arguments are wrong.
        DataError: if a table is wrong.
    """
    labels = parse_tasks(arguments.task)
    spaces = parse_spaces(arguments.space, list(labels))
    check_paths([arguments.table, arguments.test])
    name = arguments.name or dataset_name(arguments.table)
    # Without --task, the command writes nothing: it only lists possible labels, in the
    # error below. So a YAML that exists is no reason to stop.
    may_exist = arguments.force or not labels
    target = target_path(name, may_exist)
    label_columns = list(labels.values())
    train, test, null_values, null_notes = read_tables(arguments, label_columns)
    columns = [profile_column(c, train.table[c]) for c in train.table.column_names]
    check_first_line(train, columns, label_columns)
    if not labels:
        raise missing_task_error(train.path, columns)
    proposal = propose_dataset(columns, labels, spaces)
    table_format = format_of_tables(train, test)
    if test is not None:
        check_test_table(train, test, proposal)

    def to_yaml(proposal: DatasetProposal) -> str:
        return dataset_yaml(name, train, test, table_format, proposal, null_values)

    all_rows_read = train.complete and (test is None or test.complete)
    proposal, check_notes = check_proposal(proposal, to_yaml, all_rows_read)
    write_yaml(target, to_yaml(proposal), arguments.force)
    notes = [
        *null_notes,
        *(
            f"{folder} is the name of a folder, {WRITE_INTO_FILES}"
            for folder in train.folders
        ),
        *notes_on_orders(train, proposal),
        *proposal.notes,
        *check_notes,
    ]
    return terminal_text(name, target, proposal, [text for text in notes if text])


def notes_on_orders(train: TablePreview, proposal: DatasetProposal) -> list[str]:
    """Returns notes that name the order of the classes of tasks, if they have one."""
    return [
        f"task {name}: the column is an ordered categorical; if the order counts, "
        f"write kind: ordinal and classes: {on_one_line(train.orders[task.label])}"
        for name, task in proposal.tasks.items()
        if task.label in train.orders and task.keys["kind"] == "multiclass"
    ]


def check_paths(paths: list[str | None]) -> None:
    """Refuses a path in which OmegaConf would read a reference to another key."""
    for path in filter(None, paths):
        if "${" in path:
            raise ConfigError(f"{path}: configs cannot hold '${{'; rename the file")


def read_tables(
    arguments: argparse.Namespace, label_columns: list[str]
) -> tuple[TablePreview, TablePreview | None, dict[str, list[str]], list[str]]:
    """Reads the first rows of the tables, and empties cells that mark missing values.

    Returns: the training table; the test table, if any; the marks, see
        `find_null_values`; and notes about the marks.
    """
    column_names = parse_columns(arguments)
    train = read_preview("TABLE", arguments.table, column_names)
    test = None
    if arguments.test is not None:
        test = read_preview("--test", arguments.test, column_names, train.csv)
    previews = [train] if test is None else [train, test]
    text_tables = [preview.table for preview in previews if preview.csv]
    null_values = find_null_values(text_tables, label_columns)
    notes = null_value_notes(text_tables, null_values)
    train = without_null_values(train, null_values)
    test = None if test is None else without_null_values(test, null_values)
    return train, test, null_values, notes


def missing_task_error(path: str, columns: list[ColumnProfile]) -> ConfigError:
    """Returns the error for a command without --task, with possible label columns."""
    names = [column.name for column in columns if column.is_binary]
    description = f"columns of 0 and 1 in '{path}'"
    if not names:
        names = [column.name for column in columns if column.num_distinct == 2]
        kind = "columns with two values" if names else "all columns"
        description = f"no column of '{path}' holds 0 and 1; {kind}"
    names = names or [column.name for column in columns]
    listed = ", ".join(map(readable_name, names))
    return ConfigError(f"--task: say what to predict; {description}: {listed}")


def format_of_tables(train: TablePreview, test: TablePreview | None) -> str:
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


def without_null_values(
    preview: TablePreview, null_values: Iterable[str]
) -> TablePreview:
    """Returns a preview with empty cells in place of the texts `null_values`.

    Only text files have such texts.
    """
    if preview.csv is None:
        return preview
    columns = [
        trim_to_null(column, list(null_values)) for column in preview.table.columns
    ]
    table = pa.table(columns, preview.table.column_names)
    return replace(preview, table=table)


def target_path(name: str, may_exist: bool) -> Path:
    """Returns the path of a data set's YAML; refuses paths that cannot be used."""
    if not re.fullmatch(DATASET_NAME_PATTERN, name):
        rule = RULES_OF_PATTERNS[DATASET_NAME_PATTERN]
        raise ConfigError(f"--name: '{name}' {rule}")
    if hydra_reads_as_value(name):
        raise ConfigError(
            f"--name: mtl-train would take '{name}' for a value, not a name; write "
            f"--name data_{name}"
        )
    target = Path("conf") / "dataset" / f"{name}.yaml"
    folder = Path.cwd() / "conf"
    if conf_is_of_other_application():
        raise ConfigError(
            "./conf has a config.yaml, so mtl-train takes ./conf for the folder of "
            "another application and would not find the data set; remove "
            "./conf/config.yaml, or start in another folder"
        )
    for path in (folder, target.parent, target):
        if path.is_symlink():
            raise ConfigError(
                f"{path} is a link; remove the link, or start in another folder"
            )
    if target.exists() and not may_exist:
        raise ConfigError(
            f"{target} exists; choose another --name, or give --force to overwrite"
        )
    return target


def write_yaml(target: Path, text: str, may_replace: bool) -> None:
    """Writes the YAML of a data set to `target`; replaces a file if `may_replace`."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        fix = "start in a folder that can be written"
        write_text(target, text, fix, may_replace=may_replace)
    except OSError as error:
        raise ConfigError(f"cannot write {target}: {error.strerror}") from None
    except WriteError as error:
        raise ConfigError(str(error)) from None
