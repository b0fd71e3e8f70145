"""Permutation importance: how much worse each task is without a feature.

The values of a feature are shuffled among the rows. A task that uses the feature then
predicts worse (Breiman, "Random Forests", 2001).
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from mtl_cli.core.errors import ConfigError
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.row_progress import OnRows, no_progress
from mtl_cli.data.table import Array, Table
from mtl_cli.heads.base import Output
from mtl_cli.scoring.feature_groups import (
    NAME_SEPARATOR,
    FeatureGroup,
    feature_groups,
)
from mtl_cli.scoring.scored_rows import scored_rows
from mtl_cli.statistics.significance import quantile

if TYPE_CHECKING:
    from mtl_cli.network.build import Network

MIN_REPEATS, REPEATS = 2, 10
ROWS_AT_ONCE = 8192  # of several shufflings of a small sample
SEED = 0


def importance(
    network: "Network",
    features: FeatureSet,
    outputs: list[Output],
    sample: Table,
    repeats: int,
    on_step: OnRows = no_progress,
) -> dict[str, Any]:
    """Returns the importance of each feature for each output.

    Args:
        network: the trained network.
        features: the fitted features.
        outputs: the outputs to score.
        sample: the rows, with their features.
        repeats: the number of shufflings.
        on_step: receives the numbers of finished and of all steps.

    Returns: `features`, one row per feature or group and task; `groups`, the reasons of
        groups; `only_one_task` and `without_effect`, the features that few tasks use.

    Raises:
        ConfigError: if there are too few repeats.
    """
    if repeats < MIN_REPEATS:
        raise ConfigError(f"--repeats: {repeats} is below {MIN_REPEATS}, the least")
    groups = feature_groups(features, sample.features)
    units = list(units_of(groups))
    baseline = main_scores(outputs, sample, network.predict(sample))
    records: list[dict[str, Any]] = []
    for step, (unit, group) in enumerate(units):
        shuffled_scores = [
            main_scores(outputs, sample, predictions)
            for predictions in shuffled_predictions(
                network, features, sample, unit, repeats
            )
        ]
        for task, score in baseline.items():
            drops = np.array([score - scores[task] for scores in shuffled_scores])
            records.append(record_of(task, unit, group, drops))
        on_step(step + 1, len(units))
    return {
        "rows": sample.rows,
        "repeats": repeats,
        "features": records,
        "groups": [
            {"features": g.features, "reasons": g.reasons} for g in groups if g.reasons
        ],
        **features_by_use(records),
    }


def units_of(groups: list[FeatureGroup]) -> Iterator[tuple[list[str], FeatureGroup]]:
    """Yields the features to permute: each group, and each feature of larger groups."""
    for group in groups:
        yield group.features, group
        if len(group.features) > 1:
            for name in group.features:
                yield [name], group


def shuffled_predictions(
    network: "Network",
    features: FeatureSet,
    sample: Table,
    names: list[str],
    repeats: int,
) -> Iterator[dict[str, Array]]:
    """Predicts rows several times, each time with some features shuffled anew.

    The orders are the same for all features. Several shufflings of a small sample are
    predicted at once, since few large batches are quicker than many small ones.

    Args:
        network: the trained network.
        features: the fitted features.
        sample: the rows.
        names: the features to shuffle together.
        repeats: the number of shufflings.

    Yields: {output: predictions} of each shuffling.
    """
    orders = [
        np.random.default_rng([SEED, repeat]).permutation(sample.rows)
        for repeat in range(repeats)
    ]
    at_once = max(1, ROWS_AT_ONCE // sample.rows)
    for start in range(0, repeats, at_once):
        shuffled = [
            permuted(features, sample.features, names, order)
            for order in orders[start : start + at_once]
        ]
        stacked = {
            name: np.concatenate([x[name] for x in shuffled]) for name in shuffled[0]
        }
        predictions = network.predict(Table(stacked, {}, {}))
        for first in range(0, len(shuffled) * sample.rows, sample.rows):
            rows = slice(first, first + sample.rows)
            yield {name: x[rows] for name, x in predictions.items()}


def permuted(
    features: FeatureSet, encoded: dict[str, Array], names: list[str], order: Array
) -> dict[str, Array]:
    """Returns encoded rows in which some features have the values of other rows.

    Args:
        features: the fitted features.
        encoded: the encoded rows, {input of the network: (rows, width)}.
        names: the features to permute together.
        order: the row whose values each row gets, (rows,).
    """
    inputs = dict(encoded)
    for input_name, values in encoded.items():
        sizes = "sequences" if input_name == "sequence_weights" else input_name
        columns_of = features.layout.columns_in(sizes)
        for columns in (columns_of[name] for name in names if name in columns_of):
            if inputs[input_name] is values:
                inputs[input_name] = np.array(values)
            inputs[input_name][:, columns] = values[order, columns]
    return inputs


def main_scores(
    outputs: list[Output], rows: Table, predictions: dict[str, Array]
) -> dict[str, float]:
    """Returns the main metric of each output, negated if less is better.

    Outputs whose metric has no value are left out.
    """
    scores = {}
    for output in outputs:
        scored = scored_rows(output, rows, predictions[output.name])
        metric = scored.main_metric
        value = scored.score([metric.name])[metric.name]
        if value is not None:
            scores[output.name] = value * (metric.direction or 1)
    return scores


def record_of(
    task: str, unit: list[str], group: FeatureGroup, drops: Array
) -> dict[str, Any]:
    """Returns the importance of some features for a task, with its 95 % interval.

    The interval is the interval of a difference: the score of the rows as they are,
    minus the mean of the shuffled scores. The rows as they are count as one more
    shuffling, because their order of the values is an order like any other if the task
    does not use the features.
    """
    is_member = len(unit) < len(group.features)
    mean, count = float(np.mean(drops)), len(drops)
    reach = quantile(count - 1) * np.std(drops, ddof=1) * np.sqrt(1 + 1 / count)
    return {
        "features": NAME_SEPARATOR.join(unit),
        "group": group.name if is_member else None,
        "task": task,
        "importance": mean,
        "low": mean - float(reach),
        "high": mean + float(reach),
        "drops": drops.tolist(),
    }


def features_by_use(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Returns the features that only one task uses, and those that no task uses.

    A task uses a feature if the interval of its importance lies above 0.
    """
    users: dict[str, list[str]] = {}
    for record in records:
        if record["group"] is None:
            tasks = users.setdefault(record["features"], [])
            tasks += [record["task"]] if record["low"] > 0 else []
    num_tasks = len({record["task"] for record in records})
    return {
        "only_one_task": {
            name: tasks[0]
            for name, tasks in users.items()
            if len(tasks) == 1 and num_tasks > 1
        },
        "without_effect": [name for name, tasks in users.items() if not tasks],
    }
