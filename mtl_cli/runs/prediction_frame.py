"""Puts the predictions of some rows into a data frame, as in `predictions.parquet`."""

from typing import Any

import pandas as pd

from mtl_cli.config.run_config import Config
from mtl_cli.core.prediction_names import (
    GROUP,
    ROW,
    SCENARIO,
    prediction_name,
    weight_name,
)
from mtl_cli.data.scenarios import RowScenarios
from mtl_cli.data.table import Array, Table


def prediction_frame(
    config: Config,
    row_numbers: Array,
    table: Table,
    predictions: dict[str, Array],
    scenarios: RowScenarios | None,
) -> pd.DataFrame:
    """Puts the predictions of some rows into a data frame, with row numbers and labels.

    `docs/reference/run-folder.md` describes the columns of `predictions.parquet`.

    Args:
        config: the configuration of the run.
        row_numbers: the index of each row in the file of the data, from 0, (rows,).
        table: the labels, the weights and the groups of the rows.
        predictions: {output: (rows,) or (rows, classes)}; also the spreads if the model
            predicts them.
        scenarios: the scenario of each row; None if the data set has no scenarios.
    """
    columns: dict[str, Any] = {ROW: row_numbers + 1}
    if scenarios is not None:
        columns[SCENARIO] = pd.Categorical(scenarios.row_names)
    for task, labels in table.labels.items():
        columns[task] = config.chosen_tasks[task].label_column(labels)
    outputs = {output.name for output in config.outputs}
    for name, predicted in predictions.items():
        # Other names belong to spreads, such as `click_std`, see `spread_name`.
        column = prediction_name(name) if name in outputs else name
        columns[column] = predicted if predicted.ndim == 1 else list(predicted)
    # Without a weight column, all weights are 0 or 1, except for outputs whose rows are
    # a sample: `population` holds the weights of these outputs.
    is_weighted = config.dataset.weight_column is not None
    weights_by_output = table.metric_weights if is_weighted else table.population
    for output, weights in weights_by_output.items():
        columns[weight_name(output)] = weights
    if table.groups is not None:
        columns[GROUP] = group_numbers(table.groups)
    return pd.DataFrame(columns)


def group_numbers(groups: Array) -> pd.Series:
    """Numbers groups in the order of their first rows, from 0.

    So two runs on the same rows give a group the same number. A row without a group,
    with a negative entry in `groups`, gets no number.
    """
    known_groups = pd.Series(groups).where(groups >= 0)
    numbers = pd.Series(pd.factorize(known_groups)[0], dtype="Int64")
    return numbers.where(numbers >= 0)
