"""The arguments of `mtl-init`."""

import argparse
import os
import re
from pathlib import Path
from typing import Any, NoReturn

from mtl_cli.config.monitor import AUTO, MEAN
from mtl_cli.core.command_line import Parser
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.message_text import suggest
from mtl_cli.core.prediction_names import (
    GROUP,
    ROW,
    SCENARIO,
    prediction_name,
    weight_name,
)

TABLE_HELP = (
    "the training rows: .csv, .tsv (also .gz, .zst, .bz2), .parquet, .feather, .arrow, "
    "a folder of .parquet files, or a pattern in quotes, such as 'logs/*.parquet'"
)
TASK_HELP = "name of a task, and the name of its label column if the names differ"
SPACE_HELP = "TASK uses only the rows where COLUMN, or another task, is 1"
COLUMNS_HELP = "names of the columns, if the first line holds no names"
NO_HEADER_HELP = "names the columns column_1, column_2, ..."
NUMBERED_COLUMNS: list[str] = []  # stands for column_1, column_2 and so on
EXAMPLES = """examples:
  mtl-init shop/train.csv --task click buy --space buy:click --test shop/test.csv
  mtl-init adult.data --no-header --task income=column_15
"""


class InitParser(Parser):
    """A parser whose error for a missing TABLE says that TABLE comes first."""

    def error(self, message: str) -> NoReturn:
        if "required: TABLE" in message:
            message += "; it comes before --task"
        super().error(message)


def parse(arguments: list[str]) -> argparse.Namespace:
    """Parses the command line of `mtl-init`."""
    parser = InitParser(
        prog="mtl-init",
        description="Looks at a table and writes ./conf/dataset/NAME.yaml.",
        epilog=EXAMPLES,
    )
    add = parser.add_argument
    add("table", metavar="TABLE", help=TABLE_HELP)
    several: dict[str, Any] = {"nargs": "+", "action": "extend", "default": []}
    add("--task", metavar="NAME[=COLUMN]", help=TASK_HELP, **several)
    add("--space", metavar="TASK:COLUMN", help=SPACE_HELP, **several)
    add("--name", help="name of the data set; by default the name of the table")
    add(
        "--test",
        metavar="TABLE",
        help="the test rows; by default a tenth of the training rows",
    )
    header = parser.add_mutually_exclusive_group()
    header.add_argument("--columns", metavar="A,B,...", help=COLUMNS_HELP)
    header.add_argument("--no-header", action="store_true", help=NO_HEADER_HELP)
    add("--force", action="store_true", help="overwrites the YAML")
    options, unknown = parser.parse_known_args(arguments)
    # A shell replaces a pattern without quotes by the names of all files.
    if unknown and os.path.isfile(unknown[0]):
        raise ConfigError(
            f"give one TABLE: a file, folder or pattern; '{unknown[0]}' is a second; "
            "name the folder of the files, or quote the pattern, as in 'logs/*.parquet'"
        )
    if unknown:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    return options


def parse_tasks(arguments: list[str]) -> dict[str, str]:
    """Returns {task: label column} for arguments `NAME` or `NAME=COLUMN`.

    Raises:
        ConfigError: if a name is not valid, is reserved, or occurs twice, or if there
            is no column after `=`.
    """
    tasks: dict[str, str] = {}
    for argument in arguments:
        name, equals, column = argument.partition("=")
        if equals and not column:
            raise ConfigError(f"--task: '{argument}' should be NAME or NAME=COLUMN")
        column = column or name
        check_task_name(name, column)
        if name in tasks:
            raise ConfigError(f"--task: names {name} twice; name each task once")
        tasks[name] = column
    prediction_columns = {*map(prediction_name, tasks), *map(weight_name, tasks)}
    for name, column in tasks.items():
        if name in prediction_columns:
            raise ConfigError(
                f"--task: a column of the predictions is named '{name}'; write "
                f"--task my_{name}={column}"
            )
    return tasks


def check_task_name(name: str, column: str) -> None:
    """Refuses a task's name that is not valid, or is reserved.

    The message advises another name; `column` is the label column in that advice.
    """
    from mtl_cli.data.dataset import RULES_OF_PATTERNS, TASK_NAME_PATTERN

    if not re.fullmatch(TASK_NAME_PATTERN, name):
        cleaned = re.sub(r"^[^A-Za-z]+|[^A-Za-z0-9]+", "_", name).strip("_")
        raise ConfigError(
            f"--task: the name '{name}' {RULES_OF_PATTERNS[TASK_NAME_PATTERN]}; write "
            f"--task '{cleaned or 'task'}={column}'"
        )
    # AUTO and MEAN are values of trainer.monitor. The other three names are columns of
    # the table of predictions.
    if name in (AUTO, MEAN, ROW, GROUP, SCENARIO):
        raise ConfigError(
            f"--task: the name '{name}' is reserved; write --task my_{name}={column}"
        )


def parse_spaces(arguments: list[str], tasks: list[str]) -> dict[str, str]:
    """Returns {task: space} for arguments `TASK:COLUMN`.

    The space of a task is a column or another task. Only the rows where the space is 1
    count for the task.

    Raises:
        ConfigError: if an argument is not `TASK:COLUMN`, or if a task does not exist,
            has two spaces, or is its own space.
    """
    spaces: dict[str, str] = {}
    for argument in arguments:
        task, _, space = argument.partition(":")
        if not (task and space):
            raise ConfigError(f"--space: '{argument}' should be TASK:COLUMN")
        if task not in tasks:
            if not tasks:
                raise ConfigError(f"--space {argument}: needs --task {task}")
            raise ConfigError(
                f"--space {argument}: no task '{task}'; the tasks are "
                f"{', '.join(tasks)}{suggest(task, tasks)}"
            )
        if space == task:
            raise ConfigError(f"--space {argument}: a task cannot be its own space")
        if task in spaces:
            raise ConfigError(f"--space {argument}: {task} has a space already")
        spaces[task] = space
    return spaces


def parse_columns(arguments: argparse.Namespace) -> list[str] | None:
    """Returns the names of --columns; None if the first line of the file holds names.

    Returns `NUMBERED_COLUMNS` for --no-header.
    """
    if arguments.no_header:
        return NUMBERED_COLUMNS
    if arguments.columns is None:
        return None
    names = [name.strip() for name in arguments.columns.split(",")]
    for name in names:
        if not name:
            raise ConfigError(
                f"--columns: '{arguments.columns}' has an empty name; name each column"
            )
        if names.count(name) > 1:
            raise ConfigError(
                f"--columns: names '{name}' {names.count(name)} times; give each "
                "column another name"
            )
    return names


def dataset_name(table: str) -> str:
    """Returns a valid name for a data set, made from the path of its table.

    >>> dataset_name("shop/train-1.csv.gz"), dataset_name("shop/2026.parquet")
    ('train-1', 'data_2026')
    """
    # The table may be `.` or `..`: the absolute path names the folder.
    stem = Path(os.path.abspath(table)).name.partition(".")[0]
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", stem).strip("_-")
    if name[:1].isalpha() and not hydra_reads_as_value(name):
        return name
    return f"data_{name}".rstrip("_")


def hydra_reads_as_value(name: str) -> bool:
    """Whether Hydra reads a text as null, a boolean or a number."""
    number = r"(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(e-?\d[\d_]*)?"
    return bool(re.fullmatch(rf"null|true|false|inf|nan|{number}", name, re.IGNORECASE))
