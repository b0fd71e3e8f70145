"""Compares lines over the days that they have in common.

A line is a chain of runs, one per day: each run starts from the run of the day before,
see `lines`. A line has one seed. So a verdict holds for these lines only: with another
seed, the same settings might get another verdict.
"""

from dataclasses import replace

from mtl_cli.comparison.baseline import choose_baseline
from mtl_cli.comparison.compare_datasets import Question, default_split
from mtl_cli.comparison.configurations import Configuration, differing_keys, set_names
from mtl_cli.comparison.datasets import runs_by_dataset
from mtl_cli.comparison.day_tests import add_day_tests
from mtl_cli.comparison.lines import find_lines
from mtl_cli.comparison.results import DatasetComparison
from mtl_cli.comparison.runs import Run
from mtl_cli.comparison.scored_tasks import scored_tasks
from mtl_cli.core.errors import ConfigError


def compare_lines(runs: list[Run], question: Question) -> list[DatasetComparison]:
    """Returns one comparison for each data set whose lines have two days in common.

    In such a comparison, days take the place of seeds, see `find_lines`. If the
    requested baseline is no line, the request is ignored.
    """
    lines_by_dataset: dict[str, list[Configuration]] = {}
    for line in find_lines(runs):
        name = line.settings.get("dataset.name", "")
        lines_by_dataset.setdefault(name, []).append(line)
    lines_by_dataset = {n: x for n, x in lines_by_dataset.items() if len(x) > 1}
    if not lines_by_dataset:
        return []
    # Two data sets with different rows have different names in `runs_by_dataset`. So
    # the name of a run's data set identifies the rows on which the run was scored.
    dataset_of_run = {
        run.path: name for name, group in runs_by_dataset(runs).items() for run in group
    }
    comparisons = []
    for name, lines in lines_by_dataset.items():
        try:
            comparison = comparison_of_lines(name, lines, question)
        except ConfigError:  # the lines lack the metric or a task of the question
            continue
        for task in comparison.tasks:
            comparison.warnings += add_day_tests(task, comparison, dataset_of_run)
        # If the jobs of a sweep start from one earlier run, each job looks like a line
        # of a single day. Such jobs are not compared over days.
        if any(d.day_count > 1 for t in comparison.tasks for d in t.all_differences):
            comparisons.append(comparison)
    return comparisons


def comparison_of_lines(
    name: str, lines: list[Configuration], question: Question
) -> DatasetComparison:
    """Returns the comparison of the lines of one data set, still without differences.

    The comparison has no scenarios, and no tasks whose metric has no direction.
    """
    keys = differing_keys(lines)
    set_names(lines, keys)
    try:
        baseline, reason = choose_baseline(lines, keys, question.baseline)
    except ConfigError:  # the requested baseline is no line
        baseline, reason = choose_baseline(lines, keys, None)
    split = question.split or default_split(lines)
    tasks = scored_tasks(lines, split, question.metric, question.tasks)
    return DatasetComparison(
        dataset=name,
        configurations=lines,
        differing_keys=keys,
        baseline=baseline,
        baseline_reason=reason,
        split=split,
        tasks=[
            replace(task, scenarios=[])
            for task in tasks
            if task.direction or not task.is_metric_known
        ],
        is_of_lines=True,
    )
