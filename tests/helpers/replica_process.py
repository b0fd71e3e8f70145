"""One of several processes that train the same configurations together, for tests.

    PYTHONPATH=tests python -m helpers.replica_process CONFIGURATIONS.json OUTPUT

CONFIGURATIONS.json is a list of lists of overrides. OUTPUT/<i>.npz receives the results
of the configuration with index i: the losses of every step, the trained weights, and
the random state of every dropout layer.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np

from mtl_cli.core import tensorflow_runtime

# TensorFlow must be started before any module imports Keras.
tensorflow_runtime.start(0, deterministic=True)

import keras  # noqa: E402
from helpers.networks import config as configured  # noqa: E402

from mtl_cli.data.load import load  # noqa: E402
from mtl_cli.distributed.cluster import TF_CONFIG  # noqa: E402
from mtl_cli.distributed.connect import connect  # noqa: E402
from mtl_cli.distributed.rendezvous import COMPARED_KEYS  # noqa: E402
from mtl_cli.distributed.replicas import Replicas  # noqa: E402
from mtl_cli.network.build import build  # noqa: E402
from mtl_cli.training.progress import Progress  # noqa: E402
from mtl_cli.training.steps import Steps  # noqa: E402
from mtl_cli.training.train import train  # noqa: E402


def trained(overrides: list[str], replicas: Replicas) -> dict[str, np.ndarray]:
    """Trains one configuration, and returns its losses, weights and dropout states."""
    config = configured(*overrides)
    data = load(config.dataset, config.outputs)
    keras.utils.set_random_seed(config.seed)
    network = build(config, data.features.layout, data.label_statistics)
    losses = []
    original_epoch = Steps.epoch

    def recording_epoch(self, *arguments):
        for losses_and_weights in original_epoch(self, *arguments):
            losses.append(losses_and_weights[:, 0])
            yield losses_and_weights

    Steps.epoch = recording_epoch
    try:
        train(
            config,
            network,
            data.splits["train"],
            data.splits.get("valid"),
            Progress(),
            replicas=replicas,
        )
    finally:
        Steps.epoch = original_epoch
    dropouts = [
        layer.seed_generator.state.numpy()
        for layer in network.logits._flatten_layers()
        if hasattr(layer, "seed_generator")
    ]
    weights = network.logits.trainable_weights
    return {
        "losses": np.concatenate(losses),
        "dropouts": np.array(dropouts),
        **{f"weights-{i}": w.numpy() for i, w in enumerate(weights)},
    }


def main() -> None:
    """Trains all configurations, one after another."""
    configurations = json.loads(Path(sys.argv[1]).read_text())
    folder = Path(sys.argv[2])
    strategy = "multi_worker" if TF_CONFIG in os.environ else None
    replicas = connect(strategy, folder, dict.fromkeys(COMPARED_KEYS, ""), print)
    folder.mkdir()
    for i, overrides in enumerate(configurations):
        np.savez(folder / f"{i}.npz", **trained(overrides, replicas))
    replicas.close()


if __name__ == "__main__":
    main()
