"""Writes a data set's YAML, with comments beside its keys.

The YAML libraries keep the comments of a file, but do not lay out new ones: they break
lists after the line's width, not before, and quote by one YAML version only.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from mtl_cli.init.dataset_proposal import DatasetProposal
from mtl_cli.init.feature_proposal import FeatureProposal, join_remarks
from mtl_cli.init.file_format import USUAL_DELIMITERS
from mtl_cli.init.name_hints import is_person
from mtl_cli.init.preview import TablePreview
from mtl_cli.init.task_proposal import TaskProposal
from mtl_cli.tasks.base import LOSSES, Task

COMMENT_COLUMN = 24  # of comments beside the data set's own keys
MAX_FEATURE_WIDTH = 60  # longer features push their own comments to the right
LINE_WIDTH = 88
# Text that needs no quotes, whether it stands alone or within {} or [].
UNQUOTED = re.compile(r"[^\W\d](?:[\w ()/.+-]*[\w)+])?")


@dataclass(frozen=True)
class DatasetFiles:
    """The tables of a data set.

    Attributes:
        train: the preview of the training table.
        test: the test table as the user named it, or None.
        format: the format of both tables, `auto` if their endings name it.
        trim: whether either table has spaces to cut.
    """

    train: TablePreview
    test: str | None
    format: str
    trim: bool


def dataset_yaml(name: str, files: DatasetFiles, proposal: DatasetProposal) -> str:
    """Returns the YAML of a data set.

    Args:
        name: the data set's name.
        files: the tables of the data set.
        proposal: the tasks, features and split of the data set.
    """
    lines = [
        *file_lines(name, files),
        *split_lines(proposal, files.test is not None),
        "",
        "features:",
        *feature_lines(proposal),
        "",
        "tasks:",
    ]
    for task, task_proposal in proposal.tasks.items():
        lines += [f"  {task}:", *task_lines(task_proposal)]
    return "\n".join(lines) + "\n"


def file_lines(name: str, files: DatasetFiles) -> Iterator[str]:
    """Yields the lines on the data set's files and on how they are written."""
    train, file_format = files.train, files.train.format
    rows = f"{train.table.num_rows:,}"
    rows = f"all {rows}" if train.complete else f"the first {rows}"
    yield comment(f"Proposed by mtl-init from {rows} rows of {train.path}.")
    yield "# A first guess: keep as features only what is known before the prediction."
    yield key("name", name)
    yield key("train", train.path)
    yield key("valid", None, "null: valid_fraction of the rows of valid_from")
    yield key("test", files.test, "null: test_fraction of the training file's rows")
    yield key("format", files.format, "auto: by the files' endings")
    yield "csv:".ljust(COMMENT_COLUMN) + "# how text files are written"
    delimiter = file_format.delimiter if file_format.is_text else None
    if delimiter == USUAL_DELIMITERS.get(file_format.name):
        delimiter = None
    yield key("  delimiter", delimiter, "null: the comma, in .tsv files the tab")
    if file_format.columns is None:
        yield key("  columns", None, "names, for files whose first line has none")
    else:
        yield from key_with_list("  columns", file_format.columns)
    yield key("  trim", files.trim, "cuts spaces at the ends of cells and names")
    yield key("  null_values", [], "what stands for an empty cell, besides nothing")
    yield key("stream", "auto", "true reads rows from disk as training goes")


def split_lines(proposal: DatasetProposal, has_test: bool) -> Iterator[str]:
    """Yields the lines on splits, weights and groups."""
    time_column = proposal.split_column
    by_time = time_column is not None and not has_test
    yield key("valid_fraction", 0.1, "the share held out for validation")
    yield key("valid_from", "train", "or test: the file of validation rows")
    yield key("test_fraction", 0.0 if has_test else 0.1, "of the training file")
    if by_time:
        yield key("split_by", "time", "the latest rows are held out; or random, group")
    else:
        hint = f"; time needs split_column: {time_column}" if time_column else ""
        yield key("split_by", "random", f"or group, time, order{hint}")
    yield key("split_column", time_column if by_time else None, "of times or groups")
    yield key("split_seed", 0, "apart from seed: runs are scored on the same rows")
    weights = [f"; {p.column.name}?" for p in proposal.columns if p.role == "weight"]
    hint = weights[0] if weights else ""
    yield key("weight_column", None, f"what a row counts; null: 1{hint}")
    people = [p.column for p in proposal.features if is_person(p.column.name)]
    gaps = [f"; {column.name} has empty cells" for column in people if column.missing]
    hint = gaps[0] if gaps else ""
    yield key("group_column", proposal.group_column, f"of group AUC; null: none{hint}")
    yield key("groups", {}, "named choices of tasks")
    yield key("group", None, "the one that is used; null: all tasks and features")


def feature_lines(proposal: DatasetProposal) -> Iterator[str]:
    """Yields a line for each feature, and a comment for each column left out."""
    features = {feature_key(feature): feature for feature in proposal.features}
    width = min(MAX_FEATURE_WIDTH, max(map(len, features)))
    for text, feature in features.items():
        remarks = join_remarks(feature.summary, feature.remark)
        yield f"  {text.ljust(width)}  {comment(remarks)}"
    others = [column for column in proposal.columns if not column.is_feature]
    if others:
        yield from ("", "  # Not features:")
    for other in others:
        remarks = join_remarks(other.remark, other.summary)
        yield f"  # {feature_key(other)}  {comment(remarks)}"


def feature_key(proposal: FeatureProposal) -> str:
    """Returns a feature's key and value."""
    name = scalar(proposal.column.name)
    return name if proposal.keys is None else f"{name}: {on_one_line(proposal.keys)}"


def task_lines(proposal: TaskProposal) -> Iterator[str]:
    """Yields the lines of a task, below its name."""
    values = proposal.keys | {"loss": LOSSES[proposal.kind][0], "weight": 1.0}
    if proposal.kind == "binary":
        values["positive_weight"] = 1.0
    values = {"space": None, "metrics": None, "tower_units": None} | values
    remarks = {
        "positive": "null: the column holds 0 and 1",
        "space": "task or column that is 1 on the rows that count; null: all",
        "metrics": "null: all of the kind",
        "tower_units": "null: model.tower_units",
    } | proposal.remarks
    for name in Task.model_fields:
        if isinstance(values.get(name), list):
            yield "    " + comment(remarks.get(name, ""))
            yield from key_with_list(f"    {name}", values[name])
        elif name in values:
            yield key(f"    {name}", values[name], remarks.get(name, ""))


def key(name: str, value: Any, remark: str = "") -> str:
    """Returns the line of a key, its value and a comment."""
    line = f"{name}: {on_one_line(value)}"
    return f"{line.ljust(COMMENT_COLUMN - 2)}  {comment(remark)}" if remark else line


def key_with_list(name: str, values: list[Any]) -> Iterator[str]:
    """Yields the lines of a key and a list, with as many values per line as fit."""
    indent = " " * (len(name) - len(name.lstrip()) + 2)
    items = [f"{on_one_line(value)}," for value in values]
    items[-1] = items[-1][:-1] + "]"
    line = f"{name}: [{items[0]}"
    for item in items[1:]:
        if len(line) + len(item) + 1 >= LINE_WIDTH:
            yield line
            line = indent + item
        else:
            line += f" {item}"
    yield line


def on_one_line(value: Any) -> str:
    """Returns a value as YAML, on one line."""
    if isinstance(value, dict):
        items = [f"{scalar(k)}: {on_one_line(v)}" for k, v in value.items()]
        return f"{{{', '.join(items)}}}"
    return scalar(value)


def scalar(value: Any) -> str:
    """Returns a word or a number as YAML.

    Text that any YAML reader may take for something else is quoted: OmegaConf takes
    1e3 for a number, PyYAML does not.
    """
    if not isinstance(value, str):
        return yaml.safe_dump(value).partition("\n")[0]
    if UNQUOTED.fullmatch(value) and yaml.safe_load(value) == value:
        return value
    quoted = yaml.safe_dump(value, default_style='"', allow_unicode=True, width=1e9)
    return quoted.rstrip("\n")


def comment(text: str) -> str:
    """Returns a comment, on one line."""
    return "# " + "".join(c if c.isprintable() else " " for c in text)
