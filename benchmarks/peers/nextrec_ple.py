"""The source's Adult PLE in NextRec: `model.compile` and `model.fit`, as its README.

Differences from mtl-cli: NextRec offers no hidden layers in gates; it always clips
gradients at norm 1; its last level has a shared gate that no tower reads; it needs
training metrics in each epoch, here AUC; embeddings have no penalty. NextRec trains on
all rows here; its command line would hold out 20 % by default.
"""

import numpy as np
import pandas as pd
import protocol
from nextrec.basic.features import DenseFeature, SparseFeature
from nextrec.models.multitask.ple import PLE


class Timed(PLE):
    """Starts and stops a stopwatch with each epoch."""

    watch = protocol.Stopwatch()

    def train_epoch(self, *arguments: object, **options: object) -> object:
        """Trains on all rows once."""
        self.watch.start()
        result = super().train_epoch(*arguments, **options)
        self.watch.stop()
        return result


def main() -> None:
    """Trains the PLE."""
    options = protocol.arguments(epochs=5, batch_size=256).parse_args()
    data = protocol.adult()
    sizes, tasks = data.vocabulary_sizes.items(), list(data.train.labels)
    experts = {"hidden_dims": [64, 64], "activation": "relu"}
    model = Timed(
        dense_features=[DenseFeature(name) for name in data.dense],
        sparse_features=[SparseFeature(n, size, embedding_dim=16) for n, size in sizes],
        shared_expert_mlp_params=experts,
        specific_expert_mlp_params=[experts, experts],
        num_shared_experts=4,
        num_specific_experts=8,
        num_levels=2,
        tower_mlp_params_list=[{"hidden_dims": [32, 32], "activation": "relu"}] * 2,
        target=[f"label_{task}" for task in tasks],
        task=["binary", "binary"],
        device="cpu",
    )
    model.compile(optimizer="adam", optimizer_params={"lr": 1e-3}, loss=["bce", "bce"])
    labels = {f"label_{task}": y for task, y in data.train.labels.items()}
    model.fit(
        train_data=pd.DataFrame(data.train.features | labels),
        metrics=["auc"],
        epochs=options.epochs,
        batch_size=options.batch_size,
        use_tensorboard=False,
    )
    predictions = model.predict(
        pd.DataFrame(data.test.features), batch_size=4096, return_dataframe=False
    )
    protocol.report(
        ["nextrec", "torch"],
        len(labels["label_income"]),
        model.watch,
        sum(p.numel() for p in model.parameters()),
        data.test.labels,
        np.asarray(predictions),
    )


if __name__ == "__main__":
    main()
