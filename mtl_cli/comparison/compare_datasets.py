"""Compares the configurations of each data set with each other."""

from collections.abc import Sequence
from typing import NamedTuple

from mtl_cli.comparison.baseline import choose_baseline
from mtl_cli.comparison.best_score import choose_best
from mtl_cli.comparison.configurations import (
    Configuration,
    differing_keys,
    group_runs,
    set_names,
)
from mtl_cli.comparison.datasets import runs_by_dataset
from mtl_cli.comparison.difference import correct_p_values
from mtl_cli.comparison.lines import folders_of_lines
from mtl_cli.comparison.results import DatasetComparison, without_earlier_days
from mtl_cli.comparison.row_tests import add_row_tests
from mtl_cli.comparison.runs import Run
from mtl_cli.comparison.score_differences import add_score_differences
from mtl_cli.comparison.scored_tasks import recorded_scores, scored_tasks
from mtl_cli.comparison.sentences import sentences
from mtl_cli.comparison.task import Task
from mtl_cli.comparison.twins import split_single_scenario
from mtl_cli.comparison.warnings import warnings
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.message_text import comma_list, line_if_any


class ComparedDataset(NamedTuple):
    """The comparison of a data set, and its configurations without scores."""

    comparison: DatasetComparison
    unscored: list[Configuration]


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
    compared, errors = compare_each(datasets, question)
    if not compared:
        first_error, *_ = errors.values()
        raise first_error
    # The requested baseline may be missing on a day of a line.
    if errors and question.baseline is not None:
        not_compared = {name: datasets[name] for name in errors}
        days = days_without_baseline(not_compared, compared, runs)
        compared_days, day_errors = compare_each(days, question._replace(baseline=None))
        compared |= compared_days
        errors = {n: e for n, e in errors.items() if n not in days} | day_errors
    comparisons = [compared[name].comparison for name in datasets if name in compared]
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
        name = comparison.dataset
        comparison.warnings = [
            *question_warnings(comparison, question),
            *warnings(comparison, datasets[name], compared[name].unscored),
            *missing_tests,
        ]
    comparisons[0].warnings += [
        f"data set {name} is not compared: {error}" for name, error in errors.items()
    ]
    return comparisons


def days_without_baseline(
    datasets: dict[str, list[Run]],
    compared: dict[str, ComparedDataset],
    runs: list[Run],
) -> dict[str, list[Run]]:
    """Returns the data sets that are compared without the requested baseline.

    A line is a chain of runs, one per day, see `lines`. On some days, only one of the
    lines may have a run. Such a day needs no baseline if its line is compared with the
    baseline on another day.

    Args:
        datasets: {name: runs} for the data sets without a comparison.
        compared: {name: comparison} for the other data sets.
        runs: the runs of all data sets.
    """
    compared_runs = [
        run
        for dataset in compared.values()
        for configuration in dataset.comparison.configurations
        for run in configuration.runs.values()
    ]
    folders = folders_of_lines(compared_runs, runs)

    def is_day_of_compared_line(runs_of_dataset: list[Run]) -> bool:
        scored = [run for run in runs_of_dataset if run.has_scores]
        is_one_configuration = len(group_runs(scored)) == 1
        return is_one_configuration and any(run.path in folders for run in scored)

    return {n: r for n, r in datasets.items() if is_day_of_compared_line(r)}


def compare_each(
    datasets: dict[str, list[Run]], question: Question
) -> tuple[dict[str, ComparedDataset], dict[str, ConfigError]]:
    """Compares the configurations of each data set with the baseline.

    `datasets` is {name: runs}.

    Returns: {name: comparison}; and {name: error} for the other data sets.
    """
    compared, errors = {}, {}
    for name, runs in datasets.items():
        try:
            compared[name] = comparison_over_seeds(name, runs, question)
        except ConfigError as error:
            errors[name] = error
    return compared, errors


def comparison_over_seeds(
    name: str, runs: list[Run], question: Question
) -> ComparedDataset:
    """Compares all configurations of one data set with the baseline, over seeds.

    Raises:
        ConfigError: if no run has scores on the split, or if the baseline, the metric
            or a task of the question does not exist.
    """
    configurations = group_runs(runs)
    split = question.split or default_split(configurations)
    scored = [c for c in configurations if c.has_scores_on(split)]
    unscored = [c for c in configurations if not c.has_scores_on(split)]
    if not scored:
        raise ConfigError(no_scores_message(runs, split))
    # A configuration that was trained on a single scenario is not compared with the
    # baseline, but with the configuration whose twin it is, see `twins`.
    scored, single_scenario = split_single_scenario(scored)
    keys = differing_keys(scored)
    set_names(scored, keys)
    baseline, reason = choose_baseline(scored, keys, question.baseline)
    tasks = scored_tasks(scored, split, question.metric, question.tasks)
    comparison = DatasetComparison(
        dataset=name,
        configurations=scored,
        differing_keys=keys,
        baseline=baseline,
        baseline_reason=reason,
        split=split,
        tasks=tasks,
    )
    add_score_differences(comparison, single_scenario)
    return ComparedDataset(comparison, unscored)


def default_split(configurations: list[Configuration]) -> str:
    """Returns `test`, or `valid` if runs have scores on validation rows only."""

    def have_scores_on(split: str) -> bool:
        return any(c.has_scores_on(split) for c in configurations)

    only_valid = have_scores_on("valid") and not have_scores_on("test")
    return "valid" if only_valid else "test"


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
    """Finishes a comparison whose differences have all their tests.

    Chooses the best configurations, corrects the p-values, and writes the sentences.
    """
    for task in comparison.all_tasks:
        choose_best(task, comparison.split)
    for task in comparison.tasks:
        correct_p_values_of_task(task)
        task.sentences = sentences(task, comparison.baseline.name, comparison.split)


def correct_p_values_of_task(task: Task) -> None:
    """Corrects the p-values of the differences on a task and on its scenarios.

    The p-values are corrected separately for two sets of differences: the differences
    on all rows, to the baseline and to twins; and the differences on single scenarios.
    """
    correct_p_values(task.all_differences)
    on_scenarios = [d for scenario in task.scenarios for d in scenario.all_differences]
    correct_p_values(on_scenarios)


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
    if unreadable:
        message += f"; {comma_list(unreadable)}"
    if any(run.status == "damaged" for run in runs):
        message += "; copy the whole folder of each damaged run again"
    return message
