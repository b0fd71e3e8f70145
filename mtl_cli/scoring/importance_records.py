"""The records of a permutation importance: intervals, and which output uses what."""

from typing import Any, TypedDict

import numpy as np

from mtl_cli.data.table import Array
from mtl_cli.scoring.feature_groups import NAME_SEPARATOR, FeatureGroup
from mtl_cli.statistics.significance import SIGNIFICANCE_LEVEL, holm, t_test


class ImportanceRecord(TypedDict):
    """The importance of features for one output, as JSON values.

    Attributes:
        features: the names of the features that were shuffled together, as one text.
        group: the name of the group if one of its several features was shuffled alone;
            None if all features of the group were shuffled together.
        importance: the mean drop of the output's main metric, with the 95 % interval
            from `low` to `high`.
        p: the p-value of the test whether the importance is zero.
        p_corrected: `p`, corrected for the number of all tests by `add_corrected_p`.
        drops: the drop of each shuffling.
    """

    features: str
    group: str | None
    task: str
    importance: float
    low: float
    high: float
    p: float
    p_corrected: float
    drops: list[float]


def importance_record(
    output: str, names: list[str], group: FeatureGroup, drops: Array
) -> ImportanceRecord:
    """Returns the importance of features for an output, with a 95 % interval.

    If the output does not use the features, the original order of the values is as good
    as any shuffled order. Therefore the original score and the n shuffled scores have
    the same variance s^2. The importance is the original score minus the mean of the
    shuffled scores, so the variance of the importance is s^2 (1 + 1/n), and the
    interval contains 0 in 95 % of all evaluations.
    """
    mean = float(np.mean(drops))
    n = len(drops)
    standard_error = np.std(drops, ddof=1) * np.sqrt(1 + 1 / n)  # of the importance
    test = t_test(mean, float(standard_error), n - 1)
    return {
        "features": NAME_SEPARATOR.join(names),
        "group": group.name if len(names) < len(group.features) else None,
        "task": output,
        "importance": mean,
        "low": mean - test.half_width,
        "high": mean + test.half_width,
        "p": test.p_value,
        "p_corrected": test.p_value,  # not corrected yet, see `add_corrected_p`
        "drops": drops.tolist(),
    }


def add_corrected_p(records: list[ImportanceRecord]) -> None:
    corrected = holm([record["p"] for record in records])
    for record, p_corrected in zip(records, corrected, strict=True):
        record["p_corrected"] = p_corrected


def is_shown_to_matter(record: ImportanceRecord) -> bool:
    """Whether the test shows that an output uses the features of a record."""
    return record["importance"] > 0 and record["p_corrected"] < SIGNIFICANCE_LEVEL


def features_by_use(records: list[ImportanceRecord]) -> dict[str, Any]:
    """Finds the features that only one output uses, and the features that none uses.

    An output uses a feature if `is_shown_to_matter`. A group of several features counts
    as one feature.

    Returns: a dict with `only_one_task`: {feature: the only output that uses it}, empty
        if there is only one output; and `without_effect`: the features that none uses.
    """
    users_by_feature: dict[str, list[str]] = {}
    for record in records:
        # A feature of a larger group that was shuffled alone does not count.
        if record["group"] is None:
            users = users_by_feature.setdefault(record["features"], [])
            if is_shown_to_matter(record):
                users.append(record["task"])
    only_one = {
        name: users[0] for name, users in users_by_feature.items() if len(users) == 1
    }
    num_outputs = len({record["task"] for record in records})
    return {
        "only_one_task": only_one if num_outputs > 1 else {},
        "without_effect": [x for x, users in users_by_feature.items() if not users],
    }
