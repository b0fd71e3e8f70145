"""Compares the configurations of each data set with each other."""

from functools import cache
from statistics import fmean

from mtl_cli.comparison.baseline import choose_baseline
from mtl_cli.comparison.compared_metrics import metrics_by_task
from mtl_cli.comparison.configurations import (
    Configuration,
    differing_keys,
    group_runs,
    set_names,
    single_task_twins,
)
from mtl_cli.comparison.datasets import runs_by_dataset
from mtl_cli.comparison.difference import Verdict, set_verdicts
from mtl_cli.comparison.formats import comma_list
from mtl_cli.comparison.results import DatasetComparison, Task, score_of
from mtl_cli.comparison.row_tests import add_row_tests
from mtl_cli.comparison.runs import Run
from mtl_cli.comparison.same_rows import same_rows, same_validation_rows
from mtl_cli.comparison.scenarios import (
    scenario_task,
    scenarios_of,
    single_scenario_twins,
    split_single_scenario,
)
from mtl_cli.comparison.seed_tests import add_seed_tests
from mtl_cli.comparison.warnings import warnings
from mtl_cli.core.errors import ConfigError, printable
from mtl_cli.tasks.base import metrics_named


def compare_datasets(
    runs: list[Run], baseline: str | None, metric: str | None, split: str
) -> list[DatasetComparison]:
    """Compares the runs of each data set.

    If some data sets cannot be compared, the first comparison has a warning for each.

    Args:
        runs: the runs of all data sets, in order.
        baseline: the requested baseline, see `choose_baseline`.
        metric: the metric to compare; None for the first metric of each task.
        split: the split whose scores are compared.

    Returns: the comparisons, one per data set that can be compared.

    Raises:
        ConfigError: if no data set can be compared.
    """
    comparisons, errors = [], []
    for name, dataset_runs in runs_by_dataset(runs).items():
        try:
            comparisons.append(
                compare_dataset(name, dataset_runs, baseline, metric, split)
            )
        except ConfigError as error:
            errors.append((name, error))
    if not comparisons:
        raise errors[0][1]
    comparisons[0].warnings += [
        f"data set {name} is not compared: {error}" for name, error in errors
    ]
    return comparisons


def compare_dataset(
    name: str, runs: list[Run], baseline: str | None, metric: str | None, split: str
) -> DatasetComparison:
    """Compares all configurations of one data set with the baseline.

    Args:
        name: the name of the data set.
        runs: the runs on this data set, in order.
        baseline: see `compare_datasets`.
        metric: see `compare_datasets`.
        split: see `compare_datasets`.

    Raises:
        ConfigError: if no run has scores on the split, or if the requested baseline or
            metric does not exist.
    """
    configurations = group_runs(runs)
    scored = [
        configuration
        for configuration in configurations
        if any(split in run.metrics for run in configuration.runs.values())
    ]
    unscored = [c for c in configurations if c not in scored]
    if not scored:
        raise ConfigError(no_scores_message(runs, split))
    scored, single_scenario = split_single_scenario(scored)
    keys = differing_keys(scored)
    set_names(scored, keys)
    chosen_baseline, reason = choose_baseline(scored, keys, baseline)
    tasks = [
        scored_task(scored, split, task_name, task_metric)
        for task_name, task_metric in metrics_by_task(scored, split, metric).items()
    ]
    comparison = DatasetComparison(
        name, scored, keys, chosen_baseline, reason, split, tasks
    )
    add_all_seed_tests(comparison, single_scenario)
    # Runs write predictions for test rows only. The row tests may find that a
    # configuration was scored on other rows than the baseline. Such a configuration
    # cannot be the best, so the best is chosen after the tests.
    remarks = add_row_tests(comparison) if split == "test" else []
    for task in tasks:
        for on_rows in (task, *task.scenarios):
            choose_best(on_rows, split)
        set_all_verdicts([task])
        set_all_verdicts(task.scenarios)
    comparison.warnings = [*warnings(comparison, runs, unscored), *remarks]
    return comparison


def add_all_seed_tests(
    comparison: DatasetComparison, single_scenario: list[Configuration]
) -> None:
    """Adds the seed tests of each task, on all rows and on the rows of each scenario.

    Args:
        comparison: the comparison.
        single_scenario: the configurations that were trained on a single scenario.
    """
    baseline, split = comparison.baseline, comparison.split
    twins = single_task_twins(comparison.configurations)
    have_same_rows = cache(lambda a, b: same_rows(a, b, split))
    for task in comparison.tasks:
        add_seed_tests(task, baseline, twins, have_same_rows)
        for on_scenario in task.scenarios:
            scenario_twins = single_scenario_twins(on_scenario, single_scenario, split)
            add_seed_tests(on_scenario, baseline, twins, have_same_rows, scenario_twins)


def scored_task(
    configurations: list[Configuration], split: str, name: str, metric: str
) -> Task:
    """Returns a task with the scores of configurations, on all rows and by scenario."""
    scores = [score_of(c, split, name, metric) for c in configurations]
    # An unknown metric, perhaps of a plugin, gets the direction 0.
    direction = next((m.direction for m in metrics_named(metric)), 0)
    space = common_space(configurations, split, name)
    task = Task(name, metric, direction, scores, space=space)
    scenarios = scenarios_of(configurations, split, name)
    task.scenarios = [scenario_task(task, scenario, split) for scenario in scenarios]
    return task


def set_all_verdicts(tasks: list[Task]) -> None:
    """Sets the verdict of each difference.

    The p-values are corrected in three separate groups: the differences to the
    baseline, the differences to single-task twins, and the differences to
    single-scenario twins.

    Args:
        tasks: a single task, or the same task on the rows of each scenario.
    """
    scores = [score for task in tasks for score in task.scores]
    for differences in (
        [s.to_baseline for s in scores],
        [s.to_single_task for s in scores],
        [s.to_single_scenario for s in scores],
    ):
        set_verdicts([d for d in differences if d], tasks[0].direction if tasks else 0)


def no_scores_message(runs: list[Run], split: str) -> str:
    """Says why there is nothing to compare.

    Args:
        runs: the runs, none of which has scores on the split.
        split: the split.
    """
    if known := {name for run in runs for name in run.metrics}:
        names = ", ".join(sorted(known))
        return f"--split: no run has scores of the split '{split}'; known: {names}"
    message = (
        f"there is nothing to compare: none of {len(runs)} runs is done and has metrics"
    )
    if unreadable := [f"{r.path} {r.error}" for r in runs if not r.is_readable]:
        message += f"; {comma_list(unreadable)}"
    if any(run.status == "damaged" for run in runs):
        message += ": copy the whole folder"
    return message


def common_space(configurations: list[Configuration], split: str, task: str) -> str:
    """Returns the space of a task as text, such as `click = 1`.

    Returns: the space; "" if the task has no space, or if runs differ in the space.
    """
    spaces = {
        str(score.get("space", ""))
        for configuration in configurations
        for run in configuration.runs.values()
        if (score := run.score(split, task))
    }
    return printable(spaces.pop()) if len(spaces) == 1 else ""


def choose_best(task: Task, split: str) -> None:
    """Sets the best score of a task, and the split on which it was chosen.

    The best score is the score of the configuration with the best mean over seeds. The
    means are of validation rows if all candidates have scores on the same validation
    rows, and of `split` itself if not. A configuration that was scored on other rows of
    `split` than the baseline is not a candidate.

    Args:
        task: the task, with its scores and differences.
        split: the split whose scores are compared.
    """
    other_rows = {
        score.configuration
        for score in task.scores
        if score.to_baseline and score.to_baseline.verdict == Verdict.NOT_COMPARABLE
    }
    candidates = [
        score
        for score in task.scores
        if score.interval is not None and score.configuration not in other_rows
    ]
    if task.direction == 0 or len(candidates) < 2:
        return
    configurations = [score.configuration for score in candidates]
    scores_by_seed = [
        c.values("valid", task.name, task.metric, task.scenario) for c in configurations
    ]
    have_valid_scores = all(scores_by_seed)
    if have_valid_scores and split != "valid":
        task.has_same_valid = same_validation_rows(configurations, task.name)
    task.best_chosen_on = "valid"
    if not have_valid_scores or not task.has_same_valid:
        scores_by_seed = [score.by_seed for score in candidates]
        task.best_chosen_on = split
    means = [fmean(by_seed.values()) for by_seed in scores_by_seed]
    ranked = zip(candidates, means, strict=True)
    task.best = max(ranked, key=lambda pair: task.direction * pair[1])[0]
