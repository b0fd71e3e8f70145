"""Finds the twins of configurations. A twin learns one task or scenario at a time.

A *single-task twin* has `model=single_task` and learns each task by itself. A
*single-scenario twin* was trained on the rows of one scenario only. A twin and its
configuration have at least one seed in common.
"""

from collections import defaultdict

from mtl_cli.comparison.configurations import Configuration

# The setting of a single-scenario twin: the scenario on whose rows it is trained.
ONLY_SCENARIO = "dataset.only_scenario"
Twins = dict[Configuration, Configuration]  # {configuration: its twin}


def single_task_twins(configurations: list[Configuration]) -> Twins:
    """Returns the single-task twin of each configuration that has one.

    Outside `model`, a configuration and its twin have equal settings. If there are
    several candidates, because single-task models of different sizes ran, the candidate
    with the most settings in common is the twin.
    """
    single_task: defaultdict[frozenset[tuple[str, str]], list[Configuration]]
    single_task = defaultdict(list)  # {settings outside `model`: configurations}
    for configuration in configurations:
        if configuration.model == "single_task":
            single_task[settings_outside_model(configuration)].append(configuration)
    twins = {}
    for configuration in configurations:
        if configuration.model == "single_task":
            continue
        settings = configuration.settings.items()
        candidates = [
            candidate
            for candidate in single_task[settings_outside_model(configuration)]
            if candidate.runs.keys() & configuration.runs.keys()
        ]
        if candidates:
            twins[configuration] = max(
                candidates, key=lambda c: len(settings & c.settings.items())
            )
    return twins


def settings_outside_model(configuration: Configuration) -> frozenset[tuple[str, str]]:
    """Returns the settings whose keys do not begin with `model.`, as (key, value)."""
    items = configuration.settings.items()
    return frozenset((k, v) for k, v in items if not k.startswith("model."))


def single_scenario_twins(
    configurations: list[Configuration], candidates: list[Configuration], scenario: str
) -> Twins:
    """Returns the single-scenario twin of each configuration that has one.

    Twin and configuration differ only in the setting `ONLY_SCENARIO`.

    Args:
        configurations: the configurations to find twins for.
        candidates: the configurations that were trained on a single scenario.
        scenario: the scenario of the twins.
    """
    twins = {}
    for configuration in configurations:
        twin_settings = {**configuration.settings, ONLY_SCENARIO: scenario}
        for twin in candidates:
            have_common_seed = twin.runs.keys() & configuration.runs.keys()
            if twin.settings == twin_settings and have_common_seed:
                twins[configuration] = twin
    return twins


def split_single_scenario(
    configurations: list[Configuration],
) -> tuple[list[Configuration], list[Configuration]]:
    """Splits configurations into those to compare and the single-scenario twins.

    If every configuration was trained on a single scenario, all are compared, and none
    is a twin.
    """
    twins = [
        c for c in configurations if c.settings.get(ONLY_SCENARIO, "null") != "null"
    ]
    others = [c for c in configurations if c not in twins]
    return (others, twins) if others else (twins, [])
