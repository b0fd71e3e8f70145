"""Sets the biases of the towers' last layers to what the training labels suggest.

A tower whose biases start at 0 predicts the probability 0.5 at first. If label 1 is
rare, the first epochs would only teach the tower this rarity.
"""

import numpy as np

from mtl_cli.config.run_config import Config
from mtl_cli.core.tensors import check_shape
from mtl_cli.data.labels import labels_for_initial_bias
from mtl_cli.data.table import Table
from mtl_cli.metrics.metric import Floats
from mtl_cli.network.network import Network
from mtl_cli.network.parts import parse_layer_name
from mtl_cli.tasks.base import Statistics

MAX_ROWS = 1_000_000  # more rows hardly change the biases


def set_initial_biases(network: Network, config: Config, table: Table) -> None:
    """Sets the biases of the towers' last layers. `table` holds the training rows.

    With these biases, and all kernels at 0, a network would predict for every row the
    value that suits the labels of the task best, see `Task.initial_logits`.
    """
    tasks, model = config.chosen_tasks, config.model
    logits = initial_logits(config, table, network.label_statistics)
    last_biases = model.towers_option.last_biases(
        list(logits.values()), model.tower_specs(tasks)
    )
    bias_by_task = dict(zip(tasks, last_biases, strict=True))
    for layer in network.logits.layers:
        name = parse_layer_name(layer.name, list(tasks))
        if name is None or (name.kind, name.suffix) != ("towers", "logits"):
            continue
        biases = np.stack([bias_by_task[task] for task in name.tasks])
        # A task has several layers side by side if it has several members or scenarios.
        biases = np.repeat(biases, layer.num // len(name.tasks), axis=0)
        layer.bias.assign(biases.reshape(layer.bias.shape))


def initial_logits(
    config: Config, table: Table, label_statistics: dict[str, Statistics]
) -> dict[str, Floats]:
    """Returns {task: the logits that its tower should start with, (num_logits,)}."""
    outputs = config.model.heads_option.tower_outputs(config.chosen_tasks)
    logits = {}
    for task, output in outputs.items():
        # A tower of a funnel is trained on the rows that reached its step.
        labels, weights = labels_for_initial_bias(table, output, MAX_ROWS)
        if len(labels):
            weights /= weights.mean()
            statistics = label_statistics.get(task, {})
            logits[task] = output.task.initial_logits(labels, weights, statistics)
            source = f"dataset.tasks.{task}: `initial_logits`"
            check_shape(source, logits[task], (output.task.num_logits,))
        else:
            logits[task] = np.zeros(output.task.num_logits)
    return logits
