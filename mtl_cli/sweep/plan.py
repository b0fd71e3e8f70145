"""What a configuration says of the sweep that it is part of."""

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

BASIC = "hydra._internal.core_plugins.basic_sweeper"


class Plan(Options):
    """The keys that say which jobs a configuration means, and how they are run.

    Attributes:
        seed: of the first repeat.
        repeats: how many seeds.
        compare: whether there are twins.
        sweep: how jobs share a machine.
    """

    seed: Seed
    repeats: Count
    compare: Comparison
    sweep: SweepOptions


def planned(values: dict[str, Any]) -> Plan:
    """Returns what a configuration says of its sweep.

    Args:
        values: of a whole configuration, resolved.

    Raises:
        ConfigError: if one of these keys is wrong.
    """
    mine = {key: values[key] for key in Plan.model_fields}
    try:
        return Plan.model_validate(mine)
    except ValidationError as error:
        from mtl_cli.config.check import explain

        raise ConfigError(explain(error, mine)) from None


def planned_by(config: DictConfig) -> Plan | None:
    """Returns what a sweep's configuration says for all jobs that do not say otherwise.

    Args:
        config: as Hydra composed it, without what it goes over.

    Returns: None where the jobs will tell what is wrong.

    Raises:
        ConfigError: if one of these keys is wrong.
    """
    plain: Any = OmegaConf.to_container(config)
    try:
        mine = OmegaConf.create({key: plain[key] for key in Plan.model_fields})
        values: Any = OmegaConf.to_container(mine, resolve=True, throw_on_missing=True)
    except (OmegaConfBaseException, KeyError):
        return None
    return planned(values)


def number_of_jobs(config: DictConfig, plan: Plan) -> int | None:
    """Returns how many jobs a sweep has; None where that turns out on the way.

    Searches choose their jobs, and jobs may have the same twin.

    Args:
        config: of the sweep, as Hydra composed it.
        plan: of it.
    """
    sweeper = config.hydra.sweeper
    if plan.compare.single_task or not str(sweeper._target_).startswith(BASIC):
        return None
    parser = OverridesParser.create(GlobalHydra.instance().config_loader())
    params = [f"{key}={value}" for key, value in (sweeper.params or {}).items()]
    try:
        settings = parser.parse_overrides([*params, *config.hydra.overrides.task])
    except HydraException:  # which the sweeper will raise again
        return None
    own = ("repeats", "compare.single_task")
    if any(s.is_sweep_override() and s.key_or_group in own for s in settings):
        return None
    (points,) = BasicSweeper.split_arguments(settings, None)
    return len(points) * plan.repeats
