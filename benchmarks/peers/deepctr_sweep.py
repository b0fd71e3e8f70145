"""A job of `sweep.py` in DeepCTR: a model of the source's Adult protocol, one seed.

    python benchmarks/peers/deepctr_sweep.py --model mmoe --seed 3

The sizes come from `conf/experiment/source/adult_<model>.yaml`.
"""

import protocol
import tensorflow as tf
from deepctr_ple import columns, train_and_report

SIZES = {
    "shared_bottom": {
        "bottom_dnn_hidden_units": [128, 128],
        "tower_dnn_hidden_units": [64, 32],
    },
    "mmoe": {
        "num_experts": 8,
        "expert_dnn_hidden_units": [64, 64],
        "gate_dnn_hidden_units": [32, 32],
        "tower_dnn_hidden_units": [32, 32],
    },
    "ple": {
        "shared_expert_num": 4,
        "specific_expert_num": 8,
        "num_levels": 2,
        "expert_dnn_hidden_units": [64, 64],
        "gate_dnn_hidden_units": [16, 16],
        "tower_dnn_hidden_units": [32, 32],
    },
}


def main() -> None:
    """Trains the model."""
    from deepctr.models import MMOE, PLE, SharedBottom

    classes = {"shared_bottom": SharedBottom, "mmoe": MMOE, "ple": PLE}
    parser = protocol.arguments(epochs=5, batch_size=256)
    parser.add_argument("--model", choices=classes, required=True)
    parser.add_argument("--seed", type=int, required=True)
    options = parser.parse_args()
    tf.keras.utils.set_random_seed(options.seed)
    data = protocol.adult()
    model = classes[options.model](
        columns(data.vocabulary_sizes, data.dense, embedding_dim=16),
        task_types=["binary", "binary"],
        task_names=list(data.train.labels),
        seed=options.seed,
        **SIZES[options.model],
    )
    train_and_report(model, data, options)


if __name__ == "__main__":
    main()
