"""Adds differences with their tests over seeds to a comparison.

The noise of a configuration is how much its scores vary between seeds.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.special import fdtrc

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.difference import Difference
from mtl_cli.comparison.intervals import Interval, mean_interval
from mtl_cli.comparison.results import DatasetComparison
from mtl_cli.comparison.same_rows import metric_settings, runs_have_same_rows
from mtl_cli.comparison.task import Score, Task, score_of
from mtl_cli.comparison.twins import single_scenario_twins, single_task_twins
from mtl_cli.statistics.significance import DifferenceTest, t_test

# The noise of two configurations is compared with the noise of all others by two
# one-sided F-tests. The two configurations are noisier if the p-value of the test for
# more noise is below `NOISIER_LEVEL`, and quieter if the p-value of the test for less
# noise is below `QUIETER_LEVEL`.
NOISIER_LEVEL = 0.2
QUIETER_LEVEL = 0.02


class Noise(NamedTuple):
    """How much values vary between seeds, pooled over several configurations.

    Attributes:
        squares: the sum of the squared distances of all values to the means of their
            configurations.
        degrees_of_freedom: the number of values minus the number of configurations.
    """

    squares: float
    degrees_of_freedom: float

    @property
    def variance(self) -> float:
        """The variance of one value."""
        return self.squares / self.degrees_of_freedom


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
    def have_same_rows(a: Configuration, b: Configuration, task: str) -> bool:
        runs = *a.runs.values(), *b.runs.values()
        return runs_have_same_rows(runs, split, task)

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

    The tests pool the noise of all configurations that were scored on the rows of the
    baseline.
    """

    def __init__(
        self,
        task: Task,
        baseline: Configuration,
        have_same_rows: Callable[[Configuration, Configuration, str], bool],
    ) -> None:
        self.task = task
        self.have_same_rows = have_same_rows
        base = task.score(baseline)
        scored = [score for score in task.scores if score.interval is not None]
        self.pool = [s for s in scored if self.are_on_same_rows(s, base)]
        self.noise_of_pool = pooled_noise(map(seed_values, self.pool))

    def are_on_same_rows(self, a: Score, b: Score) -> bool:
        """Whether two scores are on the same rows, with the same ranks and groups."""
        if (a.num_rows, a.num_positives) != (b.num_rows, b.num_positives):
            return False
        if self.metric_settings(a) != self.metric_settings(b):
            return False
        return self.have_same_rows(a.configuration, b.configuration, self.task.name)

    def metric_settings(self, score: Score) -> tuple[str | None, ...]:
        settings = score.configuration.settings
        return metric_settings(settings, self.task.name, self.task.metric)

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
        # An ensemble has the seed of its first run, but is no run of this seed.
        if score.configuration.is_ensemble == other.configuration.is_ensemble:
            difference.paired_difference = paired_difference(*pair)
        difference.difference_of_means = score.interval.mean - other.interval.mean
        noise_of_others = None
        if score in self.pool and other in self.pool:
            noise_of_two = pooled_noise([seed_values(score), seed_values(other)])
            noise_of_others = Noise(*np.subtract(self.noise_of_pool, noise_of_two))
        values = values_to_test(*pair)
        difference.replicate_test = seed_test(*values, noise_of_others)
        if difference.replicate_test is not None:
            difference.num_seeds = min(map(len, values))
        return difference


def seed_values(score: Score) -> list[float]:
    return list(score.by_replicate.values())


def paired_difference(a: dict[int, float], b: dict[int, float]) -> Interval | None:
    """Returns the mean of a - b over the common seeds; None without common seeds."""
    seeds = [seed for seed in a if seed in b]
    return mean_interval([a[seed] - b[seed] for seed in seeds]) if seeds else None


def values_to_test(
    a: dict[int, float], b: dict[int, float]
) -> tuple[list[float], list[float]]:
    """Returns the values of a and the values of b to pass to `seed_test`.

    a and b are {seed: value}. The values belong to the common seeds, or to all seeds
    if there are fewer than two common seeds.
    """
    common = [seed for seed in a if seed in b]
    if len(common) < 2:
        return list(a.values()), list(b.values())
    return [a[seed] for seed in common], [b[seed] for seed in common]


def seed_test(
    a: Sequence[float], b: Sequence[float], others: Noise | None = None
) -> DifferenceTest | None:
    """Tests whether the means of two configurations differ by more than chance.

    The test is Student's t-test for independent samples. The standard error needs the
    variance of the noise, but a few seeds estimate this variance badly. Therefore the
    noise of all other configurations is pooled with the noise of the two. There is no
    pooling if the two are noisier than the other configurations (F-test at
    `NOISIER_LEVEL`) or much quieter (F-test at `QUIETER_LEVEL`).

    Two configurations may share seeds, so their scores may be positively correlated.
    The test ignores the correlation. Therefore the test may call a difference real too
    rarely, but not too often.

    a and b are the values of the two configurations, one per seed. `others` is the
    noise of all other configurations.

    Returns: the test; None if one of the two has fewer than two values.
    """
    if min(len(a), len(b)) < 2:
        return None
    noise = pooled_noise([a, b])
    if others is not None and should_pool(noise, others):
        noise = Noise(*np.add(noise, others))
    error = np.sqrt(noise.variance * (1 / len(a) + 1 / len(b)))
    difference = float(np.mean(a) - np.mean(b))
    return t_test(difference, float(error), float(noise.degrees_of_freedom))


def should_pool(noise: Noise, others: Noise) -> bool:
    """Whether the noise of two configurations is like the noise of all others."""
    # There may be no other configurations, or none that vary.
    if others.squares <= 0 or others.degrees_of_freedom <= 0:
        return False
    # `p_noisier` is the p-value of the test whether the two are noisier. The test
    # whether they are quieter has the p-value 1 - p_noisier.
    p_noisier = fdtrc(
        noise.degrees_of_freedom,
        others.degrees_of_freedom,
        noise.variance / others.variance,
    )
    return bool(NOISIER_LEVEL <= p_noisier <= 1 - QUIETER_LEVEL)


def pooled_noise(values: Iterable[Sequence[float]]) -> Noise:
    """Returns the noise of several configurations, each with a value per seed."""
    filled = [x for x in values if len(x)]
    squares = sum(float(np.var(x)) * len(x) for x in filled)
    return Noise(squares, sum(len(x) - 1 for x in filled))
