"""Adds differences with their tests over seeds to a comparison."""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from scipy.special import fdtrc

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.difference import Difference, Verdict
from mtl_cli.comparison.intervals import Interval, mean_interval
from mtl_cli.comparison.results import DatasetComparison
from mtl_cli.comparison.same_rows import same_rows
from mtl_cli.comparison.task import Score, Task, score_of
from mtl_cli.comparison.twins import single_scenario_twins, single_task_twins
from mtl_cli.metrics.metric import Floats
from mtl_cli.statistics.significance import TestResult, t_test

# The noise of two configurations is compared with the noise of all others by two
# one-sided F-tests. The two configurations are noisier if the p-value of the test for
# more noise is below `NOISIER_LEVEL`, and quieter if the p-value of the test for less
# noise is below `QUIETER_LEVEL`.
NOISIER_LEVEL = 0.2
QUIETER_LEVEL = 0.02


def add_seed_tests(
    comparison: DatasetComparison, single_scenario: list[Configuration]
) -> None:
    """Sets the differences of each score, on all rows and on the rows of each scenario.

    Each difference gets its test over seeds.

    Args:
        comparison: the comparison, with scores but without differences.
        single_scenario: the configurations that were trained on a single scenario.
    """
    configurations, split = comparison.configurations, comparison.split
    twins = single_task_twins(configurations)

    @cache
    def have_same_rows(a: Configuration, b: Configuration) -> bool:
        return same_rows(a, b, split)

    for task in comparison.all_tasks:
        difference_of = difference_function(task, comparison.baseline, have_same_rows)
        scores = {score.configuration: score for score in task.scores}
        # On the rows of all scenarios, `task.scenario` is "", and there are no twins.
        scenario_twins = single_scenario_twins(
            configurations, single_scenario, task.scenario
        )
        for configuration, score in scores.items():
            others = {}
            if configuration is not comparison.baseline:
                others["baseline"] = scores[comparison.baseline]
            if twin := twins.get(configuration):
                others["single_task"] = scores[twin]
            if twin := scenario_twins.get(configuration):
                others["single_scenario"] = score_of(
                    twin, split, task.name, task.metric, task.scenario
                )
            for name, other in others.items():
                score.differences[name] = difference_of(score, other)


def difference_function(
    task: Task,
    baseline: Configuration,
    have_same_rows: Callable[[Configuration, Configuration], bool],
) -> Callable[[Score, Score], Difference]:
    """Returns a function that tests the difference of two scores on a task.

    The tests pool the noise of all configurations that were scored on the rows of the
    baseline.
    """

    def are_on_same_rows(a: Score, b: Score) -> bool:
        if (a.num_rows, a.num_positives) != (b.num_rows, b.num_positives):
            return False
        return have_same_rows(a.configuration, b.configuration)

    scored = [score for score in task.scores if score.interval is not None]
    (baseline_score,) = (s for s in task.scores if s.configuration is baseline)
    pool = [score for score in scored if are_on_same_rows(score, baseline_score)]
    noise = pooled_noise([list(score.by_seed.values()) for score in pool])

    def difference(score: Score, other: Score) -> Difference:
        result = Difference(score.configuration, other.configuration, task.scenario)
        if score.interval is None or other.interval is None:
            return result
        if not are_on_same_rows(score, other):
            result.verdict = Verdict.NOT_COMPARABLE
            return result
        noise_of_others = None
        if score in pool and other in pool:
            scores = [list(score.by_seed.values()), list(other.by_seed.values())]
            noise_of_others = noise - pooled_noise(scores)
        result.paired_difference = paired_difference(score.by_seed, other.by_seed)
        a, b = scores_to_test(score.by_seed, other.by_seed)
        result.seed_test = seed_test(a, b, noise_of_others)
        # `set_verdicts` changes this verdict if there is a seed test.
        result.verdict = Verdict.TOO_FEW_SEEDS
        return result

    return difference


def paired_difference(a: dict[int, float], b: dict[int, float]) -> Interval | None:
    """Returns the mean of a - b over the common seeds; None without common seeds."""
    seeds = [seed for seed in a if seed in b]
    return mean_interval([a[seed] - b[seed] for seed in seeds]) if seeds else None


def scores_to_test(
    a: dict[int, float], b: dict[int, float]
) -> tuple[list[float], list[float]]:
    """Selects from {seed: score} the scores of a and of b that `seed_test` compares.

    The scores of the common seeds are compared, or the scores of all seeds if there are
    fewer than two common seeds.
    """
    common = [seed for seed in a if seed in b]
    if len(common) < 2:
        return list(a.values()), list(b.values())
    return [a[seed] for seed in common], [b[seed] for seed in common]


def seed_test(
    a: Sequence[float], b: Sequence[float], others: Floats | None = None
) -> TestResult | None:
    """Tests whether the means of two configurations differ by more than chance.

    The test is Student's t-test for independent samples. The standard error needs the
    variance of the noise, but a few seeds estimate this variance badly. Therefore the
    noise of all other configurations is pooled with the noise of the two. The noise is
    not pooled if the two are noisier than the other configurations (F-test at
    `NOISIER_LEVEL`) or much quieter (F-test at `QUIETER_LEVEL`).

    Two configurations may share seeds, so their scores may be correlated. The test
    ignores the correlation. Therefore the test may call a difference real too rarely,
    but not too often.

    Args:
        a: the scores of the first configuration, one per seed.
        b: the scores of the second configuration.
        others: the noise of all other configurations, see `pooled_noise`.

    Returns: the test; None if one of the two has fewer than two scores.
    """
    if min(len(a), len(b)) < 2:
        return None
    noise = pooled_noise([a, b])
    if others is not None and others.min() > 0:
        squares, freedom = noise
        other_squares, other_freedom = others
        ratio = (squares / freedom) / (other_squares / other_freedom)
        # The p-value of the test whether the two are noisier. The p-value of the test
        # whether the two are quieter is 1 - p_noisier.
        p_noisier = fdtrc(freedom, other_freedom, ratio)
        if NOISIER_LEVEL <= p_noisier <= 1 - QUIETER_LEVEL:
            noise = noise + others
    squares, freedom = noise  # the sum of squares, and the degrees of freedom
    error = np.sqrt(squares / freedom * (1 / len(a) + 1 / len(b)))
    difference = float(np.mean(a) - np.mean(b))
    return t_test(difference, float(error), float(freedom))


def pooled_noise(scores: Sequence[Sequence[float]]) -> Floats:
    """Returns how much scores vary between seeds, pooled over several configurations.

    Args:
        scores: the scores of each configuration, one per seed.

    Returns: two numbers, (2,): the sum over all scores of the squared distance to the
        mean of the score's configuration; and the degrees of freedom of this sum, the
        number of scores minus the number of configurations. The noise of two groups of
        configurations together is the sum of the two noises.
    """
    filled = [x for x in scores if len(x)]
    squares = sum(float(np.var(x)) * len(x) for x in filled)
    return np.array([squares, sum(len(x) - 1 for x in filled)])
