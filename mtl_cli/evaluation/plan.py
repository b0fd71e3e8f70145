"""Finds the outputs that can be evaluated on a table, and the columns to read."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import ConfigError, DataError
from mtl_cli.core.message_text import suggest
from mtl_cli.data.column_request import ColumnRequest, readable_names, request_of_data
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.labels import sampled_task, space_task
from mtl_cli.heads.base import Output
from mtl_cli.network.trained_model import TrainedModel

# The entry in `ColumnRequest.keys` of a column that is read for slices only.
BY = "--by"


@dataclass(frozen=True)
class EvaluationPlan:
    """The outputs that can be evaluated on a table, and the columns to read for them.

    `dataset` is the data set of the run, without optional columns that the table lacks
    and without the columns that only training needs.
    """

    dataset: Dataset
    outputs: list[Output]  # those whose labels the table has
    slice_columns: list[str]  # the columns whose values make slices
    slice_features: list[str]  # the features whose values make slices
    request: ColumnRequest
    remarks: list[str]  # what is left out of the evaluation, or unexpected
    drift_problem: str  # why the drift is unknown; "" if it can be measured


def plan_evaluation(
    model: TrainedModel,
    dataset: Dataset,
    columns: list[str],
    by: list[str],
    table_name: str,
) -> EvaluationPlan:
    """Finds the outputs to evaluate on a table with some columns, and what to read.

    Each name in `by` is a column of the table or, if there is no such column, a feature
    that has names for its values.

    An output is evaluated if the table has the columns of its labels. Optional columns,
    such as groups, are used if the table has them.
    """
    outputs, remarks = [], []
    for output in model.config.outputs:
        missing = [c for c in label_columns(dataset, output) if c not in columns]
        if missing:
            problem = f"{table_name} has no column '{missing[0]}'"
            remarks.append(f"{output.name} is not evaluated: {problem}")
        else:
            outputs.append(output)
    if not outputs:
        raise DataError(
            f"TABLE: no output can be evaluated: {'; '.join(remarks)}; the table has "
            f"{readable_names(columns)}"
        )
    slice_columns = [name for name in by if name in columns]
    slice_features = [name for name in by if name not in columns]
    for name in slice_features:
        if name not in dataset.features:
            hint = suggest(name, [*columns, *dataset.features])
            raise ConfigError(
                f"--by: no column '{name}' in {table_name}, which has "
                f"{readable_names(columns)}{hint}"
            )
        if model.features.value_names(np.zeros(0, "int64"), name) is None:
            raise ConfigError(
                f"--by: the values of feature {name} have no names; name a column"
            )
    dataset, more_remarks = without_optional_columns(dataset, columns)
    request = request_of_data(dataset, outputs)
    slice_keys = {c: BY for c in slice_columns if c not in request.keys}
    # In a text file, a column that is read for slices only has no type: it is text.
    slice_types = dict.fromkeys(slice_keys, pa.string())
    request = ColumnRequest(request.keys | slice_keys, slice_types | request.types)
    remarks += more_remarks
    problem = drift_problem(model.config, dataset, outputs)
    return EvaluationPlan(
        dataset, outputs, slice_columns, slice_features, request, remarks, problem
    )


def drift_problem(config: Config, dataset: Dataset, outputs: list[Output]) -> str:
    """Says why the drift of a table is unknown; "" if it can be measured.

    The first task with a column of sampling rates weighs the rows. Without the column,
    the rows count as whole. `dataset` and `outputs` belong to the plan.
    """
    sampled = [n for n, t in config.chosen_tasks.items() if t.kept_negatives_column]
    if not sampled or sampled[0] in [output.name for output in outputs]:
        return ""
    column = dataset.tasks[sampled[0]].kept_negatives_column
    if column is None:
        return ""
    return (
        f"drift is unknown: the column '{column}' weighs the rows with {sampled[0]} = "
        f"0, but {sampled[0]} is not evaluated"
    )


def label_columns(dataset: Dataset, output: Output) -> list[str]:
    """Returns the columns from which the labels of an output are computed.

    These are the labels of its task, of its space, and of the task whose rows with
    label 0 were sampled.
    """
    space = None if output.space is None else space_task(dataset, output.space)
    tasks = output.task, space, sampled_task(dataset, output)
    return list(dict.fromkeys(task.label for task in tasks if task is not None))


def without_optional_columns(
    dataset: Dataset, columns: list[str]
) -> tuple[Dataset, list[str]]:
    """Removes from a data set the optional columns that a table lacks.

    The column of splits is always removed: all rows of the table are evaluated.

    Returns: the data set without these columns; and one remark per missing column.
    """
    remarks = []
    changes: dict[str, object] = {"split_column": None}
    group = dataset.group_column
    if group is not None and group not in columns:
        changes["group_column"] = None
        remarks.append(
            "gauc is left out, and intervals take all rows as independent: the table "
            f"has no column '{group}'"
        )
    tasks = dict(dataset.tasks)
    for name, task in tasks.items():
        truth = task.truth_column
        if truth is not None and truth not in columns:
            tasks[name] = task.model_copy(update={"truth": None})
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
