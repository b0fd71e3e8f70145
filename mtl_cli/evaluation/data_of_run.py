"""Reads the data of a run again, and checks that it has not changed."""

import contextlib
from pathlib import Path

from mtl_cli.core.errors import DAMAGED_FILE_ERRORS, DataError
from mtl_cli.core.other_files import read_json_object
from mtl_cli.data.load import Data
from mtl_cli.data.sources import OnProgress
from mtl_cli.network.trained_model import TrainedModel
from mtl_cli.runs.saved_model import load_data


def read_data_of_run(model: TrainedModel, on_rows: OnProgress) -> Data:
    """Reads the data of a model's run again.

    Raises a `DataError` if it cannot be read or has changed since the run was trained,
    or if it has no validation rows.
    """
    fix = "name a TABLE to evaluate the run on"
    if not model.config.dataset.has_validation:
        raise DataError(f"{model.folder} has no validation rows; {fix}")
    try:
        data = load_data(model, on_rows)
    except DataError as error:
        raise DataError(f"{model.folder}: {error}; {fix}") from None
    if has_changed(data, model, recorded_data_hash(model.folder)):
        raise DataError(
            f"the data of {model.folder} have changed since the run was trained; {fix}"
        )
    return data


def remarks_on_data(run: Path) -> list[str]:
    """Returns a remark if it is not known whether the data of a run has changed."""
    if recorded_data_hash(run) is not None:
        return []
    return [
        f"{run} has no environment.json with data_hash, so these rows may have changed "
        "since the run was trained"
    ]


def recorded_data_hash(run: Path) -> str | None:
    """Returns the `data_hash` of a run; None if it is not known."""
    with contextlib.suppress(*DAMAGED_FILE_ERRORS):
        return str(read_json_object(run / "environment.json")["data_hash"])
    return None


def has_changed(data: Data, model: TrainedModel, trained_on: str | None) -> bool:
    """Whether data differ from the data with the hash `trained_on`, if this is known.

    The hash of generated data also changes with the version of mtl-cli, and says
    nothing. If data had not changed, the features would learn the same values again.
    """
    is_hashed = trained_on is not None and not model.config.dataset.is_generated
    has_other_hash = is_hashed and data.fingerprint != trained_on
    return has_other_hash or data.features.learnt != model.features.learnt
