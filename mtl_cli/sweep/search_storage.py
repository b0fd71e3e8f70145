"""The trials of a search in its database. Sweeps of several machines may share it.

A sweep claims a trial by writing its id into the trial, so that no two sweeps run the
same trial. The trials of a killed sweep are queued again.
"""

import contextlib
import hashlib
import json
import sys
from typing import Any

import optuna
import sqlalchemy
from optuna.storages import RDBStorage, _CachedStorage
from optuna.storages._rdb.models import TrialModel, TrialSystemAttributeModel
from optuna.trial import FrozenTrial, TrialState

from mtl_cli.core.errors import ConfigError, CutOffJobError

KEY = "hydra.sweeper.storage"
# The advice in messages about the contents of a database.
NEW_DATABASE = (
    "use a new database: change hydra.sweeper.storage, or hydra.sweep.dir if the "
    "database is in that folder"
)
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


class SearchStorage(_CachedStorage):
    """Optuna's storage in a database, in which each trial holds the id of its sweep."""

    def __init__(self, backend: RDBStorage, name: str, sweep_id: str) -> None:
        super().__init__(backend)
        self.name = name  # the URL of the database for messages
        self.sweep_id = sweep_id  # "" if the database lies in the sweep's folder

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
        try:
            if state == TrialState.RUNNING and not self.claim(trial_id):
                return False
            # The search sets the state while it handles the error of the trial's job.
            if state == TrialState.FAIL and is_handling_cut_off_job():
                self.set_trial_system_attr(trial_id, CUT_OFF_ATTRIBUTE, True)
            is_set: bool = super().set_trial_state(trial_id, state)
        except (RuntimeError, sqlalchemy.exc.IntegrityError):
            # Another sweep has claimed the waiting trial, or has seen no heartbeat of
            # this sweep, marked the trial as failed, and queued it again.
            self._backend.scoped_session.rollback()
            return False
        if is_set and state == TrialState.RUNNING:
            self.refuse_parameters(trial_id)
        return is_set

    def claim(self, trial_id: int) -> bool:
        """Adds this sweep's id to a waiting trial, in an open transaction.

        The caller sets the state of the trial in the same transaction. A trial has room
        for one id, so two sweeps cannot claim it. Returns False if another program has
        already started the trial.
        """
        transaction = self._backend.scoped_session
        transaction.add(
            TrialSystemAttributeModel(
                trial_id=trial_id,
                key=SWEEP_ATTRIBUTE,
                value_json=json.dumps(self.sweep_id),
            )
        )
        # The query first writes the id, and so locks the trial: the state cannot change
        # between this check and the end of the transaction.
        trial = TrialModel.find_or_raise_by_id(trial_id, transaction)
        if trial.state == TrialState.WAITING:
            return True
        transaction.rollback()
        return False

    def fail_as_cut_off(self, trial_id: int) -> None:
        """Marks a running trial of a killed sweep as failed, to be tried again."""
        # The mark comes first: if this process is killed before the search has queued
        # the parameters again, a later start finds the mark. The errors mean that
        # another sweep has set the state, or is writing the mark.
        with contextlib.suppress(RuntimeError, sqlalchemy.exc.IntegrityError):
            self.set_trial_system_attr(trial_id, CUT_OFF_ATTRIBUTE, True)
            self.set_trial_state(trial_id, TrialState.FAIL)

    def refuse_parameters(self, trial_id: int) -> None:
        """Raises a `ConfigError` if a trial that starts holds parameters already.

        Each parameter becomes a setting of the trial's job, so a database of somebody
        else could set any key. A search queues values in an attribute instead.
        """
        if self.get_trial(trial_id).params:
            raise ConfigError(
                f"{KEY}: a waiting trial in {self.name} holds parameters, which no "
                f"search writes; {NEW_DATABASE}"
            )

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        # A trial that is tried again already has a point of the grid, and keeps it.
        # Optuna would give the trial a new point, one that no trial has tried.
        if key == GRID_ATTRIBUTE and key in self.get_trial(trial_id).system_attrs:
            return
        super().set_trial_system_attr(trial_id, key, value)

    def is_own(self, trial: FrozenTrial) -> bool:
        """Whether a trial was started by this sweep, now or before a restart."""
        return bool(trial.system_attrs.get(SWEEP_ATTRIBUTE) == self.sweep_id)


def is_handling_cut_off_job() -> bool:
    """Whether a `CutOffJobError`, or an error that followed it, is being handled."""
    error = sys.exception()
    while error is not None and not isinstance(error, CutOffJobError):
        error = error.__context__
    return error is not None


def cut_off_trials(trials: list[FrozenTrial]) -> list[FrozenTrial]:
    """Returns the cut-off trials that no queued or later trial tries again."""
    retried_numbers = {trial.system_attrs.get(RETRY_ATTRIBUTE) for trial in trials}
    return [
        trial
        for trial in trials
        if trial.state == TrialState.FAIL
        and CUT_OFF_ATTRIBUTE in trial.system_attrs
        and trial.number not in retried_numbers
    ]


def queued_values(trial: FrozenTrial) -> dict[str, Any]:
    """Returns the values with which a trial is tried, or is tried again.

    A queued trial has its values in Optuna's attribute `fixed_params`. When the trial
    runs, the values become parameters of the trial one after another.
    """
    return {**trial.system_attrs.get("fixed_params", {}), **trial.params}


def queue_again(study: optuna.Study, trial: FrozenTrial) -> None:
    """Queues a new trial with the values of an old trial; the search tries it next.

    If another sweep has queued the old trial again, nothing changes. Optuna's own
    `Study.enqueue_trial` could not keep the trial's point of a grid.
    """
    attributes = {"fixed_params": queued_values(trial), RETRY_ATTRIBUTE: trial.number}
    for key in (GRID_ATTRIBUTE, GRID_VALUES_ATTRIBUTE):
        if key in trial.system_attrs:
            attributes[key] = trial.system_attrs[key]
    retry = optuna.trial.create_trial(state=TrialState.WAITING, system_attrs=attributes)
    # `add_trial` writes this mark of the old trial in the transaction of the new trial.
    study._storage._backend.scoped_session().add(
        TrialSystemAttributeModel(
            trial_id=trial._trial_id, key=RETRIED_ATTRIBUTE, value_json="true"
        )
    )
    with contextlib.suppress(sqlalchemy.exc.IntegrityError):
        study.add_trial(retry)


def sampler_seed(seed: int, sweep_id: str, num_trials: int) -> int:
    """Returns a seed that differs between the sweeps and starts that share a database.

    With the same seed, a sampler would suggest the same parameters again.
    """
    if not sweep_id:
        return seed + num_trials
    digest = hashlib.sha256(f"{seed} {sweep_id} {num_trials}".encode()).digest()
    return int.from_bytes(digest[:4], "big")
