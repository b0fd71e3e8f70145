"""Ensembles of runs: the mean prediction of networks that were trained separately."""

import keras
from keras import ops

from mtl_cli.core.prediction_names import spread_name
from mtl_cli.core.tensors import Tensor
from mtl_cli.network.network import Network


def average(runs: list[Network]) -> Network:
    """Combines the networks of several runs into one network, their ensemble.

    The network of one run r may itself have several members (`model.members`). The
    prediction p_r of run r is then the mean over the members, and s_r their standard
    deviation. With a single member, s_r is 0. An ensemble of R runs predicts

        p = sum_r p_r / R        s = sqrt(sum_r (s_r^2 + (p_r - p)^2) / R)

    All runs have the same configuration, so they have equally many members. Therefore
    p is the mean and s is the standard deviation over the members of all runs. s has
    the name that `spread_name` returns.

    The logits of the first run come first, then the logits of the second run, and so
    on, one run below the other.
    """
    inputs = {
        tensor.name: keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=tensor.name)
        for tensor in runs[0].logits.inputs
    }
    logits_of_runs = [run.logits(inputs) for run in runs]
    predictions_of_runs = [run.predictions(inputs) for run in runs]
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
    models = keras.Model(inputs, logits), keras.Model(inputs, predictions)
    return Network(*models, runs[0].label_statistics, runs=runs)
