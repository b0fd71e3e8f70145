"""Adds the tests over test rows to a comparison."""

from collections.abc import Iterable
from functools import cache

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.difference import Verdict
from mtl_cli.comparison.prediction_files import PredictionFiles
from mtl_cli.comparison.predictions import (
    DifferentRowsError,
    Predictions,
    UnusableError,
)
from mtl_cli.comparison.read_predictions import read_all_seeds
from mtl_cli.comparison.results import DatasetComparison, counted
from mtl_cli.comparison.runs import Run
from mtl_cli.comparison.task import Task

MAX_CONFIGURATIONS = 20  # the largest number of configurations whose rows are read
# The number of predictions, over all runs, that can be tested in seconds. AUCs and
# group AUCs are tested by a formula. Other metrics take longer: they are computed on
# `RESAMPLES` samples.
MAX_PREDICTIONS = {"auc": 20_000_000, "gauc": 10_000_000}
MAX_PREDICTIONS_RESAMPLED = 1_000_000
# Differences with these verdicts are not tested.
UNTESTED = (Verdict.NO_SCORE, Verdict.NOT_COMPARABLE)


def add_row_tests(comparison: DatasetComparison) -> list[str]:
    """Adds tests over test rows to as many differences as is possible in seconds.

    Returns: lines that say which tests of a task are missing, and why.
    """
    remarks = []
    files = PredictionFiles()
    for task in comparison.tasks:
        tested = configurations_to_test(task, comparison)
        num_with_scores = sum(score.interval is not None for score in task.scores)
        num_untested = num_with_scores - len(tested)
        if num_untested > 0:
            remarks.append(
                f"{task.name}: the test rows of "
                f"{counted(len(tested), 'configuration')} were read, beginning with "
                "the baseline and the best ones; the verdicts on "
                f"{counted(num_untested, 'other configuration')} are from seeds alone"
            )
        reasons = add_tests_of_task(task, tested, files)
        if reasons:
            num_more = len(reasons) - 1
            count = f" (and {counted(num_more, 'more reason')})" if num_more else ""
            remarks.append(
                f"{task.name}: verdicts are from seeds alone where test rows cannot "
                f"be compared: {reasons[0]}{count}"
            )
    return remarks


def configurations_to_test(
    task: Task, comparison: DatasetComparison
) -> list[Configuration]:
    """Chooses the configurations whose test rows are read.

    The baseline comes first, then the configurations with the best means, as long as
    `MAX_PREDICTIONS` and `MAX_CONFIGURATIONS` allow.
    """
    sign = -1 if task.direction == -1 else 1  # without a direction, higher is better
    means = [
        (score.configuration, score.interval.mean)
        for score in task.scores
        if score.interval is not None
    ]
    # False sorts before True, so the baseline comes first.
    means.sort(key=lambda pair: (pair[0] is not comparison.baseline, -sign * pair[1]))
    predictions_left = max_predictions(task.metric)
    tested = []
    for configuration, _ in means[:MAX_CONFIGURATIONS]:
        runs = configuration.runs.values()
        predictions_left -= num_predictions(runs, task.name)
        if predictions_left < 0:
            break
        tested.append(configuration)
    return tested


def max_predictions(metric: str) -> int:
    """Returns the largest number of predictions whose metric is tested."""
    return MAX_PREDICTIONS.get(metric, MAX_PREDICTIONS_RESAMPLED)


def num_predictions(runs: Iterable[Run], task: str) -> int:
    """Returns the number of predictions of some runs for a task, over all runs."""
    counts = [run.score("test", task).get("rows") for run in runs]
    return sum(count for count in counts if isinstance(count, int))


def add_tests_of_task(
    task: Task, tested: list[Configuration], files: PredictionFiles
) -> list[str]:
    """Tests the differences between some configurations over test rows.

    These are the differences on all rows and on the rows of each scenario.

    Returns: the reasons why some differences could not be tested.
    """

    @cache
    def read_all_rows(configuration: Configuration) -> Predictions | UnusableError:
        try:
            return read_all_seeds(configuration, task.name, task.metric, files)
        except UnusableError as error:
            # `cache` keeps a returned error, but not a raised one. The new error has
            # the class of the old error, and names the configuration.
            return type(error)(f"{configuration.name}: {error}")

    @cache
    def read(configuration: Configuration, scenario: str) -> Predictions:
        predictions = read_all_rows(configuration)
        if isinstance(predictions, UnusableError):
            raise predictions
        return predictions.of_scenario(scenario)

    reasons: dict[str, None] = {}  # each reason once, in order
    # Single-scenario twins are not in `task.scores`, so they are always read.
    not_read = {score.configuration for score in task.scores} - set(tested)
    for on_rows in (task, *task.scenarios):
        for difference in on_rows.all_differences:
            first, second = difference.configuration, difference.other
            if difference.verdict in UNTESTED or not_read & {first, second}:
                continue
            try:
                predictions = read(first, on_rows.scenario)
                others = read(second, on_rows.scenario)
                difference.row_test = predictions.test(others)
            except DifferentRowsError:
                difference.mark_not_comparable()
            except UnusableError as error:
                # Runs that cannot be read at all are named once, not per scenario.
                is_readable = not any(
                    isinstance(read_all_rows(c), UnusableError) for c in (first, second)
                )
                place = ""
                if on_rows.scenario and is_readable:
                    place = f"in scenario {on_rows.scenario}, "
                reasons[f"{place}{error}"] = None
    return list(reasons)
