"""The form of `metrics.json`: what is written about one output on one split."""

from typing import Any

# Metrics by name, None where undefined, and the entries of `NO_METRICS`.
Score = dict[str, Any]
# By output.
Scores = dict[str, Score]

# Entries of a score that are no metrics: the number of rows and of positive rows, the
# space as `click = 1`, and by metric the reason why it is undefined.
NO_METRICS = ("rows", "positives", "space", "why")


def metrics_of(score: Score) -> dict[str, float | None]:
    """Returns the metrics of a score alone.

    >>> metrics_of({"auc": 0.9, "log_loss": None, "rows": 3, "why": {"log_loss": ""}})
    {'auc': 0.9, 'log_loss': None}
    """
    return {name: value for name, value in score.items() if name not in NO_METRICS}
