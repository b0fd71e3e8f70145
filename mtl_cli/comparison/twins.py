"""Finds the twins of configurations. A twin learns one task or scenario at a time.

A *single-task twin* has `model=single_task` and learns each task by itself. A
*single-scenario twin* was trained on the rows of one scenario only. A twin and its
configuration have at least one seed in common.
"""

import json
from contextlib import suppress
from typing import Any

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.run_settings import as_text
from mtl_cli.config.single_task_twin import SIZE_KEYS, bottom_units
from mtl_cli.models.base import COMMON_KEYS

# The setting of a single-scenario twin: the scenario on whose rows it is trained.
ONLY_SCENARIO = "dataset.only_scenario"
Twins = dict[Configuration, Configuration]  # {configuration: its twin}
BOTTOM_UNITS = "model.bottom_units"  # the setting for the size of a single-task model
MAX_SIZE_CHARACTERS = 1_000  # longer values of the settings of sizes are not read


def single_task_twins(configurations: list[Configuration]) -> Twins:
    """Returns the single-task twin of each configuration that has one.

    Outside `model`, a configuration and its twin have equal settings. If there are
    several such single-task models, the twin is the one that `closest_twin` chooses.
    """
    # {settings outside `model`: the single-task models with these settings}
    single_task: dict[frozenset[tuple[str, str]], list[Configuration]] = {}
    for configuration in configurations:
        if configuration.model == "single_task":
            key = settings_outside_model(configuration)
            single_task.setdefault(key, []).append(configuration)
    twins = {}
    for configuration in configurations:
        if configuration.model == "single_task":
            continue
        candidates = [
            candidate
            for candidate in single_task.get(settings_outside_model(configuration), [])
            if candidate.runs.keys() & configuration.runs.keys()
        ]
        if candidates:
            twins[configuration] = closest_twin(configuration, candidates)
    return twins


def closest_twin(
    configuration: Configuration, candidates: list[Configuration]
) -> Configuration:
    """Returns the candidate whose settings differ least from those of an exact twin.

    A candidate of the expected size is always closer than a candidate of another size.
    """
    expected = expected_twin_settings(configuration.settings)

    def distance(candidate: Configuration) -> tuple[bool, int]:
        unmet = unmet_settings(expected, candidate)
        return BOTTOM_UNITS in unmet, len(unmet)

    return min(candidates, key=distance)


def unmet_twin_settings(
    configuration: Configuration, twin: Configuration
) -> dict[str, str]:
    """Returns the settings of an exact twin for which a twin has other values.

    An exact twin differs from its configuration only in that its tasks share nothing.

    Returns: {dotted key: the value of an exact twin}; {} if the twin is exact.
    """
    return unmet_settings(expected_twin_settings(configuration.settings), twin)


def unmet_settings(expected: dict[str, str], twin: Configuration) -> dict[str, str]:
    """Returns the expected settings for which a configuration has other values."""
    return {k: value for k, value in expected.items() if twin.settings.get(k) != value}


def expected_twin_settings(settings: dict[str, str]) -> dict[str, str]:
    """Returns the `model` settings of an exact twin.

    `compare.single_task=true` would train this twin for a configuration with the given
    settings, see `compared_settings`.
    """
    common_keys = (f"model.{key}" for key in sorted(COMMON_KEYS))
    expected = {key: settings[key] for key in common_keys if key in settings}
    model: dict[str, Any] = {"name": settings.get("model.name")}
    with suppress(ValueError, TypeError):  # a damaged run may hold any values
        for key in SIZE_KEYS:
            text = settings.get(f"model.{key}", "")
            if 0 < len(text) <= MAX_SIZE_CHARACTERS:
                model[key] = json.loads(text)
        expected[BOTTOM_UNITS] = as_text(bottom_units(model))
    return expected


def settings_outside_model(configuration: Configuration) -> frozenset[tuple[str, str]]:
    """Returns the pairs (key, value) whose keys do not begin with `model.`."""
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
        for candidate in candidates:
            have_common_seed = candidate.runs.keys() & configuration.runs.keys()
            if candidate.settings == twin_settings and have_common_seed:
                twins[configuration] = candidate
    return twins


def split_single_scenario(
    configurations: list[Configuration],
) -> tuple[list[Configuration], list[Configuration]]:
    """Returns the configurations to compare, and the single-scenario twins.

    If every configuration was trained on a single scenario, all of them are compared,
    and there are no twins.
    """
    twins = [
        c for c in configurations if c.settings.get(ONLY_SCENARIO, "null") != "null"
    ]
    others = [c for c in configurations if c not in twins]
    return (others, twins) if others else (twins, [])
