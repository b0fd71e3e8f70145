"""Permutation importance: how much worse an output is predicted without a feature.

The values of a feature are shuffled among the rows, and the rows are predicted again.
The importance of the feature for an output is the amount by which the output's main
metric gets worse (Breiman, "Random Forests", 2001).
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.table import Array, Table
from mtl_cli.heads.base import Output
from mtl_cli.scoring.feature_groups import feature_groups
from mtl_cli.scoring.importance_records import (
    ImportanceRecord,
    add_corrected_p,
    features_by_use,
    importance_record,
)
from mtl_cli.scoring.scored_rows import scored_rows

if TYPE_CHECKING:
    from mtl_cli.network.network import Network

REPEATS = 10  # the default number of shufflings
MIN_REPEATS = 2  # the least number of shufflings that gives an interval
# The network predicts about this many rows in one call. If the sample is smaller, the
# rows of several shufflings are predicted in one call.
ROWS_AT_ONCE = 8192
SEED = 0


def permutation_importance(
    network: "Network",
    features: FeatureSet,
    outputs: list[Output],
    sample: Table,
    repeats: int,
    on_progress: Callable[[str, int, int], None] = lambda work, done, total: None,
) -> dict[str, Any]:
    """Measures the importance of each feature for each output.

    Args:
        sample: the rows, with their features.
        repeats: the number of shufflings of each feature or group of features, at least
            `MIN_REPEATS`.
        on_progress: a function that is called with the name of the work, the number of
            features and groups that are done, and the number of all.

    Returns: a dict with these keys:
        `rows`: the number of rows.
        `scored_rows`: {output: the number of rows on which the output is scored}.
        `repeats`: the number of shufflings.
        `features`: one record per feature or group and output, see
            `ImportanceRecord`.
        `groups`: the `features` and `reasons` of each group of several features.
        `only_one_task` and `without_effect`: see `features_by_use`.
    """
    groups = feature_groups(features, sample.features)
    # All features of a group are shuffled together, and each also alone.
    features_and_groups = []
    for group in groups:
        features_and_groups.append((group.features, group))
        if group.has_several:
            features_and_groups += [([name], group) for name in group.features]
    shuffled = ShuffledRows(features, sample, repeats)
    original_scores = main_scores(outputs, sample, network.predict(sample))
    records: list[ImportanceRecord] = []
    for num_done, (names, group) in enumerate(features_and_groups, 1):
        shuffled_scores = [
            main_scores(outputs, sample, predictions)
            for predictions in shuffled.predictions(network, names)
        ]
        for output, drops in score_drops(original_scores, shuffled_scores).items():
            records.append(importance_record(output, names, group, drops))
        on_progress("shuffling", num_done, len(features_and_groups))
    add_corrected_p(records)
    return {
        "rows": sample.num_rows,
        "scored_rows": {
            output.name: int((sample.metric_weights[output.name] > 0).sum())
            for output in outputs
        },
        "repeats": repeats,
        "features": records,
        "groups": [
            {"features": group.features, "reasons": group.reasons}
            for group in groups
            if group.has_several
        ],
        **features_by_use(records),
    }


class ShuffledRows:
    """The rows of a sample, in which some features have the values of other rows.

    The random orders are the same for all features. Several shufflings of a small
    sample are predicted in one call: few large batches are quicker than many small
    batches.

    Attributes:
        orders: the random orders, (repeats, rows): row i gets the values of the row
            `orders[repeat, i]`.
        orders_at_once: the number of orders that are predicted in one call.
        inputs: {input of the network: the sample, `orders_at_once` times one below the
            other}. The shuffled columns are written into these arrays and restored, as
            a copy of all inputs for each feature would take long.
    """

    def __init__(self, features: FeatureSet, sample: Table, repeats: int) -> None:
        self.features = features
        self.sample = sample
        self.orders = np.stack(
            [
                np.random.default_rng([SEED, repeat]).permutation(sample.num_rows)
                for repeat in range(repeats)
            ]
        )
        self.orders_at_once = min(repeats, max(1, ROWS_AT_ONCE // sample.num_rows))
        self.inputs = {
            name: np.concatenate([x] * self.orders_at_once)
            for name, x in sample.features.items()
        }

    def predictions(
        self, network: "Network", names: list[str]
    ) -> Iterator[dict[str, Array]]:
        """Yields {output: predictions, (rows, ...)} for each order.

        `names` are the features that are shuffled, all in the same order.
        """
        num_rows = self.sample.num_rows
        for start in range(0, len(self.orders), self.orders_at_once):
            orders = self.orders[start : start + self.orders_at_once]
            self.write(names, orders)
            inputs = {name: x[: orders.size] for name, x in self.inputs.items()}
            predictions = network.predict(Table(inputs, labels={}, weights={}))
            for i in range(len(orders)):
                rows = slice(i * num_rows, (i + 1) * num_rows)
                yield {name: x[rows] for name, x in predictions.items()}
        original_order = np.arange(num_rows)
        self.write(names, np.stack([original_order] * self.orders_at_once))

    def write(self, names: list[str], orders: Array) -> None:
        """Writes the values of some features in some orders, (orders, rows)."""
        for input_name, values in self.sample.features.items():
            columns_by_feature = self.features.layout.columns_in(input_name)
            for name in names:
                if name in columns_by_feature:
                    columns = columns_by_feature[name]
                    shuffled = values[:, columns][orders.ravel()]
                    self.inputs[input_name][: orders.size, columns] = shuffled


def main_scores(
    outputs: list[Output], rows: Table, predictions: dict[str, Array]
) -> dict[str, float]:
    """Computes the main metric of each output, negated if lower is better.

    Outputs whose metric is undefined on these rows are left out.
    """
    scores = {}
    for output in outputs:
        output_rows = scored_rows(output, rows, predictions[output.name])
        metric = output_rows.main_metric.name
        value = output_rows.score([metric])[metric]
        if value is not None:
            scores[output.name] = value * output_rows.main_direction
    return scores


def score_drops(
    original_scores: dict[str, float], shuffled_scores: list[dict[str, float]]
) -> dict[str, Array]:
    """Subtracts the score of each shuffling from the original score of each output.

    Outputs with fewer than `MIN_REPEATS` scores are left out: after a shuffling, a
    prediction may be infinite, and the metric undefined.
    """
    drops = {}
    for output, original in original_scores.items():
        defined = [scores[output] for scores in shuffled_scores if output in scores]
        if len(defined) >= MIN_REPEATS:
            drops[output] = original - np.array(defined)
    return drops
