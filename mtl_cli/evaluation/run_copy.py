"""Writes the copy of a run in the evaluation of a sweep, see `evaluation.sweep`."""

import contextlib
import json
from pathlib import Path

import numpy as np
import yaml

from mtl_cli.comparison.runs import Run
from mtl_cli.comparison.same_rows import VALID_ROWS, validation_rows
from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import DAMAGED_FILE_ERRORS, DataError, first_line
from mtl_cli.core.other_files import read_json_object, read_text
from mtl_cli.core.paths import Location
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.data.files import find_files
from mtl_cli.data.fingerprint import hash_files
from mtl_cli.data.sources import with_format_of
from mtl_cli.evaluation.evaluation import Evaluation, finite
from mtl_cli.evaluation.page import page
from mtl_cli.evaluation.rows import EvaluatedRows
from mtl_cli.runs.saved_config import read_config
from mtl_cli.scoring.scores import score_outputs


def write_copy(
    run: Run,
    table: Location,
    config: Config,
    evaluation: Evaluation,
    rows: EvaluatedRows,
    folder: Path,
) -> None:
    """Writes a copy of a run whose test rows are the rows of a table.

    Args:
        run: the run.
        table: the files of the table.
        config: the configuration of the run.
        evaluation: the evaluation of the run on the table.
        rows: the rows of the table, with the run's predictions.
        folder: the folder to write.

    Raises:
        DataError: if the configuration of the run is damaged.
    """
    texts = texts_to_copy(run, table)
    json_values = json_files(run, table, config, evaluation, rows)
    folder.mkdir(parents=True)
    for name, value in json_values.items():
        write_json(folder / name, value)
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8")
    write_predictions(config, rows, folder)
    html = page(evaluation)
    (folder / "evaluation.html").write_text(html, "utf-8", errors="replace")


def json_files(
    run: Run,
    table: Location,
    config: Config,
    evaluation: Evaluation,
    rows: EvaluatedRows,
) -> dict[str, object]:
    """Returns the JSON files of the copy of a run: {name of the file: its content}.

    Args: see `write_copy`.
    """
    scores = score_outputs(rows.outputs, rows.table, rows.predictions)
    dataset = with_format_of(config.dataset, table)
    files = find_files("TABLE", table, dataset.format)
    contents: dict[str, object] = {
        "metrics.json": run.metrics | {"test": scores},
        "environment.json": run.environment
        | {"data_hash": hash_files({"test": files}), VALID_ROWS: validation_rows(run)},
        "status.json": read_json_object(run.path / "status.json"),
        "evaluation.json": evaluation.to_dict(),
    }
    if evaluation.gates:
        contents["gates.json"] = {"split": "test", **evaluation.gates}
    return contents


def write_predictions(config: Config, rows: EvaluatedRows, folder: Path) -> None:
    """Writes the `predictions.parquet` of the copy of a run."""
    from mtl_cli.runs.report import prediction_frame  # imports matplotlib

    row_numbers = np.arange(rows.num_rows)
    predictions = {o.name: rows.predictions[o.name] for o in rows.outputs}
    frame = prediction_frame(config, row_numbers, rows.table, predictions)
    frame.to_parquet(folder / "predictions.parquet", index=False)


def texts_to_copy(run: Run, table: Location) -> dict[str, str]:
    """Returns the text files of a run that are copied, {name of the file: text}.

    In `config.yaml`, the table becomes the file of the test rows. `history.csv` is left
    out if it cannot be read.

    Raises:
        DataError: if the configuration is damaged.
    """
    try:
        config = read_config(run.path)
        config["dataset"] = config["dataset"] | {"test": table, "test_fraction": 0.0}
    except DAMAGED_FILE_ERRORS as error:
        raise DataError(f"{run.path}/config.yaml: {first_line(error)}") from None
    texts = {"config.yaml": yaml.safe_dump(mask_secrets(config), sort_keys=False)}
    with contextlib.suppress(OSError, ValueError):  # only learning curves need it
        texts["history.csv"] = read_text(run.path / "history.csv")
    return texts


def write_json(path: Path, value: object) -> None:
    """Writes a JSON file, with secrets replaced, and null for NaN and infinity."""
    text = json.dumps(finite(mask_secrets(value)), indent=2, allow_nan=False)
    path.write_text(f"{text}\n", "utf-8")
