"""Writes and reads `predictions.parquet`, a run's predictions for its test rows."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mtl_cli.config.run_config import Config
from mtl_cli.core import other_files
from mtl_cli.core.prediction_names import (
    GROUP,
    ROW,
    SCENARIO,
    prediction_name,
    weight_name,
)
from mtl_cli.data.scenarios import RowScenarios
from mtl_cli.data.table import Array, Table

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

PREDICTIONS = "predictions.parquet"
ROWS_PER_BATCH = 500_000


def write_predictions(
    path: Path,
    config: Config,
    row_numbers: Array,
    table: Table,
    predictions: dict[str, Array],
    scenarios: RowScenarios | None,
) -> None:
    """Writes the predictions of some rows, with row numbers and labels.

    `docs/reference/run-folder.md` describes the columns.

    Args:
        path: the file to write.
        config: the configuration of the run.
        row_numbers: the index of each row in the file of the data, from 0, (rows,).
        table: the labels, the weights and the groups of the rows.
        predictions: {output: (rows,) or (rows, classes)}; also the spreads if the model
            predicts them.
        scenarios: the scenario of each row; None if the data set has no scenarios.
    """
    import pandas as pd

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
    # Arrow gets an open file, because it refuses paths that are not UTF-8.
    with path.open("wb") as file:
        pd.DataFrame(columns).to_parquet(file, index=False)


def group_numbers(groups: Array) -> "pd.Series[Any]":
    """Numbers groups in the order of their first rows, from 0.

    So two runs on the same rows give a group the same number. A row without a group,
    with a negative entry in `groups`, gets no number.
    """
    import pandas as pd

    known_groups = pd.Series(groups).where(groups >= 0)
    numbers = pd.Series(pd.factorize(known_groups)[0], dtype="Int64")
    return numbers.where(numbers >= 0)


def read_predictions(run: Path, choose: Callable[[list[str]], list[str]]) -> "pa.Table":
    """Reads the columns of a run's predictions that `choose` selects from their names.

    A malicious Parquet file of a few megabytes can expand to billions of equal values.
    A file that is damaged or expands too much is a `ValueError`.
    """
    import pyarrow as pa

    from mtl_cli.data.parquet_file import open_parquet

    path = run / PREDICTIONS
    other_files.check_regular(path)
    size = path.stat().st_size
    max_bytes = max(other_files.MAX_BYTES, other_files.MAX_RATIO * size)
    batches: list[pa.RecordBatch] = []
    try:
        # Arrow refuses a path that is not UTF-8 as text, but takes its bytes.
        with pa.OSFile(os.fsencode(path)) as stream, open_parquet(stream) as file:
            names = choose(file.schema.names)
            num_bytes = 0
            for batch in file.batches(names, ROWS_PER_BATCH):
                batch.validate(full=True)
                batches.append(batch)
                num_bytes += batch.nbytes
                if num_bytes > max_bytes:
                    raise other_files.UnsafeFileError(
                        f"{path} expands to more than {max_bytes:,} bytes"
                    )
            # An empty file has no batches to take the schema from.
            schema = pa.schema([file.schema.field(name) for name in names])
        schema = batches[0].schema if batches else schema
        return pa.Table.from_batches(batches, schema).select(names)
    except pa.ArrowException as error:
        raise ValueError(str(error)) from None


def prediction_array(cells: Array) -> Array:
    """Returns a column of predictions as float64, (rows,) or (rows, classes).

    A cell holds one number, or the probabilities of all classes.
    """
    if cells.dtype == object:
        cells = np.stack(list(cells))
    return cells.astype("float64")
