"""Compares the configurations of each data set with each other."""

from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from mtl_cli.comparison.baseline import choose_baseline
from mtl_cli.comparison.configurations import (
    Configuration,
    differing_keys,
    group_runs,
    set_names,
)
from mtl_cli.comparison.correction import correct_p_values
from mtl_cli.comparison.datasets import runs_by_dataset
from mtl_cli.comparison.results import DatasetComparison, without_earlier_days
from mtl_cli.comparison.row_tests import add_row_tests
from mtl_cli.comparison.runs import Run
from mtl_cli.comparison.same_rows import have_same_validation_rows
from mtl_cli.comparison.scored_tasks import recorded_scores, scored_tasks
from mtl_cli.comparison.seed_tests import add_score_differences
from mtl_cli.comparison.sentences import sentences
from mtl_cli.comparison.task import Task
from mtl_cli.comparison.twins import split_single_scenario
from mtl_cli.comparison.warnings import warnings
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.message_text import comma_list, line_if_any


class Question(NamedTuple):
    """The comparison that a user asks for.

    Attributes:
        baseline: the requested baseline, see `choose_baseline`.
        metric: the metric to compare; None for the first recorded metric of each task.
        split: the split whose scores are compared; None for `default_split`.
        tasks: the names of the tasks to compare; empty for all.
        only_last_day: whether to leave out the tests over test rows for all days of
            lines except the last. These tests take most of the time of a comparison.
    """

    baseline: str | None = None
    metric: str | None = None
    split: str | None = None
    tasks: Sequence[str] = ()
    only_last_day: bool = False


def compare_datasets(runs: list[Run], question: Question) -> list[DatasetComparison]:
    """Returns one comparison for each data set that can be compared.

    If some data sets cannot be compared, the first comparison has a warning for each.

    Raises:
        ConfigError: if no data set can be compared.
    """
    datasets = runs_by_dataset(runs)
    comparisons: list[DatasetComparison] = []
    errors: dict[str, ConfigError] = {}
    for name, dataset_runs in datasets.items():
        try:
            comparisons.append(comparison_over_seeds(name, dataset_runs, question))
        except ConfigError as error:
            errors[name] = error
    if not comparisons:
        raise next(iter(errors.values()))
    # Runs write predictions for test rows only.
    to_test = [c for c in comparisons if c.split == "test"]
    if question.only_last_day:
        to_test = without_earlier_days(to_test)
    for comparison in comparisons:
        # The row tests may find that a configuration was scored on other rows than the
        # baseline. Such a configuration cannot be the best, so the best is chosen after
        # the tests.
        missing_tests = add_row_tests(comparison) if comparison in to_test else []
        conclude(comparison)
        comparison.warnings = [
            *question_warnings(comparison, question),
            *warnings(comparison, datasets[comparison.dataset]),
            *missing_tests,
        ]
    comparisons[0].warnings += [
        f"data set {name} is not compared: {error}" for name, error in errors.items()
    ]
    return comparisons


def comparison_over_seeds(
    name: str, runs: list[Run], question: Question
) -> DatasetComparison:
    """Compares all configurations of one data set with the baseline, over seeds.

    Raises:
        ConfigError: if no run has scores on the split; or as `new_comparison`.
    """
    configurations = group_runs(runs)
    split = question.split or default_split(configurations)
    scored = [c for c in configurations if c.has_scores_on(split)]
    if not scored:
        raise ConfigError(no_scores_message(runs, split))
    # A configuration that was trained on a single scenario is not compared with the
    # baseline, but with the configuration whose twin it is, see `twins`.
    scored, single_scenario = split_single_scenario(scored)
    comparison = new_comparison(name, scored, split, question)
    comparison.unscored = [c for c in configurations if not c.has_scores_on(split)]
    add_score_differences(comparison, single_scenario)
    return comparison


def new_comparison(
    name: str, scored: list[Configuration], split: str, question: Question
) -> DatasetComparison:
    """Returns the comparison of some configurations, still without differences.

    Raises:
        ConfigError: if the baseline, the metric or a task of the question is unknown.
    """
    keys = differing_keys(scored)
    set_names(scored, keys)
    baseline, reason = choose_baseline(scored, keys, question.baseline)
    return DatasetComparison(
        dataset=name,
        configurations=scored,
        differing_keys=keys,
        baseline=baseline,
        baseline_reason=reason,
        split=split,
        tasks=scored_tasks(scored, split, question.metric, question.tasks),
    )


def default_split(configurations: list[Configuration]) -> str:
    """Returns `test`, or `valid` if runs have scores on validation rows only."""

    def has_scores_on(split: str) -> bool:
        return any(c.has_scores_on(split) for c in configurations)

    return "valid" if has_scores_on("valid") and not has_scores_on("test") else "test"


def question_warnings(comparison: DatasetComparison, question: Question) -> list[str]:
    """Says where the comparison is not what the user may have asked for."""
    texts = []
    if question.split is None and comparison.split == "valid":
        texts.append(
            "no run of this data set has scores on test rows, so the scores on "
            "validation rows are compared"
        )
    if question.metric is not None:
        recorded = recorded_scores(comparison.configurations, comparison.split)
        compared = [task.name for task in comparison.tasks]
        texts += line_if_any(
            f"these tasks have no {question.metric} and are left out",
            [name for name in question.tasks or recorded if name not in compared],
        )
    return texts


def conclude(comparison: DatasetComparison) -> None:
    """Chooses the best configurations, corrects the p-values, writes the sentences.

    The p-values of a task are corrected separately for two sets of differences: those
    on all rows, to the baseline and to twins; and those on single scenarios.
    """
    for task in comparison.all_tasks:
        choose_best(task, comparison.split)
    for task in comparison.tasks:
        correct_p_values(task.all_differences)
        correct_p_values([d for s in task.scenarios for d in s.all_differences])
        task.sentences = sentences(task, comparison.baseline.name, comparison.split)


def choose_best(task: Task, split: str) -> None:
    """Sets the best score of a task, and the split on which the best was chosen.

    The best mean over seeds decides: on validation rows if all candidates have scores
    on the same ones, and otherwise on `split`. A configuration that was scored on other
    rows of `split` than the baseline is not a candidate.

    Nothing is set if there are fewer than two candidates, or if the metric has no
    direction.
    """
    candidates = [
        score
        for score in task.scores
        if score.interval is not None and not score.is_on_other_rows
    ]
    if task.direction == 0 or len(candidates) < 2:
        return
    configurations = [score.configuration for score in candidates]
    values_by_replicate = [
        c.scores_by_replicate("valid", task.name, task.metric, task.scenario)
        for c in configurations
    ]
    have_valid_scores = all(values_by_replicate)
    # If the split is `valid`, all candidates are known to have the baseline's rows.
    if have_valid_scores and split != "valid":
        task.has_same_validation_rows = have_same_validation_rows(
            configurations, task.name
        )
    if have_valid_scores and task.has_same_validation_rows:
        task.best_chosen_on = "valid"
    else:
        values_by_replicate = [score.by_replicate for score in candidates]
        task.best_chosen_on = split
    means = [fmean(values.values()) for values in values_by_replicate]
    best_mean = max(means, key=lambda mean: task.direction * mean)
    task.best = candidates[means.index(best_mean)]


def no_scores_message(runs: list[Run], split: str) -> str:
    """Says why no run has scores on the split."""
    scored_splits = sorted({name for run in runs for name in run.metrics})
    if scored_splits:
        known = ", ".join(scored_splits)
        return f"--split: no run has scores of the split '{split}'; known: {known}"
    message = (
        f"there is nothing to compare: none of {len(runs)} runs is done and has metrics"
    )
    unreadable = [f"{run.path} {run.error}" for run in runs if not run.is_readable]
    return f"{message}; {comma_list(unreadable)}" if unreadable else message
