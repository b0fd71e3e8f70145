"""Hyper-parameter search by Optuna, so that the same command goes on with it."""

import logging
from typing import Any

from omegaconf import DictConfig, open_dict

from mtl_cli.core.errors import ConfigError

OPTUNA = "hydra_plugins.hydra_optuna_sweeper"


def check(config: DictConfig) -> None:
    """Raises an error if nothing would be trained that a search could go by."""
    if config.check_only and str(config.hydra.sweeper._target_).startswith(OPTUNA):
        raise ConfigError(
            "check_only: a search needs the scores of trained models; check one "
            "configuration, without sweep="
        )


def prepare(config: DictConfig) -> bool:
    """Prepares the search of a sweep, if it is one: it goes on where it was cut off.

    `n_trials` is the number of all trials, those of earlier starts among them. One that
    was cut off is tried again first, and finds its run folder. Of storage that several
    machines share nothing of this is known, and nothing is done.

    Args:
        config: of the sweep, as Hydra composed it; is changed.

    Returns: whether all trials have been made before.
    """
    # They would print failures, of which our table tells.
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
    done = sum(trial.state == states.COMPLETE for trial in trials)
    with open_dict(sweeper):
        sweeper.n_trials -= done
        if sweeper.sampler.get("seed") is not None:
            # The same seed would suggest the same points again.
            sweeper.sampler.seed += len(trials)
    return bool(sweeper.n_trials <= 0)
