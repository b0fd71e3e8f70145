"""Adds differences with their tests over seeds to the scores of a task."""

from collections.abc import Callable

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.difference import Difference, Verdict
from mtl_cli.comparison.results import Score, Task
from mtl_cli.comparison.seed_statistics import (
    NO_NOISE,
    Noise,
    paired_difference,
    pooled_noise,
    scores_to_test,
    seed_test,
)


def add_seed_tests(
    task: Task,
    baseline: Configuration,
    twins: dict[Configuration, Configuration],
    same_rows: Callable[[Configuration, Configuration], bool],
    scenario_twins: dict[Configuration, Score] | None = None,
) -> None:
    """Sets the differences of each score of a task, see `results.Score`.

    Args:
        task: the task, with its scores.
        baseline: the configuration with which all others are compared.
        twins: {configuration: its single-task twin}.
        same_rows: a function that says whether two configurations were scored on the
            same rows.
        scenario_twins: {configuration: the score of its single-scenario twin}, if the
            task is scored on the rows of one scenario.
    """
    scores = {score.configuration: score for score in task.scores}

    def have_same_rows(a: Score, b: Score) -> bool:
        same_counts = a.counts == b.counts
        return same_counts and same_rows(a.configuration, b.configuration)

    scored = [score for score in task.scores if score.interval is not None]
    on_baseline_rows = [s for s in scored if have_same_rows(s, scores[baseline])]
    noise = noise_of_scores(*on_baseline_rows)

    def difference(score: Score, other: Score) -> Difference:
        pair = score.configuration, other.configuration
        if score.interval is None or other.interval is None:
            return Difference(*pair, verdict=Verdict.NO_SCORE)
        if not have_same_rows(score, other):
            return Difference(*pair, verdict=Verdict.NOT_COMPARABLE)
        noise_of_others = NO_NOISE
        if score in on_baseline_rows and other in on_baseline_rows:
            # `seed_test` adds the noise of these two itself.
            noise_of_others = noise - noise_of_scores(score, other)
        return difference_over_seeds(score, other, noise_of_others)

    for configuration, score in scores.items():
        if configuration is not baseline:
            score.to_baseline = difference(score, scores[baseline])
        if configuration in twins:
            score.to_single_task = difference(score, scores[twins[configuration]])
        if scenario_twins and configuration in scenario_twins:
            score.to_single_scenario = difference(score, scenario_twins[configuration])


def difference_over_seeds(
    score: Score, other: Score, noise_of_others: Noise
) -> Difference:
    """Returns the difference of two scores on the same rows, with its seed test.

    The verdict is `TOO_FEW_SEEDS`; `set_verdicts` replaces it if there is a seed test.

    Args:
        score: the first score.
        other: the score that is subtracted.
        noise_of_others: the noise of all other configurations that were scored on the
            baseline's rows; `NO_NOISE` if the two were scored on other rows.
    """
    by_seed = score.by_seed, other.by_seed
    return Difference(
        score.configuration,
        other.configuration,
        paired_difference=paired_difference(*by_seed),
        seed_test=seed_test(*scores_to_test(*by_seed), noise_of_others),
        verdict=Verdict.TOO_FEW_SEEDS,
    )


def noise_of_scores(*scores: Score) -> Noise:
    """Returns the noise between the seeds of each score, pooled over the scores."""
    return pooled_noise([[*score.by_seed.values()] for score in scores])
