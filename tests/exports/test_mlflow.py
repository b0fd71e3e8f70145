"""An exported MLflow model reads tables, and our own code runs when it is verified."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from helpers.crafted_files import forget_hashes
from helpers.every_kind import HUGE, WITHOUT_HASHES, hard_rows, trained, with_text_ids

import mtl_cli
from mtl_cli.core.errors import DataError
from mtl_cli.exports.mlflow import MLflow
from mtl_cli.runs.export import verify

# MLflow warns of its own type hints when it is imported.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("run"), WITHOUT_HASHES)


@pytest.mark.slow
def test_mlflow_model_takes_null_cells(run: Path) -> None:
    table = hard_rows(300, seed=8).drop_columns(["other_word"])
    import mlflow

    path = run.parent / "mlflow"
    mtl_cli.load(run).export(path, "mlflow")
    model = mlflow.pyfunc.load_model(str(path))
    columns = model.predict(with_text_ids(table).to_pandas())
    expected = mtl_cli.load(run).predict(table)
    assert list(columns) == list(expected)
    np.testing.assert_allclose(columns, expected, rtol=1e-6, atol=1e-6)
    requirements = (path / "requirements.txt").read_text().splitlines()
    assert [line.partition("==")[0] for line in requirements] == [
        *("mlflow", "numpy", "pandas", "tensorflow")
    ]


@pytest.mark.slow
def test_mlflow_model_does_not_read_set_columns(run: Path, tmp_path: Path) -> None:
    import mlflow

    table = hard_rows(50, seed=8).drop_columns(["other_word", "user", "price"])
    set_columns = {"user": HUGE, "price": 1.5}
    model = mtl_cli.load(run)
    model.export(tmp_path / "model", "mlflow", set=set_columns)
    verify(tmp_path / "model")
    exported = mlflow.pyfunc.load_model(str(tmp_path / "model"))
    assert not {"user", "price"} & set(
        exported.metadata.get_input_schema().input_names()
    )
    columns = exported.predict(with_text_ids(table).to_pandas())
    expected = model.predict(table, set=set_columns)
    np.testing.assert_allclose(columns, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        *((None, ""), (float("nan"), ""), (pd.NA, ""), ("NA", "NA"), (True, "true")),
        *((HUGE + 1, str(HUGE + 1)), (np.int64(7), "7"), (7.0, "7")),
        # Lists of an Arrow table become NumPy arrays, and their cells NumPy scalars.
        *((np.float32(7), "7"), (np.float32("nan"), ""), (np.bool_(True), "true")),
    ],
)
def test_mlflow_model_reads_ids_as_training_does(cell: object, text: str) -> None:
    from mtl_cli.exports._mlflow_model import as_text

    assert as_text(cell) == text


@pytest.mark.parametrize(
    "cell", [0.5, float(HUGE * 2), float("inf"), np.float32(0.5), np.float32(2**25)]
)
def test_mlflow_model_refuses_floats_that_are_no_exact_ids(cell: float) -> None:
    from mtl_cli.exports._mlflow_model import as_text

    with pytest.raises(ValueError, match="is not an exact id; give ids as text"):
        as_text(cell)


def test_mlflow_model_reads_missing_numbers_of_lists_as_nan() -> None:
    from mtl_cli.exports._mlflow_model import as_array

    lists = pd.Series([[1.5, None], [pd.NA, np.nan, 2], None], dtype=object)
    expected = [[1.5, np.nan, np.nan], [np.nan, np.nan, 2], [np.nan] * 3]
    np.testing.assert_array_equal(as_array(lists, "numbers"), expected)


def test_mlflow_model_names_the_column_of_a_float_that_is_no_id() -> None:
    from mtl_cli.exports._mlflow_model import RawColumnsModel

    model = RawColumnsModel()
    model.saved_model = SimpleNamespace(signatures={"serving_default": None})
    model.input_kinds = {"user": "text"}
    with pytest.raises(ValueError, match=r"column user: 0\.5 is not an exact id"):
        model.predict(None, pd.DataFrame({"user": [0.5]}))


def test_mlflow_model_names_the_column_of_a_cell_of_a_wrong_type() -> None:
    from mtl_cli.exports._mlflow_model import RawColumnsModel

    model = RawColumnsModel()
    model.saved_model = SimpleNamespace(signatures={"serving_default": None})
    for kind, cell in {"number": {}, "numbers": 5, "texts": 5}.items():
        model.input_kinds = {"age": kind}
        with pytest.raises(ValueError, match="column age: "):
            model.predict(None, pd.DataFrame({"age": [cell]}))


def test_mlflow_model_names_a_missing_column() -> None:
    from mtl_cli.exports._mlflow_model import RawColumnsModel

    model = RawColumnsModel()
    model.input_kinds = {"user": "text", "age": "number"}
    with pytest.raises(ValueError, match="the rows have no column age; give null"):
        model.predict(None, pd.DataFrame({"user": ["17"]}))


def test_compiled_code_in_an_mlflow_model_is_refused(tmp_path: Path) -> None:
    """Python would run the compiled code in place of the code that has a hash."""
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "_mlflow_model.cpython-311.pyc").write_bytes(b"")
    with pytest.raises(DataError, match="remove this folder, then verify the export"):
        MLflow().check_hashes(tmp_path, {"files": {}})
    shutil.rmtree(tmp_path / "__pycache__")
    MLflow().check_hashes(tmp_path, {"files": {}})


@pytest.mark.slow
def test_code_that_somebody_put_into_an_mlflow_model_is_not_run(
    run: Path, tmp_path: Path
) -> None:
    path = tmp_path / "model"
    mtl_cli.load(run).export(path, "mlflow")
    (path / "_mlflow_model.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(DataError, match=r"holds '_mlflow_model\.py', which has"):
        verify(path)
    forget_hashes(path)
    verify(path)
    assert not (tmp_path / "ran").exists()
