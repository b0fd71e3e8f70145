"""Models of torch-rechub on Adult: its `DataGenerator` and `MTLTrainer`.

`--model ple` is the source's PLE; `aitm` has the sizes that `adult_models.py` gives
mtl-cli.

Differences from mtl-cli: torch-rechub offers no hidden layers in gates; every layer has
batch normalisation; embeddings have no penalty; each pair of tasks in its AITM has an
attention of its own, where the paper has one for all. The trainer demands validation
rows: they are the first 1,000 test rows. Their seconds do not count, and nothing is
chosen by their scores.
"""

import numpy as np
import protocol
from torch_rechub.basic.features import DenseFeature, SparseFeature
from torch_rechub.models.multi_task import AITM, PLE
from torch_rechub.trainers import MTLTrainer
from torch_rechub.utils.data import DataGenerator


def layers(*widths: int) -> dict:
    """Returns the keys of hidden layers."""
    return {"dims": list(widths), "activation": "relu"}


MODELS = {
    "ple": (
        PLE,
        {
            "task_types": ["classification", "classification"],
            "n_level": 2,
            "n_expert_specific": 8,
            "n_expert_shared": 4,
            "expert_params": layers(64, 64),
            "tower_params_list": [layers(32, 32), layers(32, 32)],
        },
    ),
    "aitm": (
        AITM,
        {
            "n_task": 2,
            "bottom_params": layers(128, 64, 32),
            "tower_params_list": [layers(), layers()],
        },
    ),
}


class Trainer(MTLTrainer):
    """Starts and stops a stopwatch with each epoch."""

    def train_one_epoch(self, data_loader: object) -> object:
        """Trains on all rows once."""
        self.watch.start()
        losses = super().train_one_epoch(data_loader)
        self.watch.stop()
        return losses


def main() -> None:
    """Trains the model."""
    parser = protocol.arguments(epochs=5, batch_size=256)
    parser.add_argument("--model", choices=MODELS, default="ple")
    options = parser.parse_args()
    data = protocol.adult()
    sizes = data.vocabulary_sizes.items()
    kind, keys = MODELS[options.model]
    features = [SparseFeature(name, size, embed_dim=16) for name, size in sizes]
    model = kind([*features, *(DenseFeature(name) for name in data.dense)], **keys)
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
