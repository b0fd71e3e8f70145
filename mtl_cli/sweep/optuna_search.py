"""Hyper-parameter search by Optuna. The same command continues an earlier search."""

import contextlib
import logging
import random
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig, open_dict

from mtl_cli.config.overrides import without_added_prefix
from mtl_cli.core.errors import DAMAGED_FILE_ERRORS, ConfigError, StorageError
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.sweep import cmaes_state, job_processes
from mtl_cli.sweep.check_search import check_earlier_values
from mtl_cli.sweep.search_measure import check_measure

if TYPE_CHECKING:  # the search alone needs these packages
    import optuna

    from mtl_cli.heads.base import OutputMetric
    from mtl_cli.sweep.search_storage import SearchStorage

# The module of the plugin; the `_target_` of the sweeper begins with it.
OPTUNA_SWEEPER = "hydra_plugins.hydra_optuna_sweeper"
MAX_ATTEMPTS = 4  # to make the tables of a database

# The storage of this process's search. Hydra's sweeper gets it from `opened_storage`.
current_storage: "SearchStorage | None" = None
# The study of this process's search, if earlier starts have completed trials of it.
resumed_study: "optuna.Study | None" = None


def is_search(config: DictConfig) -> bool:
    """Whether Optuna chooses the jobs of a sweep."""
    return str(config.hydra.sweeper._target_).startswith(OPTUNA_SWEEPER)


def resume_search(config: DictConfig, measure: dict[str, str]) -> bool:
    """Prepares a search to continue the trials of earlier starts of the same sweep.

    `n_trials` counts the completed trials of all starts. A trial is tried again first,
    once per start, if its sweep was killed, or its job was killed or stopped. The
    function changes the section `hydra.sweeper`. For `measure`, see
    `measure_of_search`.

    Returns: whether earlier starts have completed all trials.
    """
    # Plugins would log failed trials; our own table shows them.
    logging.getLogger("hydra_plugins").setLevel(logging.CRITICAL)
    if not is_search(config):
        return False
    sweeper = config.hydra.sweeper
    # A greater objective is better, but the plugin minimizes by default.
    sweeper.direction = "maximize"
    adapt_optuna()
    url = str(sweeper.storage)
    # Only a search in an SQL database is continued.
    if sweeper.storage is None or url.startswith("redis"):
        return False
    import optuna
    import sqlalchemy

    from mtl_cli.sweep.grid_search import limit_to_grid, uses_grid_sampler
    from mtl_cli.sweep.search_database import message_at_start

    try:
        study = open_study(config)
        if study is None:  # the sweeper makes a new study
            return False
        check_measure(study, measure)
        check_earlier_values(config, study)
        continue_study(sweeper, study)
        if uses_grid_sampler(config):
            limit_to_grid(config, study)
        return bool(sweeper.n_trials <= 0)
    except (
        StorageError,
        sqlalchemy.exc.SQLAlchemyError,
        optuna.exceptions.StorageInternalError,
        *DAMAGED_FILE_ERRORS,  # Optuna does not check what it reads
    ) as error:
        raise ConfigError(message_at_start(error, url)) from error


def adapt_optuna() -> None:
    """Silences Optuna, and adapts its CMA-ES sampler and its grid sampler."""
    import optuna

    from mtl_cli.sweep.grid_search import adapt_grid_sampler

    cmaes_state.replace_pickle()
    adapt_grid_sampler()
    optuna.logging.set_verbosity(logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)


def continue_study(sweeper: DictConfig, study: "optuna.Study") -> None:
    """Queues cut-off trials again, and lowers `n_trials` by the complete trials."""
    from optuna.trial import TrialState

    from mtl_cli.sweep.heartbeat import Heartbeat
    from mtl_cli.sweep.search_storage import cut_off_trials, queue_again, sampler_seed

    global resumed_study
    storage = study._storage
    for trial in filter(storage.is_own, study.trials):
        if trial.state == TrialState.RUNNING:
            storage.fail_as_cut_off(trial._trial_id)
    trials = study.trials
    own_trials = [trial for trial in trials if storage.is_own(trial)]
    for trial in filter(storage.is_own, cut_off_trials(trials)):
        queue_again(study, trial)
    if storage.sweep_id:
        Heartbeat(study).start()
    num_complete = sum(trial.state == TrialState.COMPLETE for trial in own_trials)
    resumed_study = study if num_complete else None
    with open_dict(sweeper):
        sweeper.n_trials -= num_complete
        if sweeper.sampler.get("seed") is not None:
            # With the same seed, the sampler would suggest the same parameters again.
            sweeper.sampler.seed = sampler_seed(
                sweeper.sampler.seed, storage.sweep_id, len(trials)
            )


def best_trial_message(metrics: "list[OutputMetric]") -> str:
    """Names the best trial of a resumed search; returns "" for any other sweep.

    `metrics` are the monitored metrics of the search; [] if they are unknown.
    """
    if resumed_study is None:
        return ""
    from mtl_cli.runs.text_tables import format_metric
    from mtl_cli.scoring.scores import monitored_score

    try:
        best = resumed_study.best_trial
    except Exception:  # of SQLAlchemy, Optuna or the driver of the database
        return ""
    settings = " ".join(
        without_added_prefix(f"{key}={value}") for key, value in best.params.items()
    )
    scores = monitored_score(metrics, best.value)
    if metrics and not scores:  # the first metric of a single task
        ((output, name),) = metrics
        title = f"{output.name} {name.replace('_', ' ')}"
        scores = {title: output.task.metric(name).direction * best.value}
    ((title, score),) = (scores or {"the objective": best.value}).items()
    message: str = mask_secrets(
        "trials of earlier starts are not in the table but in leaderboard.csv; the "
        f"best of all trials has {title} {format_metric(score)}: {settings}"
    )
    return message


def open_study(config: DictConfig) -> "optuna.Study | None":
    """Opens the storage and the study of a search, and makes the sweeper use both.

    If two sweeps start at once, both may try to make the tables of the database. The
    sweep that fails tries again. The study is None if the configuration names none.
    """
    import optuna
    import sqlalchemy

    from mtl_cli.sweep.search_database import database_reason

    sweeper = config.hydra.sweeper
    url = str(sweeper.storage)
    with open_dict(sweeper):
        sweeper.storage = {"_target_": f"{__name__}.opened_storage"}
    for attempt in range(1, MAX_ATTEMPTS + 1):
        began = time.monotonic()
        try:
            return connect_to_study(config, url)
        except (
            sqlalchemy.exc.DBAPIError,
            optuna.exceptions.StorageInternalError,
        ) as error:
            # If SQLite has waited for a lock in vain, a new attempt would also wait in
            # vain. If SQLite raised the same error at once, two processes had read and
            # wanted to write; then a new attempt helps.
            has_waited = time.monotonic() - began > 1
            is_locked = database_reason(error) == "database is locked" and has_waited
            if attempt == MAX_ATTEMPTS or is_locked:
                raise
            time.sleep(random.uniform(0.2, 1.0))
    return None


def connect_to_study(config: DictConfig, url: str) -> "optuna.Study | None":
    """Opens the storage of a search, and its study if the configuration names one."""
    import optuna

    from mtl_cli.sweep.search_database import open_storage

    global current_storage
    sweeper = config.hydra.sweeper
    current_storage = open_storage(url, Path(config.hydra.sweep.dir))
    if sweeper.study_name is None:
        return None
    return optuna.create_study(
        study_name=sweeper.study_name,
        storage=current_storage,
        direction=getattr(sweeper.direction, "name", sweeper.direction),
        load_if_exists=True,
    )


def opened_storage() -> "SearchStorage | None":
    """Returns the storage of this process's search; Hydra calls it for the sweeper."""
    return current_storage


@contextlib.contextmanager
def finish_jobs_if_storage_is_lost() -> Iterator[None]:
    """Lets running jobs finish if the database is lost; raises a `StorageError`."""
    try:
        yield
    except Exception as error:
        if current_storage is None:
            raise
        from mtl_cli.sweep.search_database import storage_error_behind

        storage_error = storage_error_behind(error, current_storage.name)
        if storage_error is None:
            raise
        job_processes.wait_for_jobs()
        raise storage_error from error
