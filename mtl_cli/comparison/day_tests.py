"""Adds differences with their tests over days to a comparison of lines.

A line is a chain of runs, one per day, see `lines`. A t-test, paired by day, tests
whether the scores of two lines differ. Usually each run is scored on the rows of the
next day, so the test says what other days with other rows would show. If all runs are
scored on the same rows, the test says nothing about other rows, and a test over rows is
made as well.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.correction import correct_p_values
from mtl_cli.comparison.difference import Difference
from mtl_cli.comparison.intervals import mean_interval
from mtl_cli.comparison.predictions import UnusableError
from mtl_cli.comparison.read_predictions import Tables, read_all_replicates
from mtl_cli.comparison.results import DatasetComparison
from mtl_cli.comparison.row_tests import max_predictions, num_predictions
from mtl_cli.comparison.runs import Run
from mtl_cli.comparison.same_rows import metric_settings, runs_have_same_rows
from mtl_cli.comparison.sentences import line_sentences
from mtl_cli.comparison.task import Score, Task
from mtl_cli.statistics.significance import DifferenceTest, t_test

MIN_DAYS = 3  # two lines with fewer days in common get no verdict


class CommonDay(NamedTuple):
    """A day on which a line and the baseline were scored on the same rows."""

    run: Run
    base_run: Run
    difference: float  # the score of `run` minus the score of `base_run`


def add_day_tests(
    task: Task, comparison: DatasetComparison, dataset_of_run: dict[Path, str]
) -> list[str]:
    """Sets the difference of each line to the baseline, its tests and its verdict.

    `dataset_of_run` is {run folder: name of the data set with its rows}.

    Returns: warnings that say which tests over rows are missing, and why.
    """
    tables: Tables = {}
    texts = []
    split = comparison.split
    base = task.score(comparison.baseline)
    for score in task.scores:
        # How much a line's scores vary between days says nothing about differences. The
        # score holds the counts of the first day; other days have other rows.
        score.interval = score.interval and score.interval._replace(half_width=None)
        score.num_rows = score.num_positives = None
        if score is base:
            continue
        days, are_all_on_same_rows = common_days(
            score, base, split, task, dataset_of_run
        )
        values = [day.difference for day in days]
        difference = Difference(
            configuration=score.configuration,
            other=base.configuration,
            direction=task.direction,
            day_count=len(days),
            paired_difference=mean_interval(values) if days else None,
            replicate_test=day_test(values) if len(days) >= MIN_DAYS else None,
        )
        score.differences["baseline"] = difference
        can_test_rows = are_all_on_same_rows and split == "test"
        if difference.replicate_test is None or not can_test_rows:
            continue
        try:
            difference.row_test = row_test(difference, days, task, tables)
        except UnusableError as reason:
            texts.append(
                f"{task.name}: all days are scored on the same rows, but "
                f"{score.configuration.name} cannot be tested on them: {reason}"
            )
    correct_p_values(task.all_differences)
    task.sentences = line_sentences(task, comparison.baseline.name)
    return texts


def common_days(
    score: Score, base: Score, split: str, task: Task, dataset_of_run: dict[Path, str]
) -> tuple[list[CommonDay], bool]:
    """Returns the days on which two lines were scored on the same rows.

    Usually, each day has rows of its own. Of several days with the same rows, only the
    last is returned, because such days are not independent.

    Returns: the days, and whether all of them have the same rows: then all of them are
        returned.
    """
    days: list[CommonDay] = []
    distinct_settings = {
        metric_settings(line.configuration.settings, task.name, task.metric)
        for line in (score, base)
    }
    if len(distinct_settings) > 1:
        return [], False
    for day, value in score.by_replicate.items():
        if day not in base.by_replicate:
            continue
        pair = score.configuration.runs[day], base.configuration.runs[day]
        first, second = (run.score(split, task.name) for run in pair)
        have_same_counts = all(
            first.get(key) == second.get(key) for key in ("rows", "positives")
        )
        if have_same_counts and runs_have_same_rows(pair, split, task.name):
            days.append(CommonDay(*pair, value - base.by_replicate[day]))
    # A later day takes the place of an earlier day with the same rows.
    last_days = {dataset_of_run[day.run.path]: day for day in days}
    if len(last_days) == 1:
        return days, True
    return list(last_days.values()), False


def day_test(values: Sequence[float]) -> DifferenceTest:
    """Tests by Student's t-test whether the mean of the daily differences is 0."""
    error = float(np.std(values, ddof=1) / np.sqrt(len(values)))
    return t_test(float(np.mean(values)), error, len(values) - 1)


def row_test(
    difference: Difference, days: list[CommonDay], task: Task, tables: Tables
) -> DifferenceTest:
    """Tests the difference of two lines over the rows on which all days were scored."""
    runs_by_line = {
        difference.configuration: [day.run for day in days],
        difference.other: [day.base_run for day in days],
    }
    all_runs = [run for runs in runs_by_line.values() for run in runs]
    if num_predictions(all_runs, task.name) > max_predictions(task.metric):
        raise UnusableError("there are too many predictions")
    first, second = (
        read_all_replicates(
            Configuration(line.settings, runs), task.name, task.metric, tables
        )
        for line, runs in runs_by_line.items()
    )
    return first.test(second)
