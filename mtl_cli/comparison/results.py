"""The result of a comparison: scores and differences by task and configuration.

Each configuration is compared with up to three others: with the baseline; with its
*single-task twin*, the same configuration with `model=single_task`; and with its
*single-scenario twin*, the same configuration trained on the rows of one scenario.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.difference import Difference
from mtl_cli.comparison.formats import significant_decimals
from mtl_cli.comparison.seed_statistics import Interval, mean_interval
from mtl_cli.core.nested import flatten

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(eq=False)
class Score:
    """The score of one configuration on one task.

    Attributes:
        configuration: the configuration.
        by_seed: {seed: the value of the metric}.
        interval: the mean over seeds, and its interval; None if no run has the metric.
        counts: the number of scored rows, and of the positive labels among them.
        to_baseline: the difference to the baseline; None for the baseline itself.
        to_single_task: the difference to the single-task twin; None if the twin did not
            run.
        to_single_scenario: the difference to the single-scenario twin; None if the twin
            did not run, or if the score is of the rows of all scenarios.
    """

    configuration: Configuration
    by_seed: dict[int, float]
    interval: Interval | None = None
    counts: tuple[object, object] = (None, None)
    to_baseline: Difference | None = None
    to_single_task: Difference | None = None
    to_single_scenario: Difference | None = None


def score_of(
    configuration: Configuration, split: str, task: str, metric: str, scenario: str = ""
) -> Score:
    """Returns the score of a configuration on a task, without differences.

    Args:
        configuration: the configuration.
        split: the split that is scored.
        task: the task.
        metric: the metric.
        scenario: the scenario whose rows are scored; "" for all rows.
    """
    by_seed = configuration.values(split, task, metric, scenario)
    if not by_seed:
        return Score(configuration, by_seed)
    first_run = configuration.runs[next(iter(by_seed))]
    recorded = first_run.score(split, task, scenario)
    counts = recorded.get("rows"), recorded.get("positives")
    return Score(configuration, by_seed, mean_interval([*by_seed.values()]), counts)


@dataclass(eq=False)
class Task:
    """The scores of all configurations on one task.

    Attributes:
        name: the task's name.
        metric: the metric that is compared.
        direction: 1 if higher is better, -1 if lower is better, 0 if neither.
        scores: the score of each configuration, in the order of the configurations.
        best: the best score; None if there are fewer than two candidates, or if the
            metric has no direction.
        best_chosen_on: the split on which `best` was chosen; "" if `best` is None.
        has_same_valid: False if the configurations have different validation rows, so
            that `best` cannot be chosen on validation rows.
        space: the rows on which the task is scored, such as `click = 1`; "" for all.
        scenario: the scenario whose rows are scored; "" for all scenarios.
        scenarios: the same task on the rows of each scenario.
    """

    name: str
    metric: str
    direction: int
    scores: list[Score]
    best: Score | None = None
    best_chosen_on: str = ""
    has_same_valid: bool = True
    space: str = ""
    scenario: str = ""
    scenarios: list["Task"] = field(default_factory=list)

    @property
    def name_with_space(self) -> str:
        """The task's name, and its space if it has one: `buy (click = 1)`."""
        return f"{self.name} ({self.space})" if self.space else self.name

    @property
    def metric_title(self) -> str:
        """The name of the metric for people: `log loss` for `log_loss`."""
        return self.metric.replace("_", " ")

    @cached_property
    def decimals(self) -> int:
        """The number of decimals that the metric is shown with."""
        return significant_decimals(score.interval for score in self.scores)

    @property
    def title(self) -> str:
        """The heading: `buy (click = 1): auc, higher is better`."""
        better = {1: "higher is better", -1: "lower is better", 0: "no direction"}
        return f"{self.name_with_space}: {self.metric_title}, {better[self.direction]}"

    @cached_property
    def shows_single_task(self) -> bool:
        """Whether tables have a column of differences to single-task twins.

        If all twins are the baseline, the column would repeat the differences to it.
        """
        return any(
            score.to_single_task
            and (
                score.to_baseline is None
                or score.to_single_task.other is not score.to_baseline.other
            )
            for score in self.scores
        )

    @cached_property
    def shows_single_scenario(self) -> bool:
        """Whether tables have a column of differences to single-scenario twins."""
        return any(score.to_single_scenario for score in self.scores)

    @property
    def differences(self) -> list[Difference]:
        """All differences: to the baseline and to the twins, of all scores."""
        return [
            difference
            for s in self.scores
            for difference in (s.to_baseline, s.to_single_task, s.to_single_scenario)
            if difference is not None
        ]

    def score_dict(self, i: int) -> dict[str, Any]:
        """Returns the score of the i-th configuration as JSON values, not rounded."""
        score = self.scores[i]
        values = {
            "metric": self.metric,
            "mean": score.interval and score.interval.mean,
            "half_interval": score.interval and score.interval.half_width,
            "seeds": len(score.by_seed),
            "by_seed": {str(seed): value for seed, value in score.by_seed.items()},
            "rows": score.counts[0],
            "positives": score.counts[1],
            "best": score is self.best,
            "to_baseline": score.to_baseline and score.to_baseline.as_dict(),
            "to_single_task": score.to_single_task and score.to_single_task.as_dict(),
        }
        if score.to_single_scenario is not None:
            values["to_single_scenario"] = score.to_single_scenario.as_dict()
        return values


@dataclass(eq=False)
class DatasetComparison:
    """Everything that is reported about the runs of one data set.

    Attributes:
        dataset: the name of the data set. Settings follow the name if another data set
            with the same name has other data, see `datasets.unique_names`.
        configurations: the configurations that have scores, in order of appearance.
        differing_keys: the dotted settings in which the configurations differ.
        baseline: the configuration that all others are compared with.
        baseline_reason: the reason why this configuration is the baseline.
        split: the split whose scores are compared.
        tasks: the scores of each task.
        warnings: reasons to trust the comparison less, such as few seeds.
    """

    dataset: str
    configurations: list[Configuration]
    differing_keys: list[str]
    baseline: Configuration
    baseline_reason: str
    split: str
    tasks: list[Task]
    warnings: list[str] = field(default_factory=list)

    @property
    def shown_keys(self) -> list[str]:
        """The keys of the settings in tables: `model.name` if no setting differs."""
        return self.differing_keys or ["model.name"]

    def shown_settings(self, configuration: Configuration) -> dict[str, str | None]:
        """Returns the settings of a configuration in tables, None for a missing key."""
        return {key: configuration.settings.get(key) for key in self.shown_keys}

    @property
    def num_runs(self) -> int:
        """The number of runs that are compared."""
        return sum(len(c.runs) for c in self.configurations)

    @property
    def by_scenario(self) -> "dict[str, DatasetComparison]":
        """The comparison on the rows of each scenario; {} without scenarios."""
        tasks: dict[str, list[Task]] = {}
        for task in self.tasks:
            for on_scenario in task.scenarios:
                tasks.setdefault(on_scenario.scenario, []).append(on_scenario)
        return {name: replace(self, tasks=tasks[name]) for name in tasks}

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yields one flat dict per configuration and task, with values not rounded.

        If tasks have scenarios, the dict of a task is followed by one dict for each of
        its scenarios. Every dict then has the key `scenario`, which is "" for a task on
        all rows.
        """
        for i, configuration in enumerate(self.configurations):
            settings = self.shown_settings(configuration)
            tasks = [t for task in self.tasks for t in (task, *task.scenarios)]
            for task in tasks:
                row = {"dataset": self.dataset, **settings, "task": task.name}
                if len(tasks) > len(self.tasks):
                    row["scenario"] = task.scenario
                score = task.score_dict(i)
                del score["by_seed"]
                # A difference has columns such as `to_baseline.verdict`. A missing
                # difference has none.
                for key in ("to_baseline", "to_single_task"):
                    if score[key] is None:
                        del score[key]
                yield row | flatten(score)

    def to_frame(self) -> "DataFrame":
        """Returns a table with one row per configuration and task, see `rows`.

        The table has the columns of `mtl-compare --csv`: the data set, the settings
        that differ, the task, and its mean, interval, differences and verdicts.
        """
        import pandas as pd

        return pd.DataFrame(self.rows())
