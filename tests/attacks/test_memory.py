"""A small file of somebody else does not fill the memory."""

import json
import os
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

import mtl_cli
from mtl_cli.core import other_files
from mtl_cli.core.other_files import (
    UnsafeFileError,
    check_data_file,
    check_npz,
    check_regular,
)
from mtl_cli.evaluation.prediction_drift import prediction_drift
from mtl_cli.heads.base import Output
from mtl_cli.network.trained_model import TrainedModel
from mtl_cli.runs import predictions_file
from mtl_cli.tasks.binary import Binary
from mtl_cli.training.checkpoint import read_intact

EQUAL_ROWS = 300_000  # of 8 bytes


@pytest.mark.parametrize("content", [b"", b"head"])
def test_file_of_holes_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "weights.h5"
    path.write_bytes(content)
    check_regular(path)
    os.truncate(path, 4 << 30)
    for check in (check_regular, check_data_file):
        with pytest.raises(UnsafeFileError, match="the rest are holes"):
            check(path)


def test_numbers_that_repeat_without_end_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(other_files, "MAX_BYTES", 1 << 20)
    monkeypatch.setattr(predictions_file, "ROWS_PER_BATCH", 10_000)
    table = pa.table({"buy_prediction": np.full(EQUAL_ROWS, 0.5)})
    path = tmp_path / "predictions.parquet"
    pyarrow.parquet.write_table(table, path)
    assert path.stat().st_size < 2**13
    read = predictions_file.read_predictions
    with pytest.raises(UnsafeFileError, match="expands to more than 1,048,576 bytes"):
        read(tmp_path, lambda names: names)
    buy = Binary(label="buy", kind="binary")
    outputs = [Output("buy", "buy", buy)]
    none: Any = None
    config: Any = SimpleNamespace(outputs=outputs)
    run = TrainedModel(network=none, features=none, config=config, folder=tmp_path)
    drift, remark = prediction_drift(run, outputs, {"buy": np.zeros(3)}, {})
    assert drift == [] and "damaged" in remark
    with pytest.raises(mtl_cli.DataError, match="expands to more than 1,048,576 bytes"):
        _ = mtl_cli.Run(tmp_path).predictions
    monkeypatch.setattr(other_files, "MAX_BYTES", 9 * EQUAL_ROWS)
    assert read(tmp_path, lambda names: names).equals(table)


def test_column_of_predictions_is_no_index_whatever_the_metadata_say(
    tmp_path: Path,
) -> None:
    pandas = {"index_columns": ["row"], "column_indexes": [], "columns": []}
    table = pa.table({"row": [1, 2], "buy": [0, 1]})
    table = table.replace_schema_metadata({"pandas": json.dumps(pandas)})
    pyarrow.parquet.write_table(table, tmp_path / "predictions.parquet")
    assert list(mtl_cli.Run(tmp_path).predictions.columns) == ["row", "buy"]


def test_pipe_in_place_of_the_history_of_a_run_is_not_waited_for(
    tmp_path: Path,
) -> None:
    os.mkfifo(tmp_path / "history.csv")
    with pytest.raises(mtl_cli.DataError, match="is not a regular file"):
        _ = mtl_cli.Run(tmp_path).history


def test_compressed_or_overlapping_arrays_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    x = np.zeros(1 << 16)
    np.savez(path, x=x)
    check_npz(path)
    np.savez_compressed(path, x=x)
    with pytest.raises(UnsafeFileError, match="is compressed"):
        check_npz(path)
    assert read_intact(path) is None
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", bytes(1 << 16))
        entry = archive.infolist()[0]
        for name in ("b.npy", "c.npy"):  # the same bytes under further names
            again = zipfile.ZipInfo(name)
            again.header_offset, again.CRC = entry.header_offset, entry.CRC
            again.file_size = again.compress_size = entry.file_size
            archive.filelist.append(again)
    with pytest.raises(UnsafeFileError, match="its arrays expand to 196,608"):
        check_npz(path)
