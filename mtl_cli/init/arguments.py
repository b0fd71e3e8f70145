"""The arguments of `mtl-init`."""

import argparse
import os
import re
from pathlib import Path
from typing import Any

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
    "the training rows, named before --task: .csv, .tsv (also .gz, .zst, .bz2), "
    ".parquet, .feather, .arrow, a folder of .parquet files, or a pattern in quotes, "
    "such as 'logs/*.parquet'"
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


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = Parser(
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
    return parser.parse_args(arguments)


def parse_tasks(arguments: list[str]) -> dict[str, str]:
    """Returns {task: label column} for arguments `NAME` or `NAME=COLUMN`."""
    from mtl_cli.data.dataset import RULES_OF_PATTERNS, TASK_NAME_PATTERN

    tasks: dict[str, str] = {}
    for argument in arguments:
        name, equals, column = argument.partition("=")
        if equals and not column:
            raise ConfigError(f"--task: '{argument}' should be NAME or NAME=COLUMN")
        if not re.fullmatch(TASK_NAME_PATTERN, name):
            raise ConfigError(
                f"--task: the name '{name}' {RULES_OF_PATTERNS[TASK_NAME_PATTERN]}; "
                f"write --task NAME={column or name}"
            )
        if name in tasks:
            raise ConfigError(f"--task: names {name} twice; name each task once")
        tasks[name] = column or name
    # AUTO and MEAN are values of trainer.monitor, the other names are columns of
    # predictions.
    reserved = {AUTO, MEAN, ROW, GROUP, SCENARIO}
    reserved |= {*map(prediction_name, tasks), *map(weight_name, tasks)}
    for name, column in tasks.items():
        if name in reserved:
            raise ConfigError(
                f"--task: the name '{name}' is reserved; write --task "
                f"my_{name}={column}"
            )
    return tasks


def parse_spaces(arguments: list[str], tasks: list[str]) -> dict[str, str]:
    """Returns {task: its space} for arguments `TASK:COLUMN`."""
    spaces: dict[str, str] = {}
    for argument in arguments:
        task, _, space = argument.partition(":")
        if not (task and space):
            raise ConfigError(f"--space: '{argument}' should be TASK:COLUMN")
        if task not in tasks:
            raise ConfigError(
                f"--space {argument}: no task '{task}'; the tasks are "
                f"{', '.join(tasks) or 'none'}{suggest(task, tasks)}"
            )
        if task in spaces:
            raise ConfigError(f"--space {argument}: {task} has a space already")
        spaces[task] = space
    return spaces


def parse_columns(arguments: argparse.Namespace) -> list[str] | None:
    """Returns the names of --columns; `NUMBERED_COLUMNS` for --no-header; else None."""
    if arguments.no_header:
        return NUMBERED_COLUMNS
    if arguments.columns is None:
        return None
    names = [name.strip() for name in arguments.columns.split(",")]
    if len({*names, ""}) <= len(names):
        raise ConfigError(
            f"--columns: '{arguments.columns}' has an empty name, or a name twice; "
            "give each column a name of its own"
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
    """Whether Hydra reads the name of a data set as null, a boolean or a number.

    >>> [hydra_reads_as_value(name) for name in ("2026", "1e3", "null", "007")]
    [True, True, True, False]
    """
    if name[:1].isalpha():  # most names: Hydra's import would take a while
        return name.lower() in ("null", "true", "false", "inf", "nan")
    from hydra.core.override_parser.overrides_parser import OverridesParser

    override = OverridesParser.create().parse_override(f"dataset={name}")
    return not isinstance(override.value(), str)
