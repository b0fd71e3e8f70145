"""The scenarios of a comparison: the rows of each, and the models trained on them."""

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.results import Score, Task, score_of

ONLY = "dataset.only_scenario"  # the scenario that a single-scenario twin is trained on


def without_single_scenario(
    configurations: list[Configuration],
) -> tuple[list[Configuration], list[Configuration]]:
    """Splits configurations into two lists: of all scenarios, and of a single scenario.

    If all are of one scenario, they count as the first kind: they are compared with
    each other.
    """
    single = [c for c in configurations if c.settings.get(ONLY, "null") != "null"]
    others = [c for c in configurations if c not in single]
    return (others, single) if others else (single, [])


def scenarios_of(
    configurations: list[Configuration], split: str, task: str
) -> list[str]:
    """Returns the scenarios that some run has scores of, in order."""
    runs = [run for c in configurations for run in c.runs.values()]
    scored = [run.score(split, task).get("scenarios", {}) for run in runs]
    return list(dict.fromkeys(name for scenarios in scored for name in scenarios))


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
    """Returns the score of each configuration's single-scenario twin, if it ran.

    The twin has equal settings, but was trained on the rows of the scenario alone. Twin
    and configuration have a seed in common.

    Args:
        task: a task on the rows of one scenario.
        candidates: the configurations that were trained on one scenario.
        split: the split that is scored.
    """
    twins = {}
    for configuration in (score.configuration for score in task.scores):
        settings = {**configuration.settings, ONLY: task.scenario}
        seeds = configuration.runs.keys()
        for twin in candidates:
            if twin.settings == settings and twin.runs.keys() & seeds:
                twins[configuration] = score_of(
                    twin, split, task.name, task.metric, task.scenario
                )
    return twins
