"""`mtl-init`: looks at a table and writes the YAML of a data set."""

import argparse
import re
import sys
from pathlib import Path
from typing import Any, NoReturn

import yaml
from pydantic import ValidationError

from mtl_cli.core.errors import ConfigError, DataError, MtlError, fail, printable
from mtl_cli.core.paths import conf_folder, user_conf_folder
from mtl_cli.data.dataset import DATASET_NAME, Dataset
from mtl_cli.init.arguments import name_of, names_given, parse, spaces_of, tasks_of
from mtl_cli.init.column import profile
from mtl_cli.init.dataset import Proposal, propose_dataset
from mtl_cli.init.preview import Looked, look
from mtl_cli.init.refusals import (
    check_columns_given,
    check_header,
    check_test,
    common_format,
    no_tasks,
)
from mtl_cli.init.writing import Files, dataset_yaml


def main() -> NoReturn:
    """Runs `mtl-init` and exits: 0 done, 2 wrong input, 130 interrupted."""
    try:
        sys.stdout.write(init(parse(sys.argv[1:])))
    except MtlError as error:
        sys.exit(fail("mtl-init", str(error), error.exit_code))
    except KeyboardInterrupt:
        sys.exit(fail("mtl-init", "interrupted", 130))
    sys.exit(0)


def init(arguments: argparse.Namespace) -> str:
    """Writes a data set's YAML.

    Args:
        arguments: of the command line.

    Returns: what to say of it.

    Raises:
        ConfigError: if the arguments are wrong.
        DataError: if the table is.
    """
    tasks = tasks_of(arguments.task)
    spaces = spaces_of(arguments.space, list(tasks))
    name = arguments.name or name_of(arguments.table)
    target = target_of(name, arguments.force or not tasks)
    names = names_given(arguments)
    train = look(arguments.table, names)
    columns = [
        profile(column, train.table.column(i))
        for i, column in enumerate(train.table.column_names)
    ]
    if names is not None:
        check_columns_given(train.path, columns)
    else:
        check_header(train, columns, list(tasks.values()))
    if not tasks:
        raise no_tasks(train.path, columns)
    proposal = propose_dataset(columns, tasks, spaces)
    test = None if arguments.test is None else look(arguments.test, names, train.layout)
    text = dataset_yaml(name, files_of(train, test, proposal), proposal)
    write(target, text)
    return summary(name, target, proposal)


def target_of(name: str, force: bool) -> Path:
    """Returns the path of a data set's YAML, if it may be written."""
    if not re.fullmatch(DATASET_NAME, name):
        raise ConfigError(
            f"--name: '{name}' should be letters, digits, '_', '.', '-', and begin "
            "with a letter or a digit"
        )
    target = Path("conf") / "dataset" / f"{name}.yaml"
    mine = Path.cwd() / "conf"
    if (mine / "config.yaml").exists() and mine != conf_folder():
        raise ConfigError(
            "./conf has a config.yaml, so mtl-train takes the folder for another "
            "application's and would not read the data set; start in another folder"
        )
    if target.exists() and not force:
        raise ConfigError(
            f"{target} exists; choose another --name, or --force to overwrite it"
        )
    return target


def files_of(train: Looked, test: Looked | None, proposal: Proposal) -> Files:
    """Returns the data set's files, after a look at whether they fit."""
    if test is None:
        kind = "auto" if train.layout.by_ending else train.layout.format
        return Files(train, None, kind, train.layout.trim)
    kind = common_format(train, test)
    check_test(train, test, proposal)
    return Files(train, test.path, kind, train.layout.trim or test.layout.trim)


def write(target: Path, text: str) -> None:
    """Writes the YAML of a data set, after a check that it is one."""
    values: Any = yaml.safe_load(text)
    try:
        Dataset.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DataError(
            f"cannot describe this table: {where}: {first['msg']}"
        ) from None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write {target}: {error.strerror}") from None


def summary(name: str, target: Path, proposal: Proposal) -> str:
    """Returns a table of what each column was taken for, and what to do next."""
    rows = [("column", "taken for", "because")]
    for task, label in proposal.labels.items():
        values = label.task
        rows.append((values["label"], f"task {task}: {values['kind']}", label.seen))
    for choice in proposal.choices:
        kind = choice.feature["kind"] if choice.feature else ""
        role = kind if choice.role == "feature" else choice.role
        loud = choice.role != "feature" or choice.remark.startswith("WARNING")
        said = choice.remark if loud else choice.seen
        rows.append((choice.column.name, role, said))
    shown = [[printable(cell) for cell in row] for row in rows]
    widths = [min(32, max(len(row[i]) for row in shown)) for i in (0, 1)]
    lines = [
        f"{a.ljust(widths[0])}  {b.ljust(widths[1])}  {c}".rstrip() for a, b, c in shown
    ]
    lines += ["", f"wrote {target}: look it through, then"]
    if (conf_folder() / "dataset" / f"{name}.yaml").exists() and user_conf_folder():
        lines[-1] = f"wrote {target}, which from here hides the bundled {name}; then"
    lines.append(f"  mtl-train dataset={name} check_only=true")
    lines.append(f"  mtl-train dataset={name} model=mmoe")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
