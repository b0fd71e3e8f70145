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
from mtl_cli.comparison.datasets import runs_by_dataset
from mtl_cli.comparison.difference import set_verdicts
from mtl_cli.comparison.results import DatasetComparison
from mtl_cli.comparison.row_tests import add_row_tests
from mtl_cli.comparison.runs import Run
from mtl_cli.comparison.same_rows import same_validation_rows
from mtl_cli.comparison.seed_tests import add_seed_tests
from mtl_cli.comparison.sentences import sentences
from mtl_cli.comparison.task import Task, score_of
from mtl_cli.comparison.twins import split_single_scenario
from mtl_cli.comparison.warnings import warnings
from mtl_cli.core.errors import ConfigError, comma_list, printable, suggest
from mtl_cli.metrics.score_dict import Score as RecordedScore
from mtl_cli.metrics.score_dict import metrics_of
from mtl_cli.tasks.base import metrics_named


class Question(NamedTuple):
    """The comparison that a user asks for.

    Attributes:
        baseline: the requested baseline, see `choose_baseline`.
        metric: the metric to compare; None for the first recorded metric of each task.
        split: the split whose scores are compared.
        tasks: the names of the tasks to compare; empty for all.
    """

    baseline: str | None = None
    metric: str | None = None
    split: str = "test"
    tasks: Sequence[str] = ()


def compare_datasets(runs: list[Run], question: Question) -> list[DatasetComparison]:
    """Returns one comparison for each data set that can be compared.

    If some data sets cannot be compared, the first comparison has a warning for each.

    Raises:
        ConfigError: if no data set can be compared.
    """
    comparisons, errors = [], []
    for name, dataset_runs in runs_by_dataset(runs).items():
        try:
            comparisons.append(compare_dataset(name, dataset_runs, question))
        except ConfigError as error:
            errors.append((name, error))
    if not comparisons:
        raise errors[0][1]
    comparisons[0].warnings += [
        f"data set {name} is not compared: {error}" for name, error in errors
    ]
    return comparisons


def compare_dataset(
    name: str, runs: list[Run], question: Question
) -> DatasetComparison:
    """Compares all configurations of one data set with the baseline.

    Raises:
        ConfigError: if no run has scores on the split, or if the requested baseline,
            metric or a chosen task does not exist.
    """
    split = question.split
    configurations = group_runs(runs)
    scored = [
        c for c in configurations if any(split in r.metrics for r in c.runs.values())
    ]
    unscored = [c for c in configurations if c not in scored]
    if not scored:
        raise ConfigError(no_scores_message(runs, split))
    scored, single_scenario = split_single_scenario(scored)
    keys = differing_keys(scored)
    set_names(scored, keys)
    chosen_baseline, reason = choose_baseline(scored, keys, question.baseline)
    tasks = scored_tasks(scored, question)
    comparison = DatasetComparison(
        name, scored, keys, chosen_baseline, reason, split, tasks
    )
    add_seed_tests(comparison, single_scenario)
    # Runs write predictions for test rows only. The row tests may find that a
    # configuration was scored on other rows than the baseline. Such a configuration
    # cannot be the best, so the best is chosen after the tests.
    remarks = add_row_tests(comparison) if split == "test" else []
    for task in comparison.all_tasks:
        choose_best(task, split)
    for task in tasks:
        # A correction covers all differences on all rows, to the baseline and to twins.
        # Another correction covers the differences on the rows of all scenarios.
        for tasks_on_rows in ([task], task.scenarios):
            differences = [d for t in tasks_on_rows for d in t.all_differences]
            set_verdicts(differences, task.direction)
        task.sentences = sentences(task, chosen_baseline.name, split)
    comparison.warnings = [*warnings(comparison, runs, unscored), *remarks]
    return comparison


def no_scores_message(runs: list[Run], split: str) -> str:
    """Returns an error message: no run has scores on the split."""
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


def scored_tasks(configurations: list[Configuration], question: Question) -> list[Task]:
    """Returns the tasks that have the metric, with scores but without differences.

    Raises:
        ConfigError: if no run has a chosen task, or no task has the requested metric.
    """
    metric, split, chosen_tasks = question.metric, question.split, question.tasks
    recorded_by_task: dict[str, list[RecordedScore]] = {}  # the scores of all runs
    for configuration in configurations:
        for run in configuration.runs.values():
            for name, score in run.metrics.get(split, {}).items():
                recorded_by_task.setdefault(name, []).append(score)
    for name in chosen_tasks:
        if name not in recorded_by_task:
            known_tasks = list(recorded_by_task)
            raise ConfigError(
                f"--task: no run has scores of the task '{name}'; known: "
                f"{', '.join(known_tasks)}{suggest(name, known_tasks)}"
            )
    tasks = []
    # A dict, unlike a set, keeps the order of the metrics.
    known_metrics: dict[str, None] = {}
    for name, scores in recorded_by_task.items():
        if chosen_tasks and name not in chosen_tasks:
            continue
        metrics = dict.fromkeys(m for score in scores for m in metrics_of(score))
        known_metrics |= metrics
        if metrics and (metric is None or metric in metrics):
            metric_name = next(iter(metrics)) if metric is None else metric
            tasks.append(scored_task(configurations, split, name, metric_name, scores))
    if not tasks:
        raise ConfigError(
            f"--metric: no task has the metric '{metric}'; known: "
            f"{', '.join(known_metrics)}{suggest(str(metric), list(known_metrics))}"
        )
    return tasks


def scored_task(
    configurations: list[Configuration],
    split: str,
    name: str,
    metric: str,
    recorded: list[RecordedScore],
) -> Task:
    """Returns a task with the scores of configurations, on all rows and by scenario.

    Args:
        recorded: the scores of all runs on the task, from `metrics.json`.
    """
    known_metrics = metrics_named(metric)
    # A metric that is unknown, because it belongs to a plugin, gets the direction 0.
    direction = known_metrics[0].direction if known_metrics else 0
    spaces = {str(score.get("space", "")) for score in recorded}
    space = printable(spaces.pop()) if len(spaces) == 1 else ""
    scenarios = dict.fromkeys(
        s for score in recorded for s in score.get("scenarios", {})
    )

    def task_on_rows(scenario: str) -> Task:
        scores = [score_of(c, split, name, metric, scenario) for c in configurations]
        return Task(name, metric, direction, scores, space=space, scenario=scenario)

    task = task_on_rows("")
    task.scenarios = [task_on_rows(scenario) for scenario in scenarios]
    return task


def choose_best(task: Task, split: str) -> None:
    """Sets the best score of a task, and the split on which the best was chosen.

    The best score is the score of the configuration with the best mean over seeds. The
    means are taken on validation rows if all candidates have scores on the same
    validation rows, and on the rows of `split` otherwise. A configuration that was
    scored on other rows of `split` than the baseline is not a candidate.
    """
    candidates = [
        score
        for score in task.scores
        if score.interval is not None and not score.is_on_other_rows
    ]
    if task.direction == 0 or len(candidates) < 2:
        return
    configurations = [score.configuration for score in candidates]
    scores_by_seed = [
        c.values("valid", task.name, task.metric, task.scenario) for c in configurations
    ]
    have_valid_scores = all(scores_by_seed)
    if have_valid_scores and split != "valid":
        task.has_same_validation_rows = same_validation_rows(configurations, task.name)
    task.best_chosen_on = "valid"
    if not have_valid_scores or not task.has_same_validation_rows:
        scores_by_seed = [score.by_seed for score in candidates]
        task.best_chosen_on = split
    means = [fmean(by_seed.values()) for by_seed in scores_by_seed]
    ranked = zip(candidates, means, strict=True)
    task.best = max(ranked, key=lambda pair: task.direction * pair[1])[0]
