"""Hyper-parameter search by Optuna, continued when the same command runs again."""

import logging
from typing import Any

from omegaconf import DictConfig, open_dict

from mtl_cli.core.errors import ConfigError

OPTUNA = "hydra_plugins.hydra_optuna_sweeper"


def check_search(config: DictConfig) -> None:
    """Refuses a search that trains nothing: it would have no scores to go by."""
    if config.check_only and str(config.hydra.sweeper._target_).startswith(OPTUNA):
        raise ConfigError(
            "check_only: a search needs the scores of trained models; check one "
            "configuration, without sweep="
        )


def resume_search(config: DictConfig) -> bool:
    """Prepares a search to continue the trials of an earlier start; else does nothing.

    `n_trials` counts the trials of all starts. A trial that was cut off is tried again
    first, and resumes in its run folder. Storage other than SQLite may be shared by
    several machines: trials in such storage are left as they are, since this process
    cannot tell which trials still run.

    Args:
        config: the sweep's composed configuration; its sweeper section is changed.

    Returns: whether all trials have been completed before.
    """
    # The plugin would log failed trials; our own table shows them.
    logging.getLogger("hydra_plugins").setLevel(logging.CRITICAL)
    sweeper = config.hydra.sweeper
    if not str(sweeper._target_).startswith(OPTUNA):
        return False
    import optuna

    optuna.logging.set_verbosity(logging.ERROR)
    if not str(sweeper.storage).startswith("sqlite:") or sweeper.study_name is None:
        return False
    states = optuna.trial.TrialState
    study: Any = optuna.create_study(
        study_name=sweeper.study_name,
        storage=sweeper.storage,
        direction=getattr(sweeper.direction, "name", sweeper.direction),
        load_if_exists=True,
    )
    trials = study.trials
    for trial in trials:
        if trial.state == states.RUNNING:
            study.tell(trial.number, state=states.FAIL)
            study.enqueue_trial(trial.params)
    completed = sum(trial.state == states.COMPLETE for trial in trials)
    with open_dict(sweeper):
        sweeper.n_trials -= completed
        if sweeper.sampler.get("seed") is not None:
            # The same seed would suggest the same points again.
            sweeper.sampler.seed += len(trials)
    return bool(sweeper.n_trials <= 0)
