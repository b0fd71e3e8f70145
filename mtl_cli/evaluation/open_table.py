"""Opens the table to evaluate a model on, and finds what can be evaluated on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from mtl_cli.core.atomic_write import named_if_full, temporary_folder
from mtl_cli.core.errors import DAMAGED_FILE_ERRORS, ConfigError, DataError, suggest
from mtl_cli.core.other_files import read_json_object
from mtl_cli.core.paths import Location, find_data, listed_paths, name_of
from mtl_cli.data.column_request import MAX_LISTED_COLUMNS, ColumnRequest
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.encode import feature_request
from mtl_cli.data.files import find_files
from mtl_cli.data.fingerprint import hash_files
from mtl_cli.data.labels import label_request, sampled_task, space_task
from mtl_cli.data.sources import (
    Source,
    column_names,
    open_source,
    with_format_of,
    without_dictionaries,
)
from mtl_cli.evaluation.loaded_run import LoadedRun
from mtl_cli.heads.base import Output

TRAINING_ROWS_REMARK = (
    "TABLE holds the rows that the run was trained on, so these scores are better than "
    "scores on new rows; evaluate rows that the model has not seen"
)


class TableInMemory(Protocol):
    """An Arrow table, or another table with these methods of an Arrow table."""

    @property
    def column_names(self) -> list[str]: ...

    @property
    def num_rows(self) -> int: ...

    def select(self, columns: list[str]) -> pa.Table: ...


@dataclass(frozen=True)
class EvaluationPlan:
    """The outputs that can be evaluated on a table, and the columns to read for them.

    Attributes:
        dataset: the data set of the run, without optional columns that the table lacks
            and without the columns that only training needs.
        outputs: the outputs whose labels the table has.
        by: the columns whose values make slices.
        request: the columns to read.
        remarks: what is left out of the evaluation, or unexpected, one line each.
    """

    dataset: Dataset
    outputs: list[Output]
    by: list[str]
    request: ColumnRequest
    remarks: list[str]


@contextmanager
def opened_table(
    model: LoadedRun, table: Location | TableInMemory, by: list[str]
) -> Iterator[tuple[Source, EvaluationPlan]]:
    """Opens a table on disk, behind a URL or in memory, to make slices by some columns.

    Yields: the rows, which can be read until the context ends, and the plan.
    """
    dataset = model.config.dataset
    if not isinstance(table, str | list):
        plan = plan_evaluation(model, dataset, table.column_names, by, "the table")
        if not table.num_rows:
            raise DataError("TABLE: the table has no rows")
        plan.request.check("TABLE", "the table", table.column_names)
        rows = without_dictionaries(table.select(plan.request.columns))
        yield Source("the table", rows.num_rows, lambda _: iter([rows])), plan
        return
    dataset = with_format_of(dataset, table)
    columns = column_names("TABLE", table, dataset)
    plan = plan_evaluation(model, dataset, columns, by, name_of(table))
    with temporary_folder("mtl-evaluate-") as folder:
        with named_if_full(folder):
            spill = folder / "rows"
            source = open_source("TABLE", table, plan.dataset, plan.request, spill)
        if is_training_table(model, table):
            plan.remarks.append(TRAINING_ROWS_REMARK)
        yield source, plan


def plan_evaluation(
    model: LoadedRun, dataset: Dataset, columns: list[str], by: list[str], table: str
) -> EvaluationPlan:
    """Finds what can be evaluated on a table, and the columns to read.

    An output is evaluated if the table has the columns of its labels. Optional columns,
    such as groups, are used if the table has them.

    Args:
        model: the model.
        dataset: the data set of the run, with the format of the table.
        columns: the names of the table's columns.
        by: the columns whose values make slices.
        table: the name of the table in messages.

    Raises:
        DataError: if the table does not have the label of any output.
        ConfigError: if the table lacks a column of `by`.
    """
    outputs, remarks = [], []
    for output in model.config.outputs:
        needed = label_columns(dataset, output)
        if missing := [column for column in needed if column not in columns]:
            remark = f"is not evaluated: {table} has no column '{missing[0]}'"
            remarks.append(f"{output.name} {remark}")
        else:
            outputs.append(output)
    listed = ", ".join(columns[:MAX_LISTED_COLUMNS])
    if not outputs:
        labels = dict.fromkeys(output.task.label for output in model.config.outputs)
        raise DataError(
            f"TABLE: {table} has no label of this model: it needs at least one of "
            f"the columns {', '.join(labels)}, and has {listed}"
        )
    for column in by:
        if column not in columns:
            raise ConfigError(
                f"--by: no column '{column}' in {table}, which has "
                f"{listed}{suggest(column, columns)}"
            )
    dataset, more_remarks = without_optional_columns(dataset, columns)
    request = requested_columns(dataset, outputs, by)
    return EvaluationPlan(dataset, outputs, by, request, remarks + more_remarks)


def requested_columns(
    dataset: Dataset, outputs: list[Output], by: list[str]
) -> ColumnRequest:
    """Returns the columns to read: of features, labels and slices."""
    features, labels = feature_request(dataset), label_request(dataset, outputs)
    slice_keys = {c: "--by" for c in by if c not in features.keys | labels.keys}
    # In a text file, the cells of the slices' columns are read as text.
    slice_types = dict.fromkeys(slice_keys, pa.string())
    return ColumnRequest(
        features.keys | labels.keys | slice_keys,
        slice_types | labels.types | features.types,
    )


def label_columns(dataset: Dataset, output: Output) -> list[str]:
    """Returns the columns that the labels of an output are made of.

    These are the label of the output, the label of its space if it has one, and the
    label of the task whose rows with label 0 were sampled, if there is such a task.
    """
    tasks = [output.task]
    if output.space is not None:
        tasks.append(space_task(dataset, output.space))
    if sampled := sampled_task(dataset, output):
        tasks.append(sampled)
    return [task.label for task in tasks]


def without_optional_columns(
    dataset: Dataset, columns: list[str]
) -> tuple[Dataset, list[str]]:
    """Removes the optional columns that a table lacks from a data set.

    The column of splits is always removed: all rows of the table are evaluated.

    Returns: the data set without these columns; and one line per column that says what
        is left out of the evaluation.
    """
    remarks = []
    changes: dict[str, object] = {"split_column": None}
    group = dataset.group_column
    if group is not None and group not in columns:
        changes["group_column"] = None
        remarks.append(f"gauc is left out: the table has no column '{group}'")
    tasks = dict(dataset.tasks)
    for name, task in tasks.items():
        truth, rates = task.truth_column, task.kept_negatives_column
        if truth is not None and truth not in columns:
            tasks[name] = tasks[name].model_copy(update={"truth": None})
            remarks.append(
                f"truth_rmse of {name} is left out: the table has no column '{truth}'"
            )
        if rates is not None and rates not in columns:
            tasks[name] = tasks[name].model_copy(update={"sampling_rate": 1.0})
            remarks.append(
                f"{name} is scored as if no rows were sampled: the table has no column "
                f"'{rates}'"
            )
    return dataset.model_copy(update=changes | {"tasks": tasks}), remarks


def is_training_table(model: LoadedRun, table: Location) -> bool:
    """Whether a table is the training table of a run.

    The training table may have been moved or renamed, so paths are not compared. The
    run has recorded one hash of all its tables. The table is the training table if the
    hash of this table and of the run's other tables is the same.

    The other tables are opened only if they are local files. A run may come from
    someone else, and its configuration could name any URL.
    """
    dataset = model.config.dataset
    others = dataset.locations
    is_remote = any("://" in path for path in listed_paths(table))
    if others.pop("train") == table and is_remote:
        return True
    paths = [path for location in others.values() for path in listed_paths(location)]
    if not all(find_data(path).is_file() for path in paths):
        return False
    try:
        expected = read_json_object(model.folder / "environment.json")["data_hash"]
        files = {
            split: find_files(split, files, with_format_of(dataset, files).format)
            for split, files in {"train": table, **others}.items()
        }
        return bool(hash_files(files) == expected)
    except (DataError, *DAMAGED_FILE_ERRORS):
        return False  # there is no warning if a file is missing or damaged
