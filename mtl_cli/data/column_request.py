"""The columns to read from a table, their types, and the check that they exist."""

import re
from collections import Counter
from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace

import pyarrow as pa

from mtl_cli.core.errors import DataError
from mtl_cli.core.message_text import readable_name, shown, suggest
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.labels import sampled_task, space_task, truth_columns
from mtl_cli.heads.base import Output
from mtl_cli.tasks.base import Task

MAX_LISTED_COLUMNS = 60  # in a message
# The least similarity of a column that a message suggests. The value is high, because
# columns of one table often resemble each other, such as `item_id` and `user_id`.
MIN_SIMILARITY = 0.75


@dataclass(frozen=True)
class ColumnRequest:
    """The columns to read from a table.

    Attributes:
        keys: {column: the configuration's key that asks for the column}.
        types: {column: the type that the cells of a text file are converted to}. The
            configuration decides these types; they are never guessed from the rows.
        fixes: {column: what to do if the table lacks the column}, for messages.
    """

    keys: dict[str, str]
    types: dict[str, pa.DataType]
    fixes: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in the order in which they are read."""
        return list(self.keys)

    def without_columns(self, columns: Container[str]) -> "ColumnRequest":
        keys = {c: key for c, key in self.keys.items() if c not in columns}
        return replace(self, keys=keys, types={c: self.types[c] for c in keys})

    def check(self, table_key: str, path: str, names: list[str]) -> None:
        """Refuses a table that lacks a requested column, or has two of the same name.

        `names` are the names of all columns. Messages name the table's key and path.
        """
        counts = Counter(names)
        for column, key in self.keys.items():
            if counts[column] > 1:
                raise DataError(
                    f"{table_key}: {path} has {counts[column]} columns '{column}'; "
                    "rename all but one"
                )
            if column not in counts:
                # A requested column of the table is no misspelling of the missing one.
                # But an option, such as `--keep`, may ask for any column once more.
                is_option = key.startswith("--")
                others = [n for n in names if is_option or n not in self.keys]
                hint = suggest(column, others, MIN_SIMILARITY) + header_hint(names)
                if column in self.fixes:
                    hint += f"; {self.fixes[column]}"
                raise DataError(
                    f"{key}: no column {shown(column)} in {path}, which has "
                    f"{readable_names(names)}{hint}"
                )


def header_hint(names: list[str]) -> str:
    """Returns the likely reason why the names lack a column, for a message; or ""."""
    if len(names) == 1:
        return "; if the file has more columns, set dataset.csv.delimiter"
    if any(re.fullmatch(r"-?\d+(\.\d+)?", name) for name in names):
        return (
            "; if the file's first line is not a header, name the columns in "
            "dataset.csv.columns"
        )
    return ""


def readable_names(names: list[str]) -> str:
    """Lists at most `MAX_LISTED_COLUMNS` names of columns; no names give "none"."""
    readable = [readable_name(name) for name in names[:MAX_LISTED_COLUMNS]]
    dots = ["..."] if len(names) > MAX_LISTED_COLUMNS else []
    return ", ".join(readable + dots) or "none"


def request_of_data(dataset: Dataset, outputs: list[Output]) -> ColumnRequest:
    """Returns the columns of features, labels, weights, groups and times."""
    features = feature_request(dataset)
    keys, tasks = label_columns(dataset, outputs)
    types = dict.fromkeys(keys, pa.float64())
    # A label column that several tasks read is read as text if one of them needs text.
    for task in tasks:
        if task.column_type() != pa.float64():
            types[task.label] = task.column_type()
    types |= features.types
    # A column that names groups stays text, even if a feature reads it as numbers: as
    # numbers, "7" and "07" would be one group.
    for column in (dataset.group_column, dataset.split_column):
        if column is not None:
            types[column] = pa.string()
    return ColumnRequest(features.keys | keys, types)


def feature_request(dataset: Dataset) -> ColumnRequest:
    """Returns the columns that features read, and the types of their cells.

    The kinds of the features decide the types to which the cells of a text file are
    converted. If the cells decided, the ids 007 and 7 would become equal numbers, and
    a file that happens to hold only numbers would get another type than other files.
    """
    keys: dict[str, str] = {}
    types: dict[str, pa.DataType] = {}
    for name, column in dataset.feature_columns:
        keys[column] = f"dataset.features.{name}"
        # A column that features read both as numbers and as text has the type text:
        # text can be converted to numbers later, but 7.0 does not say whether the file
        # holds "7" or "07".
        is_number = dataset.features[name].input_kinds(name)[column] == "number"
        is_text = types.get(column) == pa.string() or not is_number
        types[column] = pa.string() if is_text else pa.float64()
    return ColumnRequest(keys, types)


def label_columns(
    dataset: Dataset, outputs: list[Output]
) -> tuple[dict[str, str], list[Task]]:
    """Returns the columns besides the features, and the tasks whose labels are read.

    The columns are {column: the configuration's key in messages about the column}. If
    several keys name the same column, the key `label` of a task wins, or else the first
    key.
    """
    keys: dict[str, str] = {}
    tasks: list[Task] = []
    for output in outputs:
        tasks.append(output.task)
        keys[output.task.label] = f"dataset.tasks.{output.label}.label"
        if output.space is not None:
            task = space_task(dataset, output.space)
            tasks.append(task)
            keys.setdefault(task.label, f"dataset.tasks.{output.label}.space")
        for name, column in truth_columns(dataset, output).items():
            keys.setdefault(column, f"dataset.tasks.{name}.truth")
        sampled = sampled_task(dataset, output)
        if sampled is not None:
            key = f"dataset.tasks.{output.sampled_task}"
            tasks.append(sampled)
            keys.setdefault(sampled.label, f"{key}.label")
            if sampled.kept_negatives_column is not None:
                keys.setdefault(sampled.kept_negatives_column, f"{key}.sampling_rate")
    for name in ("weight_column", "group_column", "split_column"):
        column = getattr(dataset, name)
        if column is not None:
            keys.setdefault(column, f"dataset.{name}")
    return keys, tasks
