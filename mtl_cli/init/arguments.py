"""The arguments of `mtl-init`."""

import argparse
import re
from pathlib import Path
from typing import Any, NoReturn

from mtl_cli.core.errors import ConfigError, suggest
from mtl_cli.data.dataset import TASK_NAME

TABLE = (
    "of training rows: .csv, .tsv (also .gz, .zst, .bz2), .parquet, .feather, .arrow, "
    "or a folder of .parquet files"
)
TASK = "what to predict, and the column that holds it if the name is not it"
SPACE = "counts a task's rows only where a column, or another task, is 1"
COLUMNS = "names, if the first line has none"
NO_HEADER = "names them column_1, column_2, ..."
EXAMPLES = """examples:
  mtl-init shop/train.csv --task click buy --space buy:click --test shop/test.csv
  mtl-init adult.data --no-header --task income=column_15
"""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are told in one line, as all errors of the commands are."""

    def error(self, message: str) -> NoReturn:
        unknown = message.rpartition("unrecognized arguments: ")[2].partition(" ")[0]
        flags = [flag for flag in self._option_string_actions if flag.startswith("--")]
        if "required: TABLE" in message:
            message += "; it comes before --task"
        raise ConfigError(f"{message}{suggest(unknown, flags)}; see mtl-init --help")


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
    several: dict[str, Any] = {"nargs": "+", "action": "extend", "default": []}
    add("--task", metavar="NAME[=COLUMN]", help=TASK, **several)
    add("--space", metavar="TASK:COLUMN", help=SPACE, **several)
    add("--name", help="of the data set; usually the table's")
    add("--test", metavar="TABLE", help="of test rows; else a tenth of TABLE")
    header = parser.add_mutually_exclusive_group()
    header.add_argument("--columns", metavar="A,B,...", help=COLUMNS)
    header.add_argument("--no-header", action="store_true", help=NO_HEADER)
    add("--force", action="store_true", help="overwrites the YAML")
    return parser.parse_args(arguments)


def parse_tasks(arguments: list[str]) -> dict[str, str]:
    """Returns {task: label column} from arguments `NAME` or `NAME=COLUMN`."""
    tasks: dict[str, str] = {}
    for argument in arguments:
        name, equals, column = argument.partition("=")
        if not re.fullmatch(TASK_NAME, name):
            valid = re.sub(r"^[^A-Za-z]+|[^A-Za-z0-9]+", "_", name).strip("_") or "task"
            raise ConfigError(
                f"--task: the name '{name}' should be a letter, then letters, digits "
                f"and _; write --task '{valid}={column or name}'"
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


def parse_spaces(arguments: list[str], tasks: list[str]) -> dict[str, str]:
    """Returns {task: space} of the tasks that have a space.

    Args:
        arguments: texts of the form `TASK:COLUMN`.
        tasks: the names of all tasks.
    """
    spaces: dict[str, str] = {}
    for argument in arguments:
        task, _, space = argument.partition(":")
        if not (task and space):
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


def parse_columns(arguments: argparse.Namespace) -> list[str] | None:
    """Returns the columns' names, an empty list to number them, None to read them."""
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


def dataset_name(table: str) -> str:
    """Returns a data set's name made from the path of its table."""
    stem = Path(table).resolve().name.partition(".")[0]
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", stem).strip("_-")
    return name if name[:1].isalpha() else f"data_{name}".rstrip("_")
