"""Training speed of AITM, PEPNet, AdaTT and STEM on Adult with batches of 1024 rows.

The rows, features and tasks are the same as in the Adult experiments of the source
(`experiment=source/...`). NextRec trains AITM and PEPNet of the same sizes, and
torch-rechub trains AITM. No peer has AdaTT or STEM, so only mtl-cli trains these two.
"""

from pathlib import Path

from alternate import Contender, alternate, arguments, ours, peer
from report import ADULT_COLUMNS, compare, save, steady_speed

EXPERTS = ["model.expert_units=[64,64]", "model.tower_units=[32,32]"]
MODELS = {
    "aitm": ["model.bottom_units=[128,64,32]", "model.tower_units=[]"],
    "pepnet": [
        "model.tower_units=[64,64]",
        "model.prior_features=[workclass,occupation]",
        "model.prior_gate_units=[64]",
        "encoder.domain_features=[workclass]",
        "encoder.domain_gate_units=[64]",
    ],
    "adatt": [
        *EXPERTS,
        "model.num_levels=2",
        "model.num_specific_experts=8",
        "model.num_shared_experts=4",
    ],
    "stem": [
        *EXPERTS,
        "model.num_levels=1",
        "model.num_specific_experts=8",
        "model.num_shared_experts=4",
    ],
}
BARS = {"NextRec": 3, "torch-rechub": 3}
# {model: {peer: script in `peers/`}}
SCRIPTS = {
    "aitm": {"NextRec": "nextrec_adult.py", "torch-rechub": "torch_rechub_adult.py"},
    "pepnet": {"NextRec": "nextrec_adult.py"},
}


def main() -> None:
    """Measures, prints, saves."""
    parser = arguments(__doc__, epochs=5)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    options = parser.parse_args()
    runs, tables = {}, {}
    for model in options.models:
        runs[model] = alternate(
            [
                ours(*overrides(model, options.epochs)),
                *peers_of(model, options.peers, options.epochs),
            ],
            options.repeats,
        )
        tables[model] = compare(
            f"{model} on Adult, batch 1024: training samples per second",
            runs[model],
            steady_speed,
            BARS,
            ADULT_COLUMNS,
        )
    save("adult_models", runs, tables)


def overrides(model: str, epochs: int) -> list[str]:
    """Returns the overrides of a model of mtl-cli."""
    return [
        f"model={model}",
        "dataset=adult_source",
        "model.initializer=glorot_normal",
        "encoder.embedding_stddev=1e-4",
        "trainer.batch_size=1024",
        "trainer.patience=null",
        # Plain training: no average of weights, no factors, no penalty on embeddings.
        "trainer.ema_decay=0",
        "model.feature_factors=false",
        "encoder.l2_embedding=0",
        f"trainer.epochs={epochs}",
        *MODELS[model],
    ]


def peers_of(model: str, folder: Path, epochs: int) -> list[Contender]:
    """Returns the peers that have a model. `folder` has the peers' environments."""
    options = ["--batch-size", 1024, "--epochs", epochs, "--model", model]
    scripts = SCRIPTS.get(model, {})
    return [peer(folder, name, script, *options) for name, script in scripts.items()]


if __name__ == "__main__":
    main()
