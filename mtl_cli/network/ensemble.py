"""Ensembles of runs: the mean prediction of networks that were trained apart."""

import keras
from keras import ops

from mtl_cli.core.tensors import Tensor
from mtl_cli.heads.base import spread_name


def mean_models(
    runs: list[tuple[keras.Model, keras.Model]],
) -> tuple[keras.Model, keras.Model]:
    """Returns the models of the logits and of the mean predictions of several runs.

    With p_r the prediction of run r, and s_r its standard deviation over the members of
    the run, an ensemble of R runs predicts

        p = sum_r p_r / R        s = sqrt(sum_r (s_r^2 + (p_r - p)^2) / R)

    s is the standard deviation over the members of all runs. A run without members has
    s_r = 0.

    Args:
        runs: the two models of each run, see `Network`.

    Returns: a model of the logits of all runs, the rows of one run after another, and a
        model of p and s.
    """
    inputs = {
        x.name: keras.Input(x.shape[1:], dtype=x.dtype, name=x.name)
        for x in runs[0][0].inputs
    }
    logits = [model(inputs) for model, _ in runs]
    by_run = [model(inputs) for _, model in runs]
    predictions: dict[str, Tensor] = {}
    for name in logits[0]:
        p = ops.stack([x[name] for x in by_run])  # (runs, batch, num_logits)
        variance = ops.var(p, axis=0)
        if spread_name(name) in by_run[0]:
            spreads = ops.stack([x[spread_name(name)] for x in by_run])
            variance += ops.mean(ops.square(spreads), axis=0)
        predictions[name] = ops.mean(p, axis=0)
        predictions[spread_name(name)] = ops.sqrt(variance)
    rows = {
        name: ops.concatenate([x[name] for x in logits], axis=0) for name in logits[0]
    }
    return keras.Model(inputs, rows), keras.Model(inputs, predictions)
