"""`mtl-predict`: the numbers of the run, for the rows of any file."""

import errno
import io
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
from helpers.planted_data import config, run_in, values
from helpers.signal_handlers import own_signal_handlers

from mtl_cli.cli import predict
from mtl_cli.data import sources
from mtl_cli.data.sources import Source
from mtl_cli.network.trained_model import TrainedModel

FEATURES: dict[str, Any] = {
    "user": {"kind": "sparse"},
    "item": {"kind": "hashed", "num_buckets": 7},
    "price": {"kind": "dense", "transform": "standard", "missing": "mean"},
    "age": {"kind": "bucketized", "edges": [20, 40]},
    "tags": {"kind": "sequence", "separator": "|", "max_length": 3},
    "pair": {"kind": "cross", "columns": ["user", "item"], "num_buckets": 20},
}
TASKS: dict[str, Any] = {
    "click": {"label": "click", "kind": "binary"},
    "spent": {"label": "spent", "kind": "regression"},
    "level": {"label": "level", "kind": "multiclass", "classes": ["low", "high", "no"]},
}
OUTPUTS = ["click", "spent", "level.low", "level.high", "level.no"]


def rows(count: int = 300, seed: int = 0) -> pa.Table:
    """Rows with ids beyond 2^53, text, lists, missing numbers, and three labels."""
    chance = np.random.default_rng(seed)
    user, price = chance.integers(0, 9, count), chance.normal(size=count)
    return pa.table(
        {
            "user": user + 2**53,
            "item": [f"item {i % 5}" for i in range(count)],
            "price": [None if x > 1.5 else x for x in price],
            "age": chance.uniform(10, 60, count),
            "tags": ["a|b" if x > 0 else "c" for x in price],
            "click": (user % 2 == 0).astype(int),
            "spent": price + user,
            "level": np.array(["low", "high", "no"])[user % 3],
        }
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run on rows in Parquet, and the file of its test rows."""
    folder = tmp_path_factory.mktemp("run")
    for name, table in {"train": rows(), "test": rows(100, seed=1)}.items():
        pyarrow.parquet.write_table(table, folder / f"{name}.parquet")
    data = values(
        folder / "train.parquet", FEATURES, TASKS, test=str(folder / "test.parquet")
    )
    run_in(folder / "run", config(data, "trainer.epochs=1"))
    return folder / "run"


@pytest.fixture
def written(run: Path) -> pd.DataFrame:
    """The predictions that the run has written, with the columns of `mtl-predict`."""
    frame = pd.read_parquet(run / "predictions.parquet")
    levels = np.stack(frame["level_prediction"].to_list())
    columns = {name: frame[f"{name}_prediction"] for name in ("click", "spent")}
    return pd.DataFrame(
        columns
        | {f"level.{c}": levels[:, i] for i, c in enumerate(TASKS["level"]["classes"])}
    )


def predicted(*arguments: object) -> int:
    return predict.main([str(argument) for argument in arguments])


def test_predictions_of_the_test_rows_are_those_of_the_run_bit_by_bit(
    run: Path, written: pd.DataFrame, tmp_path: Path
) -> None:
    test = run.parent / "test.parquet"
    for name in ("scores.parquet", "scores.feather"):
        assert predicted(run, test, "-o", tmp_path / name) == 0
    for frame in (
        pd.read_parquet(tmp_path / "scores.parquet"),
        pd.read_feather(tmp_path / "scores.feather"),
    ):
        pd.testing.assert_frame_equal(frame, written, check_exact=True)


def test_tables_are_predicted_one_after_another(
    run: Path, written: pd.DataFrame, tmp_path: Path
) -> None:
    table = rows(100, seed=1)
    parts = [tmp_path / f"{name}.parquet" for name in ("b", "a")]
    pyarrow.parquet.write_table(table[:30], parts[0])
    pyarrow.parquet.write_table(table[30:], parts[1])
    assert predicted(run, parts[0], "-o", tmp_path / "o.csv", parts[1]) == 0
    frame = pd.read_csv(tmp_path / "o.csv")
    np.testing.assert_allclose(frame, written, rtol=1e-5)
    assert predicted(run, *parts, "-o", parts[1], "--force") == 2


def test_lists_are_read_as_the_text_that_the_model_was_trained_on(
    run: Path, written: pd.DataFrame, tmp_path: Path
) -> None:
    table, target = rows(100, seed=1), tmp_path / "scores.parquet"
    lists = pa.array([text.split("|") for text in table["tags"].to_pylist()])
    index = table.column_names.index("tags")
    table = table.set_column(index, "tags", lists)
    pyarrow.parquet.write_table(table, tmp_path / "lists.parquet")
    assert predicted(run, tmp_path / "lists.parquet", "-o", target) == 0
    pd.testing.assert_frame_equal(pd.read_parquet(target), written, check_exact=True)


@pytest.mark.parametrize("rows_per_block", [7, 100, 1 << 16])
def test_rows_keep_their_order_and_kept_columns_stand_beside_them(
    rows_per_block: int,
    run: Path,
    written: pd.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sources, "ROWS_PER_BLOCK", rows_per_block)
    monkeypatch.setattr("mtl_cli.data.sources.CHUNK_ROWS", 30)
    target = tmp_path / "scores.parquet"
    test = run.parent / "test.parquet"
    assert predicted(run, test, "-o", target, "--keep", "user,level,age") == 0
    frame, expected = pd.read_parquet(target), rows(100, seed=1).to_pandas()
    assert list(frame) == ["user", "level", "age", *OUTPUTS]
    pd.testing.assert_frame_equal(
        frame[["user", "level", "age"]], expected[["user", "level", "age"]]
    )
    np.testing.assert_allclose(frame[OUTPUTS], written, rtol=1e-5, atol=1e-6)


def test_kept_label_leaves_its_name_to_the_label(
    run: Path, written: pd.DataFrame, tmp_path: Path
) -> None:
    target = tmp_path / "scores.parquet"
    test = run.parent / "test.parquet"
    assert predicted(run, test, "-o", target, "--keep", "click") == 0
    frame = pd.read_parquet(target)
    assert frame.pop("click").to_list() == rows(100, seed=1)["click"].to_pylist()
    expected = written.rename(columns={"click": "click_prediction"})
    pd.testing.assert_frame_equal(frame, expected, check_exact=True)


def test_pieces_that_are_read_are_no_larger_than_a_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sources, "ROWS_PER_BLOCK", 7)
    table, asked = pa.table({"x": range(20)}), list[int]()

    def read(max_rows: int) -> Iterator[pa.Table]:
        asked.append(max_rows)
        return (table.slice(start, max_rows) for start in range(0, 20, max_rows))

    found = list(Source("t", 20, read).blocks())
    assert [block.num_rows for block in found] == [7, 7, 6]
    assert pa.concat_tables(found) == table
    assert asked == [7]


def test_csv_without_labels_goes_from_stdin_to_stdout(
    run: Path, written: pd.DataFrame, tmp_path: Path, monkeypatch: Any, capfdbinary: Any
) -> None:
    table = rows(100, seed=1).drop_columns(["click", "spent", "level"])
    text = table.to_pandas().to_csv(index=False)
    stdin = SimpleNamespace(buffer=io.BytesIO(text.encode()))
    monkeypatch.setattr(sys, "stdin", stdin)
    with open(1, "w", closefd=False) as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        assert predicted(run, "-", "-o", "-", "--keep", "user") == 0
    out, err = capfdbinary.readouterr()
    frame = pd.read_csv(io.BytesIO(out), dtype={"user": "int64"})
    assert list(frame["user"]) == table["user"].to_pylist()
    np.testing.assert_allclose(frame[OUTPUTS], written, rtol=1e-5)
    assert b"100 rows in" in err


def test_kept_cells_of_a_text_file_are_written_as_they_are(
    run: Path, tmp_path: Path
) -> None:
    table = rows(5, seed=1).to_pandas().astype(str)
    table["price"] = ["1.50", "", "007", "1e3", "9007199254740993"]
    table.to_csv(tmp_path / "new.csv", index=False)
    new, target = tmp_path / "new.csv", tmp_path / "o.parquet"
    assert predicted(run, new, "-o", target, "--keep", "price,spent") == 0
    frame = pd.read_parquet(target).fillna({"price": ""})
    for column in ("price", "spent"):
        assert frame.pop(column).to_list() == table[column].to_list()
    # The predictions are the same as without kept columns.
    assert predicted(run, new, "-o", target, "--force") == 0
    alone = pd.read_parquet(target).rename(columns={"spent": "spent_prediction"})
    pd.testing.assert_frame_equal(frame, alone, check_exact=True)


def predicted_from_stdin(run: Path, text: bytes, monkeypatch: Any) -> int:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(text)))
    return predicted(run, "-", "-o", "-")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "TABLE: stdin is empty; expected a header and rows of CSV"),
        (b"user,price\n1,2\n", "no column 'item' in stdin, which has user, price"),
        (b"user\n\xff", "stdin"),
    ],
)
def test_messages_name_stdin_and_no_temporary_file(
    text: bytes, message: str, run: Path, monkeypatch: Any, capsys: Any
) -> None:
    assert predicted_from_stdin(run, text, monkeypatch) == 2
    err = capsys.readouterr().err
    assert message in err and "mtl-predict-" not in err and err.count("\n") == 1


@pytest.mark.parametrize(
    "part", ["data.stdin.shutil.copyfileobj", "runs.prediction.open_source"]
)
def test_full_temporary_folder_is_named(
    part: str, run: Path, monkeypatch: Any, capsys: Any
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(f"mtl_cli.{part}", fail)
    assert predicted_from_stdin(run, b"user\n1\n", monkeypatch) == 1
    err = capsys.readouterr().err
    assert "No space left on device; free the space, or name another folder" in err
    assert "TMPDIR" in err and err.count("\n") == 1


def test_missing_temporary_folder_is_named(
    run: Path, monkeypatch: Any, capsys: Any
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr("tempfile.TemporaryDirectory", fail)
    assert predicted_from_stdin(run, b"user\n1\n", monkeypatch) == 1
    err = capsys.readouterr().err
    assert "cannot make a temporary folder: No usable temporary directory found" in err


def test_predictions_that_are_not_finite_are_counted(
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    prediction_columns = TrainedModel.prediction_columns

    def overflowing(*arguments: Any) -> dict[str, Any]:
        columns = prediction_columns(*arguments)
        columns["spent"][:4] = [np.inf, -np.inf, np.nan, np.nan]
        columns["click"] = np.append(np.inf, columns["click"][1:])
        return columns

    monkeypatch.setattr(TrainedModel, "prediction_columns", overflowing)
    pyarrow.parquet.write_table(rows(100, seed=1), tmp_path / "new.parquet")
    assert predicted(run, tmp_path / "new.parquet", "-o", tmp_path / "o.csv") == 0
    warnings = capsys.readouterr().err.splitlines()[:-1]
    assert warnings == [
        "warning: some predictions are not finite; look for huge numbers in the "
        "features of these rows (predictions among 100 rows): click (1), spent (4)"
    ]


def test_values_that_no_training_row_has_are_counted(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = rows(100, seed=1).to_pandas()
    table.loc[:9, "user"] = 5
    table.to_parquet(tmp_path / "new.parquet")
    assert predicted(run, tmp_path / "new.parquet", "-o", tmp_path / "o.csv") == 0
    warning = "unknown (share of the 100 rows): user (10.0%, such as 5)"
    assert warning in capsys.readouterr().err


def set_and_written(run: Path, folder: Path, *arguments: str) -> pd.DataFrame:
    """Predicts the test rows, without their column `age` and with another `user`."""
    table = rows(100, seed=1).drop_columns(["age"])
    pyarrow.parquet.write_table(table, folder / "new.parquet")
    target = folder / "o.parquet"
    assert predicted(run, folder / "new.parquet", "-o", target, *arguments) == 0
    return pd.read_parquet(target)


def test_set_columns_are_predicted_as_if_the_table_held_the_value_in_every_row(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "ROWS_PER_BLOCK", 30)
    user = str(2**53 + 1)
    found = set_and_written(
        run, tmp_path, "--set", "age=30", "--set", f"user={user}", "--keep", "user"
    )
    frame = rows(100, seed=1).to_pandas()
    assert list(found.pop("user")) == list(frame["user"])  # the table's own values
    frame.assign(age=30.0, user=int(user)).to_parquet(tmp_path / "with.parquet")
    assert predicted(run, tmp_path / "with.parquet", "-o", tmp_path / "w.parquet") == 0
    expected = pd.read_parquet(tmp_path / "w.parquet")
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    other = set_and_written(
        run, tmp_path, "--force", "--set", "age=10", "--set", f"user={user}"
    )
    assert (other["click"] != found["click"]).all()


def test_set_value_may_be_empty_or_unseen(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = set_and_written(
        run, tmp_path, "--set", "price=", "--set", "user=5", "--set", "age=30"
    )
    warnings = capsys.readouterr().err.splitlines()
    assert "user (100.0%, such as '5'; training rows have '" in warnings[0]
    frame = rows(100, seed=1).to_pandas().assign(price=None, user=5, age=30.0)
    frame.to_parquet(tmp_path / "with.parquet")
    assert predicted(run, tmp_path / "with.parquet", "-o", tmp_path / "w.parquet") == 0
    expected = pd.read_parquet(tmp_path / "w.parquet")
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


SET_ALL = [f"--set={name}=1" for name in ("user", "item", "price", "age", "tags")]
WRONG = {
    "no_run": (["nowhere", "TEST", "-o", "o.csv"], 2, "holds no complete model"),
    "runs": (
        ["RUNS", "TEST", "-o", "o.csv"],
        2,
        "holds no complete model; name one of its runs: run\n",
    ),
    "no_run_name": (["", "TEST", "-o", "o.csv"], 2, "argument RUN: '' names no file"),
    "no_table": (["RUN", "none.csv", "-o", "o.csv"], 2, "no file 'none.csv'"),
    "no_name": (["RUN", "", "-o", "o.csv"], 2, "TABLE: '' names no file; give the"),
    "no_output": (["RUN", "TEST"], 2, "the following arguments are required: -o"),
    "folder": (["RUN", "TEST", "-o", "no/o.csv"], 2, "-o: the folder no cannot be"),
    "exists": (["RUN", "TEST", "-o", "old.csv"], 2, "-o: old.csv exists"),
    "is_folder": (["RUN", "TEST", "-o", "in", "--force"], 2, "-o: in is a folder"),
    "table": (["RUN", "old.csv", "-o", "./old.csv", "--force"], 2, "a file of TABLE"),
    "pattern": (["RUN", "ol*.csv", "-o", "old.csv", "--force"], 2, "a file of TABLE"),
    "own": (["RUN", "TEST", "-o", "RUN/o.csv"], 2, "lies in the folder of the run"),
    "of_folder": (["RUN", "in", "-o", "in/a.parquet", "--force"], 2, "file of TABLE"),
    "flag": (["RUN", "TEST", "-o", "o.csv", "--keeps", "a"], 2, "did you mean --keep?"),
    "kept": (["RUN", "TEST", "-o", "o.csv", "--keep", "nope"], 2, "no column 'nope'"),
    "typo": (["RUN", "TEST", "-o", "o.csv", "--keep", "usr"], 2, "did you mean user?"),
    "name": (
        ["RUN", "named.csv", "-o", "o.csv", "--keep", "click,click_prediction"],
        2,
        "a column of predictions is named 'click_prediction' as well",
    ),
    "plugins": (["RUN", "TEST", "-o", "o.csv", "--plugins", "x"], 2, "no folder x"),
    "column": (["RUN", "less.csv", "-o", "o.csv"], 2, "no column 'age' in less.csv"),
    "type": (
        ["RUN", "text.parquet", "-o", "o.csv"],
        2,
        "feature age: row 1 holds 'old'",
    ),
    "set_unknown": (
        ["RUN", "TEST", "-o", "o.csv", "--set", "prize=1"],
        2,
        "--set: no feature of the run reads a column 'prize'; did you mean price?",
    ),
    "set_label": (
        ["RUN", "TEST", "-o", "o.csv", "--set", "click=1"],
        2,
        "no feature of the run reads a column 'click'",
    ),
    "set_type": (
        ["RUN", "TEST", "-o", "o.csv", "--set", "age=old"],
        2,
        "--set age: the value holds 'old', not a number",
    ),
    "set_semicolon": (
        ["RUN", "TEST", "-o", "o.csv", "--set", "age=a;b (1 such"],
        2,
        "--set age: the value holds 'a;b (1 such', not a number",
    ),
    "set_large": (
        ["RUN", "TEST", "-o", "o.csv", "--set", "price=1e39"],
        2,
        "--set price: the value holds 1e+39, not a number that fits float32\n",
    ),
    "set_empty": (
        ["RUN", "TEST", "-o", "o.csv", "--set", "age="],
        2,
        "--set age: the value is empty or nan, not a number",
    ),
    "set_what": (["RUN", "TEST", "-o", "o.csv", "--set", "age"], 2, "has no '='"),
    "set_twice": (
        ["RUN", "TEST", "-o", "o.csv", "--set", "age=1", "--set", "age=2"],
        2,
        "--set: 'age' is set twice",
    ),
    "set_all": (
        ["RUN", "TEST", "-o", "o.csv", *SET_ALL],
        2,
        "--set: every column that a feature reads is set",
    ),
    "binary": (["RUN", "binary.parquet", "-o", "o.csv"], 2, "TABLE: "),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_use_ends_in_one_line_and_writes_nothing(
    name: str,
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    frame = rows(100, seed=1).to_pandas()
    (tmp_path / "old.csv").write_text("mine")
    (tmp_path / "in").mkdir()
    frame.to_parquet("in/a.parquet")
    table = (tmp_path / "in" / "a.parquet").read_bytes()
    frame.drop(columns=["age"]).to_csv("less.csv", index=False)
    frame.assign(click_prediction=0).to_csv("named.csv", index=False)
    frame.assign(age="old").to_parquet("text.parquet")
    (tmp_path / "binary.parquet").write_bytes(b"PAR1 and no more")
    before = {path.name for path in tmp_path.iterdir()}
    arguments, code, message = WRONG[name]
    known = {"RUN": run, "RUNS": run.parent, "TEST": run.parent / "test.parquet"}
    arguments = [a.replace("RUN/", f"{run}/") for a in arguments]
    assert predicted(*(known.get(a, a) for a in arguments)) == code
    err = capsys.readouterr().err
    assert err.startswith("mtl-predict: error: ") and err.count("\n") == 1
    assert message in err
    assert {path.name for path in tmp_path.iterdir()} == before
    assert (tmp_path / "old.csv").read_text() == "mine"
    assert (tmp_path / "in" / "a.parquet").read_bytes() == table


@pytest.mark.parametrize("name", ["o.json", "o.csv.gz"])
def test_wrong_ending_is_refused_before_tensorflow_loads(
    name: str,
    run: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(predict.tensorflow_runtime, "load", pytest.fail)
    assert predicted(run, run.parent / "test.parquet", "-o", name) == 2
    error = capsys.readouterr().err
    assert f"'{name}' ends in none of .csv, .feather, .parquet; choose one" in error


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_table_without_rows_gives_a_file_without_rows(
    ending: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = rows(100, seed=1).to_pandas()
    paths = {count: tmp_path / f"{count}.{ending}" for count in (0, 9)}
    for count, path in paths.items():
        is_csv = ending == "csv"
        write = frame.head(count).to_csv if is_csv else frame.head(count).to_parquet
        write(path, index=False)
        target = tmp_path / f"out_{count}.parquet"
        assert predicted(run, path, "-o", target, "--keep", "age") == 0
    assert "0 rows in" in capsys.readouterr().err
    empty, full = (
        pyarrow.parquet.read_table(tmp_path / f"out_{count}.parquet") for count in paths
    )
    assert empty.num_rows == 0 and empty.schema.equals(full.schema)


@pytest.mark.parametrize(
    ("target", "message"),
    [("", "-o: no file is named"), (f"{'x' * 300}.csv", "-o: the name of the file is")],
)
def test_output_without_a_usable_name_is_refused(
    target: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # The name is checked before the run is read.
    assert predicted("run", "rows.csv", "-o", target) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("target", ["missing.csv", "link.csv"])
def test_broken_link_is_replaced_only_by_force(
    target: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "link.csv"
    path.symlink_to(tmp_path / target)
    arguments = [run, run.parent / "test.parquet", "-o", path]
    assert predicted(*arguments) == 2
    assert f"-o: {path} exists; choose another file" in capsys.readouterr().err
    assert path.is_symlink()
    assert predicted(*arguments, "--force") == 0
    assert not path.is_symlink()
    assert list(pd.read_csv(path)) == OUTPUTS
    assert not (tmp_path / "missing.csv").exists()


def test_file_behind_stdin_is_not_overwritten(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    rows(20, seed=1).to_pandas().to_csv(path, index=False)
    before = path.read_bytes()
    command = [sys.executable, "-m", "mtl_cli.cli.predict", str(run), "-"]
    with path.open("rb") as stdin:
        ended = subprocess.run(
            [*command, "-o", str(path), "--force"],
            stdin=stdin,
            capture_output=True,
            text=True,
        )
    assert ended.returncode == 2
    assert "is a file of TABLE" in ended.stderr
    assert path.read_bytes() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_in_the_middle_leaves_no_file(
    number: int,
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sources, "ROWS_PER_BLOCK", 10)
    columns = TrainedModel.prediction_columns
    calls = 0

    def interrupted(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 5:
            signal.raise_signal(number)
        return columns(*arguments)

    monkeypatch.setattr(TrainedModel, "prediction_columns", interrupted)
    with own_signal_handlers():
        code = predicted(run, run.parent / "test.parquet", "-o", tmp_path / "o.parquet")
    assert code == {signal.SIGINT: 130, signal.SIGTERM: 143}[signal.Signals(number)]
    assert "nothing was written" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
