"""Reads the first rows of a table, proposes a data set and writes its YAML."""

import argparse
import re
from collections.abc import Callable
from pathlib import Path

from mtl_cli.core.atomic_write import write_text
from mtl_cli.core.errors import ConfigError, WriteError, printable
from mtl_cli.core.paths import conf_folder, user_conf_folder
from mtl_cli.data.dataset import DATASET_NAME
from mtl_cli.init.arguments import (
    dataset_name,
    is_value,
    parse_columns,
    parse_spaces,
    parse_tasks,
)
from mtl_cli.init.column_profile import ColumnProfile, profile_column
from mtl_cli.init.dataset_proposal import DatasetProposal, propose_dataset
from mtl_cli.init.null_values import find_null_values, null_value_notes
from mtl_cli.init.preview import TablePreview, read_preview
from mtl_cli.init.self_check import find_problem, parse_dataset, without_refused_feature
from mtl_cli.init.table_checks import (
    check_header,
    check_no_header,
    check_test,
    common_format,
    missing_task_error,
)
from mtl_cli.init.yaml_text import dataset_yaml

MAX_COLUMN_WIDTH = 32  # characters
MAX_COLUMNS = 50  # in the table on the terminal


def write_dataset(arguments: argparse.Namespace) -> str:
    """Writes the YAML of a data set, and returns the text for the terminal.

    Args:
        arguments: the values of the command line.

    Raises:
        ConfigError: if the arguments are wrong.
        DataError: if a table is wrong.
    """
    labels = parse_tasks(arguments.task)
    spaces = parse_spaces(arguments.space, list(labels))
    for table in filter(None, (arguments.table, arguments.test)):
        if "${" in table:  # a config would take the name for a reference
            raise ConfigError(f"{table}: configs cannot hold '${{': rename the file")
    name = arguments.name or dataset_name(arguments.table)
    # Without --task nothing is written: the error below lists possible labels.
    target = target_path(name, arguments.force or not labels)
    names = parse_columns(arguments)
    train = read_preview(arguments.table, names)
    test = None
    if arguments.test is not None:
        test = read_preview(arguments.test, names, train.format)
    previews = [train] if test is None else [train, test]
    text_tables = [preview.table for preview in previews if preview.format.is_text]
    null_values = find_null_values(text_tables, labels.values())
    train = train.with_empty_cells(null_values)
    test = test and test.with_empty_cells(null_values)
    columns = profile_columns(train, list(labels.values()))
    if not labels:
        raise missing_task_error(train.path, columns)
    proposal = propose_dataset(columns, labels, spaces)
    format_key = common_format(train, test)
    if test is not None:
        check_test(train, test, proposal)

    def to_yaml(proposal: DatasetProposal) -> str:
        return dataset_yaml(name, train, test, format_key, proposal, null_values)

    proposal, problem = without_refused_features(proposal, to_yaml, train, test)
    write_yaml(target, to_yaml(proposal))
    notes = [*null_value_notes(text_tables, null_values), *proposal.notes, problem]
    return summary(name, target, proposal, list(filter(None, notes)))


def profile_columns(train: TablePreview, labels: list[str]) -> list[ColumnProfile]:
    """Returns the profiles of a table's columns after checking the table's header.

    Args:
        train: the preview of the training table.
        labels: the label columns on the command line.
    """
    columns = [
        profile_column(column, train.table.column(i))
        for i, column in enumerate(train.table.column_names)
    ]
    if train.format.has_header:
        check_header(train, columns, labels)
    else:
        check_no_header(train.path, columns)
    return columns


def without_refused_features(
    proposal: DatasetProposal,
    to_yaml: Callable[[DatasetProposal], str],
    train: TablePreview,
    test: TablePreview | None,
) -> tuple[DatasetProposal, str]:
    """Checks a proposal as `mtl-train` does, and leaves out the features it refuses.

    A proposal for a table of which only the first rows were read is not checked.

    Args:
        proposal: the proposal.
        to_yaml: returns the YAML of a proposal.
        train: the preview of the training table.
        test: the preview of the test table, if there is one.

    Returns: the proposal, and a note for the user; "" if there is nothing to note.
    """
    dataset = parse_dataset(to_yaml(proposal))
    if not (train.complete and (test is None or test.complete)):
        return proposal, "only the first rows were read: check_only=true checks all"
    while problem := find_problem(dataset):
        remaining = without_refused_feature(proposal, problem)
        if remaining is None:
            return proposal, f"WARNING: mtl-train refuses this as it is: {problem}"
        proposal, dataset = remaining, parse_dataset(to_yaml(remaining))
    return proposal, ""


def target_path(name: str, force: bool) -> Path:
    """Returns the path of a data set's YAML. Checks that it may be written.

    Args:
        name: the name of the data set.
        force: whether the YAML may exist.
    """
    if not re.fullmatch(DATASET_NAME, name):
        raise ConfigError(
            f"--name: '{name}' should be letters, digits, '_', '.', '-', and begin "
            "with a letter or a digit"
        )
    if is_value(name):
        raise ConfigError(
            f"--name: mtl-train takes '{name}' for a value, not for a name; write "
            f"--name data_{name}"
        )
    target = Path("conf") / "dataset" / f"{name}.yaml"
    folder = Path.cwd() / "conf"
    if (folder / "config.yaml").exists() and folder != conf_folder():
        raise ConfigError(
            "./conf has a config.yaml, so mtl-train takes the folder for another "
            "application's and would not read the data set; start in another folder"
        )
    for path in (folder, target.parent, target):
        if path.is_symlink():
            raise ConfigError(
                f"{path} is a link; remove it, or start in another folder"
            )
    if target.exists() and not force:
        raise ConfigError(
            f"{target} exists; choose another --name, or --force to overwrite it"
        )
    return target


def write_yaml(target: Path, text: str) -> None:
    """Writes the YAML of a data set."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_text(target, text, "start in a folder that can be written")
    except OSError as error:
        raise ConfigError(f"cannot write {target}: {error.strerror}") from None
    except WriteError as error:
        raise ConfigError(str(error)) from None


def summary(
    name: str, target: Path, proposal: DatasetProposal, notes: list[str]
) -> str:
    """Returns the text for the terminal.

    The text holds a table of the use of each column, the notes, and the next commands.
    """
    rows = [("column", "taken for", "because")]
    for task_name, task in proposal.tasks.items():
        rows.append((task.label, f"task {task_name}: {task.kind}", task.reason))
    columns = []
    notable = set()  # the names of columns that are not features, or have a warning
    for column in proposal.columns:
        use: str = column.role
        reason = column.remark
        if column.is_feature and column.keys:
            use = column.keys["kind"]
            reason = reason if "WARNING" in reason else column.summary
        if not column.is_feature or "WARNING" in reason:
            notable.add(column.column.name)
        columns.append((column.column.name, use, reason))
    num_hidden = len(columns) - MAX_COLUMNS
    if num_hidden > 0:
        columns.sort(key=lambda row: row[0] not in notable)
    rows += columns[:MAX_COLUMNS]
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [min(MAX_COLUMN_WIDTH, max(len(row[i]) for row in cells)) for i in (0, 1)]
    lines = [
        f"{name.ljust(widths[0])}  {use.ljust(widths[1])}  {reason}".rstrip()
        for name, use, reason in cells
    ]
    if num_hidden > 0:
        lines.append(f"... and {num_hidden:,} more columns, which are in {target} too")
    leaks = [c.column.name for c in proposal.columns if c.is_feature and c.may_leak]
    if leaks:
        notes = [
            *notes,
            f"{', '.join(leaks)}: see the WARNING above; a feature that is known "
            "only after the prediction makes all scores too good",
        ]
    lines += ["", *(f"note: {printable(text)}" for text in notes)] if notes else []
    hides_bundled = (conf_folder() / "dataset" / f"{name}.yaml").exists()
    if hides_bundled and user_conf_folder():
        done = f"wrote {target}, which from here hides the bundled {name}; then"
    else:
        done = f"wrote {target}: check it, then"
    train = f"  mtl-train dataset={name}"
    lines += ["", done, f"{train} check_only=true", f"{train} model=mmoe"]
    return "\n".join(lines) + "\n"
