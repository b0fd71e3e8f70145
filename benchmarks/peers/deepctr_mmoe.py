"""The source's Census-Income MMoE in DeepCTR; differs from ours as `deepctr_ple.py`.

No validation rows: the epochs' seconds are of training alone, as ours are.
"""

import protocol
import tensorflow as tf
from deepctr_ple import columns, train_and_report


def mmoe(data: protocol.Data) -> tf.keras.Model:
    """Returns the MMoE, not trained."""
    from deepctr.models import MMOE  # after the module that keeps it quiet

    return MMOE(
        columns(data.vocabulary_sizes, data.dense, embedding_dim=4),
        num_experts=8,
        expert_dnn_hidden_units=[16],
        tower_dnn_hidden_units=[8],
        task_types=["binary", "binary"],
        task_names=list(data.train.labels),
    )


def main() -> None:
    """Trains the MMoE."""
    options = protocol.arguments(epochs=5, batch_size=1024).parse_args()
    data = protocol.census_income()
    train_and_report(mmoe(data), data, options, learning_rate=0.01)


if __name__ == "__main__":
    main()
