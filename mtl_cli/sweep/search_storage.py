"""The data base of a search. The sweeps of several machines may share it.

Optuna records heartbeats only in `Study.optimize`, and Hydra's sweeper does not call
that function. Optuna's test for old heartbeats can also take a live trial for a dead
one: the test compares the moments of two transactions. So each sweep has a heartbeat of
its own.
"""

import contextlib
import hashlib
import socket
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy
from optuna.storages import RDBStorage, _CachedStorage
from optuna.trial import FrozenTrial, TrialState

from mtl_cli.core.atomic_write import replacing
from mtl_cli.core.errors import ConfigError, StorageError, first_line

KEY = "hydra.sweeper.storage"
CONNECT_SECONDS = 5  # `?connect_timeout=` in the URL changes it
# Options of libpq. A connection whose other end is gone fails instead of hanging.
LIBPQ = {
    "connect_timeout": CONNECT_SECONDS,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,  # milliseconds
}
HEARTBEAT_SECONDS = 5
# A sweep whose heartbeat has not changed for this time has been cut off.
GRACE_SECONDS = 60
# The attribute of a trial that names its sweep.
SWEEP = "mtl-cli:sweep"
ID_FILE = ".search_id"


class SearchStorage(_CachedStorage):
    """Optuna's storage in a data base; each trial names the sweep that runs it.

    Args:
        backend: the connected data base.
        name: the name of the data base, without a password.
        sweep_id: the name of this sweep; "" if no other sweep shares the data base.
    """

    def __init__(self, backend: RDBStorage, name: str, sweep_id: str) -> None:
        super().__init__(backend)
        self.name, self.sweep_id = name, sweep_id

    def create_new_trial(
        self, study_id: int, template_trial: FrozenTrial | None = None
    ) -> int:
        if template_trial is None:
            marks = {SWEEP: self.sweep_id}
            template_trial = optuna.trial.create_trial(
                state=TrialState.RUNNING, system_attrs=marks
            )
        trial_id: int = super().create_new_trial(study_id, template_trial)
        return trial_id

    def set_trial_state(self, trial_id: int, state: TrialState) -> bool:
        try:
            is_set: bool = super().set_trial_state(trial_id, state)
        except RuntimeError:
            # Another sweep believes that this sweep was cut off. It has already failed
            # the trial and queued its point again.
            return False
        if is_set and state == TrialState.RUNNING:
            self.set_trial_system_attr(trial_id, SWEEP, self.sweep_id)
        return is_set

    def is_own(self, trial: FrozenTrial) -> bool:
        """Whether a trial was started by this sweep, now or before a restart."""
        return not self.sweep_id or trial.system_attrs.get(SWEEP) == self.sweep_id


def open_storage(url: str, sweep: Path) -> SearchStorage:
    """Connects to a data base, and makes its tables if they are missing.

    Args:
        url: the URL of the data base, as SQLAlchemy reads it.
        sweep: the sweep's folder.

    Raises:
        ConfigError: if the URL is wrong.
        StorageError: if the data base does not answer.
    """
    try:
        parsed = sqlalchemy.engine.make_url(url)
        engine = sqlalchemy.create_engine(parsed)
    except sqlalchemy.exc.ArgumentError:
        # The text of this error holds the password.
        raise ConfigError(
            f"{KEY}: is no URL of a data base; give postgresql://HOST/NAME"
        ) from None
    except ImportError as error:
        extra = "postgresql" if "psycopg2" in str(error) else ""
        fix = f"; pip install 'mtl-cli[{extra}]'" if extra else ""
        raise ConfigError(f"{KEY}: {first_line(error)}{fix}") from None
    name = f"{parsed.drivername}://{parsed.host or ''}"
    name += f":{parsed.port}" if parsed.port else ""
    name += f"/{parsed.database}"
    shared = engine.dialect.name != "sqlite"
    return SearchStorage(
        connected(engine, url, name), name, sweep_id(sweep) if shared else ""
    )


def connected(engine: Any, url: str, name: str) -> RDBStorage:
    """Connects Optuna to a data base such that its errors name the data base.

    Args:
        engine: an engine of SQLAlchemy for the data base, not connected.
        url: the URL of the data base.
        name: the name of the data base in messages.
    """
    dialect = engine.dialect
    arguments, options = dialect.create_connect_args(engine.url)
    if dialect.driver == "psycopg2":
        options = LIBPQ | options

    def connect() -> Any:
        try:
            return dialect.connect(*arguments, **options)
        except dialect.dbapi.Error as error:
            raise StorageError(
                f"{KEY}: no connection to {name}: {first_line(error)}"
            ) from error

    def name_data_base(context: Any) -> None:
        if context.is_disconnect:
            raise StorageError(
                f"{KEY}: lost the connection to {name}: "
                f"{first_line(context.original_exception)}"
            ) from context.original_exception

    storage = RDBStorage(url, {"creator": connect, "pool_pre_ping": True})
    sqlalchemy.event.listen(storage.engine, "handle_error", name_data_base)
    return storage


def sweep_id(sweep: Path) -> str:
    """Returns a name that no other sweep has; it is kept in the sweep's folder.

    Machines of a cloud may share a host's name, and the path of the sweep's folder.
    """
    path = sweep / ID_FILE
    with contextlib.suppress(FileNotFoundError):
        return path.read_text("utf-8").strip()
    name = f"{socket.gethostname()}-{uuid.uuid4().hex[:12]}"
    with replacing(path) as temporary:
        temporary.write_text(f"{name}\n", "utf-8")
    return name


def sampler_seed(seed: int, sweep_id: str, num_trials: int) -> int:
    """Returns a seed with which each start of a search suggests new points.

    Args:
        seed: the seed that the user gave.
        sweep_id: the name of the sweep; "" if no other sweep shares the data base.
        num_trials: the number of trials in the study.
    """
    if not sweep_id:
        return seed + num_trials
    digest = hashlib.sha256(f"{seed} {sweep_id} {num_trials}".encode()).digest()
    return int.from_bytes(digest[:4], "big")


def try_again(study: Any, trial: FrozenTrial) -> None:
    """Marks a running trial as failed, and queues its point for the next trial."""
    if study._storage.set_trial_state(trial._trial_id, TrialState.FAIL):
        study.enqueue_trial(trial.params)


class Heartbeat(threading.Thread):
    """Shows that this sweep runs, and queues the trials of cut-off sweeps again.

    Clocks of machines differ. So a sweep counts as cut off if its heartbeat has not
    changed for a while on this machine's own clock.

    Args:
        study: the study of the search.
    """

    def __init__(self, study: Any) -> None:
        super().__init__(daemon=True)
        self.study, self.count = study, 0
        # {name of a sweep: (its last heartbeat, the time at which this thread saw it)}
        self.seen: dict[str, tuple[Any, float]] = {}

    def run(self) -> None:
        while True:
            # If the data base is lost, the search itself ends with the error.
            with contextlib.suppress(Exception):
                self.beat()
            time.sleep(HEARTBEAT_SECONDS)

    def beat(self) -> None:
        """Changes this sweep's heartbeat, and looks for trials of cut-off sweeps."""
        study, storage = self.study, self.study._storage
        self.count += 1
        study.set_system_attr(f"{SWEEP}:{storage.sweep_id}", [time.time(), self.count])
        storage.read_trials_from_remote_storage(study._study_id)
        heartbeats, now = study.system_attrs, time.monotonic()
        for trial in study.get_trials(states=(TrialState.RUNNING,)):
            if storage.is_own(trial):
                continue
            # A sweep that was killed just as it took a trial has not named itself.
            name = trial.system_attrs.get(SWEEP, f"trial {trial.number}")
            heartbeat = heartbeats.get(f"{SWEEP}:{name}")
            last_heartbeat, since = self.seen.get(name, (None, now))
            if name not in self.seen or heartbeat != last_heartbeat:
                self.seen[name] = heartbeat, now
            elif now - since > GRACE_SECONDS:
                try_again(study, trial)
