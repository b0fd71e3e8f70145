"""The scores and differences that a condition of `--fail-if` can name."""

from collections import defaultdict
from statistics import fmean

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.difference import Difference
from mtl_cli.comparison.results import DatasetComparison
from mtl_cli.comparison.runs import Run
from mtl_cli.comparison.task import Task
from mtl_cli.comparison.twins import ONLY_SCENARIO

# Stands between the task and the scenario, as in `test.buy.scenarios.7.auc`.
SCENARIOS = ".scenarios."
DIFFERENCE = ".difference"  # the end of the name of a difference to the baseline


def all_scores(run: Run) -> dict[str, float | None]:
    """Returns the metrics and counts on all rows and on the rows of each scenario."""
    return run.flat_scores() | run.scenario_scores()


def mean_scores(configuration: Configuration) -> dict[str, float]:
    """Returns {dotted name: the mean over seeds} of the scores of a configuration."""
    values = defaultdict(list)
    for run in configuration.runs.values():
        for name, value in all_scores(run).items():
            if value is not None:
                values[name].append(value)
    return {name: fmean(by_seed) for name, by_seed in values.items()}


def differences_to_baseline(
    comparisons: list[DatasetComparison],
) -> dict[str, list[Difference]]:
    """Returns {dotted name, such as `test.income.auc.difference`: the differences}."""
    differences = defaultdict(list)
    for comparison in comparisons:
        for task in comparison.all_tasks:
            name = difference_name(comparison, task)
            (baseline_score,) = (
                s for s in task.scores if s.configuration is comparison.baseline
            )
            if not baseline_score.by_replicate:
                continue  # an output that the baseline does not have
            for score in task.scores:
                if score is baseline_score:
                    continue
                if not is_twin_of_other_scenario(score.configuration, name):
                    differences[name].append(score.differences["baseline"])
    return dict(differences)


def difference_name(comparison: DatasetComparison, task: Task) -> str:
    """Returns the dotted name of the differences on a task to the baseline."""
    return f"{comparison.split}.{score_name(task)}{DIFFERENCE}"


def score_name(task: Task) -> str:
    """Returns the dotted name of a task's metric below its split."""
    if task.scenario:
        return f"{task.name}{SCENARIOS}{task.scenario}.{task.metric}"
    return f"{task.name}.{task.metric}"


def is_twin_of_other_scenario(configuration: Configuration, name: str) -> bool:
    """Whether a configuration was trained on one scenario, but a name is about another.

    `name` is the dotted name of a score or difference, such as
    `test.buy.scenarios.7.auc`.
    """
    own_scenario = configuration.settings.get(ONLY_SCENARIO, "null")
    _, separator, end = name.partition(SCENARIOS)
    if own_scenario == "null" or not separator:
        return False
    scenario = end.removesuffix(DIFFERENCE).rpartition(".")[0]
    return scenario != own_scenario
