"""Adds differences with their tests over seeds to a comparison."""

from collections.abc import Callable
from functools import cache

import numpy as np

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.difference import Difference
from mtl_cli.comparison.intervals import Interval, mean_interval
from mtl_cli.comparison.results import DatasetComparison
from mtl_cli.comparison.same_rows import runs_have_same_rows
from mtl_cli.comparison.seed_tests import Noise, pooled_noise, seed_test, values_to_test
from mtl_cli.comparison.task import Score, Task, score_of
from mtl_cli.comparison.twins import single_scenario_twins, single_task_twins
from mtl_cli.tasks._metrics import metrics_named


def add_score_differences(
    comparison: DatasetComparison, single_scenario: list[Configuration]
) -> None:
    """Sets the differences of each score, on all rows and on the rows of each scenario.

    Each difference gets its test over seeds. `single_scenario` are the possible
    single-scenario twins.
    """
    configurations, split = comparison.configurations, comparison.split
    twins = single_task_twins(configurations)

    @cache
    def have_same_rows(a: Configuration, b: Configuration) -> bool:
        return runs_have_same_rows((*a.runs.values(), *b.runs.values()), split)

    for task in comparison.all_tasks:
        tester = SeedTester(task, comparison.baseline, have_same_rows)
        scores = {score.configuration: score for score in task.scores}
        # For a task on all rows, `task.scenario` is "", and no twin is found.
        scenario_twins = single_scenario_twins(
            configurations, single_scenario, task.scenario
        )
        for configuration, score in scores.items():
            # {"baseline" or the kind of twin: the score to subtract}
            compared_with = {}
            if configuration is not comparison.baseline:
                compared_with["baseline"] = scores[comparison.baseline]
            if twin := twins.get(configuration):
                compared_with["single_task"] = scores[twin]
            if twin := scenario_twins.get(configuration):
                compared_with["single_scenario"] = score_of(
                    twin, split, task.name, task.metric, task.scenario
                )
            for name, other in compared_with.items():
                score.differences[name] = tester.difference(score, other)


class SeedTester:
    """Tests the differences of scores on one task over seeds.

    The noise of a configuration is how much its scores vary between seeds. The tests
    pool the noise of all configurations that were scored on the rows of the baseline.
    """

    def __init__(
        self,
        task: Task,
        baseline: Configuration,
        have_same_rows: Callable[[Configuration, Configuration], bool],
    ) -> None:
        self.task = task
        self.have_same_rows = have_same_rows
        self.is_of_ranks = any(metric.ordered for metric in metrics_named(task.metric))
        base = task.score(baseline)
        scored = [score for score in task.scores if score.interval is not None]
        self.pool = [s for s in scored if self.are_on_same_rows(s, base)]
        self.noise_of_pool = pooled_noise(map(seed_values, self.pool))

    def are_on_same_rows(self, a: Score, b: Score) -> bool:
        """Whether two scores are on the same rows, with the same ranks of classes."""
        if (a.num_rows, a.num_positives) != (b.num_rows, b.num_positives):
            return False
        if self.is_of_ranks:
            key = f"dataset.tasks.{self.task.name}.classes"
            if a.configuration.settings.get(key) != b.configuration.settings.get(key):
                return False
        return self.have_same_rows(a.configuration, b.configuration)

    def difference(self, score: Score, other: Score) -> Difference:
        """Returns the difference of two scores, with its test over seeds."""
        difference = Difference(
            score.configuration,
            other.configuration,
            self.task.direction,
            self.task.scenario,
        )
        if score.interval is None or other.interval is None:
            return difference
        difference.has_same_rows = self.are_on_same_rows(score, other)
        if not difference.has_same_rows:
            return difference
        pair = score.by_replicate, other.by_replicate
        difference.paired_difference = paired_difference(*pair)
        difference.difference_of_means = score.interval.mean - other.interval.mean
        noise_of_others = None
        if score in self.pool and other in self.pool:
            noise_of_two = pooled_noise([seed_values(score), seed_values(other)])
            noise_of_others = Noise(*np.subtract(self.noise_of_pool, noise_of_two))
        difference.replicate_test = seed_test(*values_to_test(*pair), noise_of_others)
        return difference


def seed_values(score: Score) -> list[float]:
    return list(score.by_replicate.values())


def paired_difference(a: dict[int, float], b: dict[int, float]) -> Interval | None:
    """Returns the mean of a - b over the common seeds; None without common seeds."""
    seeds = [seed for seed in a if seed in b]
    return mean_interval([a[seed] - b[seed] for seed in seeds]) if seeds else None
