"""Adds the tests over seeds to the scores of a task."""

from collections.abc import Callable

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.difference import Difference, Verdict
from mtl_cli.comparison.results import Score, Task
from mtl_cli.comparison.seed_statistics import (
    NO_NOISE,
    Noise,
    common_seeds,
    paired_difference,
    pooled_noise,
    seed_test,
)


def add_seed_tests(
    task: Task,
    baseline: Configuration,
    twins: dict[Configuration, Configuration],
    same_rows: Callable[[Configuration, Configuration], bool],
    own_models: dict[Configuration, Score] | None = None,
) -> None:
    """Sets the differences of each score of a task.

    Args:
        task: the task, with its scores.
        baseline: the configuration that all others are compared with.
        twins: the single-task twin of each configuration that has one.
        same_rows: tells whether two configurations were scored on the same rows.
        own_models: for scores of a scenario, the score of each configuration's model
            that was trained on the rows of this scenario alone.
    """
    scores = {score.configuration: score for score in task.scores}

    def comparable(a: Score, b: Score) -> bool:
        same_counts = a.counts == b.counts
        return same_counts and same_rows(a.configuration, b.configuration)

    scored = [score for score in task.scores if score.interval is not None]
    on_baseline_rows = [s for s in scored if comparable(s, scores[baseline])]
    noise = pooled_noise_of(*on_baseline_rows)

    def difference(score: Score, other: Score) -> Difference:
        pair = score.configuration, other.configuration
        if score.interval is None or other.interval is None:
            return Difference(*pair, verdict=Verdict.NO_SCORE)
        if not comparable(score, other):
            return Difference(*pair, verdict=Verdict.NOT_COMPARABLE)
        noise_of_others = NO_NOISE
        if score in on_baseline_rows and other in on_baseline_rows:
            # `seed_test` adds the noise of these two, from their common seeds.
            noise_of_others = noise - pooled_noise_of(score, other)
        return difference_over_seeds(score, other, noise_of_others)

    for configuration, score in scores.items():
        if configuration is not baseline:
            score.to_baseline = difference(score, scores[baseline])
        if configuration in twins:
            score.to_single_task = difference(score, scores[twins[configuration]])
        if own_models and configuration in own_models:
            score.to_single_scenario = difference(score, own_models[configuration])


def difference_over_seeds(
    score: Score, other: Score, noise_of_others: Noise
) -> Difference:
    """Returns the difference of two scores on the same rows, without its verdict.

    Args:
        score: the first score.
        other: the score that is subtracted.
        noise_of_others: the pooled noise of the other configurations scored on the
            baseline's rows; `NO_NOISE` if the two scores are of other rows.
    """
    values = score.by_seed, other.by_seed
    return Difference(
        score.configuration,
        other.configuration,
        paired=paired_difference(*values),
        seed_test=seed_test(*common_seeds(*values), noise_of_others),
        verdict=Verdict.TOO_FEW_SEEDS,  # `decide` replaces it if there is a seed test
    )


def pooled_noise_of(*scores: Score) -> Noise:
    """Returns the spread of the seeds' values around the mean of their own score."""
    return pooled_noise([[*score.by_seed.values()] for score in scores])
