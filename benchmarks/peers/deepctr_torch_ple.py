"""The source's Adult PLE in DeepCTR-Torch: `model.fit` as its users call it.

Differences from mtl-cli: DeepCTR-Torch builds 8 shared experts where 4 are configured,
and uses 4 of them; the loss is a sum over rows; all layers start with a deviation of
1e-4 (the default). No `metrics`, since they would cost time. The import starts a thread
that asks the package index for a newer version; here the thread never starts.
"""

import threading
from unittest import mock

import protocol

with mock.patch.object(threading.Thread, "start"):
    from deepctr_torch.callbacks import Callback
    from deepctr_torch.inputs import DenseFeat, SparseFeat
    from deepctr_torch.models import PLE


class Timer(Callback):
    """Starts and stops a stopwatch with each epoch."""

    def __init__(self, watch: protocol.Stopwatch) -> None:
        super().__init__()
        self.on_epoch_begin, self.on_epoch_end = self.start, self.stop
        self.watch = watch

    def start(self, epoch: int, logs: object = None) -> None:
        """Begins an epoch."""
        self.watch.start()

    def stop(self, epoch: int, logs: object = None) -> None:
        """Ends an epoch."""
        self.watch.stop()


def main() -> None:
    """Trains the PLE."""
    options = protocol.arguments(epochs=5, batch_size=256).parse_args()
    data = protocol.adult()
    sizes = data.vocabulary_sizes.items()
    model = PLE(
        [SparseFeat(name, size, 16) for name, size in sizes]
        + [DenseFeat(name, 1) for name in data.dense],
        shared_expert_num=4,
        specific_expert_num=8,
        num_levels=2,
        expert_dnn_hidden_units=[64, 64],
        gate_dnn_hidden_units=[16, 16],
        tower_dnn_hidden_units=[32, 32],
        task_types=["binary", "binary"],
        task_names=list(data.train.labels),
    )
    watch = protocol.Stopwatch()
    model.compile("adam", loss=["binary_crossentropy"] * 2)  # its rate is 1e-3
    model.fit(
        data.train.features,
        data.train.label_table,
        batch_size=options.batch_size,
        epochs=options.epochs,
        verbose=2,
        callbacks=[Timer(watch)],
    )
    protocol.report(
        ["deepctr-torch", "torch"],
        len(data.train.label_table),
        watch,
        sum(p.numel() for p in model.parameters()),
        data.test.labels,
        model.predict(data.test.features, 4096),
    )


if __name__ == "__main__":
    main()
