"""The dict that holds the score of an output, and functions that read this dict.

The file `metrics.json` holds {split: {output: score}}.
"""

from typing import Any

# The score of one output on the rows of one split, for example
#     {"auc": 0.9, "log_loss": None, "rows": 3, "why": {"log_loss": "..."}}.
# A score has one entry per metric: the value, or None if the metric is undefined. The
# keys of all other entries are in `NON_METRIC_KEYS`. Metrics may have any name, so the
# type is not a `TypedDict`.
Score = dict[str, Any]
# {output: its score} on the rows of one split.
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
