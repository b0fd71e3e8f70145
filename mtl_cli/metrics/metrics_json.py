"""The content of `metrics.json`: {split: {output: score}}."""

from typing import Any

# The score of one output on the rows of one split. A score has an entry for each
# metric, {name of the metric: its value, or None if it is undefined}. The keys of its
# other entries are `NON_METRIC_KEYS`.
Score = dict[str, Any]
# The scores of all outputs on one split, by the name of the output.
Scores = dict[str, Score]

# The counts, in the order of their columns in tables.
COUNTS = (
    "rows",  # number of scored rows
    "positives",  # number of scored rows with label 1, only for binary labels
    "groups",  # number of groups with rows of both classes, only beside `gauc`
)
NON_METRIC_KEYS = (
    *COUNTS,
    "space",  # the output's space as text, such as "click = 1"; absent if all rows
    "why",  # {undefined metric: the reason}; absent if all metrics are defined
    "scenarios",  # {scenario: its score}; absent if the data set has no scenarios
)


def metrics_of(score: Score) -> dict[str, float | None]:
    """Returns the metrics of a score, without its other entries.

    >>> metrics_of({"auc": 0.9, "log_loss": None, "rows": 3, "why": {"log_loss": ""}})
    {'auc': 0.9, 'log_loss': None}
    """
    return {key: value for key, value in score.items() if key not in NON_METRIC_KEYS}


def name_with_space(output: str, score: Score) -> str:
    """Returns the name of an output, and its space if it has one.

    >>> name_with_space("buy", {"auc": 0.9, "space": "click = 1"})
    'buy (click = 1)'
    """
    return f"{output} ({score['space']})" if "space" in score else output
