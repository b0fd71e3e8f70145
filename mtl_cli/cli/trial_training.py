"""The training by which `mtl-doctor` tests an installation."""

import contextlib
import io
from typing import NamedTuple

from mtl_cli.core import paths


class TrainingResult(NamedTuple):
    """The result of the training that tests an installation.

    Attributes:
        auc: the test AUC of task income.
        speed: training rows per second.
        predicts_the_same: whether the saved model predicts the same values as the
            trained model did.
    """

    auc: float
    speed: float
    predicts_the_same: bool


def train_and_predict(folder: str) -> TrainingResult:
    """Trains one epoch of PLE in a folder, and predicts the test rows."""
    import pandas as pd

    from mtl_cli.api.model import load
    from mtl_cli.api.train import train

    # In the current folder, the user's own `./conf` could change the run.
    with contextlib.redirect_stdout(io.StringIO()), contextlib.chdir(folder):
        run = train("trainer.epochs=1", "hydra.run.dir=run")
    rows = pd.read_parquet(paths.root() / "data/adult/test.parquet")
    predicted = load(run).predict(rows)["income"]
    is_equal = predicted == run.predictions["income_prediction"]
    return TrainingResult(
        auc=run.metrics["test"]["income"]["auc"],
        speed=run.history["samples_per_second"].iloc[-1],
        predicts_the_same=bool(is_equal.all()),
    )
