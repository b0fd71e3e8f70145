"""Adds the tests over test rows to a comparison."""

from collections.abc import Iterable
from functools import cache

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.prediction_files import PredictionFiles
from mtl_cli.comparison.predictions import (
    DifferentRowsError,
    Predictions,
    TooFewRowsError,
    UnusableError,
)
from mtl_cli.comparison.read_predictions import read_all_replicates
from mtl_cli.comparison.results import DatasetComparison
from mtl_cli.comparison.runs import Run
from mtl_cli.comparison.task import Task
from mtl_cli.core.message_text import counted

MAX_CONFIGURATIONS = 40  # the largest number of configurations whose rows are read
# The largest number of predictions, over all runs, that can be tested in seconds. AUCs
# and group AUCs are tested by a formula. Other metrics take longer: they are computed
# on many bootstrap samples.
MAX_PREDICTIONS = {"auc": 20_000_000, "gauc": 10_000_000}
MAX_PREDICTIONS_RESAMPLED = 1_000_000


def add_row_tests(comparison: DatasetComparison) -> list[str]:
    """Adds tests over test rows to as many differences as is possible in seconds.

    Returns: warnings that say which tests of a task are missing, and why.
    """
    texts = []
    files = PredictionFiles()
    for task in comparison.tasks:
        if not task.is_metric_known:
            continue  # `task_warnings` names the metric
        tested = configurations_to_test(task, comparison)
        num_untested = task.num_scored - len(tested)
        if num_untested > 0:
            texts.append(
                f"{task.name}: the test rows of "
                f"{counted(len(tested), 'configuration')} were read, beginning with "
                "the baseline and the best ones; there is no test over rows of "
                f"{counted(num_untested, 'other configuration')}"
            )
        reasons = add_tests_of_task(task, tested, files)
        if reasons:
            num_more = len(reasons) - 1
            count = f" (and {counted(num_more, 'more reason')})" if num_more else ""
            texts.append(
                f"{task.name}: there is no test over rows where test rows cannot be "
                f"compared: {reasons[0]}{count}"
            )
    return texts


def configurations_to_test(
    task: Task, comparison: DatasetComparison
) -> list[Configuration]:
    """Chooses the configurations whose test rows are read.

    The baseline comes first, then the configurations with the best means, as long as
    `MAX_PREDICTIONS` and `MAX_CONFIGURATIONS` allow.
    """
    means = {
        score.configuration: score.interval.mean
        for score in task.scores
        if score.interval is not None
    }
    baseline = [c for c in means if c is comparison.baseline]  # [] without a score
    others = [c for c in means if c is not comparison.baseline]
    # Without a direction, a higher score counts as better here.
    others.sort(key=lambda c: means[c], reverse=task.direction != -1)
    predictions_left = max_predictions(task.metric)
    tested = []
    for configuration in [*baseline, *others][:MAX_CONFIGURATIONS]:
        runs = configuration.runs.values()
        predictions_left -= num_predictions(runs, task.name)
        if predictions_left < 0:
            break
        tested.append(configuration)
    return tested


def max_predictions(metric: str) -> int:
    """Returns the largest number of predictions for which a metric is tested."""
    return MAX_PREDICTIONS.get(metric, MAX_PREDICTIONS_RESAMPLED)


def num_predictions(runs: Iterable[Run], task: str) -> int:
    """Returns how many predictions for a task some runs have, all runs together."""
    counts = [run.score("test", task).get("rows") for run in runs]
    return sum(count for count in counts if isinstance(count, int))


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
    # Single-scenario twins are not in `task.scores`, so their rows are always read.
    not_to_read = {score.configuration for score in task.scores} - set(tested)
    known_differences = [
        d
        for on_rows in (task, *task.scenarios)
        for d in on_rows.all_differences
        if d.interval is not None
    ]
    for difference in known_differences:
        pair = {difference.configuration, difference.other}
        difference.has_unread_rows = bool(pair & not_to_read)
    differences = [d for d in known_differences if not d.has_unread_rows]
    to_read = dict.fromkeys(c for d in differences for c in (d.configuration, d.other))
    predictions, reading_errors = read_configurations(to_read, task, files)

    @cache
    def of_scenario(configuration: Configuration, scenario: str) -> Predictions:
        return predictions[configuration].of_scenario(scenario)

    reasons: dict[str, None] = {}  # each reason once, in order
    for difference in differences:
        compared = (difference.configuration, difference.other)
        scenario = difference.scenario
        where = f"in scenario {scenario}, " if scenario else ""
        error = next((reading_errors[c] for c in compared if c in reading_errors), None)
        if error is not None:
            where = ""  # the predictions cannot be read for any scenario
        else:
            try:
                first, second = (of_scenario(c, scenario) for c in compared)
                difference.row_test = first.test(second)
            except UnusableError as test_error:
                error = test_error
        if isinstance(error, DifferentRowsError):
            difference.mark_not_comparable()
        elif error is not None:
            difference.has_too_few_rows = isinstance(error, TooFewRowsError)
            reasons[f"{where}{error}"] = None
    return list(reasons)


def read_configurations(
    configurations: Iterable[Configuration], task: Task, files: PredictionFiles
) -> tuple[dict[Configuration, Predictions], dict[Configuration, UnusableError]]:
    """Returns the predictions for a task, and the errors of unusable predictions."""
    predictions, errors = {}, {}
    for configuration in configurations:
        try:
            predictions[configuration] = read_all_replicates(
                configuration, task.name, task.metric, files
            )
        except UnusableError as error:
            # The new error has the class of the old error, and names the configuration.
            errors[configuration] = type(error)(f"{configuration.name}: {error}")
    return predictions, errors
