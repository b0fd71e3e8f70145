"""The database of a search. The sweeps of several machines may share a database."""

import contextlib
import hashlib
import json
import socket
import sqlite3
import sys
import uuid
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy
from optuna.storages import RDBStorage, _CachedStorage
from optuna.storages._rdb.models import TrialModel, TrialSystemAttributeModel
from optuna.trial import FrozenTrial, TrialState

from mtl_cli.core.atomic_write import write_text
from mtl_cli.core.errors import ConfigError, CutOffJobError, StorageError, first_line
from mtl_cli.core.other_files import UnsafeFileError
from mtl_cli.core.sqlite_database import check_sqlite_database
from mtl_cli.sweep.storage_errors import KEY, NEW_DATABASE

CONNECT_SECONDS = 5  # the default; a URL may set `?connect_timeout=`
# Options of PostgreSQL's client library. If the other end of a connection is gone, the
# connection fails instead of waiting for ever.
LIBPQ_OPTIONS = {
    "connect_timeout": CONNECT_SECONDS,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,  # milliseconds
}
# The largest number of trials in an SQLite file. A sweep has at most as many jobs.
MAX_TRIALS = 100_000
# The attribute of a trial that holds the id of its sweep.
SWEEP_ATTRIBUTE = "mtl-cli:sweep"
# The attribute of a failed trial whose job or sweep was killed or stopped. The next
# start of the sweep tries the parameters of such a trial again.
CUT_OFF_ATTRIBUTE = "mtl-cli:cut off"
# The attribute of a queued trial: the number of the trial that it tries again.
RETRY_ATTRIBUTE = "mtl-cli:retry of"
# The attribute of a trial that has been queued again. A database holds an attribute
# of a trial only once, so two sweeps cannot queue the same trial again.
RETRIED_ATTRIBUTE = "mtl-cli:retried"
# Optuna's attribute of a trial in a search over a grid: the index of the trial's point.
GRID_ATTRIBUTE = "grid_id"
GRID_VALUES_ATTRIBUTE = "search_space"  # of the same trial: the values of each key
ID_FILE = ".search_id"


class SearchStorage(_CachedStorage):
    """Optuna's storage in a database, in which each trial holds the id of its sweep.

    Attributes:
        name: the URL of the database for messages, see `name_of`.
        sweep_id: the id of this sweep; "" if the database lies in the sweep's folder.
    """

    def __init__(self, backend: RDBStorage, name: str, sweep_id: str) -> None:
        super().__init__(backend)
        self.name = name
        self.sweep_id = sweep_id

    def create_new_trial(
        self, study_id: int, template_trial: FrozenTrial | None = None
    ) -> int:
        if template_trial is None:
            attributes = {SWEEP_ATTRIBUTE: self.sweep_id}
            template_trial = optuna.trial.create_trial(
                state=TrialState.RUNNING, system_attrs=attributes
            )
        trial_id: int = super().create_new_trial(study_id, template_trial)
        return trial_id

    def set_trial_state(self, trial_id: int, state: TrialState) -> bool:
        session = self._backend.scoped_session
        try:
            if state == TrialState.RUNNING:
                # The storage writes the id and the state in one transaction. A trial
                # has room for one id, so two sweeps cannot take the same trial.
                session.add(
                    TrialSystemAttributeModel(
                        trial_id=trial_id,
                        key=SWEEP_ATTRIBUTE,
                        value_json=json.dumps(self.sweep_id),
                    )
                )
                # The query writes the id first, and so locks the trial. If another
                # program has taken the trial, Optuna would commit the id all the same.
                trial = TrialModel.find_or_raise_by_id(trial_id, session)
                if trial.state != TrialState.WAITING:
                    session.rollback()
                    return False
            # The search sets the state while it handles the error of the trial's job.
            if state == TrialState.FAIL and is_handling_cut_off_job():
                self.set_trial_system_attr(trial_id, CUT_OFF_ATTRIBUTE, True)
            is_set: bool = super().set_trial_state(trial_id, state)
        except (RuntimeError, sqlalchemy.exc.IntegrityError):
            # Another sweep has taken the waiting trial. Or another sweep has taken this
            # sweep for cut off: it has marked the trial as failed, and has queued a new
            # trial of its parameters.
            session.rollback()
            return False
        if is_set and state == TrialState.RUNNING:
            self.refuse_parameters(trial_id)
        return is_set

    def fail_as_cut_off(self, trial_id: int) -> None:
        """Marks a running trial of a killed sweep as failed, to be tried again."""
        # The mark comes first: if this process is killed before the search has queued
        # the parameters again, a later start finds the mark. Another sweep may have set
        # the state, or may be writing the mark.
        with contextlib.suppress(RuntimeError, sqlalchemy.exc.IntegrityError):
            self.set_trial_system_attr(trial_id, CUT_OFF_ATTRIBUTE, True)
            self.set_trial_state(trial_id, TrialState.FAIL)

    def refuse_parameters(self, trial_id: int) -> None:
        """Raises a `ConfigError` if a trial that starts holds parameters already.

        Each parameter of a trial becomes a setting of its job, as if the user had typed
        the setting. So a database of somebody else could set any key. A search never
        writes parameters to a waiting trial: Optuna stores queued values elsewhere, and
        reads only the keys of the search from them.
        """
        if self.get_trial(trial_id).params:
            raise ConfigError(
                f"{KEY}: a waiting trial in {self.name} holds parameters, which no "
                f"search writes; {NEW_DATABASE}"
            )

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        # Optuna gives each trial a free point of the grid. A queued trial keeps the
        # point of the trial that it tries again, so that the free point stays free.
        if key != GRID_ATTRIBUTE or key not in self.get_trial(trial_id).system_attrs:
            super().set_trial_system_attr(trial_id, key, value)

    def is_own(self, trial: FrozenTrial) -> bool:
        """Whether a trial was started by this sweep, now or before a restart."""
        return bool(trial.system_attrs.get(SWEEP_ATTRIBUTE) == self.sweep_id)


def is_handling_cut_off_job() -> bool:
    """Whether a caller handles a `CutOffJobError`, or an error that followed it."""
    error = sys.exception()
    while error is not None and not isinstance(error, CutOffJobError):
        error = error.__context__
    return error is not None


def cut_off_trials(trials: list[FrozenTrial]) -> list[FrozenTrial]:
    """Returns the failed trials to try again, without those that were tried again."""
    retried = {trial.system_attrs.get(RETRY_ATTRIBUTE) for trial in trials}
    return [
        trial
        for trial in trials
        if trial.state == TrialState.FAIL
        and CUT_OFF_ATTRIBUTE in trial.system_attrs
        and trial.number not in retried
    ]


def queued_values(trial: FrozenTrial) -> dict[str, Any]:
    """Returns the values with which a trial is tried, or is tried again.

    A queued trial gets its values one after another when it starts. Before, they stand
    in an attribute of Optuna.
    """
    return {**trial.system_attrs.get("fixed_params", {}), **trial.params}


def queue_again(study: optuna.Study, trial: FrozenTrial) -> None:
    """Queues a new trial of a trial's parameters: the search tries it first.

    If another sweep has queued the trial again, nothing changes. `Study.enqueue_trial`
    could not keep the point of a grid.
    """
    attributes = {"fixed_params": queued_values(trial), RETRY_ATTRIBUTE: trial.number}
    for key in (GRID_ATTRIBUTE, GRID_VALUES_ATTRIBUTE):
        if key in trial.system_attrs:
            attributes[key] = trial.system_attrs[key]
    retry = optuna.trial.create_trial(state=TrialState.WAITING, system_attrs=attributes)
    # Optuna writes the mark of the old trial and the new trial in one transaction.
    study._storage._backend.scoped_session().add(
        TrialSystemAttributeModel(
            trial_id=trial._trial_id, key=RETRIED_ATTRIBUTE, value_json="true"
        )
    )
    with contextlib.suppress(sqlalchemy.exc.IntegrityError):
        study.add_trial(retry)


def open_storage(url: str, sweep: Path) -> SearchStorage:
    """Connects to a database, and makes Optuna's tables if they are missing.

    Raises:
        ConfigError: if the URL is wrong, a driver is missing, or an SQLite file is
            unsafe.
    """
    engine = new_engine(url)
    name = name_of(engine.url)
    is_in_sweep_folder = False
    if engine.dialect.name == "sqlite" and engine.url.database:
        path = Path(engine.url.database)
        is_in_sweep_folder = path.resolve().is_relative_to(sweep.resolve())
        try:
            check_sqlite_database(path)
            check_number_of_trials(path)
        except UnsafeFileError as error:
            raise ConfigError(f"{KEY}: {error}") from None
    # Other sweeps may use a database outside of the sweep's folder at the same time.
    sweep_id = "" if is_in_sweep_folder else read_or_make_id(sweep)
    return SearchStorage(connect_to_database(engine, url, name), name, sweep_id)


def new_engine(url: str) -> sqlalchemy.engine.Engine:
    """Makes SQLAlchemy's engine for a URL, without connecting to the database.

    Raises:
        ConfigError: if the URL is wrong, or the driver of the database is missing.
    """
    try:
        has_user = sqlalchemy.engine.make_url(url).username is not None
        # For SQLAlchemy, the password ends at the first `@`. The rest of the password
        # would be the start of the host's name, and messages show this name.
        if has_user and url.count("@") > 1:
            raise ConfigError(
                f"{KEY}: the URL holds more than one @; write each @ of the user name, "
                "the password and the name of the database as %40"
            )
        return sqlalchemy.create_engine(url)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        # The text of this error may hold the password.
        raise ConfigError(
            f"{KEY}: the value is not the URL of a database; give a URL such as "
            "postgresql://HOST/NAME"
        ) from None
    except ImportError as error:
        extra = "postgresql" if "psycopg2" in str(error) else ""
        fix = f"; pip install 'mtl-cli[{extra}]'" if extra else ""
        raise ConfigError(f"{KEY}: {first_line(error)}{fix}") from None


def name_of(url: sqlalchemy.engine.URL) -> str:
    """Returns a URL for messages: without user, password and parameters."""
    public_url = sqlalchemy.engine.URL.create(
        url.drivername, host=url.host, port=url.port, database=url.database
    )
    return str(public_url)


def check_number_of_trials(path: Path) -> None:
    """Refuses an SQLite database whose trials would fill the memory.

    Optuna keeps all trials in memory, and copies them for each new trial.
    """
    num_trials = 0
    # If the database is missing or damaged, Optuna raises an error when it connects.
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        ) as database,
    ):
        (num_trials,) = database.execute("SELECT COUNT(*) FROM trials").fetchone()
    if num_trials > MAX_TRIALS:
        raise UnsafeFileError(
            f"{path} holds {num_trials:,} trials; a search has at most "
            f"{MAX_TRIALS:,}: {NEW_DATABASE}"
        )


def connect_to_database(
    engine: sqlalchemy.engine.Engine, url: str, name: str
) -> RDBStorage:
    """Connects Optuna to a database, with errors that name the database."""
    dialect = engine.dialect
    arguments, options = dialect.create_connect_args(engine.url)
    if dialect.driver == "psycopg2":
        options = LIBPQ_OPTIONS | options

    def new_connection() -> Any:
        try:
            return dialect.connect(*arguments, **options)
        except dialect.dbapi.Error as error:
            raise StorageError(
                f"{KEY}: no connection to {name}: {first_line(error)}"
            ) from error

    def raise_named_error(context: Any) -> None:
        if context.is_disconnect:
            raise StorageError(
                f"{KEY}: lost the connection to {name}: "
                f"{first_line(context.original_exception)}"
            ) from context.original_exception

    storage = RDBStorage(url, {"creator": new_connection, "pool_pre_ping": True})
    sqlalchemy.event.listen(storage.engine, "handle_error", raise_named_error)
    return storage


def read_or_make_id(sweep: Path) -> str:
    """Returns the id of a sweep. The id is made once, and kept in the sweep's folder.

    The host's name and the folder's path do not suffice as an id, because two machines
    may have the same name and path.
    """
    path = sweep / ID_FILE
    with contextlib.suppress(FileNotFoundError):
        # An empty id would mean that no other sweep shares the database.
        if recorded_id := path.read_text("utf-8").strip():
            return recorded_id
    new_id = f"{socket.gethostname()}-{uuid.uuid4().hex[:12]}"
    write_text(path, f"{new_id}\n")
    return new_id


def sampler_seed(seed: int, sweep_id: str, num_trials: int) -> int:
    """Returns a seed that differs between the sweeps and starts that share a database.

    With the same seed, a sampler would suggest the same parameters again.
    """
    if not sweep_id:
        return seed + num_trials
    digest = hashlib.sha256(f"{seed} {sweep_id} {num_trials}".encode()).digest()
    return int.from_bytes(digest[:4], "big")
