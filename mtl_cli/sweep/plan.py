"""The plan of a sweep: the keys that say which jobs it has and how they run."""

from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

from mtl_cli.config.sweep_options import Comparison, SweepOptions
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.options import Count, Options, Seed

BASIC_SWEEPER = "hydra._internal.core_plugins.basic_sweeper"


class Plan(Options):
    """The keys of a configuration that belong to its sweep.

    Attributes:
        seed: seed of the first repeat.
        repeats: number of seeds per configuration.
        compare: whether each job has a single-task twin.
        sweep: the options of how jobs share a machine.
    """

    seed: Seed
    repeats: Count
    compare: Comparison
    sweep: SweepOptions


def job_plan(values: dict[str, Any]) -> Plan:
    """Returns the plan in a job's configuration.

    Args:
        values: the whole configuration, resolved.

    Raises:
        ConfigError: if one of the plan's keys is wrong.
    """
    keys = {key: values[key] for key in Plan.model_fields}
    try:
        return Plan.model_validate(keys)
    except ValidationError as error:
        from mtl_cli.config.check import explain

        raise ConfigError(explain(error, keys)) from None


def sweep_plan(config: DictConfig) -> Plan | None:
    """Returns the plan of a sweep; a job of the sweep may change it for itself.

    Args:
        config: the sweep's composed configuration, without the swept values.

    Returns: the plan; None if it cannot be resolved, an error that the jobs report.

    Raises:
        ConfigError: if one of the plan's keys is wrong.
    """
    plain: Any = OmegaConf.to_container(config)
    try:
        keys = OmegaConf.create({key: plain[key] for key in Plan.model_fields})
        values: Any = OmegaConf.to_container(keys, resolve=True, throw_on_missing=True)
    except (OmegaConfBaseException, KeyError):
        return None
    return job_plan(values)


def number_of_jobs(config: DictConfig, plan: Plan) -> int | None:
    """Returns the number of jobs of a sweep; None if it is not known in advance.

    A search chooses its jobs as it goes, and two jobs may share a single-task twin.

    Args:
        config: the sweep's composed configuration.
        plan: the sweep's plan.
    """
    sweeper = config.hydra.sweeper
    if plan.compare.single_task or not str(sweeper._target_).startswith(BASIC_SWEEPER):
        return None
    parser = OverridesParser.create(GlobalHydra.instance().config_loader())
    params = [f"{key}={value}" for key, value in (sweeper.params or {}).items()]
    try:
        overrides = parser.parse_overrides([*params, *config.hydra.overrides.task])
    except HydraException:  # the sweeper will raise it again
        return None
    changes_plan = ("repeats", "compare.single_task")
    if any(o.is_sweep_override() and o.key_or_group in changes_plan for o in overrides):
        return None
    (points,) = BasicSweeper.split_arguments(overrides, None)
    return len(points) * plan.repeats
