"""Opens the table to evaluate a model on, and finds the outputs to evaluate."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
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
from mtl_cli.data.stdin import STDIN, copied_stdin
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
        slice_columns: the columns whose values make slices.
        request: the columns to read.
        remarks: what is left out of the evaluation, or unexpected, one line each.
    """

    dataset: Dataset
    outputs: list[Output]
    slice_columns: list[str]
    request: ColumnRequest
    remarks: list[str]


@contextmanager
def opened_table(
    run: LoadedRun, table: Location | TableInMemory, slice_columns: list[str]
) -> Iterator[tuple[Source, EvaluationPlan]]:
    """Opens the table to evaluate: on disk, behind a URL, on stdin or in memory.

    Yields: the rows and the plan. The rows can be read until the context ends.
    """
    if not isinstance(table, str | list):
        yield open_in_memory(run, table, slice_columns)
        return
    name = "stdin" if table == STDIN else name_of(table)
    with (
        temporary_folder("mtl-evaluate-") as folder,
        copied_stdin(table, folder) as location,
    ):
        dataset = with_format_of(run.config.dataset, location)
        columns = column_names("TABLE", location, dataset)
        plan = plan_evaluation(run, dataset, columns, slice_columns, name)
        with named_if_full(folder):
            spill = folder / "rows"
            source = open_source("TABLE", location, plan.dataset, plan.request, spill)
        if is_training_table(run, location):
            plan.remarks.append(TRAINING_ROWS_REMARK)
        yield replace(source, path=name), plan


def open_in_memory(
    run: LoadedRun, table: TableInMemory, slice_columns: list[str]
) -> tuple[Source, EvaluationPlan]:
    """Returns the rows of a table in memory, and the plan, see `opened_table`."""
    table_name = "the table"
    dataset, columns = run.config.dataset, table.column_names
    plan = plan_evaluation(run, dataset, columns, slice_columns, table_name)
    if not table.num_rows:
        raise DataError("TABLE: the table has no rows")
    plan.request.check("TABLE", table_name, columns)
    rows = without_dictionaries(table.select(plan.request.columns))
    return Source(table_name, rows.num_rows, read=lambda _: iter([rows])), plan


def plan_evaluation(
    run: LoadedRun,
    dataset: Dataset,
    columns: list[str],
    slice_columns: list[str],
    table_name: str,
) -> EvaluationPlan:
    """Finds the outputs to evaluate on a table, and the columns to read.

    An output is evaluated if the table has the columns of its labels. Optional columns,
    such as groups, are used if the table has them.

    Args:
        run: the trained model.
        dataset: the data set of the run, with the format of the table.
        columns: the names of the table's columns.
        slice_columns: the columns whose values make slices.
        table_name: the name of the table in messages.

    Raises:
        DataError: if the table lacks labels of every output.
        ConfigError: if the table lacks a column of `slice_columns`.
    """
    outputs, remarks = [], []
    for output in run.config.outputs:
        needed = label_columns(dataset, output)
        missing = [column for column in needed if column not in columns]
        if missing:
            problem = f"{table_name} has no column '{missing[0]}'"
            remarks.append(f"{output.name} is not evaluated: {problem}")
        else:
            outputs.append(output)
    listed = ", ".join(columns[:MAX_LISTED_COLUMNS])
    if len(columns) > MAX_LISTED_COLUMNS:
        listed += ", ..."
    if not outputs:
        choices = dict.fromkeys(
            " and ".join(label_columns(dataset, x)) for x in run.config.outputs
        )
        raise DataError(
            f"TABLE: {table_name} has the labels of no output of this model, only the "
            f"columns {listed}; add the label columns of at least one output: "
            f"{', or '.join(choices)}"
        )
    for column in slice_columns:
        if column not in columns:
            raise ConfigError(
                f"--by: no column '{column}' in {table_name}, which has "
                f"{listed}{suggest(column, columns)}"
            )
    dataset, more_remarks = without_optional_columns(dataset, columns)
    request = requested_columns(dataset, outputs, slice_columns)
    remarks += more_remarks
    return EvaluationPlan(dataset, outputs, slice_columns, request, remarks)


def requested_columns(
    dataset: Dataset, outputs: list[Output], slice_columns: list[str]
) -> ColumnRequest:
    """Returns the columns to read: of features, labels and slices."""
    features = feature_request(dataset)
    labels = label_request(dataset, outputs)
    read_anyway = features.keys | labels.keys
    slice_keys = {c: "--by" for c in slice_columns if c not in read_anyway}
    # In a text file, the cells of the slices' columns are read as text.
    slice_types = dict.fromkeys(slice_keys, pa.string())
    # A column of both a feature and a label has the type that the feature needs.
    types = slice_types | labels.types | features.types
    return ColumnRequest(read_anyway | slice_keys, types)


def label_columns(dataset: Dataset, output: Output) -> list[str]:
    """Returns the columns that the labels of an output are made of.

    These are the label of the output, the label of its space if it has one, and the
    label of the task whose rows with label 0 were sampled, if there is such a task.
    """
    tasks = [output.task]
    if output.space is not None:
        tasks.append(space_task(dataset, output.space))
    sampled = sampled_task(dataset, output)
    if sampled is not None:
        tasks.append(sampled)
    return [task.label for task in tasks]


def without_optional_columns(
    dataset: Dataset, columns: list[str]
) -> tuple[Dataset, list[str]]:
    """Removes from a data set the optional columns that are not among a table's.

    The column of splits is always removed: all rows of the table are evaluated.

    Returns: the data set without these columns; and one line per missing column that
        says how the evaluation differs.
    """
    remarks = []
    changes: dict[str, object] = {"split_column": None}
    group = dataset.group_column
    if group is not None and group not in columns:
        changes["group_column"] = None
        remarks.append(f"gauc is left out: the table has no column '{group}'")
    tasks = dict(dataset.tasks)
    for name, task in tasks.items():
        truth = task.truth_column
        if truth is not None and truth not in columns:
            tasks[name] = tasks[name].model_copy(update={"truth": None})
            remarks.append(
                f"truth_rmse of {name} is left out: the table has no column '{truth}'"
            )
        rates = task.kept_negatives_column
        if rates is not None and rates not in columns:
            tasks[name] = tasks[name].model_copy(update={"sampling_rate": 1.0})
            remarks.append(
                f"{name} is scored as if no rows were sampled: the table has no column "
                f"'{rates}'"
            )
    return dataset.model_copy(update=changes | {"tasks": tasks}), remarks


def is_training_table(run: LoadedRun, table: Location) -> bool:
    """Whether a table is the training table of a run.

    A table with the same URL as the training table is the training table. The paths of
    local files are not compared, because the training table may have been moved or
    renamed. Instead, the run has recorded one hash of all its tables. A table is the
    training table if this table and the run's other tables together have this hash.

    The other tables are opened only if they are local files. A run may come from
    someone else, and its configuration could name any URL.
    """
    dataset = run.config.dataset
    has_url = any("://" in path for path in listed_paths(table))
    if has_url and table == dataset.train:
        return True
    others = {split: x for split, x in dataset.locations.items() if split != "train"}
    paths = [path for location in others.values() for path in listed_paths(location)]
    if not all(find_data(path).is_file() for path in paths):
        return False
    try:
        expected = read_json_object(run.folder / "environment.json")["data_hash"]
        files = {
            split: find_files(split, location, with_format_of(dataset, location).format)
            for split, location in {"train": table, **others}.items()
        }
        return bool(hash_files(files) == expected)
    except (DataError, *DAMAGED_FILE_ERRORS):
        return False  # The warning is left out if a file is missing or damaged.
