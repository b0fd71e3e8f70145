"""Exports the model of a run to another format, and checks exports.

An export holds example rows with made-up values, and the predictions of the run for
these rows. To *replay* the example rows means to predict them with the export, and to
compare the result with the predictions of the run.

A *constant* is a column that has one fixed value in the export, see the option `--set`.
"""

import json
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from mtl_cli.columns.raw_inputs import raw_column
from mtl_cli.core.atomic_write import replacing_folder
from mtl_cli.core.errors import (
    ConfigError,
    DataError,
    ExportError,
    MtlError,
    first_line,
)
from mtl_cli.core.message_text import comma_list
from mtl_cli.core.run_folder import check_outside_run
from mtl_cli.core.written_files import HASHES_KEY, hashes_of
from mtl_cli.data.feature_graph import example_rows
from mtl_cli.exports.base import RECORD_FILE, ExportFormat, ExportRecord, with_hash
from mtl_cli.metrics.metric import Floats
from mtl_cli.network.trained_model import TrainedModel
from mtl_cli.runs.earlier_export import check_export_target, get_format, record_of

NUM_EXAMPLES = 64
FIX = "export the model again, or with --format weights"


class Replay(NamedTuple):
    """How well an export predicts its example rows."""

    num_rows: int  # the number of example rows
    column: str  # the column of predictions with the largest error
    error: float  # the largest error, see `prediction_errors`


def export_model(
    load_model: Callable[[], TrainedModel],
    target: Path,
    format_name: str,
    force: bool,
    on_step: Callable[[str], object] = lambda text: None,
) -> Replay:
    """Writes a model in another format, completely or not at all.

    Args:
        load_model: loads the model. Loading may take long, so the target is checked
            first.
        target: the file or folder to write.
        format_name: the name of the format, a file in `mtl_cli/exports`.
        force: whether to replace an earlier export.
        on_step: a function that is called at the start of each long step, with a text
            such as "writing the model".

    Returns: the result of replaying the example rows.
    """
    export_format = get_format(format_name)
    export_format.check(format_name, target)
    check_export_target(target, force)
    model = load_model()
    check_outside_run(target, model.folder)
    constants = model.features.constants.column_names
    if constants and not export_format.has_inputs:
        raise ConfigError(
            f"--format {format_name}: the export would have no inputs, so no value can "
            f"be set for {', '.join(constants)}; set it in the program that uses the "
            "weights"
        )
    record = make_record(model, format_name)
    # The target may have changed since the first check, so it is checked again.
    check_earlier_export = partial(check_export_target, force=force)
    with replacing_folder(target, check_earlier_export) as path:
        on_step("writing the model")
        export_format.write(model, record, path)
        on_step(f"replaying {NUM_EXAMPLES} example rows")
        result = replay(export_format, record, path, target)
        if path.is_dir():
            text = json.dumps(with_hash({**record, HASHES_KEY: hashes_of(path)}))
            (path / RECORD_FILE).write_text(text, "utf-8")
    return result


def verify(path: Path) -> Replay:
    """Compares an export with its hashes, and then replays its example rows.

    An export can contain code, and this function runs the export. Therefore verify only
    exports that you trust.
    """
    record = record_of(path)
    export_format = get_format(record["format"])
    export_format.check(record["format"], path)
    try:
        export_format.check_hashes(path, record)
        return replay(export_format, record, path, path)
    except MtlError:
        raise
    except Exception as error:  # each library that runs an export has its own errors
        raise DataError(
            f"{path} is damaged: {type(error).__name__}: {first_line(error)}; export "
            "the model again"
        ) from error


def make_record(model: TrainedModel, format_name: str) -> ExportRecord:
    rows = example_rows(model.features, NUM_EXAMPLES)
    predictions = model.prediction_columns(model.features.encode(rows))
    return {
        "format": format_name,
        "mtl_cli": version("mtl-cli"),
        "inputs": model.features.input_kinds,
        # The table of constants has one row.
        "constants": {
            column: value
            for column, (value,) in model.features.constants.to_pydict().items()
        },
        "outputs": list(predictions),
        "rows": rows.to_pydict(),
        "predictions": {name: x.tolist() for name, x in predictions.items()},
    }


def replay(
    export_format: ExportFormat, record: ExportRecord, path: Path, target: Path
) -> Replay:
    """Predicts the example rows of an export, and measures the errors.

    A new export still lies in a temporary `path`. Messages name the final `target`.
    """
    kinds = record["inputs"]
    rows = pa.table(
        {name: raw_column(cells, kinds[name]) for name, cells in record["rows"].items()}
    )
    columns: Any = export_format.predict(path, rows, kinds)
    source = f"--format {record['format']}: `predict`"
    if not isinstance(columns, dict):  # a plugin's format
        raise ConfigError(f"{source} returns {type(columns).__name__}, not a dict")
    if differing := sorted(set(columns) ^ set(record["outputs"])):
        raise DataError(
            f"{target} and its record differ in the outputs {comma_list(differing)}; "
            f"{FIX}"
        )
    errors = []
    for name, predictions in record["predictions"].items():
        predicted = np.asarray(columns[name])
        expected = np.array(predictions, "float64")
        if predicted.dtype.kind not in "biuf" or predicted.shape != expected.shape:
            raise ConfigError(
                f"{source} returns {predicted.dtype} {predicted.shape} for {name}, not "
                f"numbers {expected.shape}"
            )
        errors.append(float(np.max(prediction_errors(predicted, expected))))
    worst = int(np.argmax(errors))  # NaN counts as the largest error
    column, error = list(record["predictions"])[worst], errors[worst]
    if not error <= export_format.tolerance:
        raise ExportError(
            f"{target} predicts {column} differently than the run did: the largest "
            f"error in {rows.num_rows} example rows is {error:.1e}, but at most "
            f"{export_format.tolerance:.0e} is expected; {FIX}"
        )
    return Replay(rows.num_rows, column, error)


def prediction_errors(predicted: Floats, expected: Floats) -> Floats:
    """Returns the errors of an export's predictions; see `ExportFormat`.

    The error is absolute for an expected value up to 1, and relative for larger values.
    The relative error of exp(z) grows with z, so it is also divided by 1 + log(size).
    """
    size = np.maximum(1, np.abs(expected))
    # Infinity - infinity is NaN. The product of both divisors could overflow.
    with np.errstate(invalid="ignore", over="ignore"):
        errors = np.abs(predicted - expected) / size / (1 + np.log(size))
    # Two equal infinities have no error.
    return np.where(predicted == expected, 0.0, errors)
