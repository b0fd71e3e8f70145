"""Adds the tests over test rows to a comparison."""

from collections.abc import Iterable
from functools import cache

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.predictions import (
    DifferentRowsError,
    Predictions,
    TooFewRowsError,
    UnusableError,
)
from mtl_cli.comparison.read_predictions import Tables, read_all_replicates
from mtl_cli.comparison.results import DatasetComparison
from mtl_cli.comparison.runs import Run
from mtl_cli.comparison.task import Task
from mtl_cli.core.message_text import line_if_any

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
    tables: Tables = {}
    for task in comparison.tasks:
        if not task.is_metric_known:
            continue  # `task_warnings` names the metric
        tested = configurations_to_test(task, comparison)
        scored = [s.configuration for s in task.scores if s.interval is not None]
        texts += line_if_any(
            f"{task.name}: only the test rows of the baseline and of the best "
            "configurations were read; there is no test over rows of",
            [c.name for c in scored if c not in tested],
        )
        texts += line_if_any(
            f"{task.name}: there is no test over rows where test rows cannot be "
            "compared",
            add_tests_of_task(task, tested, tables),
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
    return MAX_PREDICTIONS.get(metric, MAX_PREDICTIONS_RESAMPLED)


def num_predictions(runs: Iterable[Run], task: str) -> int:
    """Returns how many predictions for a task some runs have, all runs together."""
    counts = [run.score("test", task).get("rows") for run in runs]
    return sum(count for count in counts if isinstance(count, int))


def add_tests_of_task(
    task: Task, tested: list[Configuration], tables: Tables
) -> list[str]:
    """Tests the differences of a task over test rows, on all rows and by scenario.

    Only the predictions of the configurations `tested` may be read. Returns the reasons
    why some differences could not be tested.
    """
    # Single-scenario twins are not in `task.scores`, so their rows are always read.
    not_to_read = {score.configuration for score in task.scores} - set(tested)
    differences = [
        d
        for on_rows in (task, *task.scenarios)
        for d in on_rows.all_differences
        if d.interval is not None
    ]

    @cache
    def read(configuration: Configuration) -> Predictions | UnusableError:
        try:
            return read_all_replicates(configuration, task.name, task.metric, tables)
        except UnusableError as error:
            # The new error has the class of the old error, and names the configuration.
            return type(error)(f"{configuration.name}: {error}")

    @cache
    def of_scenario(configuration: Configuration, scenario: str) -> Predictions:
        predictions = read(configuration)
        if isinstance(predictions, UnusableError):
            raise predictions
        return predictions.of_scenario(scenario)

    reasons: dict[str, None] = {}  # each reason once, in order
    for difference in differences:
        pair = {difference.configuration, difference.other}
        difference.has_unread_rows = bool(pair & not_to_read)
        if difference.has_unread_rows:
            continue
        where = ""
        try:
            first = of_scenario(difference.configuration, difference.scenario)
            second = of_scenario(difference.other, difference.scenario)
            if difference.scenario:
                where = f"in scenario {difference.scenario}, "
            difference.row_test = first.test(second)
        except DifferentRowsError:
            difference.mark_not_comparable()
        except UnusableError as error:
            difference.has_too_few_rows = isinstance(error, TooFewRowsError)
            reasons[f"{where}{error}"] = None
    return list(reasons)
