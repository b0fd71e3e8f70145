"""`mtl-export`: writes whole exports, verifies them, and refuses wrong use."""

import errno
import json
import re
import shutil
import signal
import tempfile
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from helpers.crafted_files import changed_record, forget_hashes
from helpers.every_kind import FEATURES, trained
from helpers.planted_data import config, parquet, planted, run_in, values
from helpers.signal_handlers import own_signal_handlers

from mtl_cli.cli import export
from mtl_cli.core import plugins
from mtl_cli.exports.saved_model import SavedModel
from mtl_cli.runs import export as runs_export

WRONG_GRAPH = """
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.features.sparse import Sparse


class Lower(Sparse):
    def read(self, name, table):
        return super().read(name, pa.table({name: pc.utf8_lower(table[name])}))

    graph = Sparse.graph
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    features = {name: FEATURES[name] for name in ("user", "price", "word")}
    return trained(tmp_path_factory.mktemp("run"), features)


@pytest.fixture(scope="module")
def exported(run: Path) -> Path:
    """A folder with a SavedModel; tests copy it before they change it."""
    folder = run.parent / "exported"
    assert exports(run, folder) == 0
    return folder


def exports(*arguments: object) -> int:
    return export.main([str(argument) for argument in arguments])


@pytest.mark.parametrize("flag", ["--format", "--set"])
def test_options_may_stand_between_the_folders(flag: str) -> None:
    value = {"--format": "onnx", "--set": "price=1"}[flag]
    options = export.arguments(["RUN", flag, value, "TARGET"])
    assert (str(options.run), str(options.target)) == ("RUN", "TARGET")


@pytest.mark.slow
def test_export_is_verified_again_later(
    exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exports("--verify", exported) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{exported}: 64 example rows replayed, the largest error")
    assert out.count("\n") == 1


def test_export_with_a_set_column_has_no_such_input(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exports(run, tmp_path / "model", "--set", "price=1.5") == 0
    out = capsys.readouterr().out
    assert out.startswith(f"wrote {tmp_path / 'model'}: 64 example rows replayed, ")
    assert exports("--verify", tmp_path / "model") == 0
    assert capsys.readouterr().out == out.removeprefix("wrote ")
    record = json.loads((tmp_path / "model" / "export.json").read_text("utf-8"))
    assert list(record["inputs"]) == ["user", "word"]
    assert record["constants"] == {"price": "1.5"}


def test_long_steps_are_named_while_they_run(
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Without a terminal, a line is printed at most every ten seconds.
    monkeypatch.setattr("mtl_cli.core.terminal.SECONDS_PER_LINE_OF_COMMANDS", 10.0)
    monkeypatch.setattr("mtl_cli.core.terminal.time.monotonic", count(0, 11).__next__)
    assert exports(run, tmp_path / "model") == 0
    err = capsys.readouterr().err
    assert "writing the model\nreplaying 64 example rows\n" in err


def test_folders_above_the_target_are_made(run: Path, tmp_path: Path) -> None:
    assert exports(run, tmp_path / "new" / "more" / "w", "--format", "weights") == 0
    assert (tmp_path / "new" / "more" / "w" / "weights.npz").is_file()


@pytest.mark.slow
def test_verify_notices_a_changed_prediction(
    exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(exported, tmp_path / "model")
    with changed_record(tmp_path / "model") as record:
        record["predictions"]["buy"][5] += 1e-4
    assert exports("--verify", tmp_path / "model") == 1
    err = capsys.readouterr().err
    assert "predicts buy differently than the run did: the largest error" in err
    assert "is 1.0e-04, but" in err


def test_verify_notices_outputs_that_the_record_lacks(
    exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(exported, tmp_path / "model")
    with changed_record(tmp_path / "model") as record:
        record["outputs"] = ["click"]
        record["predictions"] = {"click": record["predictions"]["click"]}
    assert exports("--verify", tmp_path / "model") == 2
    err = capsys.readouterr().err
    assert "model and its record differ in the outputs amount, buy, level.high" in err


def test_export_of_an_earlier_version_without_hashes_is_verified(
    exported: Path, tmp_path: Path
) -> None:
    shutil.copytree(exported, tmp_path / "model")
    forget_hashes(tmp_path / "model")
    assert exports("--verify", tmp_path / "model") == 0


@pytest.mark.slow
def test_force_replaces_an_export(run: Path, exported: Path, tmp_path: Path) -> None:
    shutil.copytree(exported, tmp_path / "model")
    (tmp_path / "model" / "saved_model.pb").unlink()
    assert exports(run, tmp_path / "model", "--force") == 0
    assert exports("--verify", tmp_path / "model") == 0
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def fails_with(error: BaseException) -> Any:
    def write(self: Any, model: Any, record: Any, path: Path) -> None:
        path.mkdir()
        (path / "saved_model.pb").write_bytes(b"half")
        raise error

    return write


def test_full_disk_leaves_the_earlier_export(
    run: Path,
    exported: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(exported, tmp_path / "model")
    full = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(SavedModel, "write", fails_with(full))
    assert exports(run, tmp_path / "model", "--force") == 1
    err = capsys.readouterr().err
    assert "cannot write" in err and "No space left" in err and err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert exports("--verify", tmp_path / "model") == 0


def assert_full_disk_is_told(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    problem: str = "No space left on device",
    fix: str = "mend that",
) -> None:
    """Checks the message about the export `model`, and that nothing is left of it."""
    err = capsys.readouterr().err
    message = f"cannot write {folder / 'model'}: {problem}; {fix}"
    assert message in err and err.count("\n") == 1
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("problem", "fix"),
    [("No space left on device", "mend that"), ("File too large", "mend that")],
)
def test_full_disk_that_tensorflow_reports_ends_in_one_line(
    problem: str,
    fix: str,
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def save(*arguments: Any, **settings: Any) -> None:
        text = f"{{{{function_node __wrapped__SaveV2}}}} {problem}"
        raise tf.errors.ResourceExhaustedError(None, None, text)

    monkeypatch.setattr(tf.saved_model, "save", save)
    assert exports(run, tmp_path / "model") == 1
    assert_full_disk_is_told(tmp_path, capsys, problem, fix)


FULL_TEMPORARY_FOLDER = (
    r"mtl-export: error: cannot write (/\S+)/mtl-export-\w+: No space left on device; "
    "free the space, or name another folder in the environment variable TMPDIR\n"
)


@pytest.mark.parametrize(
    "function",
    [
        "mtl_cli.exports.mlflow.SavedModel.write",
        "mlflow.utils.model_utils._copy_file_or_tree",
        # MLflow copies the SavedModel to a folder of its own.
        "mlflow.store.artifact.local_artifact_repo.shutil.copy2",
    ],
)
def test_full_temporary_folder_is_named_for_mlflow(
    function: str,
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(*arguments: Any, **settings: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def write(self: Any, model: Any, record: Any, path: Path) -> None:
        path.mkdir()
        (path / "saved_model.pb").touch()

    monkeypatch.setattr(SavedModel, "write", write)
    monkeypatch.setattr(function, full)
    assert exports(run, tmp_path / "model", "--format", "mlflow") == 1
    told = re.fullmatch(FULL_TEMPORARY_FOLDER, capsys.readouterr().err)
    assert told is not None and told[1] == tempfile.gettempdir()
    assert list(tmp_path.iterdir()) == []


def test_full_disk_of_an_mlflow_export_names_the_export(
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    move = shutil.move

    def full(source: Path, target: Path) -> None:
        if Path(target).name == "model" and tmp_path in Path(target).parents:
            error = OSError(errno.ENOSPC, "No space left on device")
            raise shutil.Error([("from", "to", str(error))])
        move(source, target)

    monkeypatch.setattr(shutil, "move", full)
    assert exports(run, tmp_path / "model", "--format", "mlflow") == 1
    assert_full_disk_is_told(tmp_path, capsys)


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_signal_leaves_nothing(
    number: int, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: Any) -> None:
        signal.raise_signal(number)

    monkeypatch.setattr(runs_export, "replay", interrupted)
    with own_signal_handlers():
        code = exports(run, tmp_path / "model")
    assert code == {signal.SIGINT: 130, signal.SIGTERM: 143}[signal.Signals(number)]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_export_that_predicts_otherwise_is_not_written(
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    predict = SavedModel.predict

    def wrong(self: Any, *arguments: Any) -> Any:
        columns = predict(self, *arguments)
        return columns | {"click": columns["click"] + 1e-5}

    monkeypatch.setattr(SavedModel, "predict", wrong)
    assert exports(run, tmp_path / "model") == 1
    assert "predicts click differently" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


WRONG = {
    "no_run": (["nowhere", "new"], 2, "nowhere holds no complete model"),
    "no_target": (["RUN"], 2, "the following arguments are required: TARGET;"),
    "nothing": ([], 2, "the following arguments are required: RUN, TARGET"),
    "exists": (["RUN", "notes"], 2, "notes exists; choose another name"),
    "foreign": (["RUN", "notes", "--force"], 2, "notes is not an export of mtl-cli"),
    "file": (["RUN", "file.txt", "--force"], 2, "file.txt is not an export of mtl-cli"),
    "more": (["RUN", "more", "--force"], 2, "more holds 'diary.txt', which the list"),
    "below": (
        ["RUN", "below", "--force"],
        2,
        "below holds 'variables/diary.txt', which the list in export.json does not",
    ),
    "changed": (
        ["RUN", "changed", "--force"],
        2,
        "changed holds 'fingerprint.pb', which has changed since it was written",
    ),
    "unlisted": (["RUN", "unlisted", "--force"], 2, "holds no list of the files"),
    "linked": (["RUN", "linked", "--force"], 2, "assets/notes is not a regular file"),
    "damaged": (
        ["RUN", "json", "--force"],
        2,
        "--force: json holds no complete export: JSONDecodeError: ",
    ),
    "link": (["RUN", "link", "--force"], 2, "link is not an export of mtl-cli"),
    "no_run_name": (["", "new"], 2, "argument RUN: '' names no file or folder; give"),
    "no_name": (["RUN", ""], 2, "argument TARGET: '' names no file or folder; give"),
    "verify_no_name": (["--verify", ""], 2, "argument --verify: '' names no file or"),
    "parent": (["RUN", "new/.."], 2, "'new/..' does not end in a name; give the name"),
    "in_run": (["RUN", "link_to_run/plots/x"], 2, "x lies in the folder of the run; "),
    "format": (["RUN", "new", "--format", "saved"], 2, "did you mean saved_model?"),
    "onnx": (["RUN", "new.onnx"], 2, "new.onnx' is the name of an ONNX file; add"),
    "brackets": (["RUN", "[new]"], 2, "TensorFlow loads no model from '[new]', becau"),
    "backslash": (["RUN", r"n\w", "--format", "mlflow"], 2, r"no model from 'n\w', b"),
    "verify_brackets": (["--verify", "[moved]"], 2, "no model from '[moved]', because"),
    "no_onnx": (["RUN", "new", "--format", "onnx"], 2, "'new' does not end in .onnx"),
    "verify_onnx": (["--verify", "bad.onnx"], 2, "bad.onnx holds no complete export"),
    "mlflow": (
        ["RUN", "notes", "--format", "mlflow", "--force"],
        2,
        "is not an export of",
    ),
    "flag": (["RUN", "new", "--forced"], 2, "did you mean --force?"),
    "no_folder": (["RUN", "file.txt/new"], 2, "file.txt cannot be written: Not a"),
    "plugins": (["RUN", "new", "--plugins", "x"], 2, "there is no folder x"),
    "set_unknown": (
        ["RUN", "new", "--set", "prize=1"],
        2,
        "--set: no feature of the run reads a column 'prize'; did you mean price?",
    ),
    "set_type": (
        ["RUN", "new", "--set", "price=high"],
        2,
        "--set price: the value holds 'high', not a number",
    ),
    "verify_set": (["--verify", "notes", "--set", "a=1"], 2, "--format, --set or"),
    "verify_none": (["--verify", "none"], 2, "none is not an export"),
    "verify_run": (["--verify", "RUN"], 2, "is not an export; name a file"),
    "verify_two": (["RUN", "--verify", "notes"], 2, "--verify takes no RUN"),
    "verify_cut": (["--verify", "cut"], 2, "cut is damaged: "),
    "verify_changed": (["--verify", "changed"], 2, "holds 'fingerprint.pb', which has"),
    "verify_more": (["--verify", "more"], 2, "more holds 'diary.txt', which the list"),
    "verify_less": (["--verify", "less"], 2, "less has lost 'fingerprint.pb' since it"),
    "verify_json": (["--verify", "json"], 2, "json holds no complete export: "),
    "verify_rows": (["--verify", "rows"], 2, "contradict each other"),
    "verify_record": (["--verify", "record"], 2, "its record has changed since it was"),
    "verify_plugin": (
        ["--verify", "plugin"],
        2,
        "the format of plugin is not one of mlflow, onnx, saved_model, weights; a plu",
    ),
    "verify_text": (["--verify", "text"], 2, "its record are not numbers; export the"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_use_ends_in_one_line_and_writes_nothing(
    name: str,
    run: Path,
    exported: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "diary.txt").write_text("mine")
    (tmp_path / "file.txt").write_text("mine")
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    for copy in ("more", "less", "below", "changed", "unlisted", "linked", "[moved]"):
        shutil.copytree(exported, copy)
    for copy in ("cut", "json", "rows", "text", "record", "plugin"):
        shutil.copytree(exported, copy)
    (tmp_path / "link").symlink_to(exported)
    (tmp_path / "link_to_run").symlink_to(run)
    (tmp_path / "more" / "diary.txt").write_text("mine")
    (tmp_path / "below" / "variables" / "diary.txt").write_text("mine")
    (tmp_path / "changed" / "fingerprint.pb").write_text("mine")
    (tmp_path / "linked" / "assets" / "notes").symlink_to(tmp_path / "notes")
    (tmp_path / "less" / "fingerprint.pb").unlink()
    forget_hashes(tmp_path / "unlisted")
    forget_hashes(tmp_path / "cut")
    (tmp_path / "cut" / "saved_model.pb").write_bytes(b"\x08\x01\x12\xff")
    (tmp_path / "json" / "export.json").write_text("{")
    with changed_record(tmp_path / "plugin") as record:
        record["format"] = "own"
    with changed_record(tmp_path / "rows") as record:
        record["rows"]["user"].pop()
    record_file = tmp_path / "record" / "export.json"
    text = record_file.read_text("utf-8")
    record_file.write_text(text.replace('"constants": {}', '"constants": {"age": 1}'))
    with changed_record(tmp_path / "text") as record:
        record["predictions"]["click"] = list(map(str, record["predictions"]["click"]))
    before = sorted(tmp_path.rglob("*"))
    arguments, code, message = WRONG[name]
    assert exports(*(run if a == "RUN" else a for a in arguments)) == code
    err = capsys.readouterr().err
    assert err.startswith("mtl-export: error: ") and err.count("\n") == 1
    assert message in err
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "notes" / "diary.txt").read_text() == "mine"


def run_of(tmp_path: Path, features: dict[str, Any], **renamed: str) -> Path:
    table = planted().rename_columns(renamed)
    tasks = {"click": {"label": "click", "kind": "binary"}}
    run_in(tmp_path / "run", config(values(parquet(tmp_path, table), features, tasks)))
    return tmp_path / "run"


@pytest.mark.slow
def test_graph_that_is_no_encode_is_noticed_by_other_spellings_of_values(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine" / "features" / "lower.py"
    file.parent.mkdir(parents=True)
    file.write_text(WRONG_GRAPH)
    plugins.use_folders([file.parents[1]])
    try:
        run = run_of(tmp_path, {"item": {"kind": "lower"}, "price": {"kind": "dense"}})
        folder = file.parents[1]
        code = exports(run, tmp_path / "model", "--plugins", folder)
    finally:
        plugins.use_folders([])
    err = capsys.readouterr().err
    assert code == 1 and err.count("\n") == 1
    assert "predicts click differently than the run did" in err
    assert not (tmp_path / "model").exists()


@pytest.mark.slow
def test_columns_that_tensorflow_takes_for_one_are_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    features = {"the price": {"kind": "dense"}, "the\tprice": {"kind": "dense"}}
    run = run_of(tmp_path, features, price="the price", age="the\tprice")
    assert exports(run, tmp_path / "model") == 2
    err = capsys.readouterr().err
    assert "TensorFlow takes no column 'the" in err
