"""Models of NextRec on Adult: `model.compile` and `model.fit`, as its README.

`--model ple` is the source's PLE; `aitm` and `pepnet` have the sizes that
`adult_models.py` gives mtl-cli.

Differences from mtl-cli: NextRec offers no hidden layers in gates of experts; it always
clips gradients at norm 1; the last level of its PLE has a shared gate that no tower
reads; it needs training metrics in each epoch, here AUC; embeddings have no penalty.
NextRec trains on all rows here; its command line would hold out 20 % by default. The
layers that attend and pass on in its AITM have biases and no ReLU, and each pair of
tasks has its own. In its PEPNet, each task has its own hidden layers of gates, the
gates do not train the embeddings that they read, and the last gate of a tower gives at
most 1.
"""

import numpy as np
import pandas as pd
import protocol
from nextrec.basic.features import DenseFeature, SparseFeature
from nextrec.models.multitask.aitm import AITM
from nextrec.models.multitask.pepnet import PEPNet
from nextrec.models.multitask.ple import PLE


def layers(*widths: int) -> dict:
    """Returns the keys of hidden layers."""
    return {"hidden_dims": list(widths), "activation": "relu"}


MODELS = {
    "ple": (
        PLE,
        {
            "shared_expert_mlp_params": layers(64, 64),
            "specific_expert_mlp_params": [layers(64, 64), layers(64, 64)],
            "num_shared_experts": 4,
            "num_specific_experts": 8,
            "num_levels": 2,
            "tower_mlp_params_list": [layers(32, 32), layers(32, 32)],
        },
    ),
    "aitm": (
        AITM,
        {
            "bottom_mlp_params": layers(128, 64, 32),
            "tower_mlp_params_list": [layers(), layers()],
            "calibrator_alpha": 0.0,
        },
    ),
    "pepnet": (
        PEPNet,
        {
            "mlp_params": layers(64, 64),
            "feature_gate_mlp_params": {"hidden_dim": 64},
            "gate_mlp_params": {"hidden_dim": 64},
            "domain_features": ["workclass"],
            "user_features": ["occupation"],
        },
    ),
}


def timed(kind: type, watch: protocol.Stopwatch) -> type:
    """Returns a class of models that starts and stops a stopwatch with each epoch."""

    class Timed(kind):
        def train_epoch(self, *arguments: object, **options: object) -> object:
            """Trains on all rows once."""
            watch.start()
            result = super().train_epoch(*arguments, **options)
            watch.stop()
            return result

    return Timed


def main() -> None:
    """Trains the model."""
    parser = protocol.arguments(epochs=5, batch_size=256)
    parser.add_argument("--model", choices=MODELS, default="ple")
    options = parser.parse_args()
    data = protocol.adult()
    sizes, tasks = data.vocabulary_sizes.items(), list(data.train.labels)
    kind, keys = MODELS[options.model]
    watch = protocol.Stopwatch()
    model = timed(kind, watch)(
        dense_features=[DenseFeature(name) for name in data.dense],
        sparse_features=[SparseFeature(n, size, embedding_dim=16) for n, size in sizes],
        **keys,
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
        watch,
        sum(p.numel() for p in model.parameters()),
        data.test.labels,
        np.asarray(predictions),
    )


if __name__ == "__main__":
    main()
