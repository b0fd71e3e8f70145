"""Compares the configurations of each data set with each other."""

from collections.abc import Sequence
from pathlib import Path
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

# The comparison of a data set, and its configurations without scores on the split.
ScoredAndUnscored = tuple[DatasetComparison, list[Configuration]]


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
        raise next(iter(errors.values()))
    if errors and question.baseline is not None:
        days = days_without_baseline({n: datasets[n] for n in errors}, compared, runs)
        compared_days, day_errors = compare_each(days, question._replace(baseline=None))
        compared |= compared_days
        errors = {n: e for n, e in errors.items() if n not in days} | day_errors
    comparisons = [compared[name][0] for name in datasets if name in compared]
    # Runs write predictions for test rows only.
    tested = [c for c in comparisons if c.split == "test"]
    if question.only_last_day:
        tested = without_earlier_days(tested)
    for comparison in comparisons:
        # The row tests may find that a configuration was scored on other rows than the
        # baseline. Such a configuration cannot be the best, so the best is chosen after
        # the tests.
        remarks = add_row_tests(comparison) if comparison in tested else []
        conclude(comparison)
        name = comparison.dataset
        _, unscored = compared[name]
        comparison_warnings = warnings(comparison, datasets[name], unscored)
        comparison.warnings = [
            *question_warnings(comparison, question),
            *comparison_warnings,
            *remarks,
        ]
    comparisons[0].warnings += [
        f"data set {name} is not compared: {error}" for name, error in errors.items()
    ]
    return comparisons


def days_without_baseline(
    datasets: dict[str, list[Run]],
    compared: dict[str, ScoredAndUnscored],
    runs: list[Run],
) -> dict[str, list[Run]]:
    """Returns the data sets that may lack the requested baseline.

    Such a data set is a day on which only one line has a run. The line is compared on
    another day.

    Args:
        datasets: {name: runs} for the data sets without a comparison.
        compared: {name: comparison} for the other data sets.
        runs: the runs of all data sets.
    """
    compared_runs = [
        run
        for comparison, _ in compared.values()
        for configuration in comparison.configurations
        for run in configuration.runs.values()
    ]
    folders = folders_of_lines(compared_runs, runs)
    return {n: r for n, r in datasets.items() if is_day_of(folders, r)}


def is_day_of(folders: set[Path], runs: list[Run]) -> bool:
    """Whether the runs with scores are one configuration, with one of the folders."""
    scored = [run for run in runs if run.has_scores]
    return len(group_runs(scored)) == 1 and any(run.path in folders for run in scored)


def compare_each(
    datasets: dict[str, list[Run]], question: Question
) -> tuple[dict[str, ScoredAndUnscored], dict[str, ConfigError]]:
    """Returns `comparison_over_seeds` by data set, and the errors of data sets.

    `datasets` is {name: runs}.
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
) -> ScoredAndUnscored:
    """Compares all configurations of one data set with the baseline, over seeds.

    Returns: the comparison, and the configurations without scores on the split.

    Raises:
        ConfigError: if no run has scores on the split, or if the requested baseline,
            metric or a chosen task does not exist.
    """
    configurations = group_runs(runs)
    split = question.split or default_split(configurations)
    scored = [c for c in configurations if c.has_scores_on(split)]
    unscored = [c for c in configurations if not c.has_scores_on(split)]
    if not scored:
        raise ConfigError(no_scores_message(runs, split))
    # The twins that were trained on a single scenario are not compared with the
    # baseline, see `twins`.
    scored, single_scenario = split_single_scenario(scored)
    keys = differing_keys(scored)
    set_names(scored, keys)
    chosen_baseline, reason = choose_baseline(scored, keys, question.baseline)
    tasks = scored_tasks(scored, split, question.metric, question.tasks)
    comparison = DatasetComparison(
        name, scored, keys, chosen_baseline, reason, split, tasks
    )
    add_score_differences(comparison, single_scenario)
    return comparison, unscored


def default_split(configurations: list[Configuration]) -> str:
    """Returns the split to compare if the user names none.

    The split is `test`, or `valid` if only validation rows have scores.
    """
    splits = ("test", "valid")
    scored = [s for s in splits if any(c.has_scores_on(s) for c in configurations)]
    return scored[0] if scored else "test"


def question_warnings(comparison: DatasetComparison, question: Question) -> list[str]:
    """Says where the comparison is not all that the user may expect."""
    configurations, split = comparison.configurations, comparison.split
    texts = []
    if question.split is None and split == "valid":
        texts.append(
            "no run of this data set has scores on test rows, so the scores on "
            "validation rows are compared"
        )
    compared = [task.name for task in comparison.tasks]
    requested = question.tasks or list(recorded_scores(configurations, split))
    if question.metric is not None:
        texts += line_if_any(
            f"these tasks have no {question.metric} and are left out",
            [name for name in requested if name not in compared],
        )
    return texts


def conclude(comparison: DatasetComparison) -> None:
    """Chooses the best configurations, corrects p-values, and sets the sentences."""
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
    """Returns the message of the error that no run has scores on the split."""
    known_splits = {name for run in runs for name in run.metrics}
    if known_splits:
        names = ", ".join(sorted(known_splits))
        return f"--split: no run has scores of the split '{split}'; known: {names}"
    message = (
        f"there is nothing to compare: none of {len(runs)} runs is done and has metrics"
    )
    unreadable = [f"{run.path} {run.error}" for run in runs if not run.is_readable]
    if unreadable:
        message += f"; {comma_list(unreadable)}"
    if any(run.status == "damaged" for run in runs):
        message += "; copy the whole folder of each damaged run again"
    return message
