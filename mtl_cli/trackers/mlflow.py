"""The tracker `mlflow`: sends runs to an MLflow server, database or folder."""

import os
import posixpath
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from pydantic import PrivateAttr

from mtl_cli.core.nested import flatten
from mtl_cli.core.other_files import check_entries
from mtl_cli.metrics.score_dict import Scores
from mtl_cli.trackers._mlflow_requests import load_quietly, server_errors
from mtl_cli.trackers._mlflow_store import (
    URI_VARIABLE,
    check_store,
    is_outside,
    move_user_to_environment,
    opened_database,
    store_folder,
)
from mtl_cli.trackers.base import Tracker, flat_numbers, record_id, recorded_id

MAX_NAME_LENGTH = 250
MAX_PARAMETER_LENGTH = 500  # characters; some servers refuse longer values
ID_FILE = "mlflow.json"  # a file of the run folder
# The files and the subfolder of the run folder that are logged as artifacts.
ARTIFACT_FILES = ("config.yaml", "metrics.json", "report.html")
MODEL_FOLDER = "model"


class MLflow(Tracker):
    """A tracker that logs each run as a run of MLflow.

    Attributes:
        uri: address of the server, database or folder; null takes the address in the
            environment variable MLFLOW_TRACKING_URI, or MLflow's default if that
            variable is not set.
        experiment: name of the experiment that the run belongs to.
    """

    package: ClassVar[str] = "mlflow"
    keys_not_stored: ClassVar[tuple[str, ...]] = ("uri",)
    uri: str | None
    experiment: str

    _client: Any = PrivateAttr(None)
    _folder: Path = PrivateAttr(Path())  # the run folder
    _run_id: str = PrivateAttr("")  # the id of the MLflow run
    _printable_uri: str = PrivateAttr("")  # the address without a password
    _store_folder: Path | None = PrivateAttr(None)  # see `store_folder`
    # Whether the address comes from the user's environment, not from a configuration.
    _is_trusted: bool = PrivateAttr(False)

    @property
    def destination(self) -> str:
        return f"{self.name} run {recorded_id(self._folder / ID_FILE)}"

    def start(self, run: Path, values: dict[str, Any]) -> None:
        load_quietly()
        import mlflow

        self._folder = run
        uri = move_user_to_environment(self.uri or mlflow.get_tracking_uri())
        self._is_trusted = self.uri is None and URI_VARIABLE in os.environ
        self._store_folder = store_folder(uri)
        check_store(uri, self._is_trusted, recorded_id(run / ID_FILE))
        # `move_user_to_environment` leaves the addresses of databases as they are.
        self._printable_uri = re.sub(r"(?<=://)[^/]*@", "", uri)
        with server_errors(self._printable_uri), opened_database(uri):
            self._client = mlflow.MlflowClient(uri)
            mlflow_run = self._find_run()
            if mlflow_run is None:
                mlflow_run = self._create_run()
            else:
                self._check_artifacts(mlflow_run.info.artifact_uri)
            self._run_id = mlflow_run.info.run_id
            if mlflow_run.info.status != "RUNNING":
                self._client.update_run(self._run_id, status="RUNNING")
            self._log_parameters(values, mlflow_run.data.params)

    def epoch(self, number: int, row: dict[str, Any]) -> None:
        with server_errors(self._printable_uri):
            self._log_metrics(flat_numbers(row), number)

    def end(self, scores: dict[str, Scores] | None) -> None:
        with server_errors(self._printable_uri):
            self._log_metrics(flat_numbers(dict(scores or {}), "final."), step=0)
            try:
                if scores is not None:
                    self._log_files()
            finally:
                status = "FAILED" if scores is None else "FINISHED"
                milliseconds = int(1000 * self._event_time)
                self._client.set_terminated(self._run_id, status, milliseconds)

    def _find_run(self) -> Any:
        """Returns the MLflow run that an earlier process of this run has created.

        Returns None if there was no such process, or if the MLflow run was deleted.
        """
        from mlflow.exceptions import MlflowException

        run_id = recorded_id(self._folder / ID_FILE)
        if run_id is None:
            return None
        try:
            mlflow_run = self._client.get_run(run_id)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None
        return mlflow_run if mlflow_run.info.lifecycle_stage == "active" else None

    def _create_run(self) -> Any:
        """Creates an MLflow run, and stores its id in the run folder."""
        from mlflow.tracking.context.registry import resolve_tags

        experiment = self._find_or_create_experiment()
        # The check comes first, so that a failed check leaves no MLflow run behind.
        self._check_artifacts(experiment.artifact_location)
        mlflow_run = self._client.create_run(
            experiment.experiment_id,
            tags=resolve_tags({"run_folder": str(self._folder)}),
            run_name=self._folder.name,
        )
        record_id(self._folder / ID_FILE, mlflow_run.info.run_id)
        return mlflow_run

    def _find_or_create_experiment(self) -> Any:
        from mlflow.exceptions import MlflowException

        experiment = self._client.get_experiment_by_name(self.experiment)
        if experiment is None:
            try:
                self._client.create_experiment(self.experiment)
            except MlflowException as error:
                # Another process may have created the experiment in the meantime.
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            experiment = self._client.get_experiment_by_name(self.experiment)
        return experiment

    def _log_parameters(self, values: dict[str, Any], logged: dict[str, str]) -> None:
        """Logs each value of the configuration, except for parameters in `logged`.

        MLflow refuses to change a parameter.
        """
        from mlflow.entities import Param

        texts = {key: str(value) for key, value in flatten(values).items()}
        parameters = {name: texts[key] for key, name in allowed_names(texts).items()}
        new_parameters = [
            Param(name, text[:MAX_PARAMETER_LENGTH])
            for name, text in parameters.items()
            if name not in logged
        ]
        self._client.log_batch(self._run_id, params=new_parameters)

    def _log_metrics(self, values: dict[str, float], step: int) -> None:
        """Logs metrics with the time of the event.

        If a call is repeated, a database of MLflow, also behind a server, ignores the
        metrics that it holds, because their times are equal. A folder holds them twice.
        """
        from mlflow.entities import Metric

        milliseconds = int(1000 * self._event_time)
        metrics = [
            Metric(name, values[key], milliseconds, step)
            for key, name in allowed_names(values).items()
        ]
        self._client.log_batch(self._run_id, metrics=metrics)

    def _log_files(self) -> None:
        """Logs the configuration, the results and the model as artifacts."""
        artifact_uri = self._client.get_run(self._run_id).info.artifact_uri
        # The database may have changed since the run began.
        self._check_artifacts(artifact_uri)
        folder = store_folder(artifact_uri) if self._store_folder is not None else None
        if folder is not None and folder.is_dir():
            check_entries(folder, (MODEL_FOLDER,))  # refuses links
        for name in ARTIFACT_FILES:
            if (self._folder / name).exists():
                self._client.log_artifact(self._run_id, str(self._folder / name))
        for path in sorted((self._folder / MODEL_FOLDER).glob("*")):
            self._client.log_artifact(self._run_id, str(path), MODEL_FOLDER)

    def _check_artifacts(self, artifact_uri: str) -> None:
        """Raises an `OSError` if artifacts would be written to a forbidden place."""
        if is_outside(artifact_uri, self._store_folder, may_be_remote=self._is_trusted):
            raise OSError(
                f"{self._printable_uri} would write artifacts to {artifact_uri}, "
                "outside of the current folder; to allow this, give the address in "
                f"{URI_VARIABLE} instead of tracker.uri"
            )


def allowed_names(keys: Iterable[str]) -> dict[str, str]:
    """Returns {key: its name in MLflow}. A name that is taken gets a number.

    >>> allowed_names(["_3c18", "<18"])
    {'_3c18': '_3c18', '<18': '_3c18_2'}
    """
    keys_by_name: dict[str, str] = {}
    for key in keys:
        name = plain_name = allowed_name(key)
        number = 1
        while name in keys_by_name:
            number += 1
            name = f"{plain_name[: MAX_NAME_LENGTH - 6]}_{number}"
        keys_by_name[name] = key
    return {key: name for name, key in keys_by_name.items()}


def allowed_name(key: str) -> str:
    """Returns a name for a key, with codes in place of characters that MLflow refuses.

    With the codes, a name means the same in all runs: `_` for both `<18` and `>18`
    would not. MLflow also refuses long names, and names that are not normalised as a
    path.

    >>> allowed_name("test.buy.scenarios.<18.auc")
    'test.buy.scenarios._3c18.auc'
    >>> allowed_name("dataset.features.a/../b.kind")
    'dataset.features.a_.._b.kind'
    """
    name = re.sub(r"[^\w./ -]", lambda match: f"_{ord(match[0]):x}", key)
    if posixpath.normpath(name) != name:
        name = name.replace("/", "_")
    return name[:MAX_NAME_LENGTH]
