"""Searches over a grid: the points of Optuna's grid sampler, and those still to try."""

import contextlib
from decimal import Decimal
from typing import Any

import optuna
from hydra_plugins.hydra_optuna_sweeper._impl import (
    OptunaSweeperImpl,
    create_optuna_distribution_from_override,
)
from omegaconf import DictConfig, OmegaConf
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    DiscreteUniformDistribution,
    IntUniformDistribution,
)
from optuna.samplers import GridSampler
from optuna.trial import FrozenTrial, TrialState

from mtl_cli.core.errors import CompleteGridError, ConfigError
from mtl_cli.sweep.plan import swept_settings
from mtl_cli.sweep.search_storage import (
    GRID_ATTRIBUTE,
    GRID_VALUES_ATTRIBUTE,
    SearchStorage,
)

# Optuna's own methods. `adapt_grid_sampler` replaces them.
optuna_ask = optuna.Study.ask
optuna_after_trial = GridSampler.after_trial


def uses_grid_sampler(config: DictConfig) -> bool:
    """Whether a search tries the points of a grid."""
    target = OmegaConf.select(config, "hydra.sweeper.sampler._target_")
    return str(target).endswith("GridSampler")


def adapt_grid_sampler() -> None:
    """Makes a search over a grid try each of its points once.

    Optuna and Hydra's plugin have no options for this, so three methods are replaced.
    """
    sweeper_class: Any = OptunaSweeperImpl
    sweeper_class._to_grid_sampler_choices = staticmethod(grid_values)
    GridSampler.after_trial = end_trial
    optuna.Study.ask = ask_for_point


def end_trial(*arguments: Any) -> None:
    """Calls Optuna's `GridSampler.after_trial`, and drops its error at the last point.

    The last point makes Optuna stop `Study.optimize`, in which Hydra's sweeper does not
    run. If a job has failed, the error would end the sweeper before it has handled all
    jobs.
    """
    with contextlib.suppress(RuntimeError):
        optuna_after_trial(*arguments)


def grid_values(distribution: BaseDistribution) -> list[Any]:
    """Lists the values of one key in a grid.

    The plugin's own method leaves out the last value of a range. Raises a `ValueError`
    if the values cannot be listed, as in `interval(0.0,0.5)`, or a `TypeError` if they
    cannot be sorted, as Optuna requires, such as null and 1.
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
    """Limits `n_trials` to the number of points that are still to be tried.

    With more trials, Optuna would repeat points. If no point is left, and no trial has
    a score, the search is refused.
    """
    sweeper, trials = config.hydra.sweeper, study.trials
    values = {
        setting.get_key_element(): grid_values(
            create_optuna_distribution_from_override(setting)
        )
        for setting in swept_settings(config)
    }
    grid = GridSampler(values)
    sweeper.n_trials = min(sweeper.n_trials, num_points_to_try(grid, trials))
    if sweeper.n_trials == 0 and all(t.state != TrialState.COMPLETE for t in trials):
        raise ConfigError(
            "hydra.sweeper: each point of the grid is being tried or has failed, and "
            "none has a score; to try failed points again, begin another search with "
            "hydra.sweeper.study_name=NAME"
        )


def num_points_to_try(grid: GridSampler, trials: list[FrozenTrial]) -> int:
    """Counts the points of a grid that no trial has begun, and the queued trials."""
    trials_of_points = [
        trial
        for trial in trials
        if GRID_ATTRIBUTE in trial.system_attrs
        and grid._same_search_space(trial.system_attrs[GRID_VALUES_ATTRIBUTE])
    ]
    num_begun = len({t.system_attrs[GRID_ATTRIBUTE] for t in trials_of_points})
    num_queued: int = sum(t.state == TrialState.WAITING for t in trials_of_points)
    return int(grid._n_min_trials) - num_begun + num_queued


def ask_for_point(study: optuna.Study, *arguments: Any) -> optuna.trial.Trial:
    """Calls Optuna's `Study.ask` for a new trial, or raises a `CompleteGridError`.

    Other sweeps with the same database may have taken the last points. In the middle of
    a batch of trials, the trial repeats a point instead: Hydra's sweeper must finish a
    batch that it has begun.
    """
    storage = study._storage
    if isinstance(study.sampler, GridSampler) and isinstance(storage, SearchStorage):
        trials = study.get_trials(deepcopy=False)
        is_in_batch = any(
            trial.state == TrialState.RUNNING and storage.is_own(trial)
            for trial in trials
        )
        if not is_in_batch and num_points_to_try(study.sampler, trials) == 0:
            raise CompleteGridError("no point of the grid is left")
    return optuna_ask(study, *arguments)
