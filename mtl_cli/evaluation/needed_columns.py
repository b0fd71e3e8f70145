"""Finds the outputs that can be evaluated on a table, and the columns to read.

An output is evaluated if the table has the columns of its labels. Optional columns,
such as groups, are used if the table has them.
"""

from dataclasses import dataclass

import pyarrow as pa

from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import ConfigError, DataError, suggest
from mtl_cli.data.column_request import MAX_LISTED_COLUMNS, ColumnRequest
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.encode import feature_request
from mtl_cli.data.labels import label_request, sampled_task, space_task
from mtl_cli.heads.base import Output


@dataclass(frozen=True)
class EvaluationPlan:
    """The outputs that can be evaluated on a table, and the columns to read for them.

    Attributes:
        dataset: the data set of the run, without optional columns that the table lacks
            and without the columns that only training needs.
        outputs: the outputs whose labels the table has.
        request: the columns to read.
        remarks: what is left out of the evaluation, and why, one line each.
    """

    dataset: Dataset
    outputs: list[Output]
    request: ColumnRequest
    remarks: list[str]


def plan_evaluation(
    config: Config, names: list[str], by: list[str], table_name: str
) -> EvaluationPlan:
    """Finds the outputs that can be evaluated on a table, and the columns to read.

    Args:
        config: the configuration of the run.
        names: the names of the table's columns.
        by: the names of the columns whose values make slices.
        table_name: the name of the table in messages.

    Raises:
        DataError: if the table does not have the label of any output.
        ConfigError: if the table lacks a column of `by`.
    """
    outputs, remarks = evaluable_outputs(config, names, table_name)
    listed = ", ".join(names[:MAX_LISTED_COLUMNS])
    if not outputs:
        columns = dict.fromkeys(output.task.label for output in config.outputs)
        raise DataError(
            f"TABLE: {table_name} has no label of this model: it needs at least one of "
            f"the columns {', '.join(columns)}, and has {listed}"
        )
    for column in by:
        if column not in names:
            raise ConfigError(
                f"--by: no column '{column}' in {table_name}, which has "
                f"{listed}{suggest(column, names)}"
            )
    dataset, more_remarks = without_optional_columns(config.dataset, names)
    features, labels = feature_request(dataset), label_request(dataset, outputs)
    slice_keys = {c: "--by" for c in by if c not in features.keys | labels.keys}
    request = ColumnRequest(
        features.keys | labels.keys | slice_keys,
        # In a text file, the cells of the slices' columns are read as text.
        dict.fromkeys(slice_keys, pa.string()) | labels.types | features.types,
    )
    return EvaluationPlan(dataset, outputs, request, remarks + more_remarks)


def evaluable_outputs(
    config: Config, names: list[str], table_name: str
) -> tuple[list[Output], list[str]]:
    """Returns the outputs whose label columns a table has.

    Returns: the outputs, and one remark per output that is left out.
    """
    outputs, remarks = [], []
    for output in config.outputs:
        needed = label_columns(config.dataset, output)
        missing = [column for column in needed if column not in names]
        if missing:
            remarks.append(
                f"{output.name} is not evaluated: {table_name} has no column "
                f"'{missing[0]}'"
            )
        else:
            outputs.append(output)
    return outputs, remarks


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
    dataset: Dataset, names: list[str]
) -> tuple[Dataset, list[str]]:
    """Removes the optional columns that a table lacks from a data set.

    The column of splits is always removed: all rows of the table are evaluated.

    Args:
        dataset: the data set of the run.
        names: the names of the table's columns.

    Returns: the data set without these columns; and one line per column that says what
        is left out of the evaluation.
    """
    remarks = []
    changes: dict[str, object] = {"split_column": None}
    group = dataset.group_column
    if group is not None and group not in names:
        changes["group_column"] = None
        remarks.append(f"gauc is left out: the table has no column '{group}'")
    tasks = dict(dataset.tasks)
    for name, task in tasks.items():
        column = task.truth_column
        if column is not None and column not in names:
            tasks[name] = task.model_copy(update={"truth": None})
            remarks.append(
                f"truth_rmse of {name} is left out: the table has no column '{column}'"
            )
        rates = task.kept_negatives_column
        if rates is not None and rates not in names:
            tasks[name] = tasks[name].model_copy(update={"sampling_rate": 1.0})
            remarks.append(
                f"{name} is scored as if no rows were sampled: the table has no column "
                f"'{rates}'"
            )
    return dataset.model_copy(update=changes | {"tasks": tasks}), remarks
