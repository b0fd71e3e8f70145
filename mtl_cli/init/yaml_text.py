"""Writes a data set's YAML, with comments beside its keys.

The YAML libraries keep the comments of a file, but do not lay out new ones: they break
lists after the line's width, not before, and quote by one YAML version only.
"""

import re
import textwrap
from collections.abc import Iterator
from typing import Any

import yaml

from mtl_cli.init.dataset_proposal import DatasetProposal
from mtl_cli.init.feature_proposal import FeatureProposal, join_remarks
from mtl_cli.init.file_format import USUAL_DELIMITERS
from mtl_cli.init.name_hints import is_person
from mtl_cli.init.preview import TablePreview
from mtl_cli.init.task_proposal import TaskProposal
from mtl_cli.tasks.base import kind_of_task

COMMENT_COLUMN = 24  # of comments beside the data set's own keys
MAX_FEATURE_WIDTH = 60  # longer features push their own comments to the right
MAX_LIST_WIDTH = 87
# The keys of a task that are written, in order; of each kind of task those it has.
TASK_KEYS = ["label", "kind", "positive", "classes", "loss", "transform", "weight"]
TASK_KEYS += ["positive_weight", "space", "metrics", "tower_units"]
# Text that needs no quotes, whether it stands alone or within {} or [].
UNQUOTED = re.compile(r"[^\W\d](?:[\w ()/.+-]*[\w)+])?")


def dataset_yaml(
    name: str,
    train: TablePreview,
    test: TablePreview | None,
    format_key: str,
    proposal: DatasetProposal,
) -> str:
    """Returns the YAML of a data set.

    Args:
        name: the data set's name.
        train: the preview of the training table.
        test: the preview of the test table, if there is one.
        format_key: the format of both tables, `auto` if their endings name it.
        proposal: the tasks, features and split of the data set.
    """
    rows = f"{train.table.num_rows:,}"
    rows = f"all {rows}" if train.complete else f"the first {rows}"
    delimiter = train.format.delimiter if train.format.is_text else None
    if delimiter == USUAL_DELIMITERS.get(train.format.name):
        delimiter = None
    columns = key("  columns", None, "names, for files whose first line has none")
    if not train.format.has_header:
        columns = "\n".join(key_with_list("  columns", train.format.columns))
    test_path = None if test is None else test.path
    trim = train.format.trim or (test is not None and test.format.trim)
    lines = [
        comment(f"Proposed by mtl-init from {rows} rows of {train.path}."),
        "# A first guess: keep as features only what is known before the prediction.",
        key("name", name),
        key("train", train.path),
        key("valid", None, "null: valid_fraction of the rows of valid_from"),
        key("test", test_path, "null: test_fraction of the training file's rows"),
        key("format", format_key, "auto: by the files' endings"),
        "csv:".ljust(COMMENT_COLUMN) + "# how text files are written",
        key("  delimiter", delimiter, "null: the comma, in .tsv files the tab"),
        columns,
        key("  trim", trim, "cuts spaces at the ends of cells and names"),
        key("  null_values", [], "what stands for an empty cell, besides nothing"),
        key("stream", "auto", "true reads rows from disk as training goes"),
        *split_lines(proposal, test is not None),
        "",
        "features:",
        *feature_lines(proposal),
        "",
        "tasks:",
    ]
    for task, task_proposal in proposal.tasks.items():
        lines += [f"  {task}:", *task_lines(task_proposal)]
    return "\n".join(lines) + "\n"


def split_lines(proposal: DatasetProposal, has_test: bool) -> list[str]:
    """Returns the lines on splits, weights and groups."""
    time_column = proposal.split_column
    by_time = time_column is not None and not has_test
    hint = f"; time needs split_column: {time_column}" if time_column else ""
    split_by = key("split_by", "random", f"or group, time, order{hint}")
    if by_time:
        hint = "the latest rows are held out; or random, group"
        split_by = key("split_by", "time", hint)
    weights = [f"; {p.column.name}?" for p in proposal.columns if p.role == "weight"]
    people = [p.column for p in proposal.features if is_person(p.column.name)]
    gaps = [f"; {column.name} has empty cells" for column in people if column.missing]
    weight_hint = f"what a row counts; null: 1{''.join(weights[:1])}"
    group_hint = f"of group AUC; null: none{''.join(gaps[:1])}"
    return [
        key("valid_fraction", 0.1, "the share held out for validation"),
        key("valid_from", "train", "or test: the file of validation rows"),
        key("test_fraction", 0.0 if has_test else 0.1, "of the training file"),
        split_by,
        key("split_column", time_column if by_time else None, "of times or groups"),
        key("split_seed", 0, "apart from seed: runs are scored on the same rows"),
        key("weight_column", None, weight_hint),
        key("group_column", proposal.group_column, group_hint),
        key("groups", {}, "named choices of tasks"),
        key("group", None, "the one that is used; null: all tasks and features"),
    ]


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
    fields = kind_of_task(proposal.kind).model_fields
    values = {
        name: proposal.keys.get(name, fields[name].default)
        for name in TASK_KEYS
        if name in fields
    }
    remarks = {
        "positive": "null: the column holds 0 and 1",
        "space": "task or column that is 1 on the rows that count; null: all",
        "metrics": "null: all of the kind",
        "tower_units": "null: model.tower_units",
    } | proposal.remarks
    for name, value in values.items():
        if isinstance(value, list):
            yield "    " + comment(remarks.get(name, ""))
            yield from key_with_list(f"    {name}", value)
        else:
            yield key(f"    {name}", value, remarks.get(name, ""))


def key(name: str, value: Any, remark: str = "") -> str:
    """Returns the line of a key, its value and a comment."""
    line = f"{name}: {on_one_line(value)}"
    return f"{line.ljust(COMMENT_COLUMN - 2)}  {comment(remark)}" if remark else line


def key_with_list(name: str, values: list[Any]) -> list[str]:
    """Returns the lines of a key and a list, with as many values per line as fit."""
    # Only spaces between values may become line ends.
    items = ", ".join(on_one_line(value).replace(" ", "\0") for value in values)
    indent = " " * (len(name) - len(name.lstrip()) + 2)
    lines = textwrap.wrap(
        f"{name}: [{items}]",
        MAX_LIST_WIDTH,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace("\0", " ") for line in lines]


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
