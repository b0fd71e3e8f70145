"""Writes the copy of a run for `evaluation.several_runs`.

In the copy, the rows of the evaluated table take the place of the run's test rows.
"""

import contextlib
import json
from pathlib import Path

from mtl_cli.comparison.runs import Run
from mtl_cli.comparison.same_rows import VALID_ROWS, validation_fingerprint
from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import DAMAGED_FILE_ERRORS, DataError, first_line
from mtl_cli.core.locations import Location
from mtl_cli.core.other_files import read_json_object, read_text
from mtl_cli.core.private_apis import omegaconf_yaml
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.core.written_files import HASHES_KEY
from mtl_cli.evaluation.page import page
from mtl_cli.evaluation.results import EvaluationResults, nonfinite_as_none
from mtl_cli.evaluation.rows import EvaluatedRows
from mtl_cli.runs.predictions_file import PREDICTIONS, write_predictions
from mtl_cli.runs.saved_config import read_config
from mtl_cli.scoring.scores import score_outputs


def write_copy(
    run: Run,
    table: Location,
    data_hash: str,
    config: Config,
    evaluation: EvaluationResults,
    rows: EvaluatedRows,
    folder: Path,
) -> None:
    """Writes a copy of a run whose test rows are the rows of a table.

    `data_hash` is the hash of the table. The `folder` to write must not exist.
    """
    try:
        values = read_config(run.path)
        values["dataset"] = values["dataset"] | {"test": table, "test_fraction": 0.0}
    except DAMAGED_FILE_ERRORS as error:
        raise DataError(f"{run.path}/config.yaml: {first_line(error)}") from None
    config_text = omegaconf_yaml(mask_secrets(values))
    contents = json_files(run, data_hash, evaluation, rows)
    folder.mkdir(parents=True)
    for name, value in contents.items():
        write_json(folder / name, value)
    (folder / "config.yaml").write_text(config_text, "utf-8")
    # Only plots of learning curves need the history, so a copy can do without.
    with contextlib.suppress(OSError, ValueError):
        history = read_text(run.path / "history.csv")
        (folder / "history.csv").write_text(history, "utf-8")
    predictions = {o.name: rows.predictions[o.name] for o in rows.outputs}
    write_predictions(
        folder / PREDICTIONS,
        config,
        rows.row_numbers,
        rows.table,
        predictions,
        rows.scenarios,
    )
    html = page(evaluation)
    (folder / "evaluation.html").write_text(html, "utf-8")


def json_files(
    run: Run, data_hash: str, evaluation: EvaluationResults, rows: EvaluatedRows
) -> dict[str, object]:
    """Returns {name: content} of the JSON files of a copy, see `write_copy`."""
    # `data_hash` is now about the evaluated table, so another key tells whether copies
    # come from runs with the same validation rows.
    changed_environment = {
        "data_hash": data_hash,
        VALID_ROWS: validation_fingerprint(run),
    }
    scores = score_outputs(rows.outputs, rows.table, rows.predictions, rows.scenarios)
    status = read_json_object(run.path / "status.json")
    status.pop(HASHES_KEY, None)  # the files of the copy have other hashes
    contents: dict[str, object] = {
        "metrics.json": run.metrics | {"test": scores},
        "environment.json": run.environment | changed_environment,
        "status.json": status,
        "evaluation.json": evaluation.to_dict(),
    }
    if evaluation.gates:
        contents["gates.json"] = {"split": "test", **evaluation.gates}
    return contents


def write_json(path: Path, value: object) -> None:
    """Writes a JSON file, with secrets replaced, and null for NaN and infinity."""
    text = json.dumps(nonfinite_as_none(mask_secrets(value)), indent=2, allow_nan=False)
    path.write_text(f"{text}\n", "utf-8")
