"""Looks at a table, proposes a data set and writes its YAML."""

import argparse
import re
from collections.abc import Callable
from pathlib import Path

from mtl_cli.core.atomic_write import replacing
from mtl_cli.core.errors import ConfigError, WriteError, printable
from mtl_cli.core.paths import conf_folder, user_conf_folder
from mtl_cli.data.dataset import DATASET_NAME
from mtl_cli.init.arguments import (
    dataset_name,
    parse_columns,
    parse_spaces,
    parse_tasks,
)
from mtl_cli.init.column_profile import ColumnProfile, profile_column
from mtl_cli.init.dataset_proposal import DatasetProposal, propose_dataset
from mtl_cli.init.null_values import find_null_values, null_value_notes
from mtl_cli.init.preview import TablePreview, read_preview
from mtl_cli.init.self_check import parse_dataset, problem_of, without_refused_feature
from mtl_cli.init.table_checks import (
    check_header,
    check_no_header,
    check_test,
    common_format,
    missing_task_error,
)
from mtl_cli.init.yaml_text import dataset_yaml

MAX_COLUMN_WIDTH = 32
MAX_COLUMNS = 50  # more than these fill more than a screen


def write_dataset(arguments: argparse.Namespace) -> str:
    """Writes a data set's YAML; returns the text for the terminal.

    Args:
        arguments: the values of the command line.

    Raises:
        ConfigError: if the arguments are wrong.
        DataError: if the table is.
    """
    labels = parse_tasks(arguments.task)
    spaces = parse_spaces(arguments.space, list(labels))
    name = arguments.name or dataset_name(arguments.table)
    target = target_path(name, arguments.force or not labels)
    names = parse_columns(arguments)
    train = read_preview(arguments.table, names)
    test = None
    if arguments.test is not None:
        test = read_preview(arguments.test, names, train.format)
    previews = [train] if test is None else [train, test]
    texts = [preview.table for preview in previews if preview.format.is_text]
    null_values = find_null_values(texts, labels.values())
    train = train.with_empty_cells(null_values)
    test = test and test.with_empty_cells(null_values)
    columns = profile_columns(train, list(labels.values()))
    if not labels:
        raise missing_task_error(train.path, columns)
    proposal = propose_dataset(columns, labels, spaces)
    format_key = common_format(train, test)
    if test is not None:
        check_test(train, test, proposal)

    def yaml_of(proposal: DatasetProposal) -> str:
        return dataset_yaml(name, train, test, format_key, proposal, null_values)

    proposal, problem = checked(proposal, yaml_of, train, test)
    write(target, yaml_of(proposal))
    notes = [*null_value_notes(texts, null_values), *proposal.notes, problem]
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


def checked(
    proposal: DatasetProposal,
    yaml_of: Callable[[DatasetProposal], str],
    train: TablePreview,
    test: TablePreview | None,
) -> tuple[DatasetProposal, str]:
    """Returns a proposal without features that `mtl-train` refuses, and a note.

    Args:
        proposal: the proposal.
        yaml_of: returns the YAML of a proposal.
        train: the preview of the training table.
        test: the preview of the test table, if there is one.

    Returns: the proposal, and why `mtl-train` would refuse it; "" if it would not.
    """
    dataset = parse_dataset(yaml_of(proposal))
    if not (train.complete and (test is None or test.complete)):
        return proposal, "only the first rows were looked at: check_only reads all"
    while problem := problem_of(dataset):
        remaining = without_refused_feature(proposal, problem)
        if remaining is None:
            return proposal, f"WARNING: mtl-train refuses this as it is: {problem}"
        proposal, dataset = remaining, parse_dataset(yaml_of(remaining))
    return proposal, ""


def target_path(name: str, force: bool) -> Path:
    """Returns the path of a data set's YAML after checking that it may be written."""
    if not re.fullmatch(DATASET_NAME, name):
        raise ConfigError(
            f"--name: '{name}' should be letters, digits, '_', '.', '-', and begin "
            "with a letter or a digit"
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


def write(target: Path, text: str) -> None:
    """Writes the YAML of a data set."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target, "start in a folder that can be written") as path:
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write {target}: {error.strerror}") from None
    except WriteError as error:
        raise ConfigError(str(error)) from None


def summary(
    name: str, target: Path, proposal: DatasetProposal, notes: list[str]
) -> str:
    """Returns a table of the use of each column, the notes, and what to do next."""
    rows = [("column", "taken for", "because")]
    for name_of_task, task in proposal.tasks.items():
        rows.append((task.label, f"task {name_of_task}: {task.kind}", task.reason))
    columns = []
    odd = set()  # the names of columns that are no feature, or have a warning
    for column in proposal.columns:
        use: str = column.role
        reason = column.remark
        if column.is_feature and column.keys:
            use = column.keys["kind"]
            reason = reason if "WARNING" in reason else column.summary
        if not column.is_feature or "WARNING" in reason:
            odd.add(column.column.name)
        columns.append((column.column.name, use, reason))
    left_out = len(columns) - MAX_COLUMNS
    if left_out > 0:
        columns.sort(key=lambda row: row[0] not in odd)
    rows += columns[:MAX_COLUMNS]
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [min(MAX_COLUMN_WIDTH, max(len(row[i]) for row in cells)) for i in (0, 1)]
    lines = [
        f"{a.ljust(widths[0])}  {b.ljust(widths[1])}  {c}".rstrip() for a, b, c in cells
    ]
    if left_out > 0:
        lines.append(f"... and {left_out:,} more columns, which are in {target} too")
    lines += ["", *(f"note: {printable(text)}" for text in notes)] if notes else []
    hides_bundled = (conf_folder() / "dataset" / f"{name}.yaml").exists()
    if hides_bundled and user_conf_folder():
        done = f"wrote {target}, which from here hides the bundled {name}; then"
    else:
        done = f"wrote {target}: look it through, then"
    train = f"  mtl-train dataset={name}"
    lines += ["", done, f"{train} check_only=true", f"{train} model=mmoe"]
    return "\n".join(lines) + "\n"
