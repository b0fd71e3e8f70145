"""The heartbeats of sweeps that share the database of a search.

Each running sweep has a heartbeat: a value in the database that the sweep changes every
few seconds. If the heartbeat of a sweep stops, other sweeps try its trials again.

Optuna's own heartbeats are not used: Optuna writes them only in `Study.optimize`, which
Hydra's sweeper does not call, and may take a live trial for a dead one.
"""

import contextlib
import threading
import time
from typing import Any

import optuna
from optuna.trial import TrialState

from mtl_cli.sweep.search_storage import SWEEP_ATTRIBUTE, queue_again

HEARTBEAT_SECONDS = 5
# A sweep counts as cut off if its heartbeat has not changed for this time.
MAX_SILENCE_SECONDS = 60


def heartbeat_key(sweep_id: str) -> str:
    """Returns the key of the study's attribute that holds a sweep's heartbeat."""
    return f"{SWEEP_ATTRIBUTE}:{sweep_id}"


class Heartbeat(threading.Thread):
    """Changes this sweep's heartbeat, and queues the trials of cut-off sweeps again.

    The clocks of machines differ, so silence is measured on this machine's clock.
    """

    def __init__(self, study: optuna.Study) -> None:
        super().__init__(daemon=True)
        self.study = study
        self.num_beats = 0
        # {id of a sweep: (its last heartbeat, the time when this thread first saw it)}
        self.last_heartbeats: dict[str, tuple[Any, float]] = {}

    def run(self) -> None:
        while True:
            # If the database is lost, the search itself ends with the error.
            with contextlib.suppress(Exception):
                self.beat()
            time.sleep(HEARTBEAT_SECONDS)

    def beat(self) -> None:
        self.num_beats += 1
        key = heartbeat_key(self.study._storage.sweep_id)
        self.study.set_system_attr(key, [time.time(), self.num_beats])
        self.retry_cut_off_trials()

    def retry_cut_off_trials(self) -> None:
        """Queues the running trials of cut-off sweeps again."""
        study = self.study
        storage = study._storage
        # Without this call, the storage may return states that it has read earlier.
        storage.read_trials_from_remote_storage(study._study_id)
        heartbeats = study.system_attrs
        for trial in study.get_trials(states=(TrialState.RUNNING,)):
            sweep_id = trial.system_attrs.get(SWEEP_ATTRIBUTE)
            # A sweep with its own database has no heartbeat: the id is "". The trial of
            # another program has no id.
            if not sweep_id or storage.is_own(trial):
                continue
            heartbeat = heartbeats.get(heartbeat_key(sweep_id))
            if self.seconds_since_change(sweep_id, heartbeat) > MAX_SILENCE_SECONDS:
                # If this process is killed between the two calls, another sweep still
                # finds the running trial.
                queue_again(study, trial)
                storage.fail_as_cut_off(trial._trial_id)

    def seconds_since_change(self, sweep_id: str, heartbeat: Any) -> float:
        """Returns for how long this thread has seen the same heartbeat of a sweep."""
        now = time.monotonic()
        last_heartbeat, since = self.last_heartbeats.get(sweep_id, (None, now))
        if sweep_id not in self.last_heartbeats or heartbeat != last_heartbeat:
            self.last_heartbeats[sweep_id] = heartbeat, now
            return 0.0
        return now - since
