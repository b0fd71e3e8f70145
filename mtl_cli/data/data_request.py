"""The columns of a data set to read from a table, and the types of their cells."""

import pyarrow as pa

from mtl_cli.data.column_request import ColumnRequest
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.labels import sampled_task, space_task, truth_columns
from mtl_cli.heads.base import Output
from mtl_cli.tasks.base import Task


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
        is_text = types.get(column) == pa.string() or not dataset.features[name].numeric
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
