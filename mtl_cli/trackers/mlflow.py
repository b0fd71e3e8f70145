"""MLflow: sends parameters and metrics to a tracking server, database or folder."""

from pathlib import Path
from typing import Any, ClassVar

from pydantic import PrivateAttr

from mtl_cli.core.nested import flatten
from mtl_cli.metrics.scores import Scores
from mtl_cli.trackers.base import Tracker, flat_numbers

MAX_PARAMETER_LENGTH = 500  # characters; some servers refuse longer values


class MLflow(Tracker):
    """A tracker that logs each run as a run of MLflow.

    Attributes:
        uri: address of the server, database or folder; null is the address in the
            environment variable MLFLOW_TRACKING_URI, or without it MLflow's default.
        experiment: name of the experiment that the run belongs to.
    """

    package: ClassVar[str] = "mlflow"
    uri: str | None
    experiment: str

    _mlflow: Any = PrivateAttr(None)

    def start(self, run: Path, values: dict[str, Any]) -> None:
        import mlflow

        self._mlflow = mlflow
        if self.uri is not None:
            self._mlflow.set_tracking_uri(self.uri)
        self._mlflow.set_experiment(self.experiment)
        self._mlflow.start_run(run_name=run.name, tags={"run_folder": str(run)})
        self._mlflow.log_params(
            {k: str(x)[:MAX_PARAMETER_LENGTH] for k, x in flatten(values).items()}
        )

    def epoch(self, number: int, row: dict[str, Any]) -> None:
        self._mlflow.log_metrics(flat_numbers(row), step=number)

    def end(self, scores: dict[str, Scores] | None) -> None:
        self._mlflow.log_metrics(flat_numbers(scores or {}, "final."))
        self._mlflow.end_run("FAILED" if scores is None else "FINISHED")
