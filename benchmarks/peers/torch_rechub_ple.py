"""The source's Adult PLE in torch-rechub: its `DataGenerator` and `MTLTrainer`.

Differences from mtl-cli: torch-rechub offers no hidden layers in gates; every layer has
batch normalisation; embeddings have no penalty. The trainer demands validation rows:
they are the first 1,000 test rows. Their seconds do not count, and nothing is chosen by
their scores.
"""

import numpy as np
import protocol
from torch_rechub.basic.features import DenseFeature, SparseFeature
from torch_rechub.models.multi_task import PLE
from torch_rechub.trainers import MTLTrainer
from torch_rechub.utils.data import DataGenerator


class Trainer(MTLTrainer):
    """Starts and stops a stopwatch with each epoch."""

    def train_one_epoch(self, data_loader: object) -> object:
        """Trains on all rows once."""
        self.watch.start()
        losses = super().train_one_epoch(data_loader)
        self.watch.stop()
        return losses


def main() -> None:
    """Trains the PLE."""
    options = protocol.arguments(epochs=5, batch_size=256).parse_args()
    data = protocol.adult()
    sizes = data.vocabulary_sizes.items()
    model = PLE(
        [SparseFeature(name, size, embed_dim=16) for name, size in sizes]
        + [DenseFeature(name) for name in data.dense],
        task_types=["classification", "classification"],
        n_level=2,
        n_expert_specific=8,
        n_expert_shared=4,
        expert_params={"dims": [64, 64], "activation": "relu"},
        tower_params_list=[{"dims": [32, 32], "activation": "relu"}] * 2,
    )
    labels, test_labels = data.train.label_table, data.test.label_table
    loaders = DataGenerator(data.train.features, labels).generate_dataloader(
        x_val={name: x[:1000] for name, x in data.test.features.items()},
        y_val=test_labels[:1000],
        x_test=data.test.features,
        y_test=test_labels,
        batch_size=options.batch_size,
    )
    trainer = Trainer(
        model,
        task_types=["classification", "classification"],
        optimizer_params={"lr": 1e-3},
        n_epoch=options.epochs,
    )
    trainer.watch = protocol.Stopwatch()
    trainer.fit(*loaders[:2])
    predictions = trainer.predict(model, (features for features, _ in loaders[2]))
    protocol.report(
        ["torch-rechub", "torch"],
        len(labels),
        trainer.watch,
        sum(p.numel() for p in model.parameters()),
        data.test.labels,
        np.array(predictions),
    )


if __name__ == "__main__":
    main()
