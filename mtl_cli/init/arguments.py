"""The arguments of `mtl-init`."""

import argparse
import re
from pathlib import Path
from typing import Any, NoReturn

from mtl_cli.core.errors import ConfigError, suggest
from mtl_cli.data.dataset import TASK_NAME

FLAGS = ["--task", "--space", "--name", "--test", "--columns", "--no-header", "--force"]
TABLE = (
    "of training rows: .csv, .tsv (also .gz, .zst), .parquet, .feather, .arrow, or a "
    "folder of .parquet files"
)
TASK = "what to predict, and the column that holds it if the name is not it"
SPACE = "counts a task's rows only where a column, or another task, is 1"
NAMES = "names, if the first line has none"
NUMBERS = "names them column_1, column_2, ..."
EXAMPLES = """examples:
  mtl-init shop/train.csv --task click buy --space buy:click --test shop/test.csv
  mtl-init adult.data --no-header --task income=column_15
"""


class Parser(argparse.ArgumentParser):
    """A parser whose errors end in one line, as all of ours do."""

    def error(self, message: str) -> NoReturn:
        flag = message.rpartition("unrecognized arguments: ")[2].partition(" ")[0]
        if "required: TABLE" in message:
            message += "; it comes before --task"
        raise ConfigError(f"{message}{suggest(flag, FLAGS)}; see mtl-init --help")


def parse(arguments: list[str]) -> argparse.Namespace:
    """Returns the command line's values."""
    parser = Parser(
        prog="mtl-init",
        description="Looks at a table and writes ./conf/dataset/NAME.yaml.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("table", metavar="TABLE", help=TABLE)
    many: dict[str, Any] = {"nargs": "+", "action": "extend", "default": []}
    add("--task", metavar="NAME[=COLUMN]", help=TASK, **many)
    add("--space", metavar="TASK:COLUMN", help=SPACE, **many)
    add("--name", help="of the data set; usually the table's")
    add("--test", metavar="TABLE", help="of test rows; else a tenth of TABLE")
    header = parser.add_mutually_exclusive_group()
    header.add_argument("--columns", metavar="A,B,...", help=NAMES)
    header.add_argument("--no-header", action="store_true", help=NUMBERS)
    add("--force", action="store_true", help="overwrites the YAML")
    return parser.parse_args(arguments)


def tasks_of(given: list[str]) -> dict[str, str]:
    """Returns the label column of each task.

    Args:
        given: `NAME` or `NAME=COLUMN`.
    """
    tasks: dict[str, str] = {}
    for argument in given:
        name, equals, column = argument.partition("=")
        if not re.fullmatch(TASK_NAME, name):
            plain = re.sub(r"^[^A-Za-z]+|[^A-Za-z0-9]+", "_", name).strip("_") or "task"
            raise ConfigError(
                f"--task: the name '{name}' should be a letter, then letters, digits "
                f"and _; write --task '{plain}={column or name}'"
            )
        if name in ("mean", "row"):
            raise ConfigError(
                f"--task: the name '{name}' is taken; write --task my_{name}="
                f"{column or name}"
            )
        if name in tasks:
            raise ConfigError(f"--task: names {name} twice")
        tasks[name] = column if equals else name
    return tasks


def spaces_of(given: list[str], tasks: list[str]) -> dict[str, str]:
    """Returns the space of each task that has one.

    Args:
        given: `TASK:COLUMN`.
        tasks: that there are.
    """
    spaces: dict[str, str] = {}
    for argument in given:
        task, colon, space = argument.partition(":")
        if not (task and colon and space):
            raise ConfigError(f"--space: '{argument}' should be TASK:COLUMN")
        if task not in tasks:
            raise ConfigError(
                f"--space {argument}: no task '{task}', there "
                f"{'are ' + ', '.join(tasks) if tasks else 'is none: give --task'}"
                f"{suggest(task, tasks)}"
            )
        if space == task:
            raise ConfigError(f"--space {argument}: a task cannot be its own space")
        if task in spaces:
            raise ConfigError(f"--space {argument}: {task} has a space already")
        spaces[task] = space
    return spaces


def name_of(table: str) -> str:
    """Returns a data set's name from that of its table."""
    stem = Path(table).resolve().name.partition(".")[0]
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", stem).strip("_-")
    return name if name[:1].isalpha() else f"data_{name}".rstrip("_")


def names_given(arguments: argparse.Namespace) -> list[str] | None:
    """Returns the columns' names, empty to number them, None to read them."""
    if arguments.no_header:
        return []
    if arguments.columns is None:
        return None
    names = [name.strip() for name in arguments.columns.split(",")]
    for name in names:
        if not name:
            raise ConfigError(f"--columns: '{arguments.columns}' has an empty name")
        if names.count(name) > 1:
            raise ConfigError(f"--columns: names '{name}' {names.count(name)} times")
    return names
