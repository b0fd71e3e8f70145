"""Checks the flags of `mtl-evaluate` before TensorFlow loads and the rows are read.

The columns are known from the first file of the table, and the metrics from the
configuration of the run. The names of slices are known only after the evaluation, so
`results.split_known` checks all names again.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from mtl_cli.core.conditions import Condition, check_known
from mtl_cli.core.errors import ConfigError, MtlError
from mtl_cli.core.locations import Location, location_name
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.labels import truth_columns
from mtl_cli.data.stdin import STDIN
from mtl_cli.evaluation.plan import plan_for_files
from mtl_cli.heads.base import Output
from mtl_cli.metrics.regression import truth_rmse
from mtl_cli.runs.saved_model import load_config

NO_TABLE = "--by: slices need a TABLE; name the file to evaluate"


def check_flags(
    runs: list[Path],
    table: Location | None,
    slice_columns: list[str],
    conditions: list[Condition],
) -> None:
    """Checks the columns of `--by`, and the names in `--fail-if`.

    Args:
        runs: the folders of the runs to evaluate.
        table: the table to evaluate the runs on; None for their validation rows.
        slice_columns: the columns of `--by`.
        conditions: the conditions of `--fail-if`.

    Raises:
        ConfigError: if a flag names an unknown column or number.
        DataError: if no run can be evaluated on the table.
    """
    if not runs:
        return  # the evaluation says that the sweep holds no finished run
    names: list[str] = []
    slice_names: list[re.Pattern[str]] = []
    errors: list[MtlError] = []
    for run in runs:
        try:
            dataset, outputs = outputs_on_table(run, table, slice_columns)
        except MtlError as error:  # a sweep is evaluated if one of its runs can be
            errors.append(error)
            continue
        names += number_names(dataset, outputs, has_table=table is not None)
        slice_names += slice_name_patterns(outputs, slice_columns)
    if len(errors) == len(runs):
        raise errors[0]
    for condition in conditions:
        if not any(pattern.fullmatch(condition.name) for pattern in slice_names):
            check_known(condition, names, "evaluation")


def outputs_on_table(
    run: Path, table: Location | None, slice_columns: list[str]
) -> tuple[Dataset, list[Output]]:
    """Returns the data set of a run as its table has it, and the outputs to evaluate.

    The columns of a table on stdin are not known yet, so all outputs are returned.

    Raises a `MtlError` if the run or the columns of its table are unsuitable.
    """
    config = load_config(run)
    if table is None and slice_columns:
        raise ConfigError(NO_TABLE)
    if table is None or table == STDIN:
        return config.dataset, config.outputs
    plan = plan_for_files(config, table, slice_columns, location_name(table))
    return plan.dataset, plan.outputs


def number_names(
    dataset: Dataset, outputs: list[Output], has_table: bool
) -> Iterator[str]:
    """Yields the names of the numbers that an evaluation may have, without slices.

    See `EvaluationResults.numbers`. Without a table, the run's validation rows are
    evaluated. Their empty cells and unseen values are not counted.
    """
    for output in outputs:
        for metric in output.task.metric_names:
            if dataset.group_column or not output.task.metric(metric).grouped:
                yield f"{output.name}.{metric}"
        if truth_columns(dataset, output):
            yield f"{output.name}.{truth_rmse.name}"
    for name, feature in dataset.used_features.items():
        yield f"features.{name}.psi"
        if has_table:
            yield f"features.{name}.missing"
            if feature.reports_unseen:
                yield f"features.{name}.unseen"
    for output in outputs:
        for name in output.task.prediction_column_names(output.name):
            yield f"predictions.{name}.psi"


def slice_name_patterns(
    outputs: list[Output], slice_columns: list[str]
) -> Iterator[re.Pattern[str]]:
    """Yields patterns of the names of numbers of slices: `income.slices.city.*.auc`.

    The names of the slices are not known yet, so any text may stand in their place.
    """
    for output in outputs:
        for column in slice_columns:
            for metric in output.task.metric_names:
                start, end = f"{output.name}.slices.{column}.", f".{metric}"
                yield re.compile(f"{re.escape(start)}.*{re.escape(end)}", re.DOTALL)
