"""Permutation importance: how much worse each task is without a feature.

The values of a feature are shuffled among the rows. A task that uses the feature then
predicts worse (Breiman, "Random Forests", 2001).
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from mtl_cli.assessment.feature_groups import FeatureGroup, feature_groups
from mtl_cli.assessment.loaded_run import LoadedRun
from mtl_cli.assessment.scored_rows import scored_rows
from mtl_cli.core.errors import ConfigError
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.table import Array, Table
from mtl_cli.heads.base import Output
from mtl_cli.statistics.significance import quantile

MIN_REPEATS, REPEATS = 2, 10
SEED = 0


def importance(
    model: LoadedRun,
    outputs: list[Output],
    sample: Table,
    repeats: int,
    on_step: Callable[[int, int], None],
) -> dict[str, Any]:
    """Returns the importance of each feature for each output.

    Args:
        model: the model.
        outputs: the outputs to score.
        sample: the rows, with their features.
        repeats: the number of shufflings.
        on_step: receives the numbers of finished and of all steps.

    Returns: `features`, one row per feature or group and output; `groups`, why features
        are permuted together; and the names of features by what uses them.

    Raises:
        ConfigError: if there are too few repeats.
    """
    if repeats < MIN_REPEATS:
        raise ConfigError(f"--repeats: {repeats} is below {MIN_REPEATS}, the least")
    groups = feature_groups(model.features, sample.features)
    units = list(units_of(groups))
    baseline = main_scores(model, outputs, sample)
    records: list[dict[str, Any]] = []
    for step, (unit, group) in enumerate(units):
        drops: dict[str, list[float]] = {name: [] for name in baseline}
        for repeat in range(repeats):
            order = np.random.default_rng([SEED, repeat]).permutation(sample.rows)
            shuffled = permuted(model.features, sample, unit, order)
            scores = main_scores(model, outputs, shuffled)
            for name, (value, direction) in scores.items():
                drops[name].append((baseline[name][0] - value) * direction)
        for output in outputs:
            if output.name in drops:
                records.append(record_of(output, unit, group, drops[output.name]))
        on_step(step + 1, len(units))
    return {
        "rows": sample.rows,
        "repeats": repeats,
        "features": records,
        "groups": [
            {"features": g.features, "reasons": g.reasons} for g in groups if g.reasons
        ],
        **named(records),
    }


def units_of(groups: list[FeatureGroup]) -> Iterator[tuple[list[str], FeatureGroup]]:
    """Yields the features to permute: each group, and each feature of larger groups."""
    for group in groups:
        yield group.features, group
        if len(group.features) > 1:
            for name in group.features:
                yield [name], group


def permuted(
    features: FeatureSet, sample: Table, names: list[str], order: Array
) -> Table:
    """Returns rows in which some features have the values of other rows.

    Args:
        features: the fitted features.
        sample: the rows.
        names: the features to permute together.
        order: the row whose values each row gets, (rows,).
    """
    inputs = dict(sample.features)
    for name in names:
        filled = features.layout.blocks[name].input
        columns = features.layout.columns[name]
        both = ("sequences", "sequence_weights")
        for input_name in both if filled in both else (filled,):
            if inputs[input_name] is sample.features[input_name]:
                inputs[input_name] = np.array(inputs[input_name])
            values = sample.features[input_name][order, columns]
            inputs[input_name][:, columns] = values
    return replace(sample, features=inputs)


def main_scores(
    model: LoadedRun, outputs: list[Output], rows: Table
) -> dict[str, tuple[float, int]]:
    """Returns the main metric of each output that has one, and its direction."""
    predictions = model.network.predict(rows)
    scores = {}
    for output in outputs:
        scored = scored_rows(output, rows, predictions[output.name])
        metric = scored.main_metric
        value = scored.score([metric.name])[metric.name]
        if value is not None:
            scores[output.name] = value, metric.direction or 1
    return scores


def record_of(
    output: Output, unit: list[str], group: FeatureGroup, drops: list[float]
) -> dict[str, Any]:
    """Returns the importance of some features for an output, with its 95 % interval.

    The rows as they are count as one more shuffling: if the output does not use the
    features, they are one order of the values among others. So the interval is that of
    a difference of one score and the mean of the shuffled scores.
    """
    is_group = len(unit) > 1
    mean, count = float(np.mean(drops)), len(drops)
    reach = quantile(count - 1) * np.std(drops, ddof=1) * np.sqrt(1 + 1 / count)
    return {
        "features": " + ".join(unit),
        "group": group.name if len(group.features) > 1 and not is_group else None,
        "task": output.name,
        "importance": mean,
        "low": mean - float(reach),
        "high": mean + float(reach),
        "drops": drops,
    }


def named(records: list[dict[str, Any]]) -> dict[str, Any]:
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
