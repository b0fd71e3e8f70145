"""Exports the model of a run to another format, and checks exports.

An export holds test rows with the predictions of the run. To replay the test rows is to
predict them with the export and to compare the predictions.
"""

import json
import math
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import pyarrow as pa

from mtl_cli.columns.raw_inputs import ARROW_TYPES, raw_column
from mtl_cli.core.atomic_write import replacing_folder
from mtl_cli.core.errors import (
    DAMAGED_FILE_ERRORS,
    ConfigError,
    DataError,
    ExportError,
    MtlError,
    first_line,
    suggest,
)
from mtl_cli.core.options import option_class, option_names
from mtl_cli.core.other_files import UnsafeFileError
from mtl_cli.core.written_files import FILES, check_written, hashes_of
from mtl_cli.exports.base import (
    AXIS,
    RECORD_FILE,
    ExportFormat,
    ExportRecord,
    TrainedModel,
)
from mtl_cli.network.prediction_columns import prediction_columns
from mtl_cli.runs import saved_model

TEST_ROWS = 64
FIX = "free the space, and run the command again"


class Replay(NamedTuple):
    """How well an export predicts its test rows.

    Attributes:
        rows: the number of test rows.
        column: the column of predictions with the largest difference.
        difference: the largest difference from a prediction p of the run, divided by
            max(1, |p|); NaN if a prediction of the export is NaN.
        tolerance: the largest difference that the format allows.
    """

    rows: int
    column: str
    difference: float
    tolerance: float


def export_run(run: Path, target: Path, format_name: str, force: bool) -> Replay:
    """Writes the model of a run in another format, completely or not at all.

    Args:
        run: the run folder.
        target: the file or folder to write.
        format_name: the name of the format, a file in `mtl_cli/exports`.
        force: whether to replace an earlier export.

    Returns: the largest difference between the export's and the run's predictions.

    Raises:
        ConfigError: if the target exists, or the format cannot hold the model.
        DataError: if the run folder holds no model.
        WriteError: if the target cannot be written.
        ExportError: if the export predicts its test rows differently than the run.
    """
    # Loading the model may take long, so the target is checked first.
    export = format_named(format_name)
    export.check(format_name, target)
    check_target(target, force, target)
    return export_model(
        TrainedModel(*saved_model.load(run)), target, format_name, force
    )


def export_model(
    model: TrainedModel, target: Path, format_name: str, force: bool
) -> Replay:
    """Writes a model in another format; see `export_run`."""
    export = format_named(format_name)
    export.check(format_name, target)
    check_target(target, force, target)
    record = describe(model, format_name)
    check = partial(check_target, target, force)
    with replacing_folder(target, FIX, check) as path:
        export.write(model, record, path)
        result = replay(export, record, path)
        check_replay(target, result)
        if path.is_dir():
            text = json.dumps({**record, FILES: hashes_of(path)})
            (path / RECORD_FILE).write_text(text, "utf-8")
    return result


def verify(path: Path) -> Replay:
    """Replays the test rows of an export.

    An export can contain code, and this function runs the export. Therefore verify only
    exports that you trust.

    Raises:
        DataError: if the path is not an export, or the export is damaged.
        ExportError: if the export predicts its test rows differently than its run.
    """
    name, record = record_of(path)
    export = format_named(name)
    export.check(name, path)
    try:
        result = replay(export, record, path)
    except MtlError:
        raise
    except Exception as error:  # each library that runs an export has its own errors
        raise DataError(
            f"{path} is damaged: {type(error).__name__}: {first_line(error)}; export "
            "the model again"
        ) from None
    check_replay(path, result)
    return result


def format_named(name: str) -> ExportFormat:
    """Returns the format with the given name.

    Raises:
        ConfigError: if there is no such format.
    """
    names = option_names(AXIS)
    if name not in names:
        raise ConfigError(
            f"--format: '{name}' is not one of {', '.join(names)}{suggest(name, names)}"
        )
    return option_class(AXIS, name, ExportFormat)()


def check_target(target: Path, force: bool, existing: Path) -> None:
    """Checks that a target does not exist yet, or is an export that may be replaced.

    Args:
        target: the file or folder to write, for messages.
        force: whether an earlier export may be replaced.
        existing: the path to check: the target, or the path that an existing target was
            moved to.

    Raises:
        ConfigError: if the target must not be written.
    """
    if not existing.exists() and not existing.is_symlink():
        return
    if not force:
        raise ConfigError(
            f"{target} exists; choose another name, or replace an earlier export with "
            "--force"
        )
    try:
        name, record = record_of(existing)
    except DataError:
        raise ConfigError(
            f"--force: {target} is not an export of mtl-cli, so it is not replaced; "
            "choose another name"
        ) from None
    if existing.is_dir():
        try:
            byproducts = format_named(name).byproducts
            check_written(existing, RECORD_FILE, record.get(FILES), byproducts)
        except (OSError, UnsafeFileError) as error:
            reason = first_line(error).replace(str(existing), str(target))
            raise ConfigError(
                f"--force: {reason}; move it away, or choose another name"
            ) from None


def record_of(path: Path) -> tuple[str, ExportRecord]:
    """Reads the record of an export, and finds out its format.

    Returns: the name of the format, and the record; see `ExportRecord`.

    Raises:
        DataError: if the path is not an export, or the export is damaged.
    """
    try:
        for name in option_names(AXIS):
            # A link may point to anything, so its target is not read.
            record = None if path.is_symlink() else format_named(name).read_record(path)
            if record is not None and record["format"] == name:
                check_record(record)
                return name, cast(ExportRecord, record)
    except DAMAGED_FILE_ERRORS as error:
        raise DataError(
            f"{path} holds no complete export: {type(error).__name__}: "
            f"{first_line(error)}; export the model again"
        ) from None
    raise DataError(
        f"{path} is not an export; name a file or folder that mtl-export has written"
    )


def check_record(record: dict[str, Any]) -> None:
    """Raises ValueError if a record does not have the form that `describe` returns."""
    rows, predictions = record["rows"], record["predictions"]
    if set(record["inputs"].values()) - set(ARROW_TYPES):
        raise ValueError("the record names an unknown kind of input")
    if set(rows) != set(record["inputs"]) or set(predictions) != set(record["outputs"]):
        raise ValueError("the rows of the record do not fit its inputs and outputs")
    lengths = {len(cells) for cells in (*rows.values(), *predictions.values())}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError("the columns of the record have different lengths")


def describe(model: TrainedModel, format_name: str) -> ExportRecord:
    """Makes the record of an export, as JSON values; see `ExportRecord`."""
    rows = model.features.examples(TEST_ROWS)
    encoded = model.features.encode(rows)
    predictions = prediction_columns(model.network, model.config, encoded)
    return {
        "format": format_name,
        "mtl_cli": version("mtl-cli"),
        "inputs": model.features.input_kinds,
        "outputs": list(predictions),
        "rows": rows.to_pydict(),
        "predictions": {name: x.tolist() for name, x in predictions.items()},
    }


def replay(export: ExportFormat, record: ExportRecord, path: Path) -> Replay:
    """Predicts the test rows of a record with the export, and compares predictions."""
    kinds = record["inputs"]
    rows = pa.table(
        {
            column: raw_column(cells, kinds[column])
            for column, cells in record["rows"].items()
        }
    )
    columns = export.predict(path, rows, kinds)
    differences = {
        name: largest_difference(columns[name], np.array(expected, "float64"))
        for name, expected in record["predictions"].items()
    }
    # A NaN counts as the largest difference. All comparisons with NaN are false, so
    # `max` alone might miss it.
    column = max(
        differences,
        key=lambda name: (math.isnan(differences[name]), differences[name]),
    )
    return Replay(rows.num_rows, column, differences[column], export.tolerance)


def check_replay(path: Path, result: Replay) -> None:
    """Raises an error if an export predicts its test rows differently than the run."""
    if not result.difference <= result.tolerance:  # `not <=` is also true for NaN
        raise ExportError(
            f"{path} predicts {result.column} differently than the run did, by "
            f"{result.difference:.1e} in {result.rows} test rows; at most "
            f"{result.tolerance:.0e} is expected; export the model again"
        )


def largest_difference(predicted: Any, expected: Any) -> float:
    """Returns the largest |predicted - expected| / max(1, |expected|)."""
    scale = np.maximum(1, np.abs(expected))
    return float(np.max(np.abs(np.asarray(predicted, "float64") - expected) / scale))
