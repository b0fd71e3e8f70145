"""Reads the first rows of a table, proposes a data set, and writes its YAML."""

import argparse
import re
from pathlib import Path

from mtl_cli.core.atomic_write import named_write_errors, write_text
from mtl_cli.core.errors import ConfigError, DataError
from mtl_cli.core.message_text import printable, readable_name
from mtl_cli.core.paths import conf_is_of_other_application
from mtl_cli.data.dataset import DATASET_NAME_PATTERN, RULES_OF_PATTERNS
from mtl_cli.init.arguments import (
    dataset_name,
    hydra_reads_as_value,
    parse_spaces,
    parse_tasks,
)
from mtl_cli.init.column_profile import profile_column
from mtl_cli.init.column_proposal import ColumnProposal
from mtl_cli.init.dataset_proposal import DatasetProposal, propose_dataset
from mtl_cli.init.read_tables import read_tables
from mtl_cli.init.self_check import checked_yaml
from mtl_cli.init.table_checks import check_header, check_test_labels

MAX_CELL_WIDTH = 32  # a longer cell of the printed table pushes its row to the right
MAX_LISTED_COLUMNS = 50  # columns of the printed table, besides the labels


def write_dataset(arguments: argparse.Namespace) -> str:
    """Writes the YAML of a data set, and returns the text for the terminal.

    Raises:
        ConfigError: if the arguments are wrong.
        DataError: if a table is wrong.
    """
    labels = parse_tasks(arguments.task)
    spaces = parse_spaces(arguments.space, list(labels))
    name = arguments.name or dataset_name(arguments.table)
    target = target_path(name)
    tables = read_tables(arguments)
    train = tables.train
    columns = [profile_column(c, train.table[c]) for c in train.table.column_names]
    check_header(train, columns, list(labels.values()))
    if not labels:
        candidates = [c for c in columns if c.num_distinct == 2] or columns
        names = ", ".join(readable_name(column.name) for column in candidates)
        raise ConfigError(
            f"--task: say what to predict; possible columns of '{train.path}': {names}"
        )
    try:
        proposal = propose_dataset(columns, labels, spaces)
    except DataError as error:
        if train.complete:
            raise
        num_rows = f"{train.table.num_rows:,}"
        fix = f"mtl-init has read only {num_rows} rows, the first: shuffle the rows"
        raise DataError(f"{error}; {fix}") from error
    if target.exists() and not arguments.force:
        raise ConfigError(
            f"{target} exists; choose another --name, or give --force to overwrite"
        )
    if tables.test is not None:
        check_test_labels(train, tables.test, proposal.tasks)

    text, proposal, check_notes = checked_yaml(name, tables, proposal)
    write_yaml(target, text)
    notes = [*tables.notes, *proposal.notes, *check_notes]
    lines = [
        *column_table(target, proposal),
        *(f"note: {printable(note)}" for note in notes),
        "",
        f"wrote {target}; check this file, then run",
        f"  mtl-train dataset={name} check_only=true",
        f"  mtl-train dataset={name} model=mmoe",
    ]
    return "\n".join(lines) + "\n"


def target_path(name: str) -> Path:
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
    return target


def write_yaml(target: Path, text: str) -> None:
    fix = "mend that, or start in a folder that can be written"
    with named_write_errors(target, fix):
        target.parent.mkdir(parents=True, exist_ok=True)
    write_text(target, text, fix)


def column_table(target: Path, proposal: DatasetProposal) -> list[str]:
    """Returns the lines of a table that shows the use of each column.

    The table shows at most `MAX_LISTED_COLUMNS` columns that are not labels: columns
    with a warning and columns that are not features come first.
    """
    rows = [("column", "taken for", "because")]
    for task_name, task in proposal.tasks.items():
        rows.append((task.label, f"task {task_name}: {task.keys['kind']}", task.reason))
    columns = proposal.columns
    num_hidden = len(columns) - MAX_LISTED_COLUMNS
    if num_hidden > 0:
        # False sorts before True.
        columns = sorted(columns, key=lambda p: p.is_feature and not p.warning)
    rows += map(table_row, columns[:MAX_LISTED_COLUMNS])
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [
        min(MAX_CELL_WIDTH, max(map(len, column)))
        for column in zip(*cells, strict=True)
    ]
    lines = [
        f"{name.ljust(widths[0])}  {use.ljust(widths[1])}  {reason}".rstrip()
        for name, use, reason in cells
    ]
    if num_hidden > 0:
        lines.append(f"... and {num_hidden:,} more columns; {target} has all columns")
    return lines


def table_row(proposal: ColumnProposal) -> tuple[str, str, str]:
    """Returns the name of a column, its use, and the reason for this use."""
    name = proposal.column.name
    if not (proposal.is_feature and proposal.keys):
        return name, proposal.role, proposal.explanation
    reason = proposal.explanation if proposal.warning else proposal.summary
    return name, proposal.keys["kind"], reason
