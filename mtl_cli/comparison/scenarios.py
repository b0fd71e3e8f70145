"""Compares configurations on the rows of each scenario.

A configuration that is trained on all scenarios is also compared with its
single-scenario twin: a configuration that is trained on the rows of one scenario only.
"""

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.results import Score, Task, score_of

# The setting of a single-scenario twin: the scenario on whose rows it is trained.
ONLY_SCENARIO = "dataset.only_scenario"


def split_single_scenario(
    configurations: list[Configuration],
) -> tuple[list[Configuration], list[Configuration]]:
    """Splits configurations into those to compare and the single-scenario twins.

    If all configurations are trained on a single scenario, they are not twins of
    another configuration. In this case, all are compared with each other.

    Returns: the configurations to compare, and the single-scenario twins.
    """
    twins = [
        c for c in configurations if c.settings.get(ONLY_SCENARIO, "null") != "null"
    ]
    others = [c for c in configurations if c not in twins]
    return (others, twins) if others else (twins, [])


def scenarios_of(
    configurations: list[Configuration], split: str, task: str
) -> list[str]:
    """Returns the scenarios for which at least one run has scores, in order."""
    runs = [run for c in configurations for run in c.runs.values()]
    scores_by_scenario = [run.score(split, task).get("scenarios", {}) for run in runs]
    return list(dict.fromkeys(name for scores in scores_by_scenario for name in scores))


def scenario_task(task: Task, scenario: str, split: str) -> Task:
    """Returns a task on the rows of one scenario, with scores but no differences."""
    scores = [
        score_of(score.configuration, split, task.name, task.metric, scenario)
        for score in task.scores
    ]
    return Task(
        task.name,
        task.metric,
        task.direction,
        scores,
        space=task.space,
        scenario=scenario,
    )


def single_scenario_twins(
    task: Task, candidates: list[Configuration], split: str
) -> dict[Configuration, Score]:
    """Scores the single-scenario twin of each configuration that has one.

    Twin and configuration differ only in the setting `dataset.only_scenario`, and have
    at least one seed in common.

    Args:
        task: a task on the rows of one scenario.
        candidates: the configurations that were trained on a single scenario.
        split: the split that is scored.

    Returns: {configuration: the score of its twin}.
    """
    twins = {}
    for configuration in (score.configuration for score in task.scores):
        twin_settings = {**configuration.settings, ONLY_SCENARIO: task.scenario}
        seeds = configuration.runs.keys()
        for twin in candidates:
            if twin.settings == twin_settings and twin.runs.keys() & seeds:
                twins[configuration] = score_of(
                    twin, split, task.name, task.metric, task.scenario
                )
    return twins
