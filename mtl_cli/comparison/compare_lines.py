"""Compares lines over the days that they have in common, see `lines`.

The days are the sample: the differences of two lines on each day are tested by a t-test
that is paired by day. Usually each run is scored on the rows of the next day. The test
then covers two sources of chance: other days and other rows. If all runs are scored on
the same rows, the test covers other days only, and a test over rows is made as well.

A line has one seed. So a verdict is about the lines as they are: it does not tell how
much of a difference comes from the seed with which a line began.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mtl_cli.comparison.baseline import choose_baseline
from mtl_cli.comparison.compare_datasets import Question, scored_tasks
from mtl_cli.comparison.configurations import Configuration, differing_keys, set_names
from mtl_cli.comparison.datasets import runs_by_dataset
from mtl_cli.comparison.difference import Difference, Verdict, set_verdicts
from mtl_cli.comparison.intervals import mean_interval
from mtl_cli.comparison.lines import find_lines
from mtl_cli.comparison.prediction_files import PredictionFiles
from mtl_cli.comparison.predictions import UnusableError
from mtl_cli.comparison.read_predictions import read_all_seeds
from mtl_cli.comparison.results import DatasetComparison
from mtl_cli.comparison.row_tests import max_predictions, num_predictions
from mtl_cli.comparison.runs import Run
from mtl_cli.comparison.same_rows import same_rows
from mtl_cli.comparison.sentences import line_sentences
from mtl_cli.comparison.task import Score, Task
from mtl_cli.core.errors import ConfigError
from mtl_cli.statistics.significance import TestResult, t_test

MIN_DAYS = 3  # two lines with fewer days in common get no verdict


def compare_lines(runs: list[Run], question: Question) -> list[DatasetComparison]:
    """Returns one comparison for each data set whose lines have two days in common.

    In such a comparison, the days take the place of the seeds. A requested baseline
    that is no line is ignored.
    """
    all_lines = find_lines(runs)
    if len(all_lines) < 2:
        return []
    rows_of_run = {
        run.path: name for name, group in runs_by_dataset(runs).items() for run in group
    }
    lines_by_dataset: dict[str, list[Configuration]] = {}
    for line in all_lines:
        name = line.settings.get("dataset.name", "")
        lines_by_dataset.setdefault(name, []).append(line)
    comparisons = []
    for name, lines in lines_by_dataset.items():
        if len(lines) < 2:
            continue
        keys = differing_keys(lines)
        set_names(lines, keys)
        try:
            baseline, reason = choose_baseline(lines, keys, question.baseline)
        except ConfigError:
            baseline, reason = choose_baseline(lines, keys, None)
        try:
            tasks = scored_tasks(lines, question)
        except ConfigError:  # These lines lack the metric or the task.
            continue
        tasks = [replace(task, scenarios=[]) for task in tasks if task.direction]
        comparison = DatasetComparison(
            name, lines, keys, baseline, reason, question.split, tasks, is_of_lines=True
        )
        for task in tasks:
            comparison.warnings += add_day_tests(task, comparison, rows_of_run)
        # A sweep whose jobs start from one earlier run has a single day.
        if any(d.day_count > 1 for task in tasks for d in task.all_differences):
            comparisons.append(comparison)
    return comparisons


def add_day_tests(
    task: Task, comparison: DatasetComparison, rows_of_run: dict[Path, str]
) -> list[str]:
    """Sets the difference of each line to the baseline, with its tests and verdict.

    `rows_of_run` names the rows on which each run was scored, by the run's folder.

    Returns: lines that say which tests over rows are missing, and why.
    """
    files = PredictionFiles()
    remarks = []
    (base,) = (s for s in task.scores if s.configuration is comparison.baseline)
    for score in task.scores:
        if score.interval is not None:
            # How much the scores of one line vary between days is of no interest.
            score.interval = score.interval._replace(half_width=None)
        # These are the numbers of the first run, not of all days.
        score.num_rows, score.num_positives = None, None
        if score is base:
            continue
        days, have_same_rows = common_days(
            score, base, comparison.split, task.name, rows_of_run
        )
        difference = Difference(score.configuration, base.configuration)
        score.differences["baseline"] = difference
        if not days:
            continue
        values = [score.by_seed[day] - base.by_seed[day] for day in days]
        difference.day_count = len(days)
        difference.paired_difference = mean_interval(values)
        difference.verdict = Verdict.TOO_FEW_DAYS
        if len(days) < MIN_DAYS:
            continue
        difference.seed_test = day_test(values)
        if have_same_rows and comparison.split == "test":
            try:
                difference.row_test = row_test(difference, days, task, files)
            except UnusableError as reason:
                remarks.append(
                    f"{task.name}: all days are scored on the same rows, but "
                    f"{score.configuration.name} cannot be tested on them: {reason}"
                )
    set_verdicts(task.all_differences, task.direction)
    task.sentences = line_sentences(task, comparison.baseline.name)
    return remarks


def day_test(values: Sequence[float]) -> TestResult:
    """Tests by Student's t-test whether the mean of the differences of days is 0."""
    error = float(np.std(values, ddof=1) / np.sqrt(len(values)))
    return t_test(float(np.mean(values)), error, len(values) - 1)


def common_days(
    score: Score, base: Score, split: str, task: str, rows_of_run: dict[Path, str]
) -> tuple[list[int], bool]:
    """Returns the days on which two lines were scored on the same rows.

    If some days, but not all of them, were scored on the same rows, these days are not
    independent, so only the last of these days is taken.

    Returns: the days, and whether all of them were scored on the same rows.
    """
    days: list[int] = []
    for day in score.by_seed:
        if day not in base.by_seed:
            continue
        pair = score.configuration.runs[day], base.configuration.runs[day]
        scores = [run.score(split, task) for run in pair]
        first, second = ((s.get("rows"), s.get("positives")) for s in scores)
        line, other = (Configuration(run.settings, [run]) for run in pair)
        if first == second and same_rows(line, other, split):
            days.append(day)
    last_days = {rows_of_run[score.configuration.runs[day].path]: day for day in days}
    have_same_rows = len(last_days) == 1
    return (days if have_same_rows else list(last_days.values())), have_same_rows


def row_test(
    difference: Difference, days: list[int], task: Task, files: PredictionFiles
) -> TestResult:
    """Tests the difference of two lines over the rows on which all days were scored.

    Raises:
        UnusableError: if the predictions cannot be tested.
    """
    lines = (difference.configuration, difference.other)
    runs_by_line = [[line.runs[day] for day in days] for line in lines]
    num_rows = sum(num_predictions(runs, task.name) for runs in runs_by_line)
    if num_rows > max_predictions(task.metric):
        raise UnusableError("there are too many predictions")
    first, second = (
        read_all_seeds(
            Configuration(line.settings, runs), task.name, task.metric, files
        )
        for line, runs in zip(lines, runs_by_line, strict=True)
    )
    return first.test(second)
