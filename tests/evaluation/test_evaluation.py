"""The tables of an evaluation, as the library gives them."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from helpers.planted_data import config, values

from mtl_cli.core.errors import DataError
from mtl_cli.data.load import load
from mtl_cli.data.sources import no_progress
from mtl_cli.evaluation.data_of_run import (
    has_changed,
    read_data_of_run,
    recorded_data_hash,
)
from mtl_cli.evaluation.evaluate import truth_rmse_with_interval
from mtl_cli.evaluation.evaluation import Evaluation


def test_table_of_importance_has_its_figures_without_those_of_single_shufflings() -> (
    None
):
    record = {"features": "city", "group": None, "task": "click", "importance": 0.2}
    record |= {
        "low": 0.1,
        "high": 0.3,
        "p": 0.01,
        "p_corrected": 0.02,
        "drops": [0.2, 0.2],
    }
    evaluation = Evaluation("RUN", "table", 9, {}, importances={"features": [record]})
    (row,) = evaluation.importance.to_dict("records")
    assert row == {k: v for k, v in record.items() if k != "drops"}


def test_undefined_truth_rmse_has_no_interval() -> None:
    rows: Any = None  # the rows are not needed
    result = truth_rmse_with_interval(rows, "click", None)
    assert result["value"] is result["low"] is result["high"] is None


def test_run_whose_data_has_moved_needs_a_table() -> None:
    features = {"user": {"kind": "sparse"}}
    tasks = {"click": {"label": "click", "kind": "binary"}}
    settings = config(values("gone.parquet", features, tasks, valid_fraction=0.5))
    model: Any = SimpleNamespace(config=settings, folder=Path("moved"))
    with pytest.raises(DataError) as error:
        read_data_of_run(model, no_progress)
    assert str(error.value) == (
        "moved: dataset.train: no file 'gone.parquet' (current folder: "
        f"{Path.cwd()}); correct the path; name a TABLE to evaluate the run on"
    )


def test_changed_rows_of_a_run_are_refused_unless_their_hash_is_unknown(
    tmp_path: Path,
) -> None:
    # Features learn the same values from rows with other labels.
    features = {"user": {"kind": "sparse"}}
    tasks = {"click": {"label": "click", "kind": "binary"}}
    file = tmp_path / "rows.csv"
    file.write_text("user,click\n" + "a,1\nb,0\n" * 9)
    settings = config(values(file, features, tasks, valid_fraction=0.5))
    trained_on = load(settings.dataset, settings.outputs)
    model: Any = SimpleNamespace(
        config=settings, folder=tmp_path, features=trained_on.features
    )
    environment = {"data_hash": trained_on.fingerprint}
    (tmp_path / "environment.json").write_text(json.dumps(environment))
    assert recorded_data_hash(tmp_path) == trained_on.fingerprint
    assert not has_changed(trained_on, model, trained_on.fingerprint)
    file.write_text("user,click\n" + "a,0\nb,1\n" * 9)
    with pytest.raises(DataError, match="have changed since the run was trained; name"):
        read_data_of_run(model, no_progress)
    (tmp_path / "environment.json").unlink()
    assert recorded_data_hash(tmp_path) is None
    changed = load(settings.dataset, settings.outputs)
    assert not has_changed(changed, model, None)
