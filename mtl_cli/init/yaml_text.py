"""The text of a data set's YAML, with comments beside its keys."""

from collections.abc import Iterator
from itertools import chain

from mtl_cli.init.column_proposal import ColumnProposal, join_remarks
from mtl_cli.init.dataset_proposal import DatasetProposal
from mtl_cli.init.file_format import USUAL_DELIMITERS
from mtl_cli.init.name_hints import suggests_person
from mtl_cli.init.preview import TablePreview
from mtl_cli.init.task_proposal import TaskProposal
from mtl_cli.init.yaml_lines import (
    COMMENT_COLUMN,
    comment,
    key_line,
    list_lines,
    on_one_line,
    scalar,
)
from mtl_cli.tasks.base import task_class

MAX_FEATURE_WIDTH = 60  # longer features push their own comments to the right
# The keys of tasks in the order of writing. A task has the keys of its kind.
TASK_KEYS = ["label", "kind", "positive", "classes", "loss", "transform", "weight"]
TASK_KEYS += ["positive_weight", "sampling_rate", "space", "metrics", "tower_units"]


def dataset_yaml(
    name: str,
    train: TablePreview,
    test: TablePreview | None,
    format_key: str,
    proposal: DatasetProposal,
    null_values: dict[str, list[str]],
) -> str:
    """Returns the YAML of a data set.

    Args:
        name: the data set's name.
        train: the preview of the training table.
        test: the preview of the test table, if there is one.
        format_key: the format of both tables, `auto` if their endings name it.
        proposal: the tasks, features and split of the data set.
        null_values: the result of `find_null_values`.
    """
    read_rows = "all" if train.complete else "the first"
    read_rows += f" {train.table.num_rows:,}"
    delimiter = train.format.delimiter if train.format.is_text else None
    if delimiter == USUAL_DELIMITERS.get(train.format.name):
        delimiter = None
    columns = key_line(
        "  columns", None, "names of the columns, if the first line holds none"
    )
    if not train.format.has_header:
        columns = "\n".join(list_lines("  columns", train.format.columns))
    test_path = None if test is None else test.path
    trim = train.format.trim or (test is not None and test.format.trim)
    lines = [
        comment(f"Proposed by mtl-init from {read_rows} rows of {train.path}."),
        "# A first guess: keep as features only what is known before the prediction.",
        key_line("name", name),
        key_line("train", train.path),
        key_line("valid", None, "null: valid_fraction of the rows of valid_from"),
        key_line("test", test_path, "null: test_fraction of the training file's rows"),
        key_line("format", format_key, "auto: the files' endings name the format"),
        "csv:".ljust(COMMENT_COLUMN) + "# how text files are written",
        key_line("  delimiter", delimiter, "null: the comma, in .tsv files the tab"),
        columns,
        key_line("  trim", trim, "cuts spaces at the ends of cells and names"),
        null_values_line(null_values),
        key_line("stream", "auto", "true reads rows from disk as training goes"),
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


def null_values_line(null_values: dict[str, list[str]]) -> str:
    """Returns the line of the texts that mark missing values."""
    remark = "texts that count as empty cells"
    if null_values:
        columns = dict.fromkeys(chain.from_iterable(null_values.values()))
        remark += f", in all columns; seen in {', '.join(columns)}"
    texts = ", ".join(scalar(text) for text in null_values)
    line = f"  null_values: [{texts}]"
    return f"{line.ljust(COMMENT_COLUMN - 2)}  {comment(remark)}"


def split_lines(proposal: DatasetProposal, has_test: bool) -> list[str]:
    """Returns the lines of the keys about splits, weights and groups.

    Args:
        proposal: the tasks, features and split of the data set.
        has_test: whether there is a test table. If there is, the rows of the training
            table are not split by time.
    """
    time_column = proposal.split_column
    by_time = time_column is not None and not has_test
    split_by, split_hint = "random", "or group, time, order"
    if by_time:
        split_by, split_hint = "time", "the latest rows are held out; or random, group"
    elif time_column:
        split_hint += f"; time needs split_column: {time_column}"
    weight_hint = "the column with the weight of each row; null: 1"
    weights = [p.column.name for p in proposal.columns if p.role == "weight"]
    if weights:
        weight_hint += f"; {weights[0]}?"
    group_hint = "the column of groups for group AUC; null: none"
    incomplete_people = [
        p.column.name
        for p in proposal.features
        if suggests_person(p.column.name) and p.column.num_missing
    ]
    if incomplete_people:
        group_hint += f"; {incomplete_people[0]} has empty cells"
    test_fraction = 0.0 if has_test else 0.1
    split_column = time_column if by_time else None
    lines: list[tuple[str, object, str]] = [
        ("valid_fraction", 0.1, "the share of rows held out for validation"),
        ("valid_from", "train", "the file that validation rows come from: train, test"),
        ("test_fraction", test_fraction, "the share of rows held out for testing"),
        ("split_by", split_by, split_hint),
        ("split_column", split_column, "the column of times or groups to split by"),
        ("split_seed", 0, "does not follow seed: all runs split alike"),
        ("weight_column", None, weight_hint),
        ("group_column", proposal.group_column, group_hint),
        ("groups", {}, "named groups of tasks, without some features"),
        ("group", None, "the group of tasks to use; null: all tasks, all features"),
        ("scenario", None, "the feature that tells the page or market; null: none"),
    ]
    return [key_line(*line) for line in lines]


def feature_lines(proposal: DatasetProposal) -> Iterator[str]:
    """Yields one line per feature, and one comment per column that is not a feature."""
    features = {feature_entry(feature): feature for feature in proposal.features}
    width = min(MAX_FEATURE_WIDTH, max(map(len, features)))
    for text, feature in features.items():
        remarks = join_remarks(feature.summary, feature.remark)
        yield f"  {text.ljust(width)}  {comment(remarks)}"
    not_features = [column for column in proposal.columns if not column.is_feature]
    if not_features:
        yield from ("", "  # Not features:")
    for column in not_features:
        remarks = join_remarks(column.remark, column.summary)
        yield f"  # {feature_entry(column)}  {comment(remarks)}"


def feature_entry(proposal: ColumnProposal) -> str:
    """Returns a feature's name and keys, such as `age: {kind: sparse}`.

    Returns the name alone for a column that no feature can read.
    """
    name = scalar(proposal.column.name)
    return name if proposal.keys is None else f"{name}: {on_one_line(proposal.keys)}"


def task_lines(proposal: TaskProposal) -> Iterator[str]:
    """Yields the lines below a task's name: the keys of the task."""
    fields = task_class(proposal.kind).model_fields
    values = {
        name: proposal.keys.get(name, fields[name].default)
        for name in TASK_KEYS
        if name in fields
    }
    remarks = {
        "positive": "null: the column holds 0 and 1",
        "sampling_rate": "share of the rows with label 0 that the table keeps",
        "space": "task or column that is 1 on the rows that count; null: all",
        "metrics": "null: all metrics of the kind",
        "tower_units": "null: model.tower_units",
    } | proposal.remarks
    for name, value in values.items():
        if isinstance(value, list):
            yield "    " + comment(remarks.get(name, ""))
            yield from list_lines(f"    {name}", value)
        else:
            yield key_line(f"    {name}", value, remarks.get(name, ""))
