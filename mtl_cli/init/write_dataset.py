"""Reads the first rows of a table, proposes a data set, and writes its YAML."""

import argparse
import re
from pathlib import Path

from mtl_cli.core.atomic_write import write_text
from mtl_cli.core.errors import ConfigError, WriteError
from mtl_cli.core.message_text import readable_name
from mtl_cli.core.paths import conf_is_of_other_application
from mtl_cli.data.dataset import DATASET_NAME_PATTERN, RULES_OF_PATTERNS
from mtl_cli.init.arguments import (
    dataset_name,
    hydra_reads_as_value,
    parse_spaces,
    parse_tasks,
)
from mtl_cli.init.column_profile import ColumnProfile, profile_column
from mtl_cli.init.dataset_proposal import DatasetProposal, propose_dataset
from mtl_cli.init.preview import TablePreview
from mtl_cli.init.read_tables import read_tables
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
    # Without --task, the command only lists possible labels, in the error below. So the
    # YAML may exist.
    target = target_path(name, may_exist=arguments.force or not labels)
    label_columns = list(labels.values())
    tables = read_tables(arguments, label_columns)
    train = tables.train
    columns = [profile_column(c, train.table[c]) for c in train.table.column_names]
    check_first_line(train, columns, label_columns)
    if not labels:
        raise missing_task_error(train.path, columns)
    proposal = propose_dataset(columns, labels, spaces)
    if tables.test is not None:
        check_test_table(train, tables.test, proposal)

    def to_yaml(proposal: DatasetProposal) -> str:
        return dataset_yaml(name, tables, proposal)

    proposal, check_notes = check_proposal(proposal, to_yaml, tables.complete)
    write_yaml(target, to_yaml(proposal))
    notes = [
        *tables.null_notes,
        *notes_on_ordered_classes(train, proposal),
        *proposal.notes,
        *check_notes,
    ]
    return terminal_text(name, target, proposal, notes)


def notes_on_ordered_classes(
    train: TablePreview, proposal: DatasetProposal
) -> list[str]:
    """Returns a note for each multiclass task whose classes the table orders."""
    return [
        f"task {name}: the column is an ordered categorical; if the order counts, "
        f"write kind: ordinal and classes: {on_one_line(train.orders[task.label])}"
        for name, task in proposal.tasks.items()
        if task.label in train.orders and task.keys["kind"] == "multiclass"
    ]


def check_paths(paths: list[str | None]) -> None:
    """Refuses a path with `${`: OmegaConf would read a reference to another key."""
    for path in filter(None, paths):
        if "${" in path:
            raise ConfigError(f"{path}: configs cannot hold '${{'; rename the file")


def missing_task_error(path: str, columns: list[ColumnProfile]) -> ConfigError:
    """Returns the error for a command without --task, with possible label columns."""
    binary = [column.name for column in columns if column.is_binary]
    two_values = [column.name for column in columns if column.num_distinct == 2]
    if binary:
        names, description = binary, f"columns of 0 and 1 in '{path}'"
    elif two_values:
        names = two_values
        description = f"no column of '{path}' holds 0 and 1; columns with two values"
    else:
        names = [column.name for column in columns]
        description = f"no column of '{path}' holds 0 and 1; all columns"
    listed = ", ".join(map(readable_name, names))
    return ConfigError(f"--task: say what to predict; {description}: {listed}")


def target_path(name: str, may_exist: bool) -> Path:
    """Returns the path of a data set's YAML; refuses one that cannot be used."""
    if not re.fullmatch(DATASET_NAME_PATTERN, name):
        rule = RULES_OF_PATTERNS[DATASET_NAME_PATTERN]
        raise ConfigError(f"--name: '{name}' {rule}")
    if hydra_reads_as_value(name):
        raise ConfigError(
            f"--name: mtl-train would take '{name}' for a value, not a name; write "
            f"--name data_{name}"
        )
    target = Path("conf") / "dataset" / f"{name}.yaml"
    if conf_is_of_other_application():
        raise ConfigError(
            "./conf has a config.yaml, so mtl-train takes ./conf for the folder of "
            "another application and would not find the data set; remove "
            "./conf/config.yaml, or start in another folder"
        )
    for path in (Path.cwd() / "conf", target.parent, target):
        if path.is_symlink():
            raise ConfigError(
                f"{path} is a link; remove the link, or start in another folder"
            )
    if target.exists() and not may_exist:
        raise ConfigError(
            f"{target} exists; choose another --name, or give --force to overwrite"
        )
    return target


def write_yaml(target: Path, text: str) -> None:
    """Writes the YAML of a data set to `target`."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_text(target, text, "start in a folder that can be written")
    except OSError as error:
        raise ConfigError(f"cannot write {target}: {error.strerror}") from None
    except WriteError as error:
        raise ConfigError(str(error)) from None
