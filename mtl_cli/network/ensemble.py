"""Ensembles of runs: the mean prediction of networks that were trained separately."""

import keras
from keras import ops

from mtl_cli.core.prediction_names import spread_name
from mtl_cli.core.tensors import Tensor


def ensemble_models(
    runs: list[tuple[keras.Model, keras.Model]],
) -> tuple[keras.Model, keras.Model]:
    """Combines several runs into two models: of all logits, and of mean predictions.

    The network of one run r may itself have several members (`model.members`). The
    prediction p_r of run r is then the mean over the members, and s_r their standard
    deviation. With a single member, s_r is 0. An ensemble of R runs predicts

        p = sum_r p_r / R        s = sqrt(sum_r (s_r^2 + (p_r - p)^2) / R)

    All runs have the same configuration, so they have equally many members. Therefore
    p is the mean and s is the standard deviation over the members of all runs.

    Args:
        runs: the models `Network.logits` and `Network.predictions` of each run.

    Returns: the models `Network.logits` and `Network.predictions` of the ensemble. The
        logits of the first run come first, then the logits of the second run, and so
        on, one run below the other. s has the name that `spread_name` returns.
    """
    first_logits_model, _ = runs[0]
    inputs = {
        tensor.name: keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=tensor.name)
        for tensor in first_logits_model.inputs
    }
    logits_of_runs = [logits_model(inputs) for logits_model, _ in runs]
    predictions_of_runs = [prediction_model(inputs) for _, prediction_model in runs]
    logits: dict[str, Tensor] = {}
    predictions: dict[str, Tensor] = {}
    for name in logits_of_runs[0]:
        logits[name] = ops.concatenate([run[name] for run in logits_of_runs], axis=0)
        # p_r, (R, batch, ...)
        means = ops.stack([run[name] for run in predictions_of_runs])
        variance = ops.var(means, axis=0)
        spread = spread_name(name)
        if spread in predictions_of_runs[0]:
            spreads = ops.stack([run[spread] for run in predictions_of_runs])  # s_r
            variance += ops.mean(ops.square(spreads), axis=0)
        predictions[name] = ops.mean(means, axis=0)
        predictions[spread] = ops.sqrt(variance)
    return keras.Model(inputs, logits), keras.Model(inputs, predictions)
