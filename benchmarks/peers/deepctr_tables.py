"""A shared-bottom network on large embedding tables in DeepCTR.

The network is the same as in mtl-cli. But by default DeepCTR has an L2
penalty on the whole table (1e-5), and mtl-cli has none. Users who leave the default pay
for the penalty, as they pay for Adam's update of all rows.
"""

import protocol
import synthetic
from deepctr_ple import PACKAGES, columns, fit


def main() -> None:
    """Trains the network."""
    from deepctr.models import SharedBottom  # after the module that keeps it quiet

    parser = protocol.arguments(epochs=3, batch_size=2048)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--table-rows", type=int, required=True)
    options = parser.parse_args()
    ids, labels = synthetic.rows(options.rows, options.table_rows)
    size = synthetic.vocabulary_size(options.table_rows)
    sizes = dict.fromkeys(synthetic.FEATURES, size)
    model = SharedBottom(
        columns(sizes, [], embedding_dim=8),
        bottom_dnn_hidden_units=[64, 32],
        tower_dnn_hidden_units=[16],
        task_names=synthetic.TASKS,
    )
    features = dict(zip(synthetic.FEATURES, ids.T.copy(), strict=True))
    watch = fit(model, features, list(labels.T.copy()), options)
    protocol.report(PACKAGES, len(ids), watch, model.count_params())


if __name__ == "__main__":
    main()
