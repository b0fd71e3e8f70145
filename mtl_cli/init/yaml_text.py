"""The text of a data set's YAML, with comments beside its keys."""

from collections.abc import Iterator
from itertools import chain

from mtl_cli.data.csv_options import Csv
from mtl_cli.init.column_proposal import ColumnProposal, join_remarks
from mtl_cli.init.dataset_proposal import DatasetProposal
from mtl_cli.init.name_hints import suggests_person
from mtl_cli.init.read_tables import Tables
from mtl_cli.init.task_proposal import TaskProposal
from mtl_cli.init.yaml_lines import (
    COMMENT_COLUMN,
    comment,
    key_line,
    list_lines,
    on_one_line,
    scalar,
)

# The comments beside features are aligned. A feature that is wider than this number of
# characters pushes its own comment to the right.
MAX_FEATURE_WIDTH = 60
# The keys of all kinds of tasks, in the order in which they are written. Only the keys
# of the task's kind are written.
TASK_KEYS = ["label", "kind", "positive", "classes", "loss", "transform", "weight"]
TASK_KEYS += ["positive_weight", "sampling_rate", "space", "metrics", "tower_units"]


def dataset_yaml(name: str, tables: Tables, proposal: DatasetProposal) -> str:
    """Returns the YAML of a data set."""
    lines = [
        *table_lines(name, tables),
        *csv_lines(tables.csv_options, tables.null_values),
        key_line("stream", "auto", "true: rows are read from disk during the training"),
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
    """Returns the first comments, and the lines of the keys that name the tables."""
    train, test = tables.train, tables.test
    which_rows = "all" if train.complete else "the first"
    read_rows = f"{which_rows} {train.table.num_rows:,} rows"
    test_path = None if test is None else test.path
    test_hint = "null: a share of the training rows, see test_fraction"
    format_hint = "auto: the endings of the files name the format"
    return [
        comment(f"Proposed by mtl-init from {read_rows} of {train.path}."),
        "# A first guess: keep as features only what is known before the prediction.",
        key_line("name", name),
        key_line("train", train.path),
        key_line("valid", None, "null: a share of valid_from, see valid_fraction"),
        key_line("test", test_path, test_hint),
        key_line("format", tables.format, format_hint),
    ]


def csv_lines(csv_options: list[Csv], null_values: dict[str, list[str]]) -> list[str]:
    """Returns the lines of the section `csv`; see `Tables` for the arguments."""
    csv = csv_options[0] if csv_options else Csv()
    column_hint = "names of the columns, if the first line holds none"
    column_lines = [key_line("  columns", None, column_hint)]
    if csv.columns is not None:
        column_lines = list_lines("  columns", csv.columns)
    # The YAML has one key `trim` for both tables.
    trim = any(options.trim for options in csv_options)
    null_hint = "texts that count as empty cells"
    if null_values:
        seen_in = dict.fromkeys(chain.from_iterable(null_values.values()))
        null_hint += f", in all columns; seen in {', '.join(seen_in)}"
    return [
        "csv:".ljust(COMMENT_COLUMN) + "# how text files are written",
        key_line("  delimiter", csv.delimiter, "null: a comma, or a tab in .tsv files"),
        *column_lines,
        key_line("  trim", trim, "whether spaces around cells and names are cut"),
        key_line("  null_values", list(null_values), null_hint),
    ]


def split_lines(proposal: DatasetProposal, has_test: bool) -> list[str]:
    """Returns the lines of the keys about splits, weights, groups and scenarios.

    If there is a test table, the rows of the training table are not split by time.
    """
    split_by, split_column = "random", None
    split_hint = "or group, time, order"
    if proposal.split_column and has_test:
        split_hint += f"; for time, write split_column: {proposal.split_column}"
    elif proposal.split_column:
        split_by, split_column = "time", proposal.split_column
        split_hint = "the latest rows are held out; or random, group"
    weight_hint = "the column with the weight of each row; null: all weights are 1"
    weights = [p.column.name for p in proposal.columns if p.role == "weight"]
    if weights:
        weight_hint += f"; perhaps {weights[0]}"
    group_hint = "the column of groups for group AUC; null: no group AUC"
    # Users or sessions with empty cells cannot be the `group_column`.
    columns = [p.column for p in proposal.features if p.column.kind != "list"]
    people = [c.name for c in columns if suggests_person(c.name) and c.num_missing]
    if people:
        group_hint += f"; {people[0]} has empty cells"
    test_fraction = 0.0 if has_test else 0.1
    lines: list[tuple[str, object, str]] = [
        ("valid_fraction", 0.1, "the share of rows held out for validation"),
        ("valid_from", "train", "the file that validation rows come from: train, test"),
        ("test_fraction", test_fraction, "the share of rows held out for testing"),
        ("split_by", split_by, split_hint),
        ("split_column", split_column, "the column of times or groups to split by"),
        ("split_seed", 0, "the key seed does not change the split of the rows"),
        ("weight_column", None, weight_hint),
        ("group_column", proposal.group_column, group_hint),
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
        if isinstance(value, list):
            yield "    " + comment(remarks.get(name, ""))
            yield from list_lines(f"    {name}", value)
        else:
            yield key_line(f"    {name}", value, remarks.get(name, ""))
