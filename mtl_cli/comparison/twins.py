"""Finds the twins of configurations. A twin learns one task or scenario at a time.

A *single-task twin* has `model=single_task` and learns each task by itself. A
*single-scenario twin* was trained on the rows of one scenario only. A twin and its
configuration have at least one seed in common.
"""

import json
from contextlib import suppress
from functools import partial
from typing import Any

from mtl_cli.comparison.configurations import ONLY_SCENARIO, Configuration
from mtl_cli.comparison.run_settings import as_text
from mtl_cli.config.single_task_twin import SIZE_KEYS, bottom_units
from mtl_cli.models.base import COMMON_KEYS

Twins = dict[Configuration, Configuration]  # {configuration: its twin}
BOTTOM_UNITS = "model.bottom_units"  # the setting for the size of a single-task model
MAX_SIZE_CHARACTERS = 1_000  # longer values of the settings of sizes are not read


def single_task_twins(configurations: list[Configuration]) -> Twins:
    """Returns the single-task twin of each configuration that has one.

    Outside `model`, a configuration and its twin have equal settings. If there are
    several such single-task models, the twin is the one that differs least from an
    exact twin; the size counts most.
    """
    outside_model = {
        c: {k: v for k, v in c.settings.items() if not k.startswith("model.")}
        for c in configurations
    }
    single_task = [c for c in configurations if c.model == "single_task"]
    twins = {}
    for configuration in configurations:
        candidates = [
            c
            for c in single_task
            if c.runs.keys() & configuration.runs.keys()
            and outside_model[c] == outside_model[configuration]
        ]
        if candidates and configuration not in single_task:
            distance = partial(distance_to_exact_twin, configuration)
            twins[configuration] = min(candidates, key=distance)
    return twins


def distance_to_exact_twin(
    configuration: Configuration, candidate: Configuration
) -> tuple[bool, int]:
    unmet = unmet_twin_settings(configuration, candidate)
    return BOTTOM_UNITS in unmet, len(unmet)


def unmet_twin_settings(
    configuration: Configuration, twin: Configuration
) -> dict[str, str]:
    """Returns the settings of an exact twin for which a twin has other values.

    An exact twin differs from its configuration only in that its tasks share nothing:
    `compare.single_task=true` would train it.

    Returns: {dotted key: the value of an exact twin}; {} if the twin is exact.
    """
    settings = configuration.settings
    common_keys = (f"model.{key}" for key in sorted(COMMON_KEYS))
    expected = {key: settings[key] for key in common_keys if key in settings}
    model: dict[str, Any] = {"name": settings.get("model.name")}
    with suppress(ValueError, TypeError):  # a damaged run may hold any values
        for key in SIZE_KEYS:
            text = settings.get(f"model.{key}", "")
            if 0 < len(text) <= MAX_SIZE_CHARACTERS:
                model[key] = json.loads(text)
        expected[BOTTOM_UNITS] = as_text(bottom_units(model))
    return {k: value for k, value in expected.items() if twin.settings.get(k) != value}


def single_scenario_twins(
    configurations: list[Configuration], candidates: list[Configuration], scenario: str
) -> Twins:
    """Returns the single-scenario twin of each configuration that has one.

    Twin and configuration differ only in the setting `ONLY_SCENARIO`.
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
