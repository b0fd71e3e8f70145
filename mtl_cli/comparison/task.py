"""The scores of configurations on a task, with their differences."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.difference import Difference
from mtl_cli.comparison.intervals import Interval, mean_interval

DEFAULT_DECIMALS = 4
MAX_DIGITS = 9  # the most significant digits of a score
# Each configuration is compared with up to three others: with the baseline, with its
# single-task twin and with its single-scenario twin, see `twins`.
COMPARED_WITH = ("baseline", "single_task", "single_scenario")


@dataclass(eq=False)
class Score:
    """The score of one configuration on one task.

    Attributes:
        by_replicate: {replicate, see `Configuration`: the value of the metric}.
        interval: the mean over replicates, with its interval; None if there are no
            values.
        num_rows: the number of scored rows, from `metrics.json`.
        num_positives: the number of scored rows with label 1, if labels are binary.
        differences: {name in `COMPARED_WITH`: the difference to the baseline or twin}.
            The key "baseline" is missing for the baseline itself, and the key of a twin
            if there is no such twin.
    """

    configuration: Configuration
    by_replicate: dict[int, float]
    interval: Interval | None = None
    num_rows: object = None
    num_positives: object = None
    differences: dict[str, Difference] = field(default_factory=dict)

    @property
    def is_on_other_rows(self) -> bool:
        """Whether the rows of this score, or their weights, are not the baseline's."""
        difference = self.differences.get("baseline")
        return difference is not None and not difference.has_same_rows


def score_of(
    configuration: Configuration, split: str, task: str, metric: str, scenario: str
) -> Score:
    """Returns the score of a configuration on a task, without differences.

    The counts of rows come from the first replicate.
    """
    by_replicate = configuration.scores_by_replicate(split, task, metric, scenario)
    if not by_replicate:
        return Score(configuration, by_replicate)
    first_run = configuration.runs[min(by_replicate)]
    recorded = first_run.score(split, task, scenario)
    return Score(
        configuration,
        by_replicate,
        interval=mean_interval(list(by_replicate.values())),
        num_rows=recorded.get("rows"),
        num_positives=recorded.get("positives"),
    )


@dataclass(eq=False)
class Task:
    """The scores of all configurations on one task.

    Attributes:
        direction: 1 if higher is better, -1 if lower is better, 0 if neither is or if
            the metric is unknown.
        scores: the score of each configuration, in the order of the configurations.
        best: the best score; None if there are fewer than two candidates, or if the
            metric has no direction.
        best_chosen_on: the split on which `best` was chosen; "" if `best` is None.
        is_metric_known: False if the metric belongs to a kind of task that is not
            loaded: the kind of a plugin without `--plugins`.
        has_same_validation_rows: False if the configurations have different validation
            rows, so that `best` cannot be chosen on validation rows.
        space: the rows on which the task is scored, such as `click = 1`; "" for all.
        scenario: the scenario whose rows are scored; "" for all scenarios.
        scenarios: the same task on the rows of each scenario.
        sentences: sentences that say which differences are real; [] for a scenario.
    """

    name: str
    metric: str
    direction: int
    scores: list[Score]
    best: Score | None = None
    best_chosen_on: str = ""
    is_metric_known: bool = True
    has_same_validation_rows: bool = True
    space: str = ""
    scenario: str = ""
    scenarios: list["Task"] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)

    def score(self, configuration: Configuration) -> Score:
        return next(s for s in self.scores if s.configuration is configuration)

    @property
    def name_with_space(self) -> str:
        """The task's name, and its space if it has one: `buy (click = 1)`."""
        return f"{self.name} ({self.space})" if self.space else self.name

    @property
    def all_differences(self) -> list[Difference]:
        return [d for score in self.scores for d in score.differences.values()]

    @property
    def metric_title(self) -> str:
        return self.metric.replace("_", " ")

    @property
    def title(self) -> str:
        """The heading: `buy (click = 1): auc, higher is better`."""
        better = {1: "higher is better", -1: "lower is better", 0: "no direction"}
        direction = better[self.direction] if self.is_metric_known else "unknown metric"
        return f"{self.name_with_space}: {self.metric_title}, {direction}"

    @cached_property
    def decimals(self) -> int:
        """The number of decimals that the metric is shown with.

        The decimals end at the second significant digit of the median half-width: a
        half-width of 0.00053 gives 5 decimals. Without half-widths, scores below 0.001
        have three significant digits.
        """
        intervals = [s.interval for s in self.scores if s.interval is not None]
        largest = max((abs(end) for i in intervals for end in i.ends), default=0.0)
        exponent = math.floor(math.log10(largest)) if largest else 0
        # The scores of lines have no half-width, but their differences have one.
        half_widths = half_widths_of(self.scores) or half_widths_of(
            self.all_differences
        )
        if not half_widths:
            return DEFAULT_DECIMALS if exponent >= -3 else 2 - exponent
        median = sorted(half_widths)[len(half_widths) // 2]
        decimals = 1 - math.floor(math.log10(median))
        return max(min(decimals, MAX_DIGITS - 1 - exponent), 0)

    @cached_property
    def shown_twins(self) -> list[str]:
        """The kinds of twins that have a column of differences in tables."""
        kinds = {kind for score in self.scores for kind in score.differences}
        return [kind for kind in COMPARED_WITH[1:] if kind in kinds]

    def score_dict(self, i: int) -> dict[str, Any]:
        """Returns the score of the i-th configuration as JSON values, not rounded."""
        score = self.scores[i]
        differences = {f"to_{k}": d.as_dict() for k, d in score.differences.items()}
        values = {
            "metric": self.metric,
            "mean": score.interval and score.interval.mean,
            "half_interval": score.interval and score.interval.half_width,
            "seeds": len(score.by_replicate),
            "by_seed": {str(key): value for key, value in score.by_replicate.items()},
            "rows": score.num_rows,
            "positives": score.num_positives,
            "best": score is self.best,
            "to_baseline": None,
            "to_single_task": None,
            **differences,
        }
        if self.scenarios:
            values["scenarios"] = {t.scenario: t.score_dict(i) for t in self.scenarios}
        return values


def half_widths_of(items: Sequence[Score | Difference]) -> list[float]:
    """Returns the half-widths that are known and above 0."""
    intervals = [item.interval for item in items]
    return [i.half_width for i in intervals if i is not None and i.half_width]
