"""Reads the predictions of a configuration's runs for the test rows of a task.

A run writes predictions for its test rows only.
"""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.predictions import (
    DifferentRowsError,
    Predictions,
    Rows,
    UnusableError,
)
from mtl_cli.comparison.predictions_by_metric import make_predictions
from mtl_cli.comparison.runs import Run
from mtl_cli.comparison.same_rows import as_text_or_floats
from mtl_cli.core.errors import DAMAGED_FILE_ERRORS
from mtl_cli.core.prediction_names import (
    GROUP,
    ROW,
    SCENARIO,
    label_of_output,
    prediction_name,
    weight_name,
)
from mtl_cli.data.table import NO_GROUP, Array
from mtl_cli.metrics.metric import Floats, UndefinedError
from mtl_cli.metrics.regression import truth_rmse
from mtl_cli.runs.predictions_file import (
    PREDICTIONS,
    prediction_array,
    read_predictions,
)
from mtl_cli.tasks._metrics import metrics_named

if TYPE_CHECKING:
    import pyarrow as pa

MAX_KEPT_BYTES = 8_000_000  # of a table that is kept in memory, and of its file
# {run folder: its predictions for the test rows; None if they are not kept}
Tables = dict[Path, "pa.Table | None"]


def read_all_replicates(
    configuration: Configuration, task: str, metric: str, tables: Tables
) -> Predictions:
    """Reads the predictions of all replicates of a configuration, and checks them.

    Raises:
        DifferentRowsError: if the replicates have different rows.
        UnusableError: if predictions are missing or damaged, or if the metric cannot be
            computed from them, or differs from the metric in `metrics.json`.
    """
    recorded = configuration.scores_by_replicate("test", task, metric)
    if not recorded:
        raise UnusableError(f"{metric} is undefined")
    if metric == truth_rmse.name:
        raise UnusableError("predictions.parquet does not hold true probabilities")
    namesakes = metrics_named(metric)
    needs_groups = any(namesake.grouped for namesake in namesakes)
    replicates = [
        read_one_run(configuration.runs[key], task, tables, needs_groups=needs_groups)
        for key in recorded
    ]
    rows, first_prediction = replicates[0]
    if not all(rows.are_same(r, compare_groups=needs_groups) for r, _ in replicates):
        raise DifferentRowsError("the seeds have different test rows")
    # The `log_loss` of binary tasks takes one prediction per row, and the `log_loss` of
    # multiclass tasks takes several.
    has_several = first_prediction.ndim == 2
    fitting = [m for m in namesakes if m.several_predictions == has_several]
    if not fitting:
        raise UnusableError(
            f"predictions.parquet does not hold predictions for {metric}"
        )
    predictions = make_predictions(fitting[0], rows, [p for _, p in replicates])
    check_score(predictions, list(recorded.values()))
    return predictions


def check_score(predictions: Predictions, recorded: list[float]) -> None:
    """Checks that predictions give the metric of each replicate in `metrics.json`."""
    metric = predictions.metric.name
    try:
        score = predictions.score
    except (UndefinedError, ValueError, IndexError):
        # Damaged labels, such as classes that do not exist, raise one of the last two.
        raise UnusableError(f"{metric} is undefined") from None
    if not np.isclose(score, np.mean(recorded), rtol=1e-6):
        raise UnusableError(f"predictions do not give the {metric} of metrics.json")


def read_one_run(
    run: Run, task: str, tables: Tables, *, needs_groups: bool
) -> tuple[Rows, Floats]:
    """Reads the rows on which a task is scored, and the predictions of a run for them.

    Returns: the rows; and the predictions, (rows,) or (rows, classes).
    """
    # The space "click = 1" has the rows whose column "click" is 1; "" has all rows.
    space = run.score("test", task).get("space")
    space_column = str(space or "").partition(" = ")[0]
    required = [ROW, prediction_name(task)]
    required += [space_column] if space_column else []
    required += [GROUP] if needs_groups else []
    optional = [task, label_of_output(task), weight_name(task), GROUP]
    if "scenarios" in run.score("test", task):
        optional.append(SCENARIO)
    try:
        table = read_columns(run.path, {*required, *optional}, tables)
        # The output `buy_given_click`, for example, has the label `buy`.
        label_name = task if task in table.column_names else label_of_output(task)
        for name in (label_name, *required):
            if name not in table.column_names:
                raise UnusableError(f"predictions.parquet has no column {name}")
        rows, predictions = scored_predictions(
            table, task, *label_values(run, label_name, table), space_column
        )
    except FileNotFoundError:
        raise UnusableError("a run has no predictions.parquet") from None
    except DAMAGED_FILE_ERRORS:
        raise UnusableError("a predictions.parquet is damaged") from None
    if not len(rows.label):
        raise UnusableError("a predictions.parquet has no scored rows")
    return rows, predictions


def read_columns(run: Path, requested: set[str], tables: Tables) -> "pa.Table":
    """Reads the requested columns that the `predictions.parquet` of a run has.

    A small table is read as a whole and kept in `tables`: otherwise the time would grow
    with the square of the number of tasks, because opening a file with many columns is
    slow. `run` is the run folder. The table may have further columns. Raises the same
    errors as `read_predictions`.
    """
    if run not in tables:
        tables[run] = read_small_table(run)
    table = tables[run]
    if table is None:
        return read_predictions(run, lambda names: [*requested.intersection(names)])
    return table


def read_small_table(run: Path) -> "pa.Table | None":
    """Returns the whole table; None if it is large, or if a column is damaged."""
    if (run / PREDICTIONS).lstat().st_size > MAX_KEPT_BYTES:
        return None
    with suppress(*DAMAGED_FILE_ERRORS):
        table = read_predictions(run, list)
        return table if table.nbytes <= MAX_KEPT_BYTES else None
    return None


def label_values(run: Run, name: str, table: "pa.Table") -> tuple[Floats, Array | None]:
    """Returns labels as numbers, NaN for a missing label, and the names of classes.

    The label of a multiclass task is the name of a class. Its number is the index of
    the name in the `classes` in `config.yaml`. Other labels have no names.

    Raises an error of `DAMAGED_FILE_ERRORS` if `classes` do not hold a label.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    labels = as_text_or_floats(table[name])
    if labels.type != pa.string():
        return as_array(labels), None
    classes = map(str, run.config["dataset"]["tasks"][name]["classes"])
    numbers = pc.index_in(labels, pa.array(classes, "string"), skip_nulls=True)
    if numbers.null_count != labels.null_count:
        raise ValueError(f"a label of {name} is not in its classes in config.yaml")
    return numbers.cast("float64").to_numpy(), labels.to_numpy()


def scored_predictions(
    table: "pa.Table",
    task: str,
    labels: Floats,
    class_names: Array | None,
    space_column: str,
) -> tuple[Rows, Floats]:
    """Selects the rows on which a task is scored, and the predictions for these rows.

    A scored row has a label, lies in the task's space and has a finite weight above 0.
    `labels` and `class_names` are the result of `label_values`.
    """
    import pyarrow as pa

    is_scored = np.isfinite(labels)
    if space_column:
        is_scored &= table[space_column].to_numpy() == 1
    weights = np.ones(len(labels))
    if weight_name(task) in table.column_names:
        weights = np.asarray(table[weight_name(task)].to_numpy(), "float64")
        is_scored &= np.isfinite(weights) & (weights > 0)
    groups = np.full(len(labels), NO_GROUP)
    if GROUP in table.column_names:
        groups = table[GROUP].cast(pa.int64()).fill_null(NO_GROUP).to_numpy()
    scenarios = None
    if SCENARIO in table.column_names:
        scenarios = table[SCENARIO].cast("string").to_numpy()
    rows = Rows(as_array(table[ROW]), labels, weights, groups, scenarios, class_names)
    predictions = as_array(table[prediction_name(task)])[is_scored]
    return rows.take(is_scored), prediction_array(predictions)


def as_array(column: "pa.ChunkedArray") -> Array:
    """Converts a column, without pandas where possible.

    The method `to_numpy` of a column imports pandas, and so takes a fifth of a second.
    """
    import pyarrow as pa

    kind = column.type
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    if is_number and not column.null_count:
        return np.from_dlpack(column.combine_chunks())
    array: Array = column.to_numpy()
    return array
