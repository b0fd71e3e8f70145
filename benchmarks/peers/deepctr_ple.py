"""The source's Adult PLE in DeepCTR: a plain script, `model.fit` as its users call it.

Architecture, number of weights and L2 on embeddings (1e-5, DeepCTR's default) are the
same as in mtl-cli; tests compare the predictions of both. Differences from the usual
script: no `metrics`, since they would cost DeepCTR time (and a list of names fails in
Keras 3). `import deepctr` starts a thread that asks the package index for a newer
version; here the thread never starts, since it may delay the exit.

`pip install deepctr tensorflow` brings Keras 3. DeepCTR's own CI sets
`TF_USE_LEGACY_KERAS=1` to get Keras 2.
"""

import os
import threading
from unittest import mock

import numpy as np
import protocol
import tensorflow as tf

with mock.patch.object(threading.Thread, "start"):
    from deepctr.feature_column import DenseFeat, SparseFeat
    from deepctr.models import PLE

LEGACY = os.environ.get("TF_USE_LEGACY_KERAS") == "1"
PACKAGES = ["deepctr", "tensorflow", "tf-keras" if LEGACY else "keras"]


def columns(sizes: dict[str, int], dense: list[str], embedding_dim: int) -> list:
    """Returns DeepCTR's feature columns."""
    sparse = [SparseFeat(name, size, embedding_dim) for name, size in sizes.items()]
    return sparse + [DenseFeat(name, 1) for name in dense]


def fit(
    model: tf.keras.Model,
    features: dict[str, np.ndarray],
    labels: list[np.ndarray],
    options: object,
    learning_rate: float = 1e-3,
) -> protocol.Stopwatch:
    """Trains on rows; returns the seconds of the epochs."""
    watch = protocol.Stopwatch()
    model.compile(
        tf.keras.optimizers.Adam(learning_rate), loss=["binary_crossentropy"] * 2
    )
    model.fit(
        features,
        labels,
        batch_size=options.batch_size,
        epochs=options.epochs,
        verbose=2,
        callbacks=[
            tf.keras.callbacks.LambdaCallback(
                on_epoch_begin=watch.start, on_epoch_end=watch.stop
            )
        ],
    )
    return watch


def train_and_report(
    model: tf.keras.Model,
    data: protocol.Data,
    options: object,
    learning_rate: float = 1e-3,
) -> None:
    """Trains, predicts the test rows, prints the line."""
    labels = list(data.train.labels.values())
    watch = fit(model, data.train.features, labels, options, learning_rate)
    predictions = np.hstack(model.predict(data.test.features, 4096, verbose=0))
    protocol.report(
        PACKAGES,
        len(labels[0]),
        watch,
        model.count_params(),
        data.test.labels,
        predictions,
    )


def main() -> None:
    """Trains the PLE."""
    options = protocol.arguments(epochs=5, batch_size=256).parse_args()
    data = protocol.adult()
    model = PLE(
        columns(data.vocabulary_sizes, data.dense, embedding_dim=16),
        shared_expert_num=4,
        specific_expert_num=8,
        num_levels=2,
        expert_dnn_hidden_units=[64, 64],
        gate_dnn_hidden_units=[16, 16],
        tower_dnn_hidden_units=[32, 32],
        task_types=["binary", "binary"],
        task_names=list(data.train.labels),
    )
    train_and_report(model, data, options)


if __name__ == "__main__":
    main()
