"""Hyper-parameter search by Optuna, continued when the same command runs again."""

import contextlib
import logging
import random
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, open_dict

from mtl_cli.core.errors import (
    DAMAGED_FILE_ERRORS,
    ConfigError,
    StorageError,
    first_line,
)
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.sweep import cmaes_state, job_processes

OPTUNA = "hydra_plugins.hydra_optuna_sweeper"
ATTEMPTS = 4

# The storage of this process's search. `opened_storage` gives it to the sweeper.
opened: Any = None


def check_search(config: DictConfig) -> None:
    """Refuses a search that trains nothing: it would have no scores to go by."""
    if config.check_only and str(config.hydra.sweeper._target_).startswith(OPTUNA):
        raise ConfigError(
            "check_only: a search needs the scores of trained models; check one "
            "configuration, without sweep="
        )


def resume_search(config: DictConfig) -> bool:
    """Prepares a search to continue the trials of an earlier start; else does nothing.

    `n_trials` counts the trials of all starts in the same sweep's folder. A trial that
    was cut off is tried again first, and resumes in its run folder.

    Args:
        config: the sweep's composed configuration; its sweeper section is changed.

    Returns: whether all trials have been completed before.

    Raises:
        ConfigError: if the data base of the search does not answer.
    """
    # The plugin would log failed trials; our own table shows them.
    logging.getLogger("hydra_plugins").setLevel(logging.CRITICAL)
    sweeper = config.hydra.sweeper
    if not str(sweeper._target_).startswith(OPTUNA):
        return False
    import optuna

    cmaes_state.read_safely()
    optuna.logging.set_verbosity(logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    url = str(sweeper.storage)
    if sweeper.storage is None or url.startswith("redis"):
        return False
    try:
        study = open_study(config)
        return sweeper.study_name is not None and continue_study(sweeper, study)
    except StorageError as error:
        raise ConfigError(f"{error}; correct the URL, or start the server") from error
    except DAMAGED_FILE_ERRORS as error:  # Optuna believes what the data base says
        raise ConfigError(
            f"hydra.sweeper.storage: no search can go on from {mask_secrets(url)}: "
            f"{type(error).__name__}: {first_line(error)}; give another hydra.sweep.dir"
        ) from error


def continue_study(sweeper: DictConfig, study: Any) -> bool:
    """Sets a sweeper to make the trials that a study lacks.

    Returns: whether the study lacks none.
    """
    from optuna.trial import TrialState

    from mtl_cli.sweep.search_storage import Heartbeat, sampler_seed, try_again

    trials = study.trials
    own_trials = [trial for trial in trials if opened.is_own(trial)]
    for trial in own_trials:
        if trial.state == TrialState.RUNNING:
            try_again(study, trial)
    if opened.sweep_id:
        Heartbeat(study).start()
    with open_dict(sweeper):
        sweeper.n_trials -= sum(t.state == TrialState.COMPLETE for t in own_trials)
        if sweeper.sampler.get("seed") is not None:
            # The same seed would suggest the same points again.
            sweeper.sampler.seed = sampler_seed(
                sweeper.sampler.seed, opened.sweep_id, len(trials)
            )
    return bool(sweeper.n_trials <= 0)


def open_study(config: DictConfig) -> Any:
    """Opens the storage and the study of a search, and lets the sweeper use both.

    Two starts at once may both try to make the tables: then one of them tries again.

    Returns: the study; None if the sweeper shall make a new one.
    """
    import optuna
    import sqlalchemy

    from mtl_cli.sweep import search_storage

    global opened
    sweeper, url = config.hydra.sweeper, str(config.hydra.sweeper.storage)
    with open_dict(sweeper):
        sweeper.storage = {"_target_": f"{__name__}.opened_storage"}
    for attempt in range(ATTEMPTS):
        try:
            opened = search_storage.open_storage(url, Path(config.hydra.sweep.dir))
            if sweeper.study_name is None:
                return None
            return optuna.create_study(
                study_name=sweeper.study_name,
                storage=opened,
                direction=getattr(sweeper.direction, "name", sweeper.direction),
                load_if_exists=True,
            )
        except (
            sqlalchemy.exc.DBAPIError,
            optuna.exceptions.StorageInternalError,
        ) as error:
            if attempt == ATTEMPTS - 1:
                cause = error.__cause__ or error
                raise StorageError(
                    f"{search_storage.KEY}: {first_line(cause)}"
                ) from error
            time.sleep(random.uniform(0.2, 1.0))
    return None


def opened_storage() -> Any:
    """Returns the storage of this process's search."""
    return opened


@contextlib.contextmanager
def running_jobs_outlive_storage() -> Iterator[None]:
    """Lets running jobs finish if the block ends because the data base is lost.

    Raises:
        StorageError: that names the data base, instead of the error of the sweeper.
    """
    try:
        yield
    except Exception as error:
        storage_error = lost_storage(error)
        if storage_error is None:
            raise
        job_processes.wait_for_jobs()
        raise storage_error from error


def lost_storage(error: BaseException | None) -> StorageError | None:
    """Returns the error of the data base behind an error, if there is one.

    If the data base is lost as the sweeper tells a trial's value, the sweeper tells
    that the trial failed, and Optuna then complains about the value.
    """
    if opened is None:
        return None
    import sqlalchemy

    from mtl_cli.sweep.search_storage import KEY

    while error is not None:
        if isinstance(error, StorageError):
            return StorageError(f"{error}; the same command resumes the search")
        if isinstance(error, sqlalchemy.exc.SQLAlchemyError):
            return StorageError(f"{KEY}: {opened.name}: {first_line(error)}")
        error = error.__cause__ or error.__context__
    return None
