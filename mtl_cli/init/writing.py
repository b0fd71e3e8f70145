"""Writes a data set's YAML, with comments, from what is proposed for a table."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from mtl_cli.init.dataset import Proposal
from mtl_cli.init.feature_proposal import Choice
from mtl_cli.init.labels import Label
from mtl_cli.init.layout import USUAL
from mtl_cli.init.names import is_person
from mtl_cli.init.preview import Looked
from mtl_cli.tasks.base import LOSSES, Task

COMMENTS_AT = 24  # column of comments beside the data set's own keys
MOST_WIDTH = 60  # of features, in front of their comments
LINE_WIDTH = 88
# Words that need no quotes, whether they stand alone or within {} or [].
PLAIN = re.compile(r"[^\W\d](?:[\w ()/.+-]*[\w)+])?")


@dataclass(frozen=True)
class Files:
    """The tables of a data set.

    Attributes:
        train: that was looked at.
        test: the test table as the user gave it, or None.
        format: of both, `auto` if their endings say it.
        trim: whether either has spaces to cut.
    """

    train: Looked
    test: str | None
    format: str
    trim: bool


def dataset_yaml(name: str, files: Files, proposal: Proposal) -> str:
    """Returns the YAML of a data set.

    Args:
        name: of the data set.
        files: that it is read from.
        proposal: what its columns are.
    """
    lines = [
        *head(files),
        *paths(name, files),
        *splits(proposal, files.test is not None),
        "",
        *features(proposal),
        "",
        *tasks(proposal),
    ]
    return "\n".join(lines) + "\n"


def head(files: Files) -> Iterator[str]:
    """Yields the lines that say where the YAML comes from."""
    rows = files.train.table.num_rows
    looked = f"all {rows:,}" if files.train.complete else f"the first {rows:,}"
    yield comment(f"Proposed by mtl-init from {looked} rows of {files.train.path}.")
    yield "# A first guess: keep as features only what is known before the prediction."


def paths(name: str, files: Files) -> Iterator[str]:
    """Yields the lines of the files, and of how they are written."""
    layout = files.train.layout
    yield key("name", name)
    yield key("train", files.train.path)
    yield key("valid", None, "null: valid_fraction of the rows of valid_from")
    yield key("test", files.test, "null: test_fraction of the training file's rows")
    yield key("format", files.format, "auto: by the files' endings")
    yield "csv:".ljust(COMMENTS_AT) + "# how text files are written"
    usual = not layout.is_text or layout.delimiter == USUAL[layout.format]
    delimiter = None if usual else layout.delimiter
    yield key("  delimiter", delimiter, "null: the comma, in .tsv files the tab")
    if layout.columns is None:
        yield key("  columns", None, "names, for files whose first line has none")
    else:
        yield from listed("  columns", layout.columns)
    yield key("  trim", files.trim, "cuts spaces at the ends of cells and names")
    yield key("  null_values", [], "what stands for an empty cell, besides nothing")
    yield key("stream", "auto", "true reads rows from disk as training goes")


def splits(proposal: Proposal, has_test: bool) -> Iterator[str]:
    """Yields the lines of splits, weights and groups."""
    by_time = None if has_test else proposal.split_column
    yield key("valid_fraction", 0.1, "the share held out for validation")
    yield key("valid_from", "train", "or test: the file of validation rows")
    yield key("test_fraction", 0.0 if has_test else 0.1, "of the training file")
    if by_time is not None:
        yield key("split_by", "time", "the latest rows are held out; or random, group")
    else:
        found = proposal.split_column
        remark = f"; time needs split_column: {found}" if found else ""
        yield key("split_by", "random", f"or group, time, order{remark}")
    yield key("split_column", by_time, "of times or groups")
    yield key("split_seed", 0, "apart from seed: runs are scored on the same rows")
    weight = next((c.column.name for c in proposal.choices if c.role == "weight"), None)
    remark = f"; {weight}?" if weight else ""
    yield key("weight_column", None, f"what a row counts; null: 1{remark}")
    people = [c.column for c in proposal.features if is_person(c.column.name)]
    remark = next((f"; {c.name} has empty cells" for c in people if c.missing), "")
    group = proposal.group_column
    yield key("group_column", group, f"of group AUC; null: none{remark}")
    yield key("groups", {}, "named choices of tasks")
    yield key("group", None, "the one that is used; null: all tasks and features")


def features(proposal: Proposal) -> Iterator[str]:
    """Yields the lines of the features, and those of the columns left out."""
    yield "features:"
    bodies = [feature(choice) for choice in proposal.features]
    width = min(MOST_WIDTH, max(len(body) for body in bodies))
    for body, choice in zip(bodies, proposal.features, strict=True):
        yield "  " + beside(body.ljust(width), choice)
    others = [choice for choice in proposal.choices if choice.role != "feature"]
    if others:
        yield ""
        yield "  # Not features:"
    for choice in others:
        yield "  # " + beside(feature(choice), choice)


def feature(choice: Choice) -> str:
    """Returns a feature's key and value."""
    name = scalar(choice.column.name)
    return name if choice.feature is None else f"{name}: {flow(choice.feature)}"


def beside(body: str, choice: Choice) -> str:
    """Returns a feature with what its column holds, and why it was chosen."""
    said = [choice.remark, choice.seen]
    if choice.role == "feature":
        said.reverse()
    text = "; ".join(part for part in said if part)
    return f"{body}  {comment(text)}"


def tasks(proposal: Proposal) -> Iterator[str]:
    """Yields the lines of the tasks."""
    yield "tasks:"
    for name, label in proposal.labels.items():
        yield f"  {name}:"
        yield from task(label)


def task(label: Label) -> Iterator[str]:
    """Yields the lines of a task."""
    kind = label.task["kind"]
    values: dict[str, Any] = {**label.task, "loss": LOSSES[kind][0], "weight": 1.0}
    if kind == "binary":
        values["positive_weight"] = 1.0
    values |= {"space": label.task.get("space"), "metrics": None, "tower_units": None}
    remarks = {
        "positive": "null: the column holds 0 and 1",
        "space": "task or column that is 1 on the rows that count; null: all",
        "metrics": "null: all of the kind",
        "tower_units": "null: model.tower_units",
    } | label.remarks
    for name in sorted(values, key=list(Task.model_fields).index):
        if isinstance(values[name], list):
            yield "    " + comment(remarks.get(name, ""))
            yield from listed(f"    {name}", values[name])
        else:
            yield key(f"    {name}", values[name], remarks.get(name, ""))


def key(name: str, value: Any, remark: str = "") -> str:
    """Returns a line of a key, its value and a comment."""
    line = f"{name}: {flow(value)}"
    return f"{line.ljust(COMMENTS_AT - 2)}  {comment(remark)}" if remark else line


def listed(name: str, values: list[Any]) -> Iterator[str]:
    """Yields the lines of a key and a list, as many values on each as fit."""
    line, inner = f"{name}: [", " " * (len(name) - len(name.lstrip()) + 2)
    for i, value in enumerate(values):
        item = flow(value) + ("]" if i == len(values) - 1 else ",")
        if len(line) + len(item) >= LINE_WIDTH:
            yield line.rstrip()
            line = inner
        line += item + " "
    yield line.rstrip()


def flow(value: Any) -> str:
    """Returns a value as YAML, on one line."""
    if isinstance(value, dict):
        items = [f"{scalar(k)}: {flow(v)}" for k, v in value.items()]
        return f"{{{', '.join(items)}}}"
    return scalar(value)


def scalar(value: Any) -> str:
    """Returns a word or a number as YAML.

    Words that any YAML reader may take for something else are quoted: OmegaConf takes
    1e3 for a number, which PyYAML does not.
    """
    if not isinstance(value, str):
        return yaml.safe_dump(value).partition("\n")[0]
    if PLAIN.fullmatch(value) and yaml.safe_load(value) == value:
        return value
    quoted = yaml.safe_dump(value, default_style='"', allow_unicode=True, width=1e9)
    return quoted.rstrip("\n")


def comment(text: str) -> str:
    """Returns a comment, on one line."""
    return "# " + "".join(c if c.isprintable() else " " for c in text)
