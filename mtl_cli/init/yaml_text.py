"""The text of a data set's YAML, with comments beside its keys.

PyYAML would not write comments, and leaves texts such as 1e3 without quotes, although
OmegaConf reads them as numbers.
"""

import re
from collections.abc import Iterator
from functools import cache

import yaml

from mtl_cli.core.errors import DataError
from mtl_cli.core.message_text import visible
from mtl_cli.init.column_proposal import ColumnProposal, join_remarks
from mtl_cli.init.dataset_proposal import DatasetProposal
from mtl_cli.init.read_tables import Tables
from mtl_cli.init.task_proposal import TaskProposal

# The column in which the comments beside the keys begin.
COMMENT_COLUMN = 24
# The comments beside features are aligned. A feature that is wider than this number of
# characters pushes its own comment to the right.
MAX_FEATURE_WIDTH = 60
# The keys of all kinds of tasks, in the order in which they are written. Only the keys
# of the task's kind are written.
TASK_KEYS = ["label", "kind", "positive", "classes", "loss", "transform", "weight"]
TASK_KEYS += ["positive_weight", "sampling_rate", "space", "metrics", "tower_units"]
# Text of characters that need no quotes, even within {} and []. The text begins with a
# letter or _, so OmegaConf does not read the text as a number.
UNQUOTED = re.compile(r"[^\W\d](?:[\w ()/.+-]*[\w)+])?")


def dataset_yaml(name: str, tables: Tables, proposal: DatasetProposal) -> str:
    """Returns the YAML of a data set.

    Raises:
        DataError: if a configuration cannot hold a name or a value.
    """
    lines = [
        *table_lines(name, tables),
        *split_lines(proposal, has_test=tables.test is not None),
        "",
        "features:",
        *feature_lines(proposal),
        "",
        "tasks:",
    ]
    for task, task_proposal in proposal.tasks.items():
        lines += [f"  {scalar(task)}:", *task_lines(task_proposal)]
    return "\n".join(lines) + "\n"


def table_lines(name: str, tables: Tables) -> list[str]:
    train = tables.train
    csv = tables.csv
    num_rows = f"{train.table.num_rows:,}"
    read_rows = f"all {num_rows} rows" if train.complete else f"{num_rows} of the rows"
    test_path = None if tables.test is None else tables.test.path
    return [
        comment(f"Proposed by mtl-init from {read_rows} of {train.path}."),
        "# A first guess: keep as features only what is known before the prediction.",
        key_line("name", name),
        key_line("train", train.path),
        key_line("valid", None, "null: a share of valid_from, see valid_fraction"),
        key_line("test", test_path, "null: a share of train, see test_fraction"),
        key_line("format", tables.format, "auto: the endings of the files name it"),
        "csv:".ljust(COMMENT_COLUMN) + "# how text files are written",
        key_line("  delimiter", csv.delimiter, "null: a comma, or a tab in .tsv files"),
        key_line("  columns", csv.columns, "names, if the first line holds none"),
        key_line("  trim", csv.trim, "whether spaces around cells and names are cut"),
        key_line("  null_values", csv.null_values, "texts that count as empty cells"),
        key_line("stream", "auto", "true: rows are read from disk during the training"),
    ]


def split_lines(proposal: DatasetProposal, has_test: bool) -> list[str]:
    """Returns the lines of the keys about splits, weights, groups and scenarios."""
    # With a test table, the rows of the training table are not split by time.
    split_column = None if has_test else proposal.split_column
    split_by = "time" if split_column else "random"
    test_fraction = 0.0 if has_test else 0.1
    lines: list[tuple[str, object, str]] = [
        ("valid_fraction", 0.1, "the share of rows held out for validation"),
        ("valid_from", "train", "the file that validation rows come from: train, test"),
        ("test_fraction", test_fraction, "the share of rows held out for testing"),
        ("split_by", split_by, "random, group, time, order"),
        ("split_column", split_column, "the column of times or groups to split by"),
        ("split_seed", 0, "the key seed does not change the split of the rows"),
        ("weight_column", None, "the column with the weight of each row; null: all 1"),
        ("group_column", proposal.group_column, "the users or sessions of group AUC"),
        ("groups", {}, "{name: tasks to train together, and features to drop}"),
        ("group", None, "the group of tasks to use; null: all tasks, all features"),
        ("scenario", None, "the feature that tells the page or market; null: none"),
    ]
    return [key_line(*line) for line in lines]


def feature_lines(proposal: DatasetProposal) -> Iterator[str]:
    """Yields one line per feature, and one comment per column that is not a feature."""
    entries = [feature_entry(feature) for feature in proposal.features]
    width = min(MAX_FEATURE_WIDTH, max(map(len, entries)))
    for entry, feature in zip(entries, proposal.features, strict=True):
        remarks = join_remarks(feature.summary, feature.explanation)
        yield f"  {entry.ljust(width)}  {comment(remarks)}"
    not_features = [column for column in proposal.columns if not column.is_feature]
    if not_features:
        yield from ("", "  # Not features:")
    for column in not_features:
        remarks = join_remarks(column.explanation, column.summary)
        yield f"  # {feature_entry(column)}  {comment(remarks)}"


def feature_entry(proposal: ColumnProposal) -> str:
    """Returns a column's name, with its keys if it has keys: `age: {kind: sparse}`."""
    name = scalar(proposal.column.name)
    return name if proposal.keys is None else f"{name}: {on_one_line(proposal.keys)}"


def task_lines(proposal: TaskProposal) -> Iterator[str]:
    """Yields the lines below a task's name: the keys of the task."""
    fields = proposal.task_class.model_fields
    remarks = {
        "positive": "null: the column holds 0 and 1",
        "sampling_rate": "share of the rows with label 0 that the table keeps",
        "space": "only rows where this task or column is 1 count; null: all",
        "metrics": "null: all metrics of the kind",
        "tower_units": "null: model.tower_units",
    } | proposal.remarks
    for name in [key for key in TASK_KEYS if key in fields]:
        value = proposal.keys.get(name, fields[name].default)
        yield key_line(f"    {name}", value, remarks.get(name, ""))


def key_line(indented_key: str, value: object, remark: str = "") -> str:
    """Returns the line of a key and its value, with a comment if there is a remark."""
    line = f"{indented_key}: {on_one_line(value)}"
    if not remark:
        return line
    return f"{line.ljust(COMMENT_COLUMN - 2)}  {comment(remark)}"


def on_one_line(value: object) -> str:
    """Returns any value as YAML on one line."""
    if isinstance(value, list):
        return f"[{', '.join(map(on_one_line, value))}]"
    if isinstance(value, dict):
        items = [f"{scalar(k)}: {on_one_line(v)}" for k, v in value.items()]
        return f"{{{', '.join(items)}}}"
    return scalar(value)


def scalar(value: object) -> str:
    """Returns a number, boolean, null or text as YAML on one line.

    Text is quoted if PyYAML or OmegaConf might read it as something else.
    """
    if not isinstance(value, str):
        # The dump may have a second line: "...", the end of the YAML document.
        return yaml.safe_dump(value).partition("\n")[0]
    if "${" in value or value == "???":
        raise DataError(
            f"configs cannot hold '{value}': OmegaConf would read a reference or a "
            "missing value; rename the column or file, or replace the value"
        )
    if UNQUOTED.fullmatch(value) and keeps_meaning_unquoted(value):
        return value
    quoted = yaml.safe_dump(value, default_style='"', allow_unicode=True, width=1e9)
    return quoted.rstrip("\n")


@cache
def keeps_meaning_unquoted(value: str) -> bool:
    """Whether PyYAML reads a text without quotes as the same text."""
    return bool(yaml.load(value, yaml.CSafeLoader) == value)


def comment(text: str) -> str:
    return f"# {visible(text)}"
