"""Measures how much predictions differ from the predictions for the run's test rows.

The difference is measured by the population stability index (PSI), see `data.buckets`.
"""

from typing import Any

import numpy as np

from mtl_cli.core.errors import DAMAGED_FILE_ERRORS
from mtl_cli.core.prediction_names import prediction_name, weight_name
from mtl_cli.data.buckets import bucket_counts, make_buckets, stability_index
from mtl_cli.data.table import Array
from mtl_cli.heads.base import Output
from mtl_cli.network.trained_model import TrainedModel
from mtl_cli.runs.predictions_file import PREDICTIONS, read_predictions


def prediction_drift(
    model: TrainedModel,
    outputs: list[Output],
    predictions: dict[str, Array],
    weights: Array | None,
) -> tuple[list[dict[str, Any]], str]:
    """Compares predictions with the run's predictions for its own test rows.

    Args:
        predictions: {output: the predictions to compare, (rows,) or (rows, classes)}.
        weights: how often each row counts, (rows,), see `Table.rows_represented`.

    Returns: the drift, one dict per output, or per class of a multiclass output, see
        `prediction_record`; and a line that tells the user why the drift is unknown,
        or "".
    """
    try:
        run_predictions, run_weights = read_run_predictions(model, outputs, predictions)
    except FileNotFoundError:
        return (
            [],
            f"drift of predictions is unknown: {model.folder} has no {PREDICTIONS}",
        )
    except DAMAGED_FILE_ERRORS:
        path = model.folder / PREDICTIONS
        return [], f"drift of predictions is unknown: {path} is damaged"
    records = []
    for output in outputs:
        name = output.name
        old = output.task.prediction_columns(name, run_predictions[name])
        new = output.task.prediction_columns(name, predictions[name])
        records += [
            prediction_record(key, old[key], run_weights, new[key], weights)
            for key in new
        ]
    return records, ""


def read_run_predictions(
    model: TrainedModel, outputs: list[Output], predictions: dict[str, Array]
) -> tuple[dict[str, Array], Array | None]:
    """Reads the run's predictions for its own test rows.

    Returns: {output: (rows,) or (rows, classes)}, with as many classes as in
        `predictions`; and how often each row counts, (rows,), if a task of the run has
        a column of sampling rates.

    Raises:
        FileNotFoundError: if the run has no predictions.
        OSError, ValueError, LookupError, TypeError: if the file is damaged.
    """
    columns = [prediction_name(output.name) for output in outputs]
    weight_columns = [
        weight_name(output.name)
        for output in model.config.outputs
        if output.task.kept_negatives_column is not None
    ][:1]
    table = read_predictions(model.folder, lambda names: columns + weight_columns)
    if not table.num_rows:
        raise ValueError("the file has no rows")
    run_predictions = {}
    for output in outputs:
        values: Any = table[prediction_name(output.name)].to_numpy()
        if values.dtype == object:  # one list of probabilities per row
            values = np.stack(list(values))
        if values.shape[1:] != predictions[output.name].shape[1:]:
            raise ValueError("the numbers of classes differ")
        run_predictions[output.name] = values.astype("float64")
    for column in weight_columns:
        weights = np.asarray(table[column].to_numpy(), "float64")
        if not (np.isfinite(weights) & (weights >= 0)).all() or not weights.any():
            raise ValueError("the weights of the rows are no weights")
        return run_predictions, weights
    return run_predictions, None


def prediction_record(
    name: str,
    old: Array,
    old_weights: Array | None,
    new: Array,
    new_weights: Array | None,
) -> dict[str, Any]:
    """Returns the drift of the predictions of an output, or of one of its classes.

    `old` are the run's predictions for its own test rows, `new` the predictions for the
    evaluated rows, and the weights say how often each row counts; all are (rows,).

    Returns: a dict with `kind` "prediction"; `name`; `psi`, the population stability
        index; `mean`, the mean of `new`; and `trained_mean`, the mean of `old`.
    """
    old, new = old.astype("float64"), new.astype("float64")
    buckets = make_buckets(old, old_weights)
    counts = np.array(buckets["counts"])
    return {
        "kind": "prediction",
        "name": name,
        "psi": stability_index(counts, bucket_counts(buckets, new, new_weights)),
        "mean": float(np.average(new, weights=new_weights)),
        "trained_mean": float(np.average(old, weights=old_weights)),
    }
