"""Measures drift: how much predictions differ from those for the run's test rows.

Drift is measured by the population stability index (PSI), see `data.buckets`.
"""

from typing import Literal, TypedDict

import numpy as np

from mtl_cli.core.errors import DAMAGED_FILE_ERRORS
from mtl_cli.core.prediction_names import prediction_name, weight_name
from mtl_cli.data.buckets import bucket_counts, make_buckets, stability_index
from mtl_cli.data.table import Array
from mtl_cli.heads.base import Output
from mtl_cli.network.trained_model import TrainedModel
from mtl_cli.runs.predictions_file import (
    PREDICTIONS,
    prediction_array,
    read_predictions,
)


class PredictionDrift(TypedDict):
    """The drift of the predictions of an output, or of one of its classes.

    `trained_mean` is the mean of the run's predictions for its own test rows.
    """

    kind: Literal["prediction"]
    name: str
    psi: float
    mean: float
    trained_mean: float


def prediction_drift(
    model: TrainedModel,
    outputs: list[Output],
    predictions: dict[str, Array],
    weights: dict[str, Array],
) -> tuple[list[PredictionDrift], str]:
    """Compares predictions with the run's predictions for its own test rows.

    If a task of the run has a column of sampling rates, each row counts with its weight
    in the metrics of this task. The result is then the drift of the data before
    sampling.

    Args:
        predictions: {output: the predictions to compare, (rows,) or (rows, classes)}.
        weights: {output: the weight of each row in its metrics, (rows,)}.

    Returns: the drift of each output, or of each class; and a remark that says why the
        drift is unknown, or "".
    """
    sampled_output = next(
        (o.name for o in model.config.outputs if o.task.kept_negatives_column), None
    )
    new_weights = None if sampled_output is None else weights.get(sampled_output)
    unknown = "drift of predictions is unknown"
    if new_weights is not None and not new_weights.any():
        return [], f"{unknown}: no row counts for {sampled_output}"
    if not (model.folder / PREDICTIONS).exists():
        reason = f"{model.folder} has no {PREDICTIONS}, as a run without test rows"
        return [], f"{unknown}: {reason}"
    try:
        run_predictions, run_weights = read_run_predictions(
            model, outputs, predictions, sampled_output
        )
    except DAMAGED_FILE_ERRORS:
        return [], f"{unknown}: {model.folder / PREDICTIONS} is damaged"
    records = []
    for output in outputs:
        name = output.name
        old = output.task.prediction_columns(name, run_predictions[name])
        new = output.task.prediction_columns(name, predictions[name])
        records += [
            prediction_record(key, old[key], run_weights, new[key], new_weights)
            for key in new
        ]
    return records, ""


def read_run_predictions(
    model: TrainedModel,
    outputs: list[Output],
    predictions: dict[str, Array],
    sampled_output: str | None,
) -> tuple[dict[str, Array], Array | None]:
    """Reads the run's predictions for its own test rows.

    `sampled_output` is the output whose row weights are read; None for no weights.

    Returns: {output: (rows,) or (rows, classes)}, with as many classes as in
        `predictions`; and the weight of each row, (rows,), or None.

    Raises one of `DAMAGED_FILE_ERRORS` if the file is missing or damaged.
    """
    columns = [prediction_name(output.name) for output in outputs]
    if sampled_output is not None:
        columns.append(weight_name(sampled_output))
    table = read_predictions(model.folder, lambda names: columns)
    if not table.num_rows:
        raise ValueError("the file has no rows")
    run_predictions = {}
    for output in outputs:
        values = prediction_array(table[prediction_name(output.name)].to_numpy())
        if values.shape[1:] != predictions[output.name].shape[1:]:
            raise ValueError("the numbers of classes differ")
        run_predictions[output.name] = values
    if sampled_output is None:
        return run_predictions, None
    weights = np.asarray(table[weight_name(sampled_output)].to_numpy(), "float64")
    if not (np.isfinite(weights) & (weights >= 0)).all() or not weights.any():
        raise ValueError("the row weights are negative, not finite or all 0")
    return run_predictions, weights


def prediction_record(
    name: str,
    old: Array,
    old_weights: Array | None,
    new: Array,
    new_weights: Array | None,
) -> PredictionDrift:
    """Compares the evaluated predictions, `new`, with the run's own, `old`."""
    old, new = old.astype("float64"), new.astype("float64")
    # Only the ratios of row weights matter, but the index counts values.
    old_weights, new_weights = (
        None if weights is None else weights / weights.mean(dtype="float64")
        for weights in (old_weights, new_weights)
    )
    buckets = make_buckets(old, old_weights)
    counts = np.array(buckets["counts"])
    return {
        "kind": "prediction",
        "name": name,
        "psi": stability_index(counts, bucket_counts(buckets, new, new_weights)),
        "mean": float(np.average(new, weights=new_weights)),
        "trained_mean": float(np.average(old, weights=old_weights)),
    }
