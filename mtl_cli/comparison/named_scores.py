"""The scores and differences that a condition of `--fail-if` can name."""

from collections import defaultdict
from statistics import fmean

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.difference import Difference
from mtl_cli.comparison.results import DatasetComparison
from mtl_cli.comparison.twins import ONLY_SCENARIO

# Stands between the task and the scenario, as in `test.buy.scenarios.7.auc`.
SCENARIOS = ".scenarios."
DIFFERENCE = ".difference"  # the end of the name of a difference to the baseline


def mean_scores(configuration: Configuration) -> dict[str, float]:
    """Returns {dotted name: the mean over seeds} of the scores of a configuration."""
    values = defaultdict(list)
    for run in configuration.runs.values():
        for name, value in run.flat_scores(scenarios=True).items():
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
            scenario = f"{SCENARIOS}{task.scenario}" if task.scenario else ""
            name = f"{comparison.split}.{task.name}{scenario}.{task.metric}{DIFFERENCE}"
            if not task.score(comparison.baseline).by_replicate:
                continue  # an output that the baseline does not have
            for score in task.scores:
                if (
                    score.configuration is not comparison.baseline
                    and not is_twin_of_other_scenario(score.configuration, name)
                ):
                    differences[name].append(score.differences["baseline"])
    return dict(differences)


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
