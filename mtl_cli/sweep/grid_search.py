"""Searches over a grid: the points of Optuna's grid sampler, and those still to try."""

from decimal import Decimal
from typing import Any

import optuna
from hydra_plugins.hydra_optuna_sweeper._impl import (
    OptunaSweeperImpl,
    create_params_from_overrides,
)
from omegaconf import DictConfig, OmegaConf
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    DiscreteUniformDistribution,
    IntUniformDistribution,
)
from optuna.samplers import GridSampler
from optuna.trial import TrialState

from mtl_cli.core.errors import ConfigError
from mtl_cli.sweep.search_storage import GRID_ATTRIBUTE, GRID_VALUES_ATTRIBUTE


def uses_grid_sampler(config: DictConfig) -> bool:
    """Whether a search tries the points of a grid."""
    target = OmegaConf.select(config, "hydra.sweeper.sampler._target_")
    return str(target).endswith("GridSampler")


def adapt_grid_sampler() -> None:
    """Makes a grid hold the last value of a range, and lets its last jobs fail.

    The plugin leaves out the last value. After the last point, Optuna stops a call of
    `Study.optimize`, and raises an error because Hydra's sweeper makes no such call. If
    the last job has failed, this error ends the sweeper before it has handled all jobs.
    Neither has an option. So two private methods are replaced, for the whole process.
    """
    sweeper_class: Any = OptunaSweeperImpl
    sweeper_class._to_grid_sampler_choices = staticmethod(grid_values)
    GridSampler.after_trial = lambda *_: None


def grid_values(distribution: BaseDistribution) -> list[Any]:
    """Returns the values that a grid has of a key, both ends of a range included.

    Raises:
        ValueError: if the values are no list of numbers, as in `interval(0.0,0.5)`.
        TypeError: if values cannot be sorted, as Optuna needs it, such as null and 1.
    """
    if isinstance(distribution, CategoricalDistribution):
        return sorted(distribution.choices)
    if isinstance(distribution, IntUniformDistribution):
        return list(range(distribution.low, distribution.high + 1, distribution.step))
    if isinstance(distribution, DiscreteUniformDistribution):
        ends_and_step = distribution.low, distribution.high, distribution.q
        low, high, step = (Decimal(str(number)) for number in ends_and_step)
        return [float(low + i * step) for i in range(int((high - low) / step) + 1)]
    raise ValueError("a grid needs choice(...) or range(...)")


def limit_to_grid(config: DictConfig, study: optuna.Study) -> None:
    """Limits `n_trials` to the points that no trial has begun or that are queued again.

    Optuna would go on with points that were tried, or that other sweeps try now.

    Raises:
        ConfigError: if no such point is left, and no trial has a score.
    """
    sweeper, trials = config.hydra.sweeper, study.trials
    params: Any = OmegaConf.select(sweeper, "params") or {}
    unresolved: Any = OmegaConf.to_container(config.hydra.overrides.task)
    texts = [*(f"{key}={value}" for key, value in params.items()), *unresolved]
    distributions, _ = create_params_from_overrides(texts)
    grid = GridSampler({key: grid_values(d) for key, d in distributions.items()})
    trials_of_points = [
        trial
        for trial in trials
        if GRID_ATTRIBUTE in trial.system_attrs
        and grid._same_search_space(trial.system_attrs[GRID_VALUES_ATTRIBUTE])
    ]
    num_begun = len({t.system_attrs[GRID_ATTRIBUTE] for t in trials_of_points})
    num_queued = sum(t.state == TrialState.WAITING for t in trials_of_points)
    sweeper.n_trials = min(
        sweeper.n_trials, len(grid._all_grids) - num_begun + num_queued
    )
    if sweeper.n_trials == 0 and all(t.state != TrialState.COMPLETE for t in trials):
        raise ConfigError(
            "hydra.sweeper: each point of the grid is being tried or has failed, and "
            "none has a score; to try failed points again, begin another search with "
            "hydra.sweeper.study_name=NAME"
        )
