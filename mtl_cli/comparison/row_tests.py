"""Adds the tests over test rows to a comparison."""

from collections.abc import Iterable
from functools import cache

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.difference import Difference
from mtl_cli.comparison.prediction_files import PredictionFiles
from mtl_cli.comparison.predictions import (
    DifferentRowsError,
    Predictions,
    TooFewRowsError,
    UnusableError,
)
from mtl_cli.comparison.read_predictions import read_all_seeds
from mtl_cli.comparison.results import DatasetComparison
from mtl_cli.comparison.runs import Run
from mtl_cli.comparison.task import Task
from mtl_cli.core.message_text import counted

MAX_CONFIGURATIONS = 20  # the largest number of configurations whose rows are read
# The number of predictions, over all runs, that can be tested in seconds. AUCs and
# group AUCs are tested by a formula. Other metrics take longer: they are computed on
# `RESAMPLES` samples.
MAX_PREDICTIONS = {"auc": 20_000_000, "gauc": 10_000_000}
MAX_PREDICTIONS_RESAMPLED = 1_000_000


def add_row_tests(comparison: DatasetComparison) -> list[str]:
    """Adds tests over test rows to as many differences as is possible in seconds.

    Returns: remarks that say which tests of a task are missing, and why.
    """
    remarks = []
    files = PredictionFiles()
    for task in comparison.tasks:
        if not task.is_metric_known:
            continue  # `task_warnings` names the metric
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
                f"{task.name}: there is no test over rows where test rows cannot be "
                f"compared: {reasons[0]}{count}"
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


class TaskPredictions:
    """The predictions of configurations for one task, each read from its files once.

    Args:
        task: the task on all rows.
        files: the reader of the files.
    """

    def __init__(self, task: Task, files: PredictionFiles) -> None:
        self.task = task
        self.files = files
        # A cache of this object: `@cache` on a method would keep all objects alive.
        self.read = cache(self._read)
        self.of_scenario = cache(self._of_scenario)

    def _read(self, configuration: Configuration) -> Predictions | UnusableError:
        """Returns the predictions for all rows, or the error of reading them."""
        try:
            return read_all_seeds(
                configuration, self.task.name, self.task.metric, self.files
            )
        except UnusableError as error:
            # The new error has the class of the old error, and names the configuration.
            return type(error)(f"{configuration.name}: {error}")

    def _of_scenario(self, configuration: Configuration, scenario: str) -> Predictions:
        """Returns the predictions for the rows of a scenario; "" gives all rows.

        Raises:
            UnusableError: if the predictions cannot be read, or if the scenarios of the
                rows are unknown.
        """
        predictions = self.read(configuration)
        if isinstance(predictions, UnusableError):
            raise predictions
        return predictions.of_scenario(scenario)


def add_tests_of_task(
    task: Task, tested: list[Configuration], files: PredictionFiles
) -> list[str]:
    """Tests the differences of a task over test rows, on all rows and by scenario.

    Args:
        task: the task on all rows.
        tested: the configurations whose predictions may be read.
        files: the reader of the predictions.

    Returns: the reasons why some differences could not be tested.
    """
    predictions = TaskPredictions(task, files)
    reasons: dict[str, None] = {}  # each reason once, in order
    # Single-scenario twins are not in `task.scores`, so they never count as not read.
    not_read = {score.configuration for score in task.scores} - set(tested)
    for on_rows in (task, *task.scenarios):
        for difference in on_rows.all_differences:
            pair = {difference.configuration, difference.other}
            if difference.interval is None or not_read & pair:
                continue
            reason = add_row_test(difference, on_rows.scenario, predictions)
            if reason is not None:
                reasons[reason] = None
    return list(reasons)


def add_row_test(
    difference: Difference, scenario: str, predictions: TaskPredictions
) -> str | None:
    """Tests a difference over the test rows of a scenario; "" for all rows.

    Returns: the reason why the difference could not be tested, or None.
    """
    first, second = difference.configuration, difference.other
    try:
        of_first = predictions.of_scenario(first, scenario)
        of_second = predictions.of_scenario(second, scenario)
        difference.row_test = of_first.test(of_second)
    except DifferentRowsError:
        difference.mark_not_comparable()
    except UnusableError as error:
        difference.has_too_few_rows = isinstance(error, TooFewRowsError)
        # If the predictions of a configuration cannot be read, the reason does not name
        # the scenario: the caller then keeps one reason for all scenarios.
        are_read = not any(
            isinstance(predictions.read(c), UnusableError) for c in (first, second)
        )
        in_scenario = f"in scenario {scenario}, " if scenario and are_read else ""
        return f"{in_scenario}{error}"
    return None
