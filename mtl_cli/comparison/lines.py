"""Compares lines over the days that they have in common.

A line is a chain of runs, one per day: each run starts from the run of the day before
(`start_from`), with its weights. A line usually has one seed. So a verdict holds for
these lines only: with another seed, the same settings might get another verdict.
"""

from dataclasses import replace

from mtl_cli.comparison.compare_datasets import Question, default_split, new_comparison
from mtl_cli.comparison.configurations import EARLIER_RUN_KEY, Configuration
from mtl_cli.comparison.datasets import runs_by_dataset
from mtl_cli.comparison.day_tests import add_day_tests
from mtl_cli.comparison.results import DatasetComparison
from mtl_cli.comparison.runs import Run
from mtl_cli.core.errors import ConfigError

TRAINING_TABLE_KEY = "dataset.train"  # the runs of one day have the same value
# The settings that change from day to day.
DAY_KEYS = (TRAINING_TABLE_KEY, "dataset.valid", "dataset.test", EARLIER_RUN_KEY)


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


def find_lines(runs: list[Run]) -> list[Configuration]:
    """Returns each line as a configuration whose replicates are days.

    The runs of a line have equal settings, except for `DAY_KEYS`. The first run of a
    line is left out, because it does not start from an earlier run. The days are
    numbered from 1, in the order in which the runs started. Runs of the same day read
    the same `dataset.train`. If a run was repeated, only its latest repetition counts.
    A line with several runs for one day, such as runs of several seeds, is left out:
    such runs are compared by the tests over seeds.
    """
    lines: dict[frozenset[tuple[str, str]], Configuration] = {}
    day_numbers: dict[str | None, int] = {}  # {training table: number of the day}
    latest_runs = {
        (frozenset(run.settings.items()), run.seed): run
        for run in runs
        if run.has_scores and EARLIER_RUN_KEY in run.settings
    }
    for run in latest_runs.values():
        table = run.settings.get(TRAINING_TABLE_KEY)
        day = day_numbers.setdefault(table, len(day_numbers) + 1)
        settings = {k: v for k, v in run.settings.items() if k not in DAY_KEYS}
        new_line = Configuration(settings, [])
        line = lines.setdefault(frozenset(settings.items()), new_line)
        line.all_runs.append(replace(run, day=day))
    # `line.runs` has only one run per day.
    return [line for line in lines.values() if len(line.runs) == len(line.all_runs)]


def comparison_of_lines(
    name: str, lines: list[Configuration], question: Question
) -> DatasetComparison:
    """Returns the comparison of the lines of one data set, still without differences.

    The comparison has no scenarios, and no tasks whose metric has no direction.
    """
    split = question.split or default_split(lines)
    try:
        comparison = new_comparison(name, lines, split, question)
    except ConfigError:  # the requested baseline is no line
        without_baseline = question._replace(baseline=None)
        comparison = new_comparison(name, lines, split, without_baseline)
    tasks = [
        replace(task, scenarios=[])
        for task in comparison.tasks
        if task.direction or not task.is_metric_known
    ]
    return replace(comparison, tasks=tasks, is_of_lines=True)
